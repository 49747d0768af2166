"""mRMR: the greedy by plain loops as oracle, redundancy, ties, mutual information against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.metrics import mutual_info_score

from radiofuse.select.mrmr import LEAST_REDUNDANCY, MRMRSelector, mutual_information


def table(n_samples=70, n_features=24, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % n_classes
    X[:, :4] += 0.8 * y[:, None]
    X[:, 4:10] = X[:, rng.integers(0, 4, 6)] + 0.3 * X[:, 4:10]
    return X, y


def cut(x):
    z = (x - x.mean()) / x.std()
    return [0 if value < -0.5 else 2 if value > 0.5 else 1 for value in z]


def mrmr_by_loops(X, y, k, relevance, scheme):
    """The features in the order of choice, as the papers write it."""

    def relevance_of(i):
        return f_classif(X[:, [i]], y)[0][0] if relevance == "f" else mutual_info_score(cut(X[:, i]), y)

    def redundancy_of(i, j):
        if relevance == "f":
            return abs(np.corrcoef(X[:, i], X[:, j])[0, 1])
        return mutual_info_score(cut(X[:, i]), cut(X[:, j]))

    chosen = []
    while len(chosen) < k:
        best, best_score = None, -np.inf
        for i in set(range(X.shape[1])) - set(chosen):
            score = relevance_of(i)
            if chosen:
                mean = sum(redundancy_of(i, j) for j in chosen) / len(chosen)
                score = score - mean if scheme == "difference" else score / max(mean, LEAST_REDUNDANCY)
            if score > best_score:
                best, best_score = i, score
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scheme", ["difference", "quotient"])
@pytest.mark.parametrize("relevance", ["f", "mutual_info"])
def test_equals_the_greedy_by_loops(relevance, scheme, n_classes):
    X, y = table(n_classes=n_classes)
    selector = MRMRSelector(k=6, relevance=relevance, scheme=scheme).fit(X, y)
    chosen = np.argsort(selector.ranking_, kind="stable")[:6]
    assert chosen.tolist() == mrmr_by_loops(X, y, 6, relevance, scheme)
    assert selector.get_support().sum() == 6
    assert (selector.ranking_ == 7).sum() == 18


def test_a_copy_of_the_best_feature_waits_for_others():
    X, y = table(n_features=12)
    best = MRMRSelector(k=1).fit(X, y).get_support(indices=True)[0]
    X = np.column_stack([X, X[:, best]])
    assert not MRMRSelector(k=4).fit(X, y).get_support()[-1]
    by_relevance = np.argsort(-MRMRSelector(k=4).fit(X, y).relevance_, kind="stable")[:4]
    assert X.shape[1] - 1 in by_relevance


def test_of_twins_the_first_column_is_chosen():
    X, y = table()
    twice = np.column_stack([X, X])
    assert (MRMRSelector(k=1).fit(twice, y).get_support(indices=True) < X.shape[1]).all()


def test_affine_rescaling_changes_nothing():
    X, y = table()
    rescaled = X * np.where(np.arange(X.shape[1]) % 2, -1e6, 1e-6) + 3
    np.testing.assert_array_equal(MRMRSelector().fit(rescaled, y).ranking_, MRMRSelector().fit(X, y).ranking_)


@pytest.mark.parametrize("relevance", ["f", "mutual_info"])
def test_a_constant_column_is_not_relevant_and_nothing_warns(relevance):
    X, y = table(n_features=12)
    X[:, 2] = 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selector = MRMRSelector(k=11, relevance=relevance, scheme="difference").fit(X, y)
        assert MRMRSelector(relevance=relevance).fit(np.ones((6, 2)), y[:6]).get_support().all()
    assert selector.relevance_[2] == 0
    assert np.isfinite(selector.scores_).all()


def test_more_features_wanted_than_there_are():
    X, y = table(n_features=12)
    selector = MRMRSelector(k=99).fit(X, y)
    assert sorted(selector.ranking_) == list(range(1, 13))
    assert selector.get_support().all()


@pytest.mark.parametrize("n_states", [2, 3, 5])
def test_mutual_information_equals_scikit_learn(n_states):
    rng = np.random.default_rng(0)
    states, other = rng.integers(0, n_states, (40, 60)), rng.integers(0, 4, 60)
    expected = [mutual_info_score(row, other) for row in states]
    np.testing.assert_allclose(mutual_information(states, n_states, other, 4), expected, atol=1e-14)


@pytest.mark.parametrize(("y", "sentence"), [(np.zeros(10), "1 class"), (np.arange(10), "more rows than classes")])
def test_labels_that_cannot_be_compared_are_refused(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        MRMRSelector().fit(np.random.default_rng(0).normal(size=(10, 3)), y)
