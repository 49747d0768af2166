"""Which classes are called which: the counts behind all scores of calls, as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.statistics.intervals import RESAMPLING_RULES
from radiofuse.statistics.outcome_kinds import KINDS
from radiofuse.tables.predictions import check_predictions, outcomes_of, rows_of_model


@validate_params(
    {name: RESAMPLING_RULES[name] for name in ("predictions", "threshold")}, prefer_skip_nested_validation=True
)
def confusion_table(predictions: pd.DataFrame, *, threshold: float = 0.5) -> pd.DataFrame:
    """Count how often the samples of each class are called each class, for every outcome and model.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    threshold : float, default=0.5
        A row of a binary outcome is called positive from this probability on. Of several classes the most probable
        one is called, the first of equals.

    Returns
    -------
    DataFrame
        Columns model, class (of the samples), called, n (samples; the mean of the repeats) and share (of the samples of
        the class, NaN where there are none); before them outcome, where the predictions have it. A binary outcome has
        its positive class and "not" that class, 1 and 0 where the predictions have no column class.

    Raises
    ------
    RequestError
        The predictions cannot be scored.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "class": "mutant", "label": [0, 0, 1, 1], "probability": [0.1, 0.7, 0.6, 0.9]})
    >>> confusion_table(table).pivot(index="class", columns="called", values="n")
    called      mutant  not mutant
    class
    mutant         2.0         0.0
    not mutant     1.0         1.0
    """
    check_predictions(predictions)
    parts = []
    for outcome in outcomes_of(predictions):
        for model in outcome.rows["model"].unique():
            rows = rows_of_model(outcome.rows, model)
            classes, counts = KINDS[outcome.kind].of_rows(rows, outcome.classes, threshold, None).confusion()
            there = counts.sum(axis=1, keepdims=True)
            share = np.divide(counts, there, out=np.full_like(counts, np.nan), where=there > 0)
            cells = {"class": np.repeat(classes, len(classes)), "called": np.tile(classes, len(classes))}
            numbers = {"n": counts.ravel(), "share": share.ravel()}
            parts.append(pd.DataFrame({"outcome": outcome.name, "model": model, **cells, **numbers}))
    table = pd.concat(parts, ignore_index=True)
    return table if "outcome" in predictions else table.drop(columns="outcome")
