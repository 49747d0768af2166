"""What a model is worth once its calls are made: sensitivity and its kin, each with an interval.

Where each row is a patient the intervals have closed forms. Rows of one patient are not independent: with
``patients``, or for calls of several repeats, whole patients are resampled instead.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import betaincinv, ndtri
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse.errors import RequestError
from radiofuse.evaluate.calibration import wilson_interval
from radiofuse.evaluate.inputs import check_calls, patient_places
from radiofuse.evaluate.intervals import RESAMPLING_RULES, draw_seed, multiplicities, value_and_interval
from radiofuse.evaluate.metrics import (
    Confusion,
    accuracy,
    balanced_accuracy,
    confusion,
    f1,
    mcc,
    precision,
    recall,
    specificity,
)
from radiofuse.evaluate.predictions import check_predictions

COLUMNS = ["metric", "value", "low", "high", "method"]
BOOTSTRAP = "percentile bootstrap over patients"


def npv(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the negative calls that are right, 0 if there is none; parameters as in `confusion`."""
    return precision(1 - np.asarray(label), 1 - np.asarray(call), weights)


AVERAGED_METRICS = {
    "recall": recall,
    "specificity": specificity,
    "precision": precision,
    "npv": npv,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1": f1,
    "mcc": mcc,
}
RESAMPLED = {name: RESAMPLING_RULES[name] for name in ("confidence", "random_state")}


@validate_params(
    RESAMPLED
    | {
        "proportion": [StrOptions({"wilson", "clopper-pearson"})],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "patients": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def operating_point(
    label: ArrayLike,
    call: ArrayLike,
    *,
    patients: ArrayLike | None = None,
    proportion: str = "wilson",
    confidence: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return sensitivity, specificity, predictive values, likelihood ratios and more, with intervals.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1.
    call : array-like of shape (n_samples,)
        What the model says, 0 or 1. The threshold behind it must have been chosen elsewhere.
    patients : array-like of shape (n_samples,), optional
        Patient of each row. If given, all intervals are percentiles over resamples of whole patients.
    proportion : {"wilson", "clopper-pearson"}, default="wilson"
        Interval of a proportion. The latter covers at least ``confidence``, at the price of width.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_resamples : int, default=2000
        Resamples of the patients.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns metric, value, low, high, method. Metrics named as in `METRICS` have the same values: recall is
        the sensitivity, precision the positive predictive value. Predictive values hold at the prevalence of
        these rows.

    Raises
    ------
    RequestError
        Labels or calls other than 0 and 1, or unequal lengths.

    Notes
    -----
    Without patients: recall, specificity, precision, npv and accuracy are proportions [1]_ [2]_. Balanced
    accuracy adds two independent ones by their squared distances to their limits [3]_. F1 is 2J / (1 + J), and J
    the share of the rightly called among the rows labeled or called positive, a proportion too [4]_. MCC is a
    correlation: delta method [5]_ for its Fisher transform; at -1 and 1, and where it does not exist, it has no
    interval. Likelihood ratios: delta method for the logarithm [6]_; if a count is 0, half a row is added to each
    of the four counts, and a ratio of 0 or infinity is the limit on its side.

    References
    ----------
    .. [1] Wilson 1927, J Am Stat Assoc 22:209-212.
    .. [2] Clopper and Pearson 1934, Biometrika 26:404-413.
    .. [3] Newcombe 1998, Stat Med 17:873-890, method 10.
    .. [4] Hand, Christen and Kirielle 2021, Mach Learn 110:451-456.
    .. [5] Bishop, Fienberg and Holland 1975, Discrete Multivariate Analysis, section 11.3.
    .. [6] Simel, Samsa and Matchar 1991, J Clin Epidemiol 44:763-770.

    Examples
    --------
    >>> label, call = [1] * 10 + [0] * 10, [1] * 8 + [0] * 11 + [1]
    >>> table = operating_point(label, call).set_index("metric")
    >>> table.loc["recall", ["value", "low", "high"]].astype(float).round(3).to_dict()
    {'value': 0.8, 'low': 0.49, 'high': 0.943}
    """
    label, call = check_calls(label, call)
    if patients is not None:
        places = patient_places(patients, len(label))
        counts = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))
        return _resampled_table([(label, call, counts[places])], confidence)
    intervals = _closed_intervals(confusion(label, call), proportion, confidence)
    rows = []
    for metric, value in _values([(label, call, np.ones(len(label)))]).items():
        low, high, method = intervals[metric]
        low, high = (np.nan, np.nan) if np.isnan(value) else (float(low), float(high))
        rows.append((metric, float(value), low, high, method))
    return pd.DataFrame(rows, columns=COLUMNS)


@validate_params(
    RESAMPLED | {"calls": [pd.DataFrame], "n_resamples": [Interval(Integral, 1, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def score_calls(
    calls: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Score the calls of one model, averaged over the repeats, with intervals over patients.

    The likelihood ratios are those of the averaged sensitivity and specificity, since one repeat without a false
    alarm would make their mean infinite.

    Parameters
    ----------
    calls : DataFrame
        As `thresholds_by_fold` returns it: predictions of one model with the column ``call``.
    n_resamples : int, default=2000
        Resamples of the patients; all rows of a patient, in all repeats, travel together.
    confidence : float, default=0.95
        Coverage of the intervals.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        As from `operating_point`.

    Raises
    ------
    RequestError
        The table cannot be scored, holds more than one model, or lacks the column ``call``.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile interval).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 1], "probability": [0.1, 0.7, 0.6, 0.9], "call": [0, 1, 1, 1]})
    >>> score_calls(table, n_resamples=100).set_index("metric").value[["recall", "specificity"]].to_dict()
    {'recall': 1.0, 'specificity': 0.5}
    """
    check_predictions(calls)
    if "call" not in calls or calls["model"].nunique() > 1:
        raise RequestError(
            f"Scoring calls needs the rows of one model with a column 'call'; these are of {calls['model'].nunique()} "
            f"models with the columns {list(calls.columns)}. Make them with thresholds_by_fold."
        )
    places = patient_places(calls["patient_id"], len(calls))
    counts = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))
    repeats = [
        (*check_calls(rows["label"], rows["call"]), counts[places[calls["repeat"].to_numpy() == repeat]])
        for repeat, rows in calls.groupby("repeat")
    ]
    return _resampled_table(repeats, confidence)


def _resampled_table(repeats: list[tuple[np.ndarray, np.ndarray, np.ndarray]], confidence: float) -> pd.DataFrame:
    rows = []
    for metric, draws in _values(repeats).items():
        if metric in AVERAGED_METRICS:
            interval = value_and_interval(draws, confidence)
        else:  # ratios reach infinity: percentiles of ratio / (1 + ratio), turned back
            shares = np.where(np.isinf(draws), 1.0, draws / (1 + np.where(np.isinf(draws), 0, draws)))
            interval = (float(_quotient(share, 1 - share)) for share in value_and_interval(shares, confidence))
        rows.append((metric, *interval, BOOTSTRAP))
    return pd.DataFrame(rows, columns=COLUMNS)


def _values(repeats: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return each metric over repeats of labels, calls and weights; the likelihood ratios are of the averages."""
    values = {
        metric: np.mean([function(*repeat) for repeat in repeats], axis=0)
        for metric, function in AVERAGED_METRICS.items()
    }
    values["positive_likelihood_ratio"] = _quotient(values["recall"], 1 - values["specificity"])
    values["negative_likelihood_ratio"] = _quotient(1 - values["recall"], values["specificity"])
    return values


def _closed_intervals(c: Confusion, proportion: str, confidence: float) -> dict[str, tuple[float, float, str]]:
    z = ndtri((1 + confidence) / 2)
    limits = wilson_interval if proportion == "wilson" else clopper_pearson_interval

    def of_share(count: float, n: float) -> tuple[float, float]:
        return limits(count / n, n, confidence) if n else (0.0, 1.0)

    sensitivity, specific = of_share(c.tp, c.tp + c.fn), of_share(c.tn, c.tn + c.fp)
    shares = {
        "recall": sensitivity,
        "specificity": specific,
        "precision": of_share(c.tp, c.tp + c.fp),
        "npv": of_share(c.tn, c.tn + c.fn),
        "accuracy": of_share(c.tp + c.tn, sum(c)),
    }
    jaccard = np.array(of_share(c.tp, c.tp + c.fp + c.fn))
    return {metric: (*interval, proportion) for metric, interval in shares.items()} | {
        "balanced_accuracy": (*_balanced(c, sensitivity, specific), f"square-and-add ({proportion})"),
        "f1": (*(2 * jaccard / (1 + jaccard)), f"transformed share ({proportion})"),
        "mcc": (*_correlation_interval(c, z), "delta method, Fisher transform"),
        "positive_likelihood_ratio": (*_ratio_interval(c.tp, c.fn, c.fp, c.tn, z), "log"),
        "negative_likelihood_ratio": (*_ratio_interval(c.fn, c.tp, c.tn, c.fp, z), "log"),
    }


def clopper_pearson_interval(share: np.ndarray, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact interval of a share out of n (Clopper and Pearson 1934, Biometrika 26:404-413)."""
    count, tail = np.round(np.multiply(share, n)), (1 - confidence) / 2
    low = np.where(count > 0, betaincinv(np.maximum(count, 1), n - count + 1, tail), 0.0)
    high = np.where(count < n, betaincinv(count + 1, np.maximum(n - count, 1), 1 - tail), 1.0)
    return low, high


def _balanced(c: Confusion, of_recall: tuple[float, float], of_specificity: tuple[float, float]) -> tuple[float, float]:
    if c.tp + c.fn == 0 or c.tn + c.fp == 0:
        return np.nan, np.nan
    shares = np.array([c.tp / (c.tp + c.fn), c.tn / (c.tn + c.fp)])
    limits = np.array([of_recall, of_specificity])
    below, above = np.sqrt(np.sum((limits - shares[:, None]) ** 2, axis=0))
    return shares.mean() - below / 2, shares.mean() + above / 2


def _correlation_interval(c: Confusion, z: float) -> tuple[float, float]:
    n = sum(c)
    label, call = (c.tp + c.fn) / n, (c.tp + c.fp) / n  # shares of the positive
    scatter = label * (1 - label) * call * (1 - call)
    if scatter == 0 or c.fp == c.fn == 0 or c.tp == c.tn == 0:
        return np.nan, np.nan
    phi = (c.tp * c.tn - c.fp * c.fn) / (n**2 * np.sqrt(scatter))
    label_skew, call_skew = ((2 * share - 1) / np.sqrt(share * (1 - share)) for share in (label, call))
    variance = 1 - phi**2 + (phi + phi**3 / 2) * label_skew * call_skew - 0.75 * phi**2 * (label_skew**2 + call_skew**2)
    half = z * np.sqrt(max(variance, 0.0) / n) / (1 - phi**2)
    return np.tanh(np.arctanh(phi) - half), np.tanh(np.arctanh(phi) + half)


def _ratio_interval(a: float, b: float, c: float, d: float, z: float) -> tuple[float, float]:
    """Return the limits of (a / (a + b)) / (c / (c + d))."""
    a_row, b_row, c_row, d_row = np.array([a, b, c, d]) + (0.0 if a and b and c and d else 0.5)
    center = np.log(a_row / (a_row + b_row)) - np.log(c_row / (c_row + d_row))
    half = z * np.sqrt(1 / a_row - 1 / (a_row + b_row) + 1 / c_row - 1 / (c_row + d_row))
    return 0.0 if a == 0 else np.exp(center - half), np.inf if c == 0 else np.exp(center + half)


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 does not exist, x / 0 is infinite
        return np.divide(numerator, denominator)
