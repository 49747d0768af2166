"""Scores of every fold by itself, where `score_predictions` pools the folds of a repeat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.statistics.outcome_kinds import KINDS, Ordered, orders_of
from radiofuse.tables.predictions import check_predictions, outcomes_of


def score_folds(predictions: pd.DataFrame, *, threshold: float = 0.5, ordered: Ordered = None) -> pd.DataFrame:
    """Score every model of a predictions table in every fold of every repeat.

    Parameters
    ----------
    predictions, threshold, ordered
        As for `score_predictions`.

    Returns
    -------
    DataFrame
        Columns repeat, fold, model, metric, value, and in front outcome where the predictions have it: the metrics of
        the outcome as a whole, NaN where the fold lacks what one needs, as a class.

    Raises
    ------
    RequestError
        As `score_predictions`.

    Notes
    -----
    The mean over folds differs from the pooled score: no probability is compared with one of another fold, and every
    fold counts alike, however few patients it tests.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": [0, 0, 0, 1],
    ...     "model": "t1", "label": [0, 1, 1, 0], "probability": [0.2, 0.7, 0.1, 0.4]})
    >>> scores = score_folds(table)
    >>> scores[scores["metric"].isin(["auc", "accuracy"])]["value"].round(3).tolist()
    [0.5, 0.667, nan, 1.0]
    """
    check_predictions(predictions)
    outcomes = outcomes_of(predictions)
    orders, scores = orders_of(outcomes, ordered), []
    for outcome in outcomes:
        kind = KINDS[outcome.kind]
        for (repeat, fold, model), rows in outcome.rows.groupby(["repeat", "fold", "model"], sort=False):
            of_fold = kind.of_rows(rows, outcome.classes, threshold, orders[outcome.name])
            once = np.ones((rows["patient_id"].nunique(), 1))
            for (cls, metric), values in of_fold.draws(once).items():
                if cls == of_fold.whole:
                    scores.append((outcome.name, repeat, fold, model, metric, float(values[0])))
    columns = ["outcome", "repeat", "fold", "model", "metric", "value"]
    return pd.DataFrame(scores, columns=columns).drop(columns=[] if "outcome" in predictions else ["outcome"])
