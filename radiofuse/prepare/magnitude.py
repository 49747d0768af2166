"""Columns brought to the size of 1 by powers of two, so that their squares neither vanish nor overflow."""

from __future__ import annotations

import numpy as np


def unit_magnitude(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns with their largest value in [0.5, 1), and the powers of two that give them back.

    No digit changes: what is computed of these columns and does not depend on their unit is, to the last bit,
    what it was where no square vanished (numbers below 1e-154) or overflowed (above 1e154).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN stays, and is left out of the largest value.

    Returns
    -------
    scaled : ndarray of shape (n_samples, n_features)
    exponents : ndarray of int, shape (n_features,)
        ``np.ldexp(scaled, exponents)`` is ``X``; 0 for a column of zeros.

    Examples
    --------
    >>> scaled, exponents = unit_magnitude(np.array([[3e-170, 6.0], [1e-170, -5.0]]))
    >>> (scaled**2).sum(axis=0) > 0, exponents
    (array([ True,  True]), array([-563,    3], dtype=int32))
    """
    largest = np.fmax(np.fmax.reduce(X, axis=0, initial=0.0), -np.fmin.reduce(X, axis=0, initial=0.0))
    exponents = np.frexp(largest)[1]
    return np.ldexp(X, -exponents), exponents
