"""How reproducible a feature is: the intraclass correlation of repeated measurements, with its interval."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from radiofuse.errors import RequestError

logger = logging.getLogger(__name__)

ICC_COLUMNS = ["modality", "feature", "icc", "low", "high", "n_patients", "n_perturbations"]


def icc_3_1(values: np.ndarray, *, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the intraclass correlation ICC(3,1) and its interval: two-way mixed, consistency, single rater.

    A shift that a rater gives to all subjects alike does not lower it; one that changes their order or
    their distances does.

    Parameters
    ----------
    values : array-like of shape (n_subjects, n_raters) or (n_features, n_subjects, n_raters)
        Finite; at least two subjects and two raters.
    confidence : float, default=0.95
        Coverage of the interval.

    Returns
    -------
    icc, low, high : ndarray of shape () or (n_features,)
        NaN where a feature is the same in all subjects and raters, as the ratio does not exist then.

    Raises
    ------
    RequestError
        If there are fewer than two subjects or raters, or a value is not finite.

    References
    ----------
    P. E. Shrout and J. L. Fleiss, "Intraclass correlations: uses in assessing rater reliability",
    Psychological Bulletin 86 (1979) 420-428: ICC(3,1) and its interval.
    K. O. McGraw and S. P. Wong, "Forming inferences about some intraclass correlation coefficients",
    Psychological Methods 1 (1996) 30-46: ICC(C,1), table 7.

    Examples
    --------
    The ratings of Shrout and Fleiss, table 2: six targets, four judges.

    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> icc, low, high = icc_3_1(ratings)
    >>> round(float(icc), 2), round(float(low), 2), round(float(high), 2)
    (0.71, 0.34, 0.95)
    """
    values = _checked(values)
    n, k = values.shape[-2:]
    between, residual = _mean_squares(_in_units_of_its_spread(values))
    with np.errstate(divide="ignore", invalid="ignore"):  # no residual: F is infinite; no spread at all: 0 / 0
        ratio = between / residual
    degrees = n - 1, (n - 1) * (k - 1)
    upper_tail = (1 - confidence) / 2
    low = ratio / f_distribution.isf(upper_tail, *degrees)
    high = ratio * f_distribution.isf(upper_tail, *degrees[::-1])
    return _icc_of(ratio, k), _icc_of(low, k), _icc_of(high, k)


def _checked(values) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim not in (2, 3) or min(values.shape[-2:]) < 2:
        raise RequestError(
            f"An ICC compares at least 2 subjects under at least 2 raters; the values have shape {values.shape}. "
            "Pass (n_subjects, n_raters) or (n_features, n_subjects, n_raters)."
        )
    n_bad = int((~np.isfinite(values)).sum())
    if n_bad:
        raise RequestError(f"{n_bad} of {values.size} values are not finite. Leave subjects with a gap out of the ICC.")
    return values


def _in_units_of_its_spread(values: np.ndarray) -> np.ndarray:
    """Return values from -1 to 1: what is constant becomes exactly 0, and no square overflows."""
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True)
    shifted = values / np.where(largest > 0, largest, 1.0)
    shifted = shifted - shifted[..., :1, :1]
    spread = np.abs(shifted).max(axis=(-2, -1), keepdims=True)
    return shifted / np.where(spread > 0, spread, 1.0)


def _mean_squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return BMS and EMS of the two-way analysis of variance: between subjects, and what neither side explains."""
    n, k = values.shape[-2:]
    subject = values.mean(axis=-1, keepdims=True)
    rater = values.mean(axis=-2, keepdims=True)
    mean = values.mean(axis=(-2, -1), keepdims=True)
    between = k * ((subject - mean) ** 2).sum(axis=(-2, -1)) / (n - 1)
    residual = ((values - subject - rater + mean) ** 2).sum(axis=(-2, -1)) / ((n - 1) * (k - 1))
    return between, residual


def _icc_of(ratio: np.ndarray, k: int) -> np.ndarray:
    """Return (F - 1) / (F + k - 1), 1 for an infinite F."""
    return 1 - k / (ratio + k - 1)


def reproducibility_table(values: Mapping[str, np.ndarray], feature_names: Sequence[str]) -> pd.DataFrame:
    """Return the ICC(3,1) of every feature of every modality under perturbations.

    Parameters
    ----------
    values : mapping of str to ndarray of shape (n_features, n_patients, n_perturbations)
        By modality. One with fewer than two patients is left out, and a warning is logged.
    feature_names : sequence of str
        Without the modality.

    Returns
    -------
    DataFrame
        Columns modality, feature, icc, low, high (95 % interval), n_patients, n_perturbations. The ICC of a
        feature that never changes is NaN: it cannot tell patients apart.

    Examples
    --------
    >>> table = reproducibility_table({"t1": [[[1.0, 1.2], [2.0, 2.1], [3.0, 3.3]]]}, ["original_firstorder_Mean"])
    >>> table.round(2).drop(columns="feature").to_string(index=False).splitlines()
    ['modality  icc  low  high  n_patients  n_perturbations', '      t1  1.0 0.83   1.0           3                2']
    """
    tables = [pd.DataFrame(columns=ICC_COLUMNS)]
    for modality, block in values.items():
        _, n_patients, n_perturbations = np.shape(block)
        if n_patients < 2:
            logger.warning("%s: an ICC needs two patients, %d could be used; it is left out.", modality, n_patients)
            continue
        measured = (modality, feature_names, *icc_3_1(block), n_patients, n_perturbations)
        tables.append(pd.DataFrame(dict(zip(ICC_COLUMNS, measured, strict=True))))
    return pd.concat(tables[1:], ignore_index=True) if len(tables) > 1 else tables[0]
