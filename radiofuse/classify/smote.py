"""Rows of smaller classes made up between neighbors, after Chawla et al."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from radiofuse.estimators import Seed

NEIGHBORS = 5  # as published; fewer where a class has fewer other rows


def synthetic_rows(Z: np.ndarray, y: np.ndarray, *, random_state: Seed = None) -> tuple[np.ndarray, np.ndarray]:
    """Return as many rows of each smaller class as it lacks to the largest, each between two neighbors of the class.

    A row is drawn, one of its five nearest neighbors of the same class, and a point on the line between them, all
    uniformly. A class of one row has no neighbor: that row is drawn again.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_columns)
        Scaled numbers.
    y : ndarray of shape (n_samples,)
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    rows : ndarray of shape (n_made, n_columns)
    labels : ndarray of shape (n_made,)

    References
    ----------
    Chawla, Bowyer, Hall, Kegelmeyer (2002). SMOTE: synthetic minority over-sampling technique. Journal of Artificial
    Intelligence Research 16, 321-357.

    Examples
    --------
    >>> Z, y = np.array([[0.0], [1.0], [2.0], [9.0], [10.0]]), np.array([0, 0, 0, 1, 1])
    >>> rows, labels = synthetic_rows(Z, y, random_state=0)
    >>> labels.tolist(), bool(9 <= rows[0, 0] <= 10)
    ([1], True)
    """
    random = check_random_state(random_state)
    classes, sizes = np.unique(y, return_counts=True)
    made = [np.empty((0, Z.shape[1]))]
    for label, size in zip(classes, sizes, strict=True):
        own, n_made = Z[y == label], sizes.max() - size
        neighbors = _neighbors(own)
        base, which = divmod(random.randint(neighbors.size, size=n_made), neighbors.shape[1])
        other = neighbors[base, which]
        made.append(own[base] + random.uniform(size=(n_made, 1)) * (own[other] - own[base]))
    return np.vstack(made), np.repeat(classes, sizes.max() - sizes)


def _neighbors(rows: np.ndarray) -> np.ndarray:
    """Return the places of each row's nearest others, shape (n_rows, n_neighbors); of a single row its own."""
    n_neighbors = min(NEIGHBORS, len(rows) - 1)
    if n_neighbors == 0:
        return np.zeros((1, 1), dtype=int)
    return NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors(return_distance=False)
