"""Calibration of every model, outcome and class in one table."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.statistics.calibration import calibration_line
from radiofuse.statistics.calibration_errors import calibration_error
from radiofuse.statistics.calibration_intervals import line_intervals
from radiofuse.statistics.intervals import draw_seed
from radiofuse.tables.predictions import check_predictions, outcomes_of, repeats_of

LINE = ["slope", "slope_low", "slope_high", "intercept", "intercept_low", "intercept_high"]
COLUMNS = ["outcome", "model", "class", *LINE, "predicted", "observed", "n_left_out", "ece"]


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def calibration_table(
    predictions: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return slope and intercept of every model, and the mean probability beside the share that it should be.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    confidence : float, default=0.95
        Coverage of the intervals.
    n_resamples : int, default=500
        Resamples of the patients; all rows of a patient, in all repeats, travel together.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, slope and intercept (of `calibration_line`; 1 and 0 would be perfect), each with
        the ends of its percentile interval, slope_low, slope_high, intercept_low and intercept_high, predicted (the
        mean probability of the class), observed (its share among the samples), n_left_out (rows of probability
        0 or 1, which no line has) and ece (`calibration_error` in 10 bins, the mean of the repeats); outcome and class
        where the predictions have them. Of several classes each is held against the rest.

    See Also
    --------
    calibration_points : Observed shares in bins, for a figure.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 0, 1, 1], "probability": [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]})
    >>> calibration_table(table)[["model", "slope", "intercept", "predicted", "observed", "ece"]].round(2)
      model  slope  intercept  predicted  observed   ece
    0    t1    0.5        0.0        0.5       0.5  0.13
    """
    check_predictions(predictions)
    found, seed = [], draw_seed(random_state)
    for outcome in outcomes_of(predictions):
        for model in outcome.rows["model"].unique():
            of_model = outcome.rows[outcome.rows["model"] == model]
            for cls in outcome.classes:
                rows = of_model[of_model["class"] == cls] if "class" in of_model else of_model
                line, means = calibration_line(rows, model), rows[["probability", "label"]].mean()
                ends = line_intervals(rows, confidence=confidence, n_resamples=n_resamples, seed=seed)
                numbers = (line.slope, *ends[:2], line.intercept, *ends[2:], *means, line.n_left_out)
                errors = [calibration_error(repeat.label, repeat.probability) for repeat in repeats_of(rows)]
                found.append((outcome.name, model, cls, *numbers, float(np.mean(errors))))
    absent = [column for column in ("outcome", "class") if column not in predictions]
    return pd.DataFrame(found, columns=COLUMNS).drop(columns=absent)
