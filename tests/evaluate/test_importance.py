"""Held-out permutation importance: what carries the label is worth something, what does not is worth nothing."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.evaluate import importance
from radiofuse.evaluate.importance import held_out_importance
from radiofuse.statistics.metrics import auc


@pytest.fixture
def fitted():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 100)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["t1__signal", "t1__weak", "t1__noise"])
    X["t1__signal"] += 2 * y
    X["t1__weak"] += 0.5 * y
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X, y


def test_it_agrees_with_scikit_learn(fitted):
    chain, X, y = fitted
    ours = held_out_importance(chain, X, y, n_permutations=200).set_index("feature")["importance"]
    theirs = permutation_importance(chain, X, y, scoring="roc_auc", n_repeats=200, random_state=1).importances_mean
    np.testing.assert_allclose(ours[X.columns], theirs, atol=0.01)


def test_noise_is_worth_nothing_and_signal_most(fitted):
    table = held_out_importance(*fitted).set_index("feature")
    assert table["importance"].idxmax() == "t1__signal"
    assert abs(table.loc["t1__noise", "importance"]) < 0.02


def test_coefficients_are_those_of_the_classifier(fitted):
    chain, X, y = fitted
    np.testing.assert_array_equal(held_out_importance(chain, X, y)["coefficient"], chain[-1].coef_[0])


def test_rows_of_one_class_have_no_importance(fitted):
    chain, X, y = fitted
    assert held_out_importance(chain, X[y == 1], y[y == 1])["importance"].isna().all()


def test_no_row_at_all_has_no_importance(fitted):
    chain, X, y = fitted
    assert held_out_importance(chain, X.head(0), y[:0])["importance"].isna().all()


def test_many_features_are_asked_about_in_parts_and_answered_alike(fitted, monkeypatch):
    chain, X, y = fitted
    at_once = held_out_importance(chain, X, y)
    monkeypatch.setattr(importance, "CELLS", 1)
    pd.testing.assert_frame_equal(held_out_importance(chain, X, y), at_once)


def test_memory_does_not_grow_with_the_square_of_the_features():
    rng = np.random.default_rng(0)
    X, y = pd.DataFrame(rng.normal(size=(30, 300))).add_prefix("t1__f"), np.arange(30) % 2
    chain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    tracemalloc.start()
    held_out_importance(chain, X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # all copies at once are 300 x 10 x 30 x 300 numbers: 216 MB, and twice that while asked


def test_a_single_selected_feature_works(fitted):
    _, X, y = fitted
    X = X[["t1__signal"]]
    chain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert len(held_out_importance(chain, X, y)) == 1


@pytest.fixture
def graded():
    """Of three features one tells the last class of three, one is noise."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [60, 80, 60])
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=["t1__last", "t1__all", "t1__noise"])
    X["t1__last"] += 2 * (y == 2)
    X["t1__all"] += y
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X, y


def test_three_classes_agree_with_scikit_learns_macro_auc(graded):
    chain, X, y = graded
    ours = held_out_importance(chain, X, y, n_permutations=100).set_index("feature")
    theirs = permutation_importance(chain, X, y, scoring="roc_auc_ovr", n_repeats=100, random_state=1).importances_mean
    np.testing.assert_allclose(ours.loc[X.columns, "importance"], theirs, atol=0.01)
    strongest = chain[-1].coef_[np.abs(chain[-1].coef_).argmax(axis=0), range(3)]
    np.testing.assert_array_equal(ours.loc[X.columns, "coefficient"], strongest)


def test_names_of_classes_change_no_importance_and_unknown_ones_have_no_say(graded):
    _, X, y = graded
    chain = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, np.array(["2", "3", "4"])[y])
    more = pd.concat([X, X.tail(3)])
    labels = np.append(np.array(["2", "3", "4"])[y], ["NOS"] * 3)
    pd.testing.assert_frame_equal(held_out_importance(chain, more, labels), held_out_importance(*graded))


def test_rows_that_lack_a_class_are_judged_by_the_others(graded):
    chain, X, y = graded
    rows = y != 1
    found = held_out_importance(chain, X[rows], y[rows]).set_index("feature")["importance"]
    assert found["t1__last"] > 0.1
    assert abs(found["t1__noise"]) < 0.02


@pytest.mark.parametrize("n_classes", [2, 3])
def test_many_tables_are_scored_at_once_as_each_is_alone(n_classes):
    rng = np.random.default_rng(n_classes)
    probability = rng.integers(0, 6, size=(4, 5, 30, n_classes)) / 7
    of_class = rng.permutation(np.arange(30) % n_classes)[:, None] == np.arange(n_classes)
    labels = range(n_classes) if n_classes > 2 else [1]
    expected = [
        [np.mean([auc(of_class[:, label], table[:, label]) for label in labels]) for table in tables]
        for tables in probability
    ]
    assert np.array_equal(importance._mean_auc(of_class, probability), expected)
