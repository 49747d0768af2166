"""Whole patients dealt into folds, the classes alike in each: scikit-learn's StratifiedGroupKFold in fewer steps.

Chosen penalties, combiners and nested folds deal patients thousands of times in a run.
"""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from radiofuse.estimators import Seed


def group_folds(y: np.ndarray, groups: np.ndarray, n_folds: int, random_state: Seed) -> np.ndarray:
    """Return the fold in which each row is held out; those of a shuffled ``StratifiedGroupKFold``.

    Groups come in the order of how unlike their classes are, and each goes into the fold that leaves the
    classes most evenly spread.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class labels.
    groups : ndarray of shape (n_samples,)
        The patient of each row.
    n_folds : int
        At most the number of groups.
    random_state : int, RandomState instance or None
        Shuffles the groups.

    References
    ----------
    scikit-learn, ``sklearn.model_selection.StratifiedGroupKFold`` with ``shuffle=True``.

    Examples
    --------
    >>> group_folds(np.array([0, 0, 1, 1]), np.array(["a", "b", "c", "d"]), 2, 0).tolist()
    [1, 0, 0, 1]
    """
    _, codes, in_class = np.unique(y, return_inverse=True, return_counts=True)
    names, group_of_row = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(in_class)))
    np.add.at(counts, (group_of_row, codes), 1)
    order = np.arange(len(names))
    check_random_state(random_state).shuffle(order)
    counts = counts[order]
    fold_of_group = np.empty(len(names), dtype=int)
    unlike_first = np.argsort(-np.std(counts, axis=1), kind="stable")
    fold_of_group[order[unlike_first]] = _dealt(counts[unlike_first], in_class, n_folds)
    return fold_of_group[group_of_row]


def train_and_test(fold_of_row: np.ndarray, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows to train on and the held-out ones of each fold, as a splitter of scikit-learn gives them.

    Examples
    --------
    >>> [test.tolist() for _, test in train_and_test(np.array([1, 0, 1]), 2)]
    [[1], [0, 2]]
    """
    return [(np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold)) for fold in range(n_folds)]


def _dealt(groups: np.ndarray, in_class: np.ndarray, n_folds: int) -> np.ndarray:
    """Return the fold of each group, dealt in turn; ``groups`` counts the rows of each class."""
    folds = np.empty(len(groups), dtype=int)
    in_folds = np.zeros((n_folds, len(in_class)))
    tried, own = np.empty((n_folds, *in_folds.shape)), np.arange(n_folds)
    for place, group in enumerate(groups):
        tried[:] = in_folds
        tried[own, own] += group  # the group in each fold in turn
        folds[place] = _most_even(tried / in_class, in_folds.sum(axis=1).tolist())
        in_folds[folds[place]] += group
    return folds


def _most_even(shares: np.ndarray, rows_in_fold: list[float]) -> int:
    """Return the fold with the least spread of the classes' shares; of equal ones the one with the fewest rows."""
    # np.std and np.mean, whose checks take longer than the sums; then np.isclose with its default tolerances
    apart = shares - np.add.reduce(shares, axis=1, keepdims=True) / shares.shape[1]
    spreads = np.sqrt(np.add.reduce(apart * apart, axis=1) / shares.shape[1])
    best, least, fewest = 0, np.inf, np.inf
    for fold, spread in enumerate((np.add.reduce(spreads, axis=1) / spreads.shape[1]).tolist()):
        equal = abs(spread - least) <= 1e-8 + 1e-5 * abs(least) if least < np.inf else False
        if spread < least or (equal and rows_in_fold[fold] < fewest):
            best, least, fewest = fold, spread, rows_in_fold[fold]
    return best
