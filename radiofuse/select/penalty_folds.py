"""The folds in which a penalty is chosen: rows dealt by their label, those of a patient together."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from radiofuse.errors import CohortError
from radiofuse.estimators import Seed
from radiofuse.patients.group_folds import group_folds


def stratified_folds(y: np.ndarray, groups: np.ndarray | None, n_folds: int, random_state: Seed) -> np.ndarray:
    """Return the fold in which each row is held out; every class in every fold, groups kept whole.

    A class with fewer members (with ``groups``: fewer groups) than ``n_folds`` gets as many folds as it
    has members.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class labels.
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.
    n_folds : int
        At least 2.
    random_state : int, RandomState instance or None
        Deals the rows.

    Raises
    ------
    CohortError
        If a class has fewer than two members.

    Examples
    --------
    >>> np.bincount(stratified_folds(np.array([0, 0, 0, 0, 1, 1, 1]), None, 10, 0)).tolist()
    [3, 2, 2]
    """
    members = [len(np.unique(groups[y == k])) if groups is not None else np.sum(y == k) for k in np.unique(y)]
    if min(members) < 2:
        unit = "rows" if groups is None else "patients"
        raise CohortError(
            "The training table",
            [f"The LASSO's folds need at least 2 {unit} of each class; the smallest one has {min(members)}. Add some."],
        )
    order = np.arange(len(y)) if groups is None else np.argsort(groups, kind="stable")
    whole = groups is None or len(np.unique(groups)) == len(groups)  # then rows may be dealt alone, which is far faster
    n_folds, folds = min(n_folds, *members), np.empty(len(y), dtype=int)
    if whole:
        folds[order] = _deal_rows(y[order], n_folds, check_random_state(random_state))
        return folds
    folds[order] = group_folds(y[order], groups[order], n_folds, random_state)
    return folds


def _deal_rows(y: np.ndarray, n_folds: int, chance: np.random.RandomState) -> np.ndarray:
    """Return the folds of scikit-learn's StratifiedKFold, which asks more of ``y`` than it takes to deal them."""
    _, first, codes = np.unique(y, return_index=True, return_inverse=True)
    folds, dealt = np.empty(len(y), dtype=int), 0
    for code in np.argsort(first):  # classes in the order in which they appear
        rows = np.flatnonzero(codes == code)
        own = np.sort(np.arange(dealt, dealt + len(rows)) % n_folds)
        chance.shuffle(own)
        folds[rows] = own
        dealt += len(rows)
    return folds
