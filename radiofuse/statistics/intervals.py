"""Scores with intervals from resampled patients."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.statistics.closed_intervals import closed_intervals, wilson_interval
from radiofuse.statistics.delong import newcombe_interval
from radiofuse.statistics.metrics import METRICS, Confusion, confusion, score
from radiofuse.tables.predictions import Repeat, check_predictions, repeats_of, rows_of_model

BOUNDS = dict.fromkeys(METRICS, (0.0, 1.0)) | {"mcc": (-1.0, 1.0)}
logger = logging.getLogger(__name__)

RESAMPLING_RULES = {
    "predictions": [pd.DataFrame],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "confidence": [Interval(Real, 0, 1, closed="neither")],
    "random_state": ["random_state"],
    "threshold": [Interval(Real, 0, 1, closed="both")],
}


@validate_params(RESAMPLING_RULES, prefer_skip_nested_validation=True)
def score_predictions(
    predictions: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
    threshold: float = 0.5,
) -> pd.DataFrame:
    """Score every model of a predictions table, each metric with an interval.

    The out-of-fold predictions of a repeat are pooled, the metric is taken of the pool, and the values of the
    repeats are averaged. Intervals are percentiles over resamples of the patients with replacement; all rows
    of a patient, in all repeats, travel together. They say what other patients would have changed, with the
    fitted models held fixed. A resample without both labels is left out of the metrics that need both, and a
    warning is logged that says how many were.

    A model's numbers depend on its own rows only, not on their order nor on the other models, and models of
    equally many patients are resampled alike.

    Parameters
    ----------
    predictions : DataFrame
        Columns sample_id, patient_id, repeat, fold, model, label (0 or 1), probability.
    n_resamples : int, default=2000
        Resamples of the patients.
    confidence : float, default=0.95
        Coverage of the intervals.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.
    threshold : float, default=0.5
        A row is called positive from this probability on.

    Returns
    -------
    DataFrame
        Columns model, metric, value, low, high, n_samples, n_patients; models in the order of the table.
        A metric that does not exist, such as the AUC of a model whose rows have one label, is NaN; precision and
        F1 without a positive call are 0, as in scikit-learn with ``zero_division=0``.

    Raises
    ------
    RequestError
        The table lacks a column, or holds impossible labels, probabilities or repeated predictions.

    Notes
    -----
    Pooling compares probabilities of different folds. A rule that answers each fold's training prevalence is
    not constant: it falls where the test fold holds more positives, so its AUC is a little below .5 [2]_.

    A metric as good or as bad as it gets, such as an AUC of 1, is the same in every resample, and its percentiles
    would say that other patients could change nothing. Its interval is then in closed form, each patient counting
    once: Newcombe's of an AUC [3]_, Wilson's of a proportion [4]_ and what `operating_point` makes of it for F1
    and balanced accuracy; a Brier score of 0 or 1 is the share of wrong calls. A correlation of 1 has no interval.

    References
    ----------
    .. [1] Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile interval).
    .. [2] Forman and Scholz 2010, SIGKDD Explor 12(1):49-57 (pooling across folds).
    .. [3] Newcombe 2006, Stat Med 25:559-573, method 5.
    .. [4] Wilson 1927, J Am Stat Assoc 22:209-212.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 1], "probability": [0.1, 0.7, 0.6, 0.9]})
    >>> scores = score_predictions(table, n_resamples=200).set_index("metric")
    >>> float(scores.value["auc"]), float(scores.value["accuracy"]), int(scores.n_patients["auc"])
    (0.75, 0.75, 4)
    """
    check_predictions(predictions)
    seed = draw_seed(random_state)
    scores, left_out = [], {}
    for model in predictions["model"].unique():
        rows = rows_of_model(predictions, model)
        n_patients = rows["patient_id"].nunique()
        counts = multiplicities(n_patients, n_resamples, seed)
        repeats = repeats_of(rows)
        draws = resampled_scores(repeats, METRICS, counts, threshold)
        left_out[model] = np.isnan(draws["auc"])
        for metric in METRICS:
            value, low, high = value_and_interval(draws[metric], confidence)
            if low == high and value in BOUNDS[metric]:
                low, high = _interval_at_bound(metric, value, repeats, threshold, confidence)
            scores.append((model, metric, value, low, high, rows["sample_id"].nunique(), n_patients))
    _say_what_was_left_out(left_out)
    columns = ["model", "metric", "value", "low", "high", "n_samples", "n_patients"]
    return pd.DataFrame(scores, columns=columns)


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return one seed, so that several resamplings can be made alike."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def multiplicities(n_patients: int, n_resamples: int, seed: int) -> np.ndarray:
    """Return how often each patient is drawn: shape (n_patients, 1 + n_resamples).

    Column 0 is the cohort itself, every patient once; each other column is a draw with replacement.
    """
    drawn = np.random.default_rng(seed).integers(n_patients, size=(n_patients, n_resamples))
    return np.column_stack([np.ones(n_patients), times_drawn(drawn, n_patients)])


def times_drawn(drawn: np.ndarray, n_patients: int) -> np.ndarray:
    """Return how often each patient is in each column of drawn places: shape (n_patients, n_resamples)."""
    n_resamples = drawn.shape[1]
    cells = drawn * n_resamples + np.arange(n_resamples)
    return np.bincount(cells.ravel(), minlength=n_patients * n_resamples).reshape(n_patients, n_resamples)


def resampled_scores(
    repeats: Sequence[Repeat], metrics: Sequence[str], counts: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Return each metric, averaged over the repeats, for each column of ``counts``."""
    totals = {metric: np.zeros(counts.shape[1]) for metric in metrics}
    for repeat in repeats:
        weights = counts[repeat.patient]
        for metric in metrics:
            totals[metric] += score(metric, repeat.label, repeat.probability, weights, threshold=threshold)
    return {metric: total / len(repeats) for metric, total in totals.items()}


def value_and_interval(draws: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Return the cohort's own value and the percentiles of the resamples in which the metric exists."""
    value, resampled = draws[0], draws[1:]
    existing = resampled[~np.isnan(resampled)]
    if np.isnan(value) or existing.size == 0:
        return float(value), np.nan, np.nan
    low, high = np.quantile(existing, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(value), float(low), float(high)


def confusion_by_patient(label: np.ndarray, call: np.ndarray, patient: np.ndarray) -> Confusion:
    """Count each patient once: the counts by the shares of the patient's rows, of all repeats, in each.

    Examples
    --------
    >>> [float(count) for count in confusion_by_patient([1, 1, 0, 0], [1, 0, 0, 0], np.array([0, 0, 1, 1]))]
    [0.5, 0.0, 0.5, 1.0]
    """
    return confusion(label, call, 1 / np.bincount(patient)[patient])


def _interval_at_bound(
    metric: str, value: float, repeats: Sequence[Repeat], threshold: float, confidence: float
) -> tuple[float, float]:
    """Return the interval, in closed form, of a metric that is as low or as high as it gets."""
    label, probability, patient = (np.concatenate(parts) for parts in zip(*repeats, strict=True))
    c = confusion_by_patient(label, probability >= threshold, patient)
    if metric == "auc":
        return newcombe_interval(value, float(c.tp + c.fn), float(c.fp + c.tn), confidence)
    if metric == "brier":
        low, high = wilson_interval(value, sum(c), confidence)
    else:
        low, high, _ = closed_intervals(c, "wilson", confidence)[metric]
    return float(low), float(high)


def _say_what_was_left_out(left_out: dict[str, np.ndarray]) -> None:
    """Say once which models have rows of one label only, and how many resamples had."""
    one_label = [model for model, missing in left_out.items() if missing[0]]
    if one_label:
        logger.warning(
            "All rows of %s have one label: AUC and what else needs both does not exist.", ", ".join(one_label)
        )
    counts = {model: int(missing[1:].sum()) for model, missing in left_out.items() if not missing[0]}
    worst = max(counts, key=counts.__getitem__, default=None)
    if worst is not None and counts[worst]:
        logger.warning(
            "Up to %d of %d resamples (%s) have one label only and are left out of the intervals that need both.",
            counts[worst],
            left_out[worst].size - 1,
            worst,
        )
