"""The table of classifiers: each learns, repeats under its seed and beats the trivial rule."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.classify import CLASSIFIERS
from radiofuse.errors import RequestError
from radiofuse.names import lookup


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X[::3, :7]), y[::3]


@pytest.fixture(params=sorted(CLASSIFIERS))
def name(request):
    if request.param == "xgboost":
        pytest.importorskip("xgboost", reason="the extra `boost` is not installed")
    return request.param


def made(name, seed=0):
    """The classifier of a name; forests have 50 trees, which is enough here and takes a sixth of the time."""
    classifier = lookup(name, CLASSIFIERS, "classifier")(seed)
    for each in (classifier, *(member for _, member in getattr(classifier, "classifiers", ()))):
        if isinstance(each, RandomForestClassifier):
            each.set_params(n_estimators=50)
    return classifier


def test_separates_breast_cancer_out_of_fold(name, cancer):
    X, y = cancer
    model = make_pipeline(StandardScaler(), made(name))
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    assert roc_auc_score(y, cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]) > 0.95


def test_same_seed_same_probabilities(name, cancer):
    X, y = cancer
    first, second = (clone(made(name, 7)).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_three_classes_named_by_text_are_three_classes_named_by_numbers(name):
    X, y = load_iris(return_X_y=True)
    X, names = StandardScaler().fit_transform(X)[::2], np.array(["setosa", "versicolor", "virginica"])
    numbers, text = (made(name).fit(X, labels[::2]) for labels in (y, names[y]))
    probability = text.predict_proba(X)
    np.testing.assert_array_equal(probability, numbers.predict_proba(X))
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
    assert text.classes_.tolist() == names.tolist()
    assert (text.predict(X) == names[y[::2]]).mean() > 0.94


def test_what_takes_weights_of_classes_leans_to_the_heavier_one(name):
    rng = np.random.default_rng(0)
    y = (np.arange(120) % 6 == 0).astype(int)
    X = rng.normal(size=(120, 3)) + y[:, None]
    classifier = made(name)
    if "class_weight" not in classifier.get_params():
        pytest.skip("knows no class_weight")
    plain, weighted = (clone(classifier).set_params(class_weight=weight).fit(X, y) for weight in (None, "balanced"))
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05


@pytest.mark.filterwarnings("error::FutureWarning", "error::DeprecationWarning")
def test_settings_are_not_deprecated(name, cancer):
    assert made(name).fit(*cancer).classes_.tolist() == [0, 1]


def test_missing_xgboost_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(RequestError, match=r"radiofuse\[boost\]"):
        lookup("xgboost", CLASSIFIERS, "classifier")(0)
