"""What recalibrating does to the probabilities of every model: each measure before and after, with the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.calibration_errors import resampled_errors
from radiofuse.statistics.calibration_intervals import resampled_lines
from radiofuse.statistics.intervals import draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.metrics import auc, brier, log_loss
from radiofuse.tables.predictions import OutcomeRows, Repeat, check_predictions, outcomes_of, repeats_of

COLUMNS = ["outcome", "model", "class", "method", "metric", "before", "after", "difference", "low", "high"]

METRICS = ("ece", "adaptive_ece", "brier", "log_loss", "slope", "intercept", "auc")
# Chance keeps an error over bins above 0 and resamples add to that, the more the better calibrated a model is.
NO_INTERVAL = ("ece", "adaptive_ece")


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "recalibrated": [pd.DataFrame],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def recalibration_table(
    predictions: pd.DataFrame,
    recalibrated: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return what each way to recalibrate makes of every model, measured on the same patients before and after.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    recalibrated : DataFrame
        The same rows, once for each way, which the further column method names, with other probabilities.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_resamples : int, default=500
        Resamples of the patients; all rows of a patient, in all repeats, travel together.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        A row per outcome, model, class, method and metric: before, after, difference (after less before), and low and
        high, the percentile interval of the difference. Of several classes each is held against the rest. Metrics are
        ece and adaptive_ece (`calibration_error` in 10 bins of equal width, or count), brier, log_loss, slope and
        intercept (`calibration_line`) and auc, each the mean of the repeats. Calibration errors have no interval:
        chance keeps them above 0, and resampling adds to that. Slope and intercept are NaN where a probability is 0 or
        1, which isotonic regression makes and votes are: there is no line through all patients.

    Raises
    ------
    RequestError
        The predictions cannot be scored, or a model was recalibrated for other samples than it predicts.

    See Also
    --------
    calibration_table : Slope and intercept with their own intervals.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 0, 1, 1], "probability": [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]})
    >>> after = table.assign(probability=table["probability"].map({0.2: 1 / 3, 0.8: 2 / 3}), method="temperature")
    >>> found = recalibration_table(table, after).set_index("metric")
    >>> found.loc[["ece", "slope", "auc"], ["before", "after"]].round(2).to_numpy().tolist()
    [[0.13, 0.0], [0.5, 1.0], [0.67, 0.67]]
    """
    check_predictions(predictions)
    counts, rows = _Counts(n_resamples, draw_seed(random_state), {}), []
    for outcome in outcomes_of(predictions):
        own = _of_outcome(recalibrated, outcome)
        for (model, cls), pairs in _pairs(outcome, own):
            drawn = counts.of(pairs.n_patients)
            before = _measures(pairs.before, drawn)
            for method, repeats in pairs.methods.items():
                after = _measures(repeats, drawn)
                lines = [(name, *_difference(name, before[name], after[name], confidence)) for name in METRICS]
                rows += [(outcome.name, model, cls, method, *line) for line in lines]
    return pd.DataFrame(rows, columns=COLUMNS)


class _Counts(NamedTuple):
    """Resamples, drawn once for each number of patients, so that all differences are paired."""

    n_resamples: int
    seed: int
    drawn: dict[int, np.ndarray]

    def of(self, n_patients: int) -> np.ndarray:
        if n_patients not in self.drawn:
            self.drawn[n_patients] = multiplicities(n_patients, self.n_resamples, self.seed)
        return self.drawn[n_patients]


class _Pairs(NamedTuple):
    """The repeats of one model and class before, and after by method."""

    before: list[Repeat]
    methods: dict[str, list[Repeat]]

    @property
    def n_patients(self) -> int:
        return 1 + max(int(repeat.patient.max()) for repeat in self.before)


def _of_outcome(table: pd.DataFrame, outcome: OutcomeRows) -> pd.DataFrame:
    return table[table["outcome"].astype(str) == outcome.name] if "outcome" in table else table


def _pairs(outcome: OutcomeRows, recalibrated: pd.DataFrame) -> Iterator[tuple[tuple[str, str], _Pairs]]:
    """Yield the models that were recalibrated, class by class."""
    for model in recalibrated["model"].unique():
        for cls in outcome.classes:
            before, after = _one(outcome.rows, model, cls), _one(recalibrated, model, cls)
            of_methods = dict(list(after.groupby("method", sort=False)))
            for method, rows in of_methods.items():
                _refuse_others(before, rows, f"{model} of {outcome.title} by {method}")
            methods = {method: repeats_of(rows) for method, rows in of_methods.items()}
            yield (model, cls), _Pairs(repeats_of(before), methods)


def _refuse_others(before: pd.DataFrame, after: pd.DataFrame, what: str) -> None:
    n_both = len(after.merge(before, on=["repeat", "sample_id"]))
    if not n_both == len(before) == len(after):
        raise RequestError(
            f"{what}: {len(before)} predictions, {len(after)} recalibrated ones, and {n_both} in common; as many were "
            "expected. Give each prediction one recalibrated probability."
        )


def _one(table: pd.DataFrame, model: str, cls: str) -> pd.DataFrame:
    rows = table[table["model"] == model]
    return rows[rows["class"].astype(str) == cls] if "class" in rows else rows


def _measures(repeats: Sequence[Repeat], drawn: np.ndarray) -> dict[str, np.ndarray]:
    """Return each metric in every resample, the mean of the repeats."""
    found = [_of_repeat(one.label, one.probability, drawn[one.patient]) for one in repeats]
    with np.errstate(invalid="ignore"):  # infinite slopes of both signs have no mean
        return {name: np.mean([one[name] for one in found], axis=0) for name in METRICS}


def _of_repeat(label: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    if ((probability > 0) & (probability < 1)).all():
        intercept, slope = resampled_lines(label.astype(float), logit(probability), weights)
    else:  # 0 and 1 have no log-odds, and a line through the other patients would be of others than before
        intercept = slope = np.full(weights.shape[1], np.nan)
    return {
        "ece": resampled_errors(label, probability, weights),
        "adaptive_ece": resampled_errors(label, probability, weights, strategy="quantile"),
        "brier": brier(label, probability, weights),
        "log_loss": log_loss(label, probability, weights),
        "slope": slope,
        "intercept": intercept,
        "auc": auc(label, probability, weights),
    }


def _difference(
    name: str, before: np.ndarray, after: np.ndarray, confidence: float
) -> tuple[float, float, float, float, float]:
    with np.errstate(invalid="ignore"):
        draws = after - before
    draws = np.where(np.isfinite(draws), draws, np.nan)  # slopes are infinite where labels are apart
    difference, low, high = value_and_interval(draws, confidence)
    ends = (np.nan, np.nan) if name in NO_INTERVAL else (low, high)
    return float(before[0]), float(after[0]), difference, *ends
