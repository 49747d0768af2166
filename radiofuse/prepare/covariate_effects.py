"""Effects of covariates within sites, and means over the values that are there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.errors import CohortError
from radiofuse.prepare.magnitude import unit_magnitude


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the means of columns over the values that are there; NaN without any."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=0) / (~np.isnan(values)).sum(axis=0)


def covariate_effects(X: np.ndarray, codes: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """Return least-squares slopes beside one mean per site, for all columns that lack the same rows at once."""
    slopes = np.zeros((covariates.shape[1], X.shape[1]))
    used = np.flatnonzero(np.ptp(covariates, axis=0) > 0)
    if not len(used):
        return slopes
    missing = np.isnan(X)
    pattern, _ = pd.factorize(np.array([column.tobytes() for column in np.packbits(missing, axis=0).T], dtype=object))
    for number in range(pattern.max() + 1):
        columns = np.flatnonzero(pattern == number)
        rows = ~missing[:, columns[0]]
        if rows.any():
            found = _slopes(X[np.ix_(rows, columns)], codes[rows], covariates[np.ix_(rows, used)])
            slopes[np.ix_(used, columns)] = found
    return slopes


def _slopes(X: np.ndarray, codes: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    covariates, exponents = unit_magnitude(covariates)  # a small covariate is not a dependent one
    within, X = covariates.copy(), X.copy()
    for code in np.unique(codes):
        rows = codes == code
        within[rows] -= within[rows].mean(axis=0)
        X[rows] -= X[rows].mean(axis=0)
    rank = np.linalg.matrix_rank(within, tol=1e-10 * np.sqrt(len(X)))
    if rank < within.shape[1]:
        raise CohortError(
            "The covariates",
            [
                f"{within.shape[1]} covariates tell only {rank} things apart within sites: one is fixed by the others "
                "or by the site, so their effects cannot be told apart. Leave it out."
            ],
        )
    return np.ldexp(np.linalg.lstsq(within, X, rcond=None)[0], -exponents[:, None])
