"""The points of a ROC curve, with a band."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities
from radiofuse.tables.predictions import Repeat, check_slice, repeats_of, rows_of_model

FALSE_POSITIVE_RATES = np.linspace(0, 1, 201)


@validate_params(
    {name: rule for name, rule in RESAMPLING_RULES.items() if name != "threshold"} | {"model": [str]},
    prefer_skip_nested_validation=True,
)
def roc_points(
    predictions: pd.DataFrame,
    model: str,
    *,
    n_resamples: int = 500,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the ROC curve of a model, averaged over the repeats, with a pointwise band.

    At each false-positive rate the true-positive rates of the repeats are averaged, so that the area under the
    curve is the AUC of `score_predictions` but for the spacing of the points. The band holds the percentiles
    over resamples of the patients, as there.

    Parameters
    ----------
    predictions, n_resamples, confidence, random_state
        As in `score_predictions`; the predictions of one class of one outcome, which `radiofuse.tables.slice_of` picks.
    model : str
        Name in the column ``model``.

    Returns
    -------
    DataFrame
        Columns false_positive_rate, true_positive_rate, low, high; from (0, 0) to (1, 1). All rates are NaN
        where the model's rows have one label.

    See Also
    --------
    auc : The area below.
    choose_threshold : One point of the curve.

    References
    ----------
    Fawcett 2006, Pattern Recognit Lett 27:861-874, section 9 (vertical averaging).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> roc_points(table, "t1").true_positive_rate.iloc[[0, 1, 100, 101, -1]].tolist()
    [0.0, 0.5, 0.5, 1.0, 1.0]
    """
    check_slice(predictions, "A ROC curve")
    rows = rows_of_model(predictions, model)
    counts = multiplicities(rows["patient_id"].nunique(), n_resamples, draw_seed(random_state))
    repeats = repeats_of(rows)
    curves = sum(_curves(repeat, counts) for repeat in repeats) / len(repeats)
    band = np.full((2, len(FALSE_POSITIVE_RATES)), np.nan)
    existing = curves[1:][~np.isnan(curves[1:, 0])]
    if existing.size:
        band = np.quantile(existing, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    points = np.column_stack([FALSE_POSITIVE_RATES, curves[0], *band])
    columns = ["false_positive_rate", "true_positive_rate", "low", "high"]
    return pd.DataFrame(np.vstack([np.zeros(4), points]), columns=columns)


def _curves(repeat: Repeat, counts: np.ndarray) -> np.ndarray:
    """Return one curve per column of ``counts``, on the common rates; NaN where a label is absent."""
    order = np.argsort(-repeat.probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(repeat.probability[order])), len(order) - 1)
    is_positive, weights = repeat.label[order, None] == 1, counts[repeat.patient[order]]
    true, false = (
        np.vstack([np.zeros(counts.shape[1]), np.cumsum(weights * rows, axis=0)[ends]])
        for rows in (is_positive, ~is_positive)
    )
    curves = np.full((counts.shape[1], len(FALSE_POSITIVE_RATES)), np.nan)
    for column in np.flatnonzero((true[-1] > 0) & (false[-1] > 0)):
        rates = false[:, column] / false[-1, column]
        curves[column] = np.interp(FALSE_POSITIVE_RATES, rates, true[:, column] / true[-1, column])
    return curves
