"""How reproducible a feature is: the intraclass correlation of repeated measurements, with its interval."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import f as f_distribution

from radiofuse import notebook
from radiofuse.errors import RequestError

logger = logging.getLogger(__name__)

KINDS = ("ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)")
ICC_COLUMNS = ["modality", "feature", "icc", "low", "high", "n_patients", "n_perturbations"]


class IntraclassCorrelation(NamedTuple):
    """Estimate and interval, each of shape () or (n_features,)."""

    icc: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def _repr_html_(self) -> str:
        return notebook.result(self)


def icc(values: np.ndarray, kind: str = "ICC(3,1)", *, confidence: float = 0.95) -> IntraclassCorrelation:
    """Return an intraclass correlation of every feature, with its interval.

    Parameters
    ----------
    values : array-like of shape (n_subjects, n_raters) or (n_features, n_subjects, n_raters)
        Finite; at least two subjects and two raters.
    kind : {"ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"}, default="ICC(3,1)"
        The names of Shrout and Fleiss. 1: each subject has other raters. 2: the raters are a sample of all,
        and one that is higher throughout disagrees. 3: these raters are all there are, and what one adds to
        all subjects alike does not count. 1 after the comma: a single rater is used; k: the mean of all.
    confidence : float, default=0.95
        Coverage of the interval.

    Returns
    -------
    IntraclassCorrelation
        icc, low, high. NaN where a feature is the same in all subjects and raters, as the ratio does not
        exist then. The mean of raters has no lower bound: it is -inf where all subjects have the same.

    Raises
    ------
    RequestError
        If the kind is unknown, the confidence is no share, there are fewer than two subjects or raters, or a
        value is not finite.

    See Also
    --------
    reproducibility_table : Of every feature of a cohort.
    radiofuse.select.ReproducibilitySelector : Keeps the features that reach one.

    References
    ----------
    P. E. Shrout and J. L. Fleiss, "Intraclass correlations: uses in assessing rater reliability",
    Psychological Bulletin 86 (1979) 420-428.
    K. O. McGraw and S. P. Wong, "Forming inferences about some intraclass correlation coefficients",
    Psychological Methods 1 (1996) 30-46: table 7 (intervals), with the correction of 1 (1996) 390.

    Examples
    --------
    The ratings of Shrout and Fleiss, table 2: six targets, four judges.

    >>> ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> tuple(round(float(number), 2) for number in icc(ratings))
    (0.71, 0.34, 0.95)
    >>> round(float(icc(ratings, "ICC(2,1)").icc), 2)
    0.29
    """
    if kind not in KINDS or not 0 < confidence < 1:
        raise RequestError(
            f"kind is one of {', '.join(KINDS)} (got {kind!r}) and confidence lies between 0 and 1 (got {confidence})."
        )
    values = _checked(values)
    single = SINGLE_RATER[kind[4]](_in_units_of_its_spread(values), (1 - confidence) / 2)
    if kind.endswith("1)"):
        return IntraclassCorrelation(*single)
    n_raters = values.shape[-1]
    return IntraclassCorrelation(*(_of_the_mean(bound, n_raters) for bound in single))


def _checked(values: ArrayLike) -> np.ndarray:
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


def _mean_squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return BMS, JMS and EMS of the two-way analysis of variance: subjects, raters, and what neither explains."""
    n, k = values.shape[-2:]
    subject = values.mean(axis=-1, keepdims=True)
    rater = values.mean(axis=-2, keepdims=True)
    mean = values.mean(axis=(-2, -1), keepdims=True)
    subjects = k * ((subject - mean) ** 2).sum(axis=(-2, -1)) / (n - 1)
    raters = n * ((rater - mean) ** 2).sum(axis=(-2, -1)) / (k - 1)
    residual = ((values - subject - rater + mean) ** 2).sum(axis=(-2, -1)) / ((n - 1) * (k - 1))
    return subjects, raters, residual


def _one_way(values: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, k = values.shape[-2:]
    subjects, raters, residual = _mean_squares(values)
    within = ((k - 1) * raters + (n - 1) * (k - 1) * residual) / (n * (k - 1))
    return _of_f_ratio(subjects, within, k, (n - 1, n * (k - 1)), tail)


def _two_way_consistency(values: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, k = values.shape[-2:]
    subjects, _, residual = _mean_squares(values)
    return _of_f_ratio(subjects, residual, k, (n - 1, (n - 1) * (k - 1)), tail)


def _of_f_ratio(
    subjects: np.ndarray, error: np.ndarray, k: int, degrees: tuple[int, int], tail: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (F - 1) / (F + k - 1) of F and of the ends of its interval; 1 for an infinite F."""
    with np.errstate(divide="ignore", invalid="ignore"):  # no error: F is infinite; no spread at all: 0 / 0
        ratio = subjects / error
    low = ratio / f_distribution.isf(tail, *degrees)
    high = ratio * f_distribution.isf(tail, *degrees[::-1])
    value, low, high = (1 - k / (bound + k - 1) for bound in (ratio, low, high))
    return value, low, high


def _two_way_agreement(values: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, k = values.shape[-2:]
    subjects, raters, residual = _mean_squares(values)
    with np.errstate(invalid="ignore"):  # no spread at all: 0 / 0
        estimate = (subjects - residual) / (subjects + (k - 1) * residual + k * (raters - residual) / n)
        degrees = _satterthwaite(estimate, raters, residual, n, k)
        upper = f_distribution.isf(tail, n - 1, degrees)
        lower = f_distribution.isf(tail, degrees, n - 1)
        noise = k * raters + (k * n - k - n) * residual
        low = n * (subjects - upper * residual) / (upper * noise + n * subjects)
        high = n * (lower * subjects - residual) / (noise + n * lower * subjects)
    return estimate, low, high


def _satterthwaite(estimate: np.ndarray, raters: np.ndarray, residual: np.ndarray, n: int, k: int) -> np.ndarray:
    """Return the degrees of freedom of the raters' and residual mean squares together."""
    first = k * estimate * raters
    second = (n * (1 + (k - 1) * estimate) - k * estimate) * residual
    spread = (n - 1) * first**2 + second**2
    total = (k - 1) * (n - 1) * (first + second) ** 2
    return np.divide(total, spread, out=np.full_like(spread, (n - 1.0) * (k - 1)), where=spread > 0)


SINGLE_RATER = {"1": _one_way, "2": _two_way_agreement, "3": _two_way_consistency}


def _of_the_mean(single: np.ndarray, k: int) -> np.ndarray:
    """Return the correlation of means of k raters: the formula of Spearman and Brown."""
    with np.errstate(divide="ignore"):
        return np.where(single <= -1 / (k - 1), -np.inf, k * single / (1 + (k - 1) * single))


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

    See Also
    --------
    icc : Of one feature.
    radiofuse.select.ReproducibilitySelector : Keeps the features that reach a threshold.

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
        measured = (modality, feature_names, *icc(block), n_patients, n_perturbations)
        tables.append(pd.DataFrame(dict(zip(ICC_COLUMNS, measured, strict=True))))
    return pd.concat(tables[1:], ignore_index=True) if len(tables) > 1 else tables[0]
