"""What a combiner answers for rows that it did not learn from, and how far that is from what held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.combiners import log_probability
from radiofuse.patients.inner_folds import fewest_patients, inner_folds

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
_MOST_FOLDS = 5


def folds_of_combiner(y: np.ndarray, groups: np.ndarray | None) -> Folds:
    """Return folds of whole patients for what a combiner chooses: five, or fewer in a small class; none below two.

    Examples
    --------
    >>> len(folds_of_combiner(np.array([0, 0, 0, 1, 1, 1]), None)), len(folds_of_combiner(np.array([0, 1]), None))
    (3, 0)
    """
    n_folds = min(_MOST_FOLDS, fewest_patients(y, np.arange(len(y)) if groups is None else groups))
    return inner_folds(n_folds, y, groups, 0) if n_folds > 1 else []


def cross_fitted(combiner: Any, P: np.ndarray, y: np.ndarray, groups: np.ndarray | None, folds: Folds) -> np.ndarray:
    """Return a combiner's answers, each by a copy that learned from the rows of other folds.

    Parameters
    ----------
    combiner : Combiner
        Cloned; one that learns nothing answers as it is.
    P, y, groups
        As of ``fit_combiner``.
    folds : sequence of (train, test)
        Every row in one test part.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)
    """
    if not learns(combiner):
        return combiner.combine(P)
    answers = np.empty((len(P), *P.shape[2:]))
    for train, test in folds:
        own = None if groups is None else groups[train]
        answers[test] = fit_combiner(clone(combiner, safe=False), P[train], y[train], own).combine(P[test])
    return answers


def log_loss(answers: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of -log p of the own class, (n_samples,) or (n_samples, n_classes) answers.

    >>> round(log_loss(np.array([0.5, 0.5]), np.array([0, 1])), 3)
    0.693
    """
    return float(-log_by_class(answers)[np.arange(len(y)), y].mean())


def log_by_class(answers: np.ndarray) -> np.ndarray:
    """Return the logarithm of each class's probability on a last axis; of two classes the answers hold the second's."""
    binary = answers.ndim == 1
    return log_probability(np.stack([1 - answers, answers], axis=-1) if binary else answers)
