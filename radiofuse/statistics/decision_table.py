"""The decision curves of every model of a table of predictions."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.statistics.net_benefit import decision_points
from radiofuse.tables.predictions import check_predictions, outcomes_of, rows_of_model

KEYS = ["outcome", "model", "class"]


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def decision_table(
    predictions: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_resamples: int = 500,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the decision curves of every model of every outcome of two classes.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    confidence, n_resamples, random_state
        As in `decision_points`.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, threshold, net_benefit, low, high, treat_all, as from `decision_points`.

    Raises
    ------
    RequestError
        The predictions cannot be scored.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.25, 0.75, 0.25, 0.75]})
    >>> curves = decision_table(table, n_resamples=100)
    >>> curves.loc[curves["threshold"] == 0.5, "net_benefit"].tolist()
    [0.5]
    """
    check_predictions(predictions)
    resampling = {"confidence": confidence, "n_resamples": n_resamples, "random_state": random_state}
    columns, parts = ["threshold", "net_benefit", "low", "high", "treat_all"], []
    for outcome in (one for one in outcomes_of(predictions) if one.kind == "binary"):
        for model in outcome.rows["model"].unique():
            curve = decision_points(rows_of_model(outcome.rows, model), model, **resampling)[columns]
            head = {"outcome": outcome.name, "model": model, "class": outcome.classes[0]}
            parts.append(pd.DataFrame(head, index=curve.index).join(curve))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*KEYS, *columns])
