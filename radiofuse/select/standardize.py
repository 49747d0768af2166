"""Center and scale columns; what is constant up to rounding stays at zero."""

from __future__ import annotations

import numpy as np

CONSTANT = 1e-13  # spread relative to the mean below which nothing but rounding is left (as in scipy.stats.pearsonr)


def center_and_scale(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's mean and standard deviation (1/n); infinity as the scale of a constant column.

    Examples
    --------
    >>> center_and_scale(np.array([[1.0, 0.1], [3.0, 0.1]]))
    (array([2. , 0.1]), array([ 1., inf]))
    """
    mean = X.mean(axis=0)
    scale = np.sqrt(((X - mean) ** 2).mean(axis=0))
    return mean, np.where(scale <= CONSTANT * np.abs(mean), np.inf, scale)


def standardize(X: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1; a constant column becomes zeros."""
    mean, scale = center_and_scale(X)
    return (X - mean) / scale
