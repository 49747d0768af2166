"""Calls of every model at a threshold that was chosen without the patients that are called."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.statistics.metrics import confusion
from radiofuse.statistics.operating_points import score_calls
from radiofuse.statistics.thresholds import THRESHOLD_RULES, ThresholdRule, choose_threshold, thresholds_by_fold
from radiofuse.tables.predictions import check_predictions, outcomes_of, rows_of_model
from radiofuse.wording import listed

COLUMNS = ["outcome", "model", "class", "metric", "value", "low", "high"]
CALLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
logger = logging.getLogger(__name__)


@validate_params(
    THRESHOLD_RULES
    | {
        "predictions": [pd.DataFrame],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def operating_points_table(
    predictions: pd.DataFrame,
    rule: ThresholdRule = "youden",
    *,
    at_least: float = 0.9,
    cost_fn: float = 1.0,
    cost_fp: float = 1.0,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Score the calls of every model of every outcome of two classes, at thresholds chosen as in `thresholds_by_fold`.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    rule, at_least, cost_fn, cost_fp
        As in `choose_threshold`.
    n_resamples : int, default=2000
        Resamples of the patients.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, metric, value, low, high. The metrics are those of `score_calls`, with their
        intervals; before them the four counts of calls (the mean of the repeats), and threshold: that for new patients,
        chosen on all of the model's predictions, between the lowest and the highest that a fold had. Outcomes of
        several classes are not in it, and a model whose predictions outside some fold lack a label is named in a
        warning instead.

    Raises
    ------
    RequestError
        The predictions cannot be scored.

    See Also
    --------
    confusion_table : The calls at a threshold that is given, and those of several classes.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0,
    ...     "fold": [0, 0, 1, 1], "model": "t1", "label": [0, 1, 0, 1], "probability": [0.25, 0.75, 0.5, 1.0]})
    >>> points = operating_points_table(table, n_resamples=100).set_index("metric")["value"]
    >>> points[["threshold", "true_positives", "recall"]].to_dict()
    {'threshold': 0.625, 'true_positives': 2.0, 'recall': 1.0}
    """
    check_predictions(predictions)
    how = {"at_least": at_least, "cost_fn": cost_fn, "cost_fp": cost_fp}
    rows, left_out = [], []
    for outcome in (one for one in outcomes_of(predictions) if one.kind == "binary"):
        for model in outcome.rows["model"].unique():
            of_model = rows_of_model(outcome.rows, model)
            if not _can_choose(of_model):
                left_out.append(f"{model} of {outcome.title}" if outcome.name else model)
                continue
            calls = thresholds_by_fold(of_model, model, rule, **how)
            chosen = choose_threshold(of_model["label"], of_model["probability"], rule, **how)
            threshold = (chosen, calls["threshold"].min(), calls["threshold"].max())
            found = _scored(calls, threshold, n_resamples, random_state)
            rows += [(outcome.name, model, outcome.classes[0], *one) for one in found]
    if left_out:
        logger.warning(
            "No operating point of %s: outside of some fold there are no predictions of both labels.", listed(left_out)
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def given_points_table(
    predictions: pd.DataFrame,
    thresholds: Mapping[tuple[str, str], float],
    *,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Score the calls of models at thresholds that were chosen before, on other patients.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    thresholds : mapping of (str, str) to float
        By outcome and model; a model without one is left out, as are outcomes of several classes.
    n_resamples, random_state
        As in `operating_points_table`.

    Returns
    -------
    DataFrame
        As from `operating_points_table`; a threshold has no ends.

    Raises
    ------
    RequestError
        The predictions cannot be scored.

    See Also
    --------
    operating_points_table : Chooses thresholds.

    Examples
    --------
    >>> ids, numbers = list("abcd"), {"label": [0, 1, 0, 1], "probability": [0.25, 0.75, 0.5, 1.0]}
    >>> table = pd.DataFrame({"outcome": "idh", "class": "mutant", "sample_id": ids, "patient_id": ids, "repeat": 0,
    ...     "fold": 0, "model": "t1", **numbers})
    >>> points = given_points_table(table, {("idh", "t1"): 0.4}, n_resamples=100).set_index("metric")["value"]
    >>> points[["threshold", "false_positives", "recall"]].to_dict()
    {'threshold': 0.4, 'false_positives': 1.0, 'recall': 1.0}
    """
    check_predictions(predictions)
    rows = []
    for outcome in (one for one in outcomes_of(predictions) if one.kind == "binary"):
        for model in (name for name in outcome.rows["model"].unique() if (outcome.name, name) in thresholds):
            own, threshold = rows_of_model(outcome.rows, model), thresholds[outcome.name, model]
            calls = own.assign(call=(own["probability"] >= threshold).astype(int))
            found = _scored(calls, (threshold, np.nan, np.nan), n_resamples, random_state)
            rows += [(outcome.name, model, outcome.classes[0], *one) for one in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _scored(
    calls: pd.DataFrame,
    threshold: tuple[float, float, float],
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> list[tuple[str, float, float, float]]:
    """Return the threshold, the counts of calls and what they are worth."""
    scores = score_calls(calls, n_resamples=n_resamples, random_state=random_state)
    rows = scores[["metric", "value", "low", "high"]].itertuples(index=False, name=None)
    return [("threshold", *threshold), *_counts(calls), *rows]


def _can_choose(rows: pd.DataFrame) -> bool:
    """Say whether the patients outside each fold have both labels."""
    parts = (part for _, repeat in rows.groupby("repeat") for part in _outside_each_fold(repeat))
    return all(part["label"].nunique() == 2 for part in parts)


def _outside_each_fold(repeat: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, tested in repeat.groupby("fold"):
        yield repeat[~repeat["patient_id"].isin(tested["patient_id"])]


def _counts(calls: pd.DataFrame) -> list[tuple[str, float, float, float]]:
    """Return the mean of the repeats of each kind of call; a count has no interval."""
    counted = [confusion(part["label"].to_numpy(), part["call"].to_numpy()) for _, part in calls.groupby("repeat")]
    means = np.mean(np.array(counted), axis=0)  # in the order of CALLS
    return [(name, float(mean), np.nan, np.nan) for name, mean in zip(CALLS, means, strict=True)]
