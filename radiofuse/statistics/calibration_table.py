"""Calibration of every model, outcome and class in one table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.statistics.calibration import calibration_line
from radiofuse.statistics.calibration_errors import calibration_error
from radiofuse.tables.predictions import check_predictions, outcomes_of, repeats_of


def calibration_table(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return slope and intercept of every model, and the mean probability beside the share that it should be.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, slope and intercept (of `calibration_line`; 1 and 0 would be perfect), predicted
        (the mean probability of the class), observed (its share among the samples), n_left_out (rows of probability
        0 or 1, which no line has) and ece (`calibration_error` in 10 bins, the mean of the repeats); outcome and class
        where the predictions have them. Of several classes each is held against the rest.

    See Also
    --------
    calibration_points : Observed shares in bins, for a figure.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 0, 1, 1], "probability": [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]})
    >>> calibration_table(table).round(2)
      model  slope  intercept  predicted  observed  n_left_out   ece
    0    t1    0.5        0.0        0.5       0.5           0  0.13
    """
    check_predictions(predictions)
    found = []
    for outcome in outcomes_of(predictions):
        for model in outcome.rows["model"].unique():
            of_model = outcome.rows[outcome.rows["model"] == model]
            for cls in outcome.classes:
                rows = of_model[of_model["class"] == cls] if "class" in of_model else of_model
                line, means = calibration_line(rows, model), rows[["probability", "label"]].mean()
                numbers = (line.slope, line.intercept, means["probability"], means["label"], line.n_left_out)
                errors = [calibration_error(repeat.label, repeat.probability) for repeat in repeats_of(rows)]
                found.append((outcome.name, model, cls, *numbers, float(np.mean(errors))))
    columns = ["outcome", "model", "class", "slope", "intercept", "predicted", "observed", "n_left_out", "ece"]
    absent = [column for column in ("outcome", "class") if column not in predictions]
    return pd.DataFrame(found, columns=columns).drop(columns=absent)
