"""Patients drawn again with replacement, class by class: the rows of one bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

MOST_DRAWS = 1000


def resampled_patients(
    y: ArrayLike, groups: ArrayLike | None = None, *, random_state: int | np.random.RandomState | None = None
) -> np.ndarray:
    """Return the rows of as many patients of each class as there are, drawn with replacement.

    A draw that holds fewer than half of a class's patients is drawn again: folds inside of it need some of each.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; a patient's rows are drawn together. One with rows of several classes counts as of the one
        that fewest rows have. Without it each row is a patient.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    ndarray of int
        Positions of rows, some of them several times.

    References
    ----------
    Davison, Hinkley (1997). Bootstrap methods and their application. Cambridge University Press: section 3.2.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 0, 1, 1])
    >>> np.bincount(y[resampled_patients(y, random_state=0)]).tolist()
    [4, 2]
    """
    y, random = np.asarray(y), check_random_state(random_state)
    patients = np.arange(len(y)) if groups is None else np.asarray(groups)
    names, place = np.unique(patients, return_inverse=True)
    classes, codes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(sizes, kind="stable"))[codes]  # of each row's class, 0 the rarest
    of_patient = np.full(len(names), len(classes))
    np.minimum.at(of_patient, place, rank)
    drawn = np.concatenate([_drawn(np.flatnonzero(of_patient == one), random) for one in np.unique(of_patient)])
    rows_of = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    return np.concatenate([rows_of[number] for number in drawn])


def _drawn(own: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return as many of a class's patients drawn with replacement, at least half of them among these."""
    for _ in range(MOST_DRAWS):
        drawn = random.choice(own, size=len(own))
        if 2 * len(np.unique(drawn)) >= len(own):
            break
    return drawn
