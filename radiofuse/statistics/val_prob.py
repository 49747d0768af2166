"""Every number of R's ``rms::val.prob``: line, likelihoods, smooth errors and Spiegelhalter's test of one model."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import chdtrc, expit, logit, ndtr, xlog1py, xlogy

from radiofuse import notebook
from radiofuse.statistics.calibration import logistic_line, smoothed_shares
from radiofuse.statistics.inputs import check_binary
from radiofuse.statistics.metrics import auc, brier


class CalibrationSummary(NamedTuple):
    """How far probabilities are from meaning what they say; the names of ``val.prob`` in R's rms in brackets."""

    intercept: float  # of the calibration line; 0 is perfect [Intercept]
    slope: float  # of the calibration line; 1 is perfect, below 1 overconfident [Slope]
    in_the_large: float  # intercept at slope 1; above 0 where positives are more frequent than predicted
    auc: float  # of all rows, those of probability 0 or 1 among them, which val.prob leaves out [C (ROC)]
    d_xy: float  # Somers' rank correlation, 2 auc - 1, of the same rows [Dxy]
    r2: float  # Nagelkerke's, of the probabilities as they are [R2]
    d: float  # discrimination index [D]
    d_chi2: float  # [D:Chi-sq]
    u: float  # unreliability index [U]
    u_chi2: float  # [U:Chi-sq]
    u_p: float  # of the hypothesis that intercept and slope are 0 and 1 [U:p]
    q: float  # quality index, d - u [Q]
    brier: float  # [Brier]
    e_max: float  # greatest distance of probability and smoothed share of positives [Emax]
    e_90: float  # its 90th percentile [E90]
    e_avg: float  # its mean, also called integrated calibration index [Eavg]
    s_z: float  # Spiegelhalter's z [S:z]
    s_p: float  # two-sided [S:p]
    n_left_out: int  # rows of probability 0 or 1, which have no log-odds

    def _repr_html_(self) -> str:
        return notebook.result(self)


def calibration_summary(label: ArrayLike, probability: ArrayLike) -> CalibrationSummary:
    """Return the statistics of R's ``rms::val.prob`` and the calibration in the large.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    probability : array-like of shape (n_samples,)
        Probability of label 1, from models that did not see the row.

    Returns
    -------
    CalibrationSummary
        All that rests on the likelihood (line, in_the_large, r2, d, u, q) leaves out the rows of probability 0
        or 1. The AUC and d_xy do not, since such rows have a rank; ``val.prob`` leaves them out of these, too.
        Where the probabilities separate the labels the slope is infinite and its likelihood that of a
        perfect fit; what does not exist because labels or probabilities are constant is NaN.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, probabilities outside 0 to 1, or unequal lengths.

    See Also
    --------
    calibration_line : Of a table of predictions, averaged over repeats.
    brier_decomposition : What of the Brier score is calibration.

    References
    ----------
    Harrell, Lee and Mark 1996, Stat Med 15:361-387 (D, U, Q). Nagelkerke 1991, Biometrika 78:691-692. Austin
    and Steyerberg 2019, Stat Med 38:4051-4065 (E). Spiegelhalter 1986, Stat Med 5:421-433. Van Calster et al.
    2019, BMC Med 17:230 (calibration in the large).

    Examples
    --------
    >>> summary = calibration_summary([0, 0, 1, 0, 1, 1], [0.2, 0.2, 0.2, 0.8, 0.8, 0.8])
    >>> round(summary.slope, 6), round(summary.e_max, 6), round(summary.brier, 6)
    (0.5, 0.133333, 0.24)
    """
    label, probability = check_binary(label, probability)
    inside = (probability > 0) & (probability < 1)
    area = float(auc(label, probability))
    return CalibrationSummary(
        **_likelihood_statistics(label[inside], probability[inside]),
        **_smooth_errors(label, probability),
        **_spiegelhalter(label, probability),
        auc=area,
        d_xy=2 * area - 1,
        brier=float(brier(label, probability)),
        n_left_out=int((~inside).sum()),
    )


def _smooth_errors(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    error = np.abs(probability - smoothed_shares(label, probability))
    return {"e_max": float(error.max()), "e_90": float(np.quantile(error, 0.9)), "e_avg": float(error.mean())}


def _likelihood_statistics(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return what the likelihoods of the labels say: as they are, recalibrated, and of their mean alone."""
    n = len(label)
    if not 0 < label.sum() < n:
        names = ("intercept", "slope", "in_the_large", "r2", "d", "d_chi2", "u", "u_chi2", "u_p", "q")
        return dict.fromkeys(names, np.nan)
    intercept, slope = logistic_line(label, probability)
    own, null = _deviance(label, probability), _deviance_of_mean(label)
    d_chi2, u_chi2 = null - own, own - _deviance_of_line(label, probability, intercept, slope)
    d, u = (d_chi2 - 1) / n, (u_chi2 - 2) / n
    return {
        "intercept": float(intercept),
        "slope": float(slope),
        "in_the_large": _in_the_large(label, probability),
        "r2": float(np.expm1(-d_chi2 / n) / np.expm1(-null / n)),
        "d": d,
        "d_chi2": d_chi2,
        "u": u,
        "u_chi2": u_chi2,
        "u_p": float(chdtrc(2, u_chi2)),
        "q": d - u,
    }


def _deviance(label: np.ndarray, probability: np.ndarray) -> float:
    return -2 * float(np.sum(xlogy(label, probability) + xlog1py(1 - label, -probability)))


def _deviance_of_mean(label: np.ndarray) -> float:
    return _deviance(label, np.full(len(label), label.mean())) if label.size else 0.0


def _deviance_of_line(label: np.ndarray, probability: np.ndarray, intercept: float, slope: float) -> float:
    if np.isinf(slope):  # every row is fitted but those of the value where the labels touch
        touching = np.intersect1d(probability[label == 1], probability[label == 0])
        return _deviance_of_mean(label[np.isin(probability, touching)])
    return _deviance(label, expit(intercept + slope * logit(probability)))


def _in_the_large(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the shift of the log-odds after which as many positives are expected as there are."""
    odds = logit(probability)
    mean = logit(label.mean())
    low, high = mean - odds.max(), mean - odds.min()  # the answer lies between, since expit rises
    return float(brentq(lambda shift: np.mean(expit(odds + shift) - label), low - 1e-9, high + 1e-9, xtol=1e-13))


def _spiegelhalter(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    tilt = 1 - 2 * probability
    variance = float(np.sum(tilt**2 * probability * (1 - probability)))
    if variance == 0:
        return {"s_z": np.nan, "s_p": np.nan}
    z = float(np.sum((label - probability) * tilt)) / np.sqrt(variance)
    return {"s_z": float(z), "s_p": float(2 * ndtr(-abs(z)))}
