"""From probability to call: thresholds chosen where the model was tuned, never where it is tested.

A threshold is learned from labels, like a coefficient. Chosen on the rows that are then scored, it makes
sensitivity and specificity look better than they will be.
"""

from __future__ import annotations

from numbers import Real
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.inputs import check_binary, check_both_labels
from radiofuse.tables.predictions import check_slice, rows_of_model

ThresholdRule = Literal["youden", "sensitivity", "specificity", "cost"]
RULES = ("youden", "sensitivity", "specificity", "cost")
THRESHOLD_RULES = {
    "rule": [StrOptions(set(RULES))],
    "at_least": [Interval(Real, 0, 1, closed="both")],
    "cost_fn": [Interval(Real, 0, None, closed="neither")],
    "cost_fp": [Interval(Real, 0, None, closed="neither")],
}


@validate_params(THRESHOLD_RULES, prefer_skip_nested_validation=True)
def choose_threshold(
    label: ArrayLike,
    probability: ArrayLike,
    rule: ThresholdRule = "youden",
    *,
    at_least: float = 0.9,
    cost_fn: float = 1.0,
    cost_fp: float = 1.0,
) -> float:
    """Choose the probability from which on a row is called positive.

    To be called on training rows only, with out-of-fold probabilities, since probabilities of rows that the
    model was fitted on are too extreme. `thresholds_by_fold` does so for cross-validated predictions. To choose
    inside an estimator, give scikit-learn's ``TunedThresholdClassifierCV`` splits of whole patients: its default
    score, balanced accuracy, is Youden's index but for scale, taken on a grid.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        0 or 1, both present.
    probability : array-like of shape (n_samples,)
        Probability of label 1.
    rule : {"youden", "sensitivity", "specificity", "cost"}, default="youden"
        The greatest sum of sensitivity and specificity; the greatest specificity with a sensitivity of at least
        ``at_least``; the greatest sensitivity with such a specificity; or the smallest cost of wrong calls.
    at_least : float, default=0.9
        For the rules "sensitivity" and "specificity".
    cost_fn, cost_fp : float, default=1.0
        Cost of a missed positive and of a false alarm, for the rule "cost"; only their ratio matters.

    Returns
    -------
    float
        Halfway between two neighboring probabilities; 0 where all rows are to be called positive and infinity
        where none is. Of equally good thresholds the lowest, which is the most sensitive; for the rule
        "specificity" the highest, which is the most specific.

    Raises
    ------
    RequestError
        One label is absent, labels other than 0 and 1, or probabilities outside 0 to 1.

    See Also
    --------
    thresholds_by_fold : Chosen without the patients that it is used on.
    operating_point : What the threshold is worth.

    References
    ----------
    Youden 1950, Cancer 3:32-35. Perkins and Schisterman 2006, Am J Epidemiol 163:670-675. Elkan 2001, IJCAI
    17:973-978 (costs).

    Examples
    --------
    >>> choose_threshold([0, 0, 1, 0, 1, 1], [0.1, 0.25, 0.375, 0.625, 0.75, 1.0])
    0.3125
    >>> choose_threshold([0, 0, 1, 0, 1, 1], [0.1, 0.25, 0.375, 0.625, 0.75, 1.0], "cost", cost_fp=3)
    0.6875
    """
    label, probability = check_binary(label, probability)
    check_both_labels(label, "choosing a threshold")
    candidates = _candidates(probability)
    fn = np.searchsorted(np.sort(probability[label == 1]), candidates)
    tn = np.searchsorted(np.sort(probability[label == 0]), candidates)
    n_positive, n_negative = int(label.sum()), int((1 - label).sum())
    if rule == "sensitivity":
        return float(candidates[np.argmax(np.where((n_positive - fn) / n_positive >= at_least, tn, -1))])
    if rule == "specificity":
        return float(candidates[fn == fn[tn / n_negative >= at_least].min()].max())
    if rule == "cost":
        return float(candidates[np.argmin(cost_fn * fn + cost_fp * (n_negative - tn))])
    return float(candidates[np.argmin(fn * n_negative - tn * n_positive)])  # whole numbers: ties are exact


def _candidates(probability: np.ndarray) -> np.ndarray:
    """Return one threshold for each set of calls that can be made, ascending."""
    values = np.unique(probability)
    middle = (values[:-1] + values[1:]) / 2
    middle = np.where(middle > values[:-1], middle, values[1:])  # neighbors of 1 ulp have no middle
    return np.concatenate([[0.0], middle, [np.inf]])


@validate_params(THRESHOLD_RULES | {"predictions": [pd.DataFrame], "model": [str]}, prefer_skip_nested_validation=True)
def thresholds_by_fold(
    predictions: pd.DataFrame,
    model: str,
    rule: ThresholdRule = "youden",
    *,
    at_least: float = 0.9,
    cost_fn: float = 1.0,
    cost_fp: float = 1.0,
) -> pd.DataFrame:
    """Call every out-of-fold prediction with a threshold that its own fold had no part in.

    The threshold of a fold is chosen on the predictions of the same repeat for all patients outside the fold.
    No label of the fold enters the choice itself; the other folds' probabilities come from models that were
    fitted on this fold too, as in any scheme that reuses out-of-fold predictions.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one class of one outcome: `radiofuse.tables.slice_of` picks it.
    model : str
        Name in the column ``model``.
    rule, at_least, cost_fn, cost_fp
        As in `choose_threshold`.

    Returns
    -------
    DataFrame
        The model's rows with two more columns: threshold, and call (0 or 1). `score_calls` scores it.

    Raises
    ------
    RequestError
        A repeat has one fold only, or the patients outside a fold have one label only.

    See Also
    --------
    choose_threshold : One threshold for all rows.

    References
    ----------
    Leeflang, Moons, Reitsma and Zwinderman 2008, Clin Chem 54:729-737 (bias of thresholds chosen on the test data).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0,
    ...     "fold": [0, 0, 1, 1], "model": "t1", "label": [0, 1, 0, 1], "probability": [0.25, 0.75, 0.5, 1.0]})
    >>> thresholds_by_fold(table, "t1")[["fold", "probability", "threshold", "call"]]
       fold  probability  threshold  call
    0     0         0.25       0.75     0
    1     0         0.75       0.75     1
    2     1         0.50       0.50     1
    3     1         1.00       0.50     1
    """
    check_slice(predictions, "A threshold")
    rows = rows_of_model(predictions, model)
    threshold = pd.Series(np.nan, index=rows.index)
    for repeat, of_repeat in rows.groupby("repeat"):
        for fold, tested in of_repeat.groupby("fold"):
            training = of_repeat[~of_repeat["patient_id"].isin(tested["patient_id"])]
            if training["label"].nunique() < 2:
                raise RequestError(
                    f"Outside fold {fold} of repeat {repeat} the predictions of {model} have {len(training)} rows of "
                    f"{training['label'].nunique()} labels, and choosing a threshold needs both 0 and 1. Use folds "
                    "that share the labels out, and at least two."
                )
            threshold[tested.index] = choose_threshold(
                training["label"], training["probability"], rule, at_least=at_least, cost_fn=cost_fn, cost_fp=cost_fp
            )
    return rows.assign(threshold=threshold, call=(rows["probability"] >= threshold).astype(int))
