"""What counts as constant: one rule for scaling, selection, harmonization and what is told of a table."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-13  # share of a column's size below which its spread is rounding (the limit of scipy.stats.pearsonr)


def is_constant(spread: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Say which columns vary by no more than rounding.

    A number of double precision is exact to a share of about 1e-16, and what is computed of many such numbers to a
    few hundred times that. The rule depends neither on the unit of a column nor on the number of rows.

    Parameters
    ----------
    spread : ndarray of shape (n_features,)
        Standard deviation.
    size : ndarray of shape (n_features,)
        Mean or largest value, either sign: of a column that hardly varies they are the same.

    Examples
    --------
    >>> is_constant(np.array([0.0, 1e-17, 1e-3]), np.array([0.0, -0.1, 1e9]))
    array([ True,  True, False])
    """
    return spread <= ROUNDING * np.abs(size)
