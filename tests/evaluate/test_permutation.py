"""Permutation tests equal exact ones, keep patients whole, refit everything, and are not fooled by a leak."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from radiofuse.errors import RequestError
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.evaluate.labels_in_folds import permuted_in_folds
from radiofuse.evaluate.optimism import optimism_corrected
from radiofuse.evaluate.permutation import permutation_test
from radiofuse.evaluate.permuted_scores import permutation_test_auc
from radiofuse.fuse import LateFusion
from radiofuse.patients import site_splits
from radiofuse.statistics import score_predictions
from radiofuse.work.kept import Kept, digest_of


@pytest.mark.parametrize("alternative", ["greater", "two-sided"])
def test_fixed_scores_equal_the_exact_test_of_mann_and_whitney(alternative):
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], (9, 7))
    score = rng.normal(size=16) + 1.5 * label
    exact = mannwhitneyu(score[label == 1], score[label == 0], alternative=alternative, method="exact").pvalue
    found = permutation_test_auc(label, score, alternative=alternative, n_permutations=40_000, random_state=1)
    assert found.value == pytest.approx(roc_auc_score(label, score), abs=1e-15)
    assert 0.02 < exact < 0.5
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact / 40_000))


def test_ties_are_as_extreme_as_the_value():
    found = permutation_test_auc([0, 0, 1, 1], [1, 1, 1, 1], n_permutations=99, random_state=0)
    assert (found.value, found.p_value) == (0.5, 1)


def test_labels_move_between_patients_of_different_sizes_as_all_arrangements_do():
    """Six patients of 1 to 3 rows: every choice of three positives, scored by scikit-learn."""
    patients = np.repeat(np.arange(6), [1, 2, 3, 1, 3, 2])
    label = np.isin(patients, [1, 2, 5]).astype(int)
    score = np.round(np.random.default_rng(2).normal(size=12) + label, 1)
    value = roc_auc_score(label, score)
    aucs = np.array([roc_auc_score(np.isin(patients, chosen), score) for chosen in combinations(range(6), 3)])
    found = permutation_test_auc(label, score, patients=patients, n_permutations=20_000, random_state=0)
    assert set(np.round(found.permuted, 10)) == set(np.round(aucs, 10))
    assert found.p_value == pytest.approx(np.mean(aucs >= value - 1e-12), abs=0.015)


def test_copies_of_rows_within_patients_are_no_evidence():
    rng = np.random.default_rng(3)
    label, score = np.arange(30) % 2, rng.normal(size=30) + 0.5 * (np.arange(30) % 2)
    patients = np.repeat(np.arange(10, 40), 10)
    once = permutation_test_auc(label, score, n_permutations=2000, random_state=0)
    copies = permutation_test_auc(
        label[patients - 10], score[patients - 10], patients=patients, n_permutations=2000, random_state=0
    )
    as_rows = permutation_test_auc(label[patients - 10], score[patients - 10], n_permutations=2000, random_state=0)
    assert copies.p_value == once.p_value > 0.01
    assert as_rows.p_value < 0.005  # rows taken for patients, by mistake


def test_p_values_of_chance_are_uniform_enough():
    rng = np.random.default_rng(4)
    p = [
        permutation_test_auc(np.arange(25) % 2, rng.normal(size=25), n_permutations=99, random_state=seed).p_value
        for seed in range(300)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.09  # binomial(300, .05) exceeds this once in 1000
    assert 0.45 < np.mean(p) < 0.56


def test_a_patient_with_two_labels_is_refused():
    with pytest.raises(RequestError, match="1 patients have rows of two labels"):
        permutation_test_auc([0, 1, 0, 1], [1, 2, 3, 4], patients=["a", "a", "b", "c"])


def test_a_selection_inside_the_pipeline_is_honest_and_one_made_before_looks_significant():
    """Of 40 patients x 300 features of noise, five are chosen: in each fold, or on all rows by mistake."""
    X, y = np.random.default_rng(0).normal(size=(40, 300)), np.arange(40) % 2
    chain = make_pipeline(SelectKBest(f_classif, k=5), LogisticRegression())
    options = {"n_permutations": 19, "cv": 3, "random_state": 0}
    inside = permutation_test(chain, X, y, **options)
    before = permutation_test(LogisticRegression(), SelectKBest(f_classif, k=5).fit_transform(X, y), y, **options)
    assert inside.p_value > 0.1
    assert abs(np.mean(inside.permuted) - 0.5) < 0.1
    assert before.p_value == 0.05  # the mistake made on purpose


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_the_value_is_the_cross_validated_score_and_a_lower_loss_is_better(metric):
    X, y = make_classification(20, class_sep=2, random_state=0)
    X, y, patient = X.repeat(2, axis=0), y.repeat(2), [f"p{row // 2:02d}" for row in range(40)]
    found = permutation_test(
        LogisticRegression(), X, y, groups=patient, metric=metric, cv=2, n_repeats=2, n_permutations=9, random_state=7
    )
    seed = int(np.random.RandomState(7).randint(np.iinfo(np.int32).max, size=(10, 2))[0, 0])
    table = cross_validated_predictions(
        LogisticRegression(), X, y, groups=patient, cv=2, n_repeats=2, random_state=seed
    )
    scores = score_predictions(table, n_resamples=1).set_index("metric")["value"]
    assert found.value == pytest.approx(scores[metric], abs=1e-14)
    assert found.p_value == (np.sum(found.permuted <= found.value) + 1) / 10 < 0.5


class Twice(ClassifierMixin, BaseEstimator):
    """Answers for two models: one knows the label, the other says the same of everybody."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba_each(self, X):
        return pd.DataFrame({"knows": np.asarray(X)[:, 0], "constant": 0.5})


def test_one_of_several_answers_is_tested():
    y = np.arange(24) % 2
    X = y[:, None].astype(float)
    with pytest.raises(RequestError, match="answers for knows, constant; name one"):
        permutation_test(Twice(), X, y, n_permutations=1, cv=2)
    options = {"n_permutations": 9, "cv": 2, "random_state": 0}
    assert permutation_test(Twice(), X, y, answer="knows", **options)[:2] == (1, 0.1)
    assert permutation_test(Twice(), X, y, answer="constant", **options)[:2] == (0.5, 1)


def test_processes_change_no_bit_and_the_seed_does():
    X, y = make_classification(30, random_state=0)
    one, two, other = (
        permutation_test(LogisticRegression(), X, y, n_permutations=3, cv=2, random_state=seed, n_jobs=n_jobs)
        for seed, n_jobs in ((0, 1), (0, 2), (1, 1))
    )
    assert one.value == two.value
    np.testing.assert_array_equal(one.permuted, two.permuted)
    assert not np.array_equal(one.permuted, other.permuted)


def test_a_metric_of_several_classes_only_is_refused_for_two():
    with pytest.raises(RequestError, match="'auc_hand_till' is no metric of these labels; choose from auc"):
        permutation_test(LogisticRegression(), *make_classification(20), metric="auc_hand_till", n_permutations=1, cv=2)


def test_a_pipeline_of_three_classes_is_tested_by_any_metric_of_theirs():
    rng = np.random.default_rng(0)
    y, patient = np.repeat(np.arange(30) % 3, 2), np.repeat(np.arange(30), 2)
    X = rng.normal(size=(60, 3)) + y[:, None]
    names = np.array(["2", "3", "4"])[y]
    options = {"groups": patient, "cv": 3, "n_permutations": 19, "random_state": 0}
    for metric in ("auc", "auc_hand_till", "log_loss"):
        found = permutation_test(LogisticRegression(), X, names, metric=metric, **options)
        assert found.p_value == 0.05
        none = permutation_test(LogisticRegression(), rng.normal(size=(60, 3)), names, metric=metric, **options)
        assert none.p_value > 0.05


def test_folds_that_are_given_stay_and_every_permutation_can_be_trained_on():
    rng = np.random.default_rng(0)
    y = np.isin(np.arange(30), [0, 11, 21, 22]).astype(int)
    X = rng.normal(size=(30, 2)) + 2 * y[:, None]
    sites = np.arange(30) // 10
    splits = site_splits(sites, np.arange(30))
    for seed in range(20):
        labels = permuted_in_folds(y, None, splits, fewest=2, seed=seed)
        assert labels.sum() == 4
        assert all(labels[split.train].sum() >= 2 for split in splits)
    found = permutation_test(LogisticRegression(), X, y, splits=splits, n_permutations=9, random_state=0)
    by_hand = [
        LogisticRegression().fit(X[split.train], y[split.train]).predict_proba(X[split.test])[:, 1] for split in splits
    ]
    tested = np.concatenate([split.test for split in splits])
    assert found.value == pytest.approx(roc_auc_score(y[tested], np.concatenate(by_hand)))
    assert len(found.permuted) == 9
    with pytest.raises(RequestError, match="fewer than 5 patients of a class to train on"):
        permuted_in_folds(y, None, splits, fewest=5, seed=0)


def test_labels_that_leave_a_rare_modality_with_one_class_are_drawn_again():
    """Six of thirty patients have t1: in two folds of permuted labels their classes are often alike."""
    rng, y = np.random.default_rng(0), np.arange(30) % 2
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["t1__f", "t2__f"]).assign(t1__f=lambda X: X["t1__f"] + y)
    X.loc[6:, "t1__f"] = np.nan
    fusion = LateFusion([(name, LogisticRegression()) for name in ("t1", "t2")])
    options = {"answer": "mean", "cv": 2, "random_state": 0}
    found = permutation_test(fusion, X, y, n_permutations=20, **options)
    assert np.isfinite(found.permuted).all() and len(set(found.permuted)) > 10


class NeverFitted(LogisticRegression):
    """A model for which nothing may be left to do."""

    def fit(self, X, y):
        raise AssertionError("what was finished is fitted again")


def test_what_is_kept_of_permutations_and_refits_is_not_fitted_again(tmp_path):
    X, y = make_classification(30, random_state=0)
    told: list[tuple[int, int]] = []
    found = []
    for model in (LogisticRegression(), NeverFitted()):
        kept = [Kept(tmp_path / "unfinished", digest_of(name)) for name in ("permutations", "refits")]
        test = permutation_test(model, X, y, n_permutations=3, cv=2, random_state=0, kept=kept[0])
        found.append((test.value, *test.permuted))
    assert found[0] == found[1]
    more = permutation_test(LogisticRegression(), X, y, n_permutations=5, cv=2, random_state=0)
    assert (more.value, *more.permuted[:3]) == found[0]  # so that where more are asked for, these are found again
    options = {"n_resamples": 4, "random_state": 0, "kept": kept[1]}
    optimism_corrected(LogisticRegression(), X, y, **options, on_done=lambda *so_far: told.append(so_far))
    assert told[-1] == (4, 4)
    assert len(Kept(tmp_path / "unfinished", digest_of("refits")).results) == 4
