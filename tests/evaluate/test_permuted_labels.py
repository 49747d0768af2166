"""What must score like chance does, and the mistakes this room prevents are visible when made on purpose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.evaluate import cross_validated_predictions
from radiofuse.patients import permuted
from radiofuse.statistics import score_predictions


def auc_of(model, X, y, groups=None, seed=0):
    table = cross_validated_predictions(model, X, y, groups=groups, cv=5, random_state=seed)
    return score_predictions(table, n_resamples=1).set_index("metric").loc["auc", "value"]


@pytest.fixture(scope="module")
def noise():
    """100 patients x 500 features of pure noise, 40 of them positive."""
    return np.random.default_rng(0).normal(size=(100, 500)), (np.arange(100) < 40).astype(int)


def classifier():
    return make_pipeline(StandardScaler(), LogisticRegression())


def test_permuted_labels_score_like_chance_when_selection_is_inside_the_fold(noise):
    X, y = noise
    model = make_pipeline(SelectKBest(f_classif, k=10), classifier())
    aucs = [auc_of(model, X, permuted(y, random_state=seed), seed=seed) for seed in range(20)]
    assert 0.45 < np.mean(aucs) < 0.55


def test_selecting_before_the_split_invents_a_signal(noise):
    """The mistake made on purpose: with selection on all rows, permuted labels become predictable."""
    X, y = noise
    aucs = []
    for seed in range(10):
        labels = permuted(y, random_state=seed)
        aucs.append(auc_of(classifier(), SelectKBest(f_classif, k=10).fit_transform(X, labels), labels, seed=seed))
    assert np.mean(aucs) > 0.7


def test_a_model_that_knows_patients_by_heart_gains_nothing_from_them():
    """Each patient's rows are near copies and the label is chance: only a split of rows can be fooled."""
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(80), 4)
    X = rng.normal(size=(80, 5))[patient] + 0.01 * rng.normal(size=(320, 5))
    y = rng.permutation(np.arange(80) % 2)[patient]
    knows_by_heart = KNeighborsClassifier(1)
    assert auc_of(knows_by_heart, X, y) > 0.95
    assert abs(auc_of(knows_by_heart, X, y, groups=patient) - 0.5) < 0.15
