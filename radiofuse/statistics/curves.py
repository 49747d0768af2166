"""The points of a ROC curve and of a precision-recall curve, with bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities
from radiofuse.tables.predictions import Repeat, check_slice, repeats_of, rows_of_model

FALSE_POSITIVE_RATES = np.linspace(0, 1, 201)
RECALLS = np.linspace(0, 1, 201)


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
    curve = _with_band(_roc_curves, rows_of_model(predictions, model), n_resamples, confidence, random_state)
    points = np.column_stack([FALSE_POSITIVE_RATES, *curve])
    columns = ["false_positive_rate", "true_positive_rate", "low", "high"]
    return pd.DataFrame(np.vstack([np.zeros(4), points]), columns=columns)


@validate_params(
    {name: rule for name, rule in RESAMPLING_RULES.items() if name != "threshold"} | {"model": [str]},
    prefer_skip_nested_validation=True,
)
def precision_recall_points(
    predictions: pd.DataFrame,
    model: str,
    *,
    n_resamples: int = 500,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the precision-recall curve of a model, averaged over the repeats, with a pointwise band.

    At each recall the precision is that of the highest threshold which reaches it: points are not joined by straight
    lines, which no threshold would reach. The area below is the average precision but for the spacing of the points.

    Parameters
    ----------
    predictions, model, n_resamples, confidence, random_state
        As in `roc_points`.

    Returns
    -------
    DataFrame
        Columns recall, precision, low, high; all precisions are NaN where the model's rows have one label. A model
        that knows nothing has a precision of the share of positives at every recall.

    See Also
    --------
    roc_points : Does not depend on that share.

    References
    ----------
    Davis and Goadrich 2006, The relationship between precision-recall and ROC curves, ICML, 233-240.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> precision_recall_points(table, "t1").precision.iloc[[0, 100, 101, -1]].round(2).tolist()
    [1.0, 1.0, 0.67, 0.67]
    """
    check_slice(predictions, "A precision-recall curve")
    rows = rows_of_model(predictions, model)
    curve = _with_band(_precision_curves, rows, n_resamples, confidence, random_state)
    return pd.DataFrame(np.column_stack([RECALLS, *curve]), columns=["recall", "precision", "low", "high"])


def _with_band(
    curves_of: Callable[[Repeat, np.ndarray], np.ndarray],
    rows: pd.DataFrame,
    n_resamples: int,
    confidence: float,
    random_state: int | np.random.RandomState | None,
) -> np.ndarray:
    """Return the mean curve over the repeats, and the percentiles over resamples: shape (3, n_points)."""
    counts = multiplicities(rows["patient_id"].nunique(), n_resamples, draw_seed(random_state))
    repeats = repeats_of(rows)
    curves = sum(curves_of(repeat, counts) for repeat in repeats) / len(repeats)
    band = np.full((2, curves.shape[1]), np.nan)
    existing = curves[1:][~np.isnan(curves[1:, 0])]
    if existing.size:
        band = np.quantile(existing, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return np.vstack([curves[:1], band])


def _called_above(repeat: Repeat, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return true and false positives at every threshold from the highest down, a column per resample."""
    order = np.argsort(-repeat.probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(repeat.probability[order])), len(order) - 1)
    is_positive, weights = repeat.label[order, None] == 1, counts[repeat.patient[order]]
    true, false = (
        np.vstack([np.zeros(counts.shape[1]), np.cumsum(weights * rows, axis=0)[ends]])
        for rows in (is_positive, ~is_positive)
    )
    return true, false


def _precision_curves(repeat: Repeat, counts: np.ndarray) -> np.ndarray:
    """Return one curve per column of ``counts``, on the common recalls; NaN where a label is absent."""
    true, false = _called_above(repeat, counts)
    curves = np.full((counts.shape[1], len(RECALLS)), np.nan)
    for column in np.flatnonzero((true[-1] > 0) & (false[-1] > 0)):
        called = true[:, column] + false[:, column]
        some = called > 0  # a threshold that calls nobody has no precision
        recall, precision = true[some, column] / true[-1, column], true[some, column] / called[some]
        curves[column] = precision[np.searchsorted(recall, RECALLS - 1e-12)]
    return curves


def _roc_curves(repeat: Repeat, counts: np.ndarray) -> np.ndarray:
    """Return one curve per column of ``counts``, on the common rates; NaN where a label is absent."""
    true, false = _called_above(repeat, counts)
    curves = np.full((counts.shape[1], len(FALSE_POSITIVE_RATES)), np.nan)
    for column in np.flatnonzero((true[-1] > 0) & (false[-1] > 0)):
        rates = false[:, column] / false[-1, column]
        curves[column] = np.interp(FALSE_POSITIVE_RATES, rates, true[:, column] / true[-1, column])
    return curves
