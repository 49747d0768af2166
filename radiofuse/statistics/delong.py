"""The variance of AUCs, after DeLong: intervals, and tests between models on the same rows or on different ones."""

from __future__ import annotations

import logging
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtr, ndtri, stdtr
from scipy.stats import rankdata
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_scores

ROUNDING = 1e-14  # of the variances of two AUCs, what is left of the variance of their difference if there is none
logger = logging.getLogger(__name__)


class DeLong(NamedTuple):
    """AUCs of several scores of the same rows, and their covariance."""

    auc: np.ndarray  # (n_scores,)
    covariance: np.ndarray  # (n_scores, n_scores)


def delong(label: np.ndarray, scores: np.ndarray) -> DeLong:
    """Return the AUCs of scores of the same independent rows, and their covariance matrix.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1; at least two of each.
    scores : ndarray of shape (n_samples, n_scores) or (n_samples, n_scores, n_repeats)
        One column per model; higher means label 1. Of repeats the AUCs are averaged.

    Notes
    -----
    The mean AUC of repeats is one two-sample U-statistic, its kernel the mean of theirs, so its
    variance is that of the mean placements.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, eq. 5 and 6.
    Sun and Xu 2014, IEEE Signal Process Lett 21:1389-1393, the placements from midranks.

    Examples
    --------
    >>> import numpy as np
    >>> found = delong(np.array([0, 0, 1, 1]), np.array([[0.1], [0.6], [0.4], [0.9]]))
    >>> float(found.auc[0]), float(found.covariance[0, 0])
    (0.75, 0.125)
    """
    below, above = _placements(label, scores)
    covariance = np.cov(below, rowvar=False) / len(below) + np.cov(above, rowvar=False) / len(above)
    return DeLong(below.mean(axis=0), np.atleast_2d(covariance))


def _placements(label: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of negatives below each positive, and of positives above each negative, by score."""
    scores = np.atleast_3d(np.asarray(scores, dtype=float))
    positive, negative = scores[np.asarray(label) == 1], scores[np.asarray(label) == 0]
    ranks = rankdata(np.vstack([positive, negative]), axis=0)
    n_positive, n_negative = len(positive), len(negative)
    below = (ranks[:n_positive] - rankdata(positive, axis=0)) / n_negative
    above = 1 - (ranks[n_positive:] - rankdata(negative, axis=0)) / n_positive
    return below.mean(axis=2), above.mean(axis=2)


def delong_test(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return Z and the two-sided p-value of the difference of two AUCs of the same independent rows.

    Scores have shape (n_samples,), or (n_samples, n_repeats) to compare mean AUCs. Where the difference has no
    variance, as between an AUC of 1 and one of 0, Z is 0 and p 1 if the AUCs are equal; otherwise both are NaN
    and a warning is logged.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, eq. 7 for one contrast.
    """
    refuse_misaligned(label=label, first=first, second=second)
    found = delong(label, np.stack([first, second], axis=1))
    contrast = np.array([1.0, -1.0])
    difference, variance = contrast @ found.auc, contrast @ found.covariance @ contrast
    z = standardized(difference, variance if variance > ROUNDING * np.trace(found.covariance) else 0.0)
    return z, float(2 * ndtr(-abs(z)))


class UnpairedDeLong(NamedTuple):
    """Test of the difference of two AUCs of different patients."""

    difference: float  # first minus second
    statistic: float  # difference / its standard error
    df: float  # degrees of freedom of Student's t
    p_value: float  # two-sided

    def _repr_html_(self) -> str:
        return notebook.result(self)


def delong_test_unpaired(
    label_a: ArrayLike, score_a: ArrayLike, label_b: ArrayLike, score_b: ArrayLike
) -> UnpairedDeLong:
    """Compare the AUCs of two sets of independent rows, such as two hospitals.

    Parameters
    ----------
    label_a, label_b : array-like of shape (n_samples_a,) and (n_samples_b,)
        0 or 1; at least two of each in each set.
    score_a, score_b : array-like of shape (n_samples_a,) and (n_samples_b,)
        Higher means label 1.

    Returns
    -------
    UnpairedDeLong
        Of AUCs without variance, such as 1 and 0, the statistic is 0 and the p-value 1 if they are equal;
        otherwise both are NaN, since so few rows say nothing of the spread, and a warning is logged.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, fewer than two of a label, scores that are not finite, or unequal lengths.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845 (variances). Welch 1947, Biometrika 34:28-35
    (degrees of freedom, as ``roc.test`` of R's pROC takes them).

    Examples
    --------
    >>> found = delong_test_unpaired([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0, 0, 1, 1], [0.5, 0.6, 0.4, 0.9])
    >>> round(found.difference, 3), round(found.df, 3), round(found.p_value, 3)
    (0.25, 5.4, 0.699)
    """
    a, b = (auc_interval(*rows) for rows in ((label_a, score_a), (label_b, score_b)))
    difference, variance = a.auc - b.auc, a.variance + b.variance
    n_a, n_b = np.size(label_a), np.size(label_b)
    statistic = standardized(difference, variance)
    shares = a.variance**2 / (n_a - 1) + b.variance**2 / (n_b - 1)
    df = float(variance**2 / shares) if shares > 0 else float(n_a + n_b - 2)
    return UnpairedDeLong(difference, statistic, df, float(2 * stdtr(df, -abs(statistic))))


class AUCInterval(NamedTuple):
    """An AUC with its interval, or the AUCs of several scores, each field of shape (n_scores,)."""

    auc: float
    low: float
    high: float
    variance: float  # DeLong's
    method: str  # where the interval is from: "delong", "logit" or "newcombe"

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {
        "label": ["array-like"],
        "score": ["array-like"],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "method": [StrOptions({"delong", "logit", "newcombe"})],
    },
    prefer_skip_nested_validation=True,
)
def auc_interval(
    label: ArrayLike,
    score: ArrayLike,
    *,
    confidence: float = 0.95,
    method: Literal["delong", "logit", "newcombe"] = "delong",
) -> AUCInterval:
    """Return the AUC of independent rows and its interval, without resampling.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1; at least two of each.
    score : array-like of shape (n_samples,)
        Higher means label 1.
    confidence : float, default=0.95
        Coverage.
    method : {"delong", "logit", "newcombe"}, default="delong"
        "delong": normal, cut at 0 and 1, as ``ci.auc`` of R's pROC; "logit": normal on the log-odds of the AUC,
        inside 0 to 1 by itself and closer to its coverage near 1; "newcombe": the AUCs that a score test with
        Hanley and McNeil's variance does not reject.

    Returns
    -------
    AUCInterval
        An AUC of 0 or 1 has a DeLong variance of 0, from which an interval of no width would follow, as if more
        patients could change nothing. Newcombe's is given there whatever was asked for, and ``method`` says so.
        A score that is the same for all rows has AUC .5 and no width: other patients would change nothing.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, fewer than two of a label, scores that are not finite, or unequal lengths.

    References
    ----------
    .. [1] DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845.
    .. [2] Pepe 2003, The Statistical Evaluation of Medical Tests for Classification and Prediction,
       section 5.2.5 (log-odds of the AUC).
    .. [3] Newcombe 2006, Stat Med 25:559-573, method 5. Hanley and McNeil 1982, Radiology 143:29-36.

    Examples
    --------
    >>> found = auc_interval([0, 0, 0, 1, 1, 1], [0.1, 0.7, 0.3, 0.6, 0.9, 0.4])
    >>> round(found.auc, 3), round(found.low, 3), found.high
    (0.778, 0.291, 1.0)
    >>> perfect = auc_interval([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
    >>> perfect.auc, round(perfect.low, 3), perfect.high, perfect.variance, perfect.method
    (1.0, 0.501, 1.0, 0.0, 'newcombe')
    """
    label, score = check_scores(label, score, fewest=2)
    found = auc_intervals(label, score[:, None], confidence=confidence, method=method)
    return AUCInterval(*(field[0].item() for field in found))


def auc_intervals(
    label: np.ndarray,
    scores: np.ndarray,
    *,
    confidence: float = 0.95,
    method: Literal["delong", "logit", "newcombe"] = "delong",
) -> AUCInterval:
    """Return what `auc_interval` returns for every column of scores of the same rows, unchecked.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1; at least two of each.
    scores : ndarray of shape (n_samples, n_scores)
        Finite; higher means label 1.
    confidence, method
        As in `auc_interval`.

    Returns
    -------
    AUCInterval
        Of arrays of shape (n_scores,).

    Examples
    --------
    >>> found = auc_intervals(np.array([0, 0, 1, 1]), np.array([[1, 4], [2, 2], [3, 3], [4, 1]]))
    >>> found.auc.tolist(), found.low.round(3).tolist(), found.method.tolist()
    ([1.0, 0.25], [0.386, 0.0], ['newcombe', 'delong'])
    """
    below, above = _placements(label, scores)
    area = below.mean(axis=0)
    variance = below.var(axis=0, ddof=1) / len(below) + above.var(axis=0, ddof=1) / len(above)
    half = ndtri((1 + confidence) / 2) * np.sqrt(variance)
    if method == "logit":
        half = np.divide(half, area * (1 - area), out=np.zeros_like(half), where=(area > 0) & (area < 1))
        low, high = expit(logit(area) - half), expit(logit(area) + half)
    else:
        low, high = np.maximum(area - half, 0.0), np.minimum(area + half, 1.0)
    methods = np.where((area == 0) | (area == 1), "newcombe", method)
    for place in np.flatnonzero(methods == "newcombe"):
        low[place], high[place] = newcombe_interval(area[place], len(below), len(above), confidence)
    return AUCInterval(area, low, high, variance, methods)  # type: ignore[arg-type]  # columns of them


def newcombe_interval(area: float, n_positive: float, n_negative: float, confidence: float) -> tuple[float, float]:
    """Return Newcombe's interval of an AUC, method 5 (2006, Stat Med 25:559-573), also of an AUC of 0 or 1."""
    z = float(ndtri((1 + confidence) / 2))
    return _newcombe_low(area, n_positive, n_negative, z), 1 - _newcombe_low(1 - area, n_positive, n_negative, z)


def standardized(difference: float, variance: float) -> float:
    """Return a difference in standard errors; without variance 0 if it is 0, and otherwise NaN, with a warning."""
    if variance > 0:
        return float(difference / np.sqrt(variance))
    if difference == 0:
        return 0.0
    logger.warning(
        "A difference of %.3g has no variance here, so it cannot be tested and its p-value is missing; add rows.",
        difference,
    )
    return np.nan


def _newcombe_low(area: float, n_positive: float, n_negative: float, z: float) -> float:
    """Return the AUC below ``area`` that lies z standard errors, its own, from it."""
    if area == 0:
        return 0.0

    def excess(true: float) -> float:
        n = (n_positive + n_negative) / 2 - 1
        spread = 1 + n * ((1 - true) / (2 - true) + true / (1 + true))
        return (area - true) ** 2 - z**2 * true * (1 - true) * spread / (n_positive * n_negative)

    return brentq(excess, 0, np.nextafter(area, 0), xtol=1e-15)
