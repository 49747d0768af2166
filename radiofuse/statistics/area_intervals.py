"""Intervals of AUCs: after DeLong, on the logit, and after Newcombe."""

from __future__ import annotations

from numbers import Real
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse import notebook
from radiofuse.statistics.delong import placements
from radiofuse.statistics.inputs import check_scores


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

    See Also
    --------
    delong_test : Compares two AUCs of the same patients.
    bootstrap_interval : Of any metric, by resampling whole patients.

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
    below, above = placements(label, scores)
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


def _newcombe_low(area: float, n_positive: float, n_negative: float, z: float) -> float:
    """Return the AUC below ``area`` that lies z standard errors, its own, from it."""
    if area == 0:
        return 0.0

    def excess(true: float) -> float:
        n = (n_positive + n_negative) / 2 - 1
        spread = 1 + n * ((1 - true) / (2 - true) + true / (1 + true))
        return (area - true) ** 2 - z**2 * true * (1 - true) * spread / (n_positive * n_negative)

    return brentq(excess, 0, np.nextafter(area, 0), xtol=1e-15)
