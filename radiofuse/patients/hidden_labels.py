"""Labels hidden on purpose, patient by patient: to measure what a model makes of rows whose label it is not told."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from radiofuse.errors import RequestError
from radiofuse.patients.held_out import holdout_splits

FEWEST = 2  # patients of a class whose labels must be left


def hidden_rows(
    y: ArrayLike,
    share: float,
    groups: ArrayLike | None = None,
    *,
    random_state: int | np.random.RandomState | None = None,
) -> np.ndarray:
    """Return which rows lose their label if a share of the patients of each class does.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    share : float
        Between 0 and 1.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; a patient's labels are hidden together. Without it each row is a patient.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    ndarray of bool, shape (n_samples,)

    Raises
    ------
    RequestError
        If fewer than two patients of a class would keep their label.

    Examples
    --------
    >>> y = np.repeat([0, 1], [10, 5])
    >>> hidden = hidden_rows(y, 0.6, random_state=0)
    >>> np.bincount(y[hidden]).tolist()
    [6, 3]
    """
    y = np.asarray(y)
    hidden = np.zeros(len(y), dtype=bool)
    hidden[holdout_splits(y, groups, share=share, random_state=random_state)[0].test] = True
    patients = np.arange(len(y)) if groups is None else np.asarray(groups)
    for name in np.unique(y):
        left = len(np.unique(patients[~hidden & (y == name)]))
        if left < FEWEST:
            raise RequestError(
                f"To hide a share of {share:g} of the labels leaves {left} patients of class {name}, and a model needs "
                f"{FEWEST} or more. Hide fewer, or add patients."
            )
    return hidden
