"""ReliefF against its algorithm by plain loops; interactions, ranges, ties, few rows."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.select import MannWhitneySelector
from radiofuse.select.relief import ReliefSelector, relieff


def relieff_by_loops(X, y, k):
    """Figure 2 of Robnik-Sikonja and Kononenko (2003), every row used."""
    n, p = X.shape
    spread = X.max(axis=0) - X.min(axis=0)

    def diff(a, i, j):
        return abs(X[i, a] - X[j, a]) / spread[a] if spread[a] else 0.0

    def nearest(i, label):
        rows = [j for j in range(n) if y[j] == label and j != i]
        return sorted(rows, key=lambda j: sum(diff(a, i, j) for a in range(p)))[:k]

    prior = {label: np.mean(y == label) for label in np.unique(y)}
    weights = np.zeros(p)
    for i in range(n):
        for label in prior:
            near = nearest(i, label)
            factor = -1 if label == y[i] else prior[label] / (1 - prior[y[i]])
            for a in range(p):
                weights[a] += factor * sum(diff(a, i, j) for j in near) / len(near) / n
    return weights


@pytest.mark.parametrize("n_neighbors", [1, 4, 99])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_the_algorithm_by_loops(n_classes, n_neighbors):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(31, 7)), np.sort(np.arange(31) % (n_classes + 1)) % n_classes  # unequal classes
    X[:, 0] += y
    X[:, 6] = 2.0
    np.testing.assert_allclose(relieff(X, y, n_neighbors), relieff_by_loops(X, y, n_neighbors), atol=1e-13)


def test_an_interaction_is_found_that_no_single_test_sees():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(200, 10))
    y = (X[:, 2] > 0.5) ^ (X[:, 4] > 0.5)
    selector = ReliefSelector(k=2).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [2, 4]
    assert MannWhitneySelector().fit(X, y).pvalues_[[2, 4]].min() > 0.05


def test_unit_and_direction_of_a_feature_do_not_matter():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), np.arange(40) % 2
    rescaled = X * [1e6, -1, 1e-6, -1e-6, 2, 1] + 3
    np.testing.assert_allclose(relieff(rescaled, y, 5), relieff(X, y, 5), atol=1e-8)


def test_noise_weighs_about_nothing_and_a_constant_nothing():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 50)), np.arange(200) % 2
    X[:, 0] = 1e9
    weights = relieff(X, y, 10)
    assert weights[0] == 0
    assert abs(weights.mean()) < 0.005


def test_ties_go_to_the_first_column():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    selector = ReliefSelector(k=3).fit(np.column_stack([X, X]), y)
    best = np.argsort(-selector.scores_[:3], kind="stable")
    assert set(selector.get_support(indices=True)) == {best[0], best[0] + 3, best[1]}


@pytest.mark.parametrize(("y", "sentence"), [(np.zeros(10), "1 class"), (np.arange(10) == 0, "a class with one row")])
def test_too_few_rows_of_a_class_are_refused(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        ReliefSelector().fit(np.random.default_rng(0).normal(size=(10, 3)), y)
