"""Center and scale columns; what is constant up to rounding stays at zero."""

from __future__ import annotations

import numpy as np

from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.magnitude import unit_magnitude

SMALLEST, LARGEST = 1e-140, 1e140  # spreads whose squares floating point holds with all their digits


def center_and_scale(X: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's mean and standard deviation (1/n); infinity as the scale of a constant column.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    weights : ndarray of shape (n_samples,), optional
        Not negative, of sum 1.

    Examples
    --------
    >>> center_and_scale(np.array([[1.0, 0.1], [3.0, 0.1]]))
    (array([2. , 0.1]), array([ 1., inf]))
    """
    with np.errstate(over="ignore", invalid="ignore"):  # settled below
        mean, scale = _moments(X, weights)
    odd = ~((scale > SMALLEST) & (scale < LARGEST))
    if odd.any():
        scaled, exponents = unit_magnitude(X[:, odd])
        mean[odd], scale[odd] = (np.ldexp(moment, exponents) for moment in _moments(scaled, weights))
    return mean, np.where(is_constant(scale, mean), np.inf, scale)


def _moments(X: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    mean = X.mean(axis=0) if weights is None else weights @ X
    squares = (X - mean) ** 2
    return mean, np.sqrt(squares.mean(axis=0) if weights is None else weights @ squares)


def standardize(X: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1; a constant column becomes zeros."""
    mean, scale = center_and_scale(X)
    return (X - mean) / scale
