"""Whole patients are dealt as scikit-learn deals them, which is the reference of every row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from radiofuse.patients.group_folds import group_folds, train_and_test


def _cohort(seed):
    """Return labels and patients of 1 to 5 rows; classes of unlike sizes, or labels within a patient that differ."""
    rng = np.random.default_rng(seed)
    n_patients, n_classes = int(rng.integers(12, 60)), int(rng.integers(1, 10))
    label = rng.integers(0, n_classes, n_patients)
    of_row = np.repeat(np.arange(n_patients), rng.integers(1, 1 + rng.integers(1, 6), n_patients))
    y = label[of_row] if seed % 2 else rng.integers(0, n_classes, len(of_row))
    order = rng.permutation(len(of_row))
    return y[order], np.array([f"patient {k:03d}" for k in rng.permutation(n_patients)])[of_row[order]]


@pytest.mark.parametrize("n_folds", [2, 3, 5, 10, 12])
@pytest.mark.parametrize("seed", range(12))
def test_folds_are_those_of_scikit_learn(seed, n_folds):
    y, patients = _cohort(seed)
    if n_folds > np.bincount(y).max():
        pytest.skip("scikit-learn refuses more folds than the largest class has rows")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer rows than folds
        expected = list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(y, y, patients))
    dealt = train_and_test(group_folds(y, patients, n_folds, seed), n_folds)
    assert len(dealt) == len(expected)
    for ours, theirs in zip(dealt, expected, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_state_is_used_up_as_scikit_learn_does():
    y, patients = _cohort(1)
    ours, theirs = np.random.RandomState(4), np.random.RandomState(4)
    for _ in range(3):
        dealt = group_folds(y, patients, 3, ours)
        splits = StratifiedGroupKFold(3, shuffle=True, random_state=theirs).split(y, y, patients)
        assert [np.flatnonzero(dealt == k).tolist() for k in range(3)] == [test.tolist() for _, test in splits]
