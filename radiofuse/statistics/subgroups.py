"""Is the model as good in every group of patients? Scores with intervals in groups that are large enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.statistics.baseline import level_name
from radiofuse.statistics.cohort_comparison import compare_cohorts
from radiofuse.statistics.intervals import RESAMPLING_RULES
from radiofuse.statistics.outcome_kinds import orders_of
from radiofuse.statistics.scores import ORDER_RULE, score_predictions
from radiofuse.tables.predictions import outcomes_of

FEWEST = 10  # patients of a class: with fewer, a group is counted and not scored
SCORED = ("auc", "balanced_accuracy", "recall", "specificity")
AGE_BANDS = ((40.0, "under 40"), (60.0, "40 to 59"), (np.inf, "60 and over"))
COLUMNS = [
    *("outcome", "model", "variable", "level", "metric", "value", "low", "high", "difference", "difference_low"),
    *("difference_high", "p_value", "n_patients", "n_smallest_class"),
]


@validate_params(
    {
        **{key: RESAMPLING_RULES[key] for key in ("predictions", "n_resamples", "random_state")},
        **ORDER_RULE,
        "groups": [pd.DataFrame],
    },
    prefer_skip_nested_validation=True,
)
def score_subgroups(
    predictions: pd.DataFrame,
    groups: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = 0,
    ordered: Any = None,
) -> pd.DataFrame:
    """Score one model in every group of patients, and compare each group with all other patients of whom it is known.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`, of one model.
    groups : DataFrame of shape (n_patients, n_variables)
        The level of each variable that each patient, the index, has; NaN where it is unknown.
    n_resamples, random_state, ordered
        As in `score_predictions`.

    Returns
    -------
    DataFrame
        Columns outcome, model, variable, level, metric (auc, balanced_accuracy, and of two classes recall and
        specificity), value, low, high, difference of the AUC from the other patients' with difference_low,
        difference_high and p_value (as `compare_cohorts`), n_patients and n_smallest_class. A group with fewer than
        ten patients of a class, or that is all patients, has one row without metric and numbers.

    See Also
    --------
    compare_cohorts : The comparison.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> sex = pd.DataFrame({"sex": ["F", "M", "F", "F"]}, index=list("abcd"))
    >>> score_subgroups(rows, sex)[["level", "metric", "n_patients", "n_smallest_class"]].to_numpy().tolist()
    [['F', '', 3, 1], ['M', '', 1, 0]]
    """
    outcomes, parts = outcomes_of(predictions), []
    orders = orders_of(outcomes, ordered)
    for outcome in outcomes:
        options = {"n_resamples": n_resamples, "random_state": random_state, "ordered": orders[outcome.name]}
        for variable in groups:
            level = outcome.rows["patient_id"].map(groups[variable])
            for name in sorted(level.dropna().unique(), key=_place):
                own, rest = outcome.rows[level == name], outcome.rows[level.notna() & (level != name)]
                told = _score_level(own, rest, outcome.classes, options)
                head = {
                    "outcome": outcome.name,
                    "model": own["model"].iloc[0],
                    "variable": variable,
                    "level": level_name(name),
                }
                parts.append(told.assign(**head))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _score_level(
    own: pd.DataFrame, rest: pd.DataFrame, classes: tuple[str, ...], options: dict[str, Any]
) -> pd.DataFrame:
    """Return the scores of one group of patients, one row without numbers where it is too small."""
    sizes = {"n_patients": own["patient_id"].nunique(), "n_smallest_class": _smallest(own, classes)}
    if sizes["n_smallest_class"] < FEWEST or rest.empty:
        numbers = dict.fromkeys(COLUMNS[5:12], [np.nan])
        return pd.DataFrame({"metric": [""], **numbers}).assign(**sizes)
    scores = score_predictions(own, **options)
    if len(classes) > 1:
        scores = scores[scores["class"] == ""]
    scores = scores[scores["metric"].isin(SCORED)][["metric", "value", "low", "high"]]
    return scores.assign(**sizes, **_differences(own, rest, classes, options)).reset_index(drop=True)


def _differences(
    own: pd.DataFrame, rest: pd.DataFrame, classes: tuple[str, ...], options: dict[str, Any]
) -> dict[str, float]:
    """Return the difference of the AUC from that of all others; NaN where these are too few of a class."""
    names = {"difference": "difference", "low": "difference_low", "high": "difference_high", "p_value": "p_value"}
    if _smallest(rest, classes) < FEWEST:
        return dict.fromkeys(names.values(), np.nan)
    found = compare_cohorts(own, rest, metrics=["auc"], **options)
    whole = found[found["class"] == ""] if len(classes) > 1 else found
    return {to: float(whole[name].iloc[0]) for name, to in names.items()}


def _smallest(rows: pd.DataFrame, classes: tuple[str, ...]) -> int:
    """Return how many patients the rarest class has; one with samples of several classes counts in each."""
    if len(classes) > 1:
        own = rows[rows["label"] == 1].groupby(rows["class"].astype(str))["patient_id"].nunique()
        return int(own.reindex(classes, fill_value=0).min())
    return int(rows.groupby("label")["patient_id"].nunique().reindex([0, 1], fill_value=0).min())


def _place(level: Any) -> tuple[int, str]:
    """Return where a level stands among others: bands of age by age, all else by its text."""
    bands = [name for _, name in AGE_BANDS]
    return bands.index(level) if level in bands else -1, str(level)


def in_age_bands(age: pd.Series) -> pd.Series:
    """Return the band of each age in years, NaN where it is unknown.

    Examples
    --------
    >>> in_age_bands(pd.Series([39.9, 40, 71, None])).tolist()
    ['under 40', '40 to 59', '60 and over', nan]
    """
    ends = [-np.inf, *(end for end, _ in AGE_BANDS)]
    bands = pd.cut(age, ends, right=False, labels=[name for _, name in AGE_BANDS])
    return bands.astype(object)
