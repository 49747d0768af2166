"""What a model is worth once its calls are made: sensitivity and its kin, each with an interval.

Where each row is a patient the intervals have closed forms. Rows of one patient are not independent: with
``patients``, or for calls of several repeats, whole patients are resampled instead.
"""

from __future__ import annotations

import logging
from numbers import Integral
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse.errors import RequestError
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.closed_intervals import closed_intervals
from radiofuse.statistics.inputs import check_calls, patient_places
from radiofuse.statistics.intervals import (
    RESAMPLING_RULES,
    confusion_by_patient,
    draw_seed,
    multiplicities,
    value_and_interval,
)
from radiofuse.statistics.metrics import Confusion, accuracy, balanced_accuracy, confusion, f1, mcc, recall, specificity
from radiofuse.tables.predictions import check_slice

COLUMNS = ["metric", "value", "low", "high", "method"]
BOOTSTRAP = "percentile bootstrap over patients"
logger = logging.getLogger(__name__)


def ppv(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the positive calls that are right, NaN if there is none; parameters as in `confusion`."""
    return recall(call, label, weights)  # label and call exchanged


def npv(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the negative calls that are right, NaN if there is none; parameters as in `confusion`."""
    return specificity(call, label, weights)


AVERAGED_METRICS = {
    "recall": recall,
    "specificity": specificity,
    "precision": ppv,
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
    proportion: Literal["wilson", "clopper-pearson"] = "wilson",
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
        Patient of each row. If given, intervals are percentiles over resamples of whole patients.
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
        these rows, and are NaN without a call of their kind (`METRICS` says 0 of precision there).

    Raises
    ------
    RequestError
        Labels or calls other than 0 and 1, or unequal lengths.

    See Also
    --------
    choose_threshold : Chooses the threshold.
    score_calls : Of calls that are there.

    Notes
    -----
    Without patients: recall, specificity, precision, npv and accuracy are proportions [1]_ [2]_. Balanced
    accuracy adds two independent ones by their squared distances to their limits [3]_. F1 is 2J / (1 + J), and J
    the share of the rightly called among the rows labeled or called positive, a proportion too [4]_. MCC is a
    correlation: delta method [5]_ for its Fisher transform; at -1 and 1, and where it does not exist, it has no
    interval. Likelihood ratios: delta method for the logarithm [6]_; if a count is 0, half a row is added to each
    of the four counts, and a ratio of 0 or infinity is the limit on its side.

    With patients: resamples in which a metric does not exist are left out of its interval, and a warning says how
    many. Where the interval has no width, as that of a sensitivity of 1, which is 1 in every resample, it is the
    one in closed form (with Wilson's of a proportion) of mean counts, in which each patient counts once, and
    ``method`` says so.

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
    refuse_misaligned(label=label, call=call, patients=patients)
    label, call = check_calls(label, call)
    if patients is not None:
        places = patient_places(patients, len(label))
        counts = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))
        by_patient = confusion_by_patient(label, call, places)
        return _resampled_table([(label, call, counts[places])], by_patient, confidence)
    intervals = closed_intervals(confusion(label, call), proportion, confidence)
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
    alarm would make their mean infinite. A predictive value without a call of its kind in some repeat is NaN.

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
        As from `operating_point` with patients.

    Raises
    ------
    RequestError
        The table cannot be scored, holds more than one model, or lacks the column ``call``.

    See Also
    --------
    operating_point : Of probabilities and a threshold.

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
    check_slice(calls, "A score of calls")
    if "call" not in calls or calls["model"].nunique() > 1:
        raise RequestError(
            f"Scoring calls needs the rows of one model with a column 'call'; these are of {calls['model'].nunique()} "
            f"models with the columns {list(calls.columns)}. Make them with thresholds_by_fold."
        )
    places = patient_places(calls["patient_id"], len(calls))
    counts = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))
    label, call = check_calls(calls["label"], calls["call"])
    parts = [np.flatnonzero(calls["repeat"] == repeat) for repeat in np.unique(calls["repeat"])]
    repeats = [(label[rows], call[rows], counts[places[rows]]) for rows in parts]
    return _resampled_table(repeats, confusion_by_patient(label, call, places), confidence)


def _resampled_table(
    repeats: list[tuple[np.ndarray, np.ndarray, np.ndarray]], by_patient: Confusion, confidence: float
) -> pd.DataFrame:
    values, closed = _values(repeats), closed_intervals(by_patient, "wilson", confidence)
    rows = []
    for metric, draws in values.items():
        if metric in AVERAGED_METRICS:
            value, low, high = value_and_interval(draws, confidence)
        else:  # ratios reach infinity: percentiles of ratio / (1 + ratio), turned back
            shares = np.where(np.isinf(draws), 1.0, draws / (1 + np.where(np.isinf(draws), 0, draws)))
            value, low, high = (float(_quotient(share, 1 - share)) for share in value_and_interval(shares, confidence))
        method = BOOTSTRAP
        if low == high:
            low, high, closed_method = closed[metric]
            method = f"{closed_method}, over patients: the resamples do not differ"
        rows.append((metric, value, float(low), float(high), method))
    _say_what_was_left_out(values)
    return pd.DataFrame(rows, columns=COLUMNS)


def _say_what_was_left_out(values: dict[str, np.ndarray]) -> None:
    missing = {metric: np.isnan(draws[1:]).sum() for metric, draws in values.items() if not np.isnan(draws[0])}
    told = [f"{n} without {metric}" for metric, n in missing.items() if n]
    if told:
        n_resamples = len(values["recall"]) - 1
        logger.warning("Of %d resamples there are left out of intervals: %s.", n_resamples, ", ".join(told))


def _values(repeats: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return each metric over repeats of labels, calls and weights; the likelihood ratios are of the averages."""
    values = {
        metric: np.mean([function(*repeat) for repeat in repeats], axis=0)
        for metric, function in AVERAGED_METRICS.items()
    }
    values["positive_likelihood_ratio"] = _quotient(values["recall"], 1 - values["specificity"])
    values["negative_likelihood_ratio"] = _quotient(1 - values["recall"], values["specificity"])
    return values


def _quotient(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 does not exist, x / 0 is infinite
        return np.divide(numerator, denominator)
