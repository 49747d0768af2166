"""What a fitted selection step removed, why, and in favor of which feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.estimators import Selector
from radiofuse.select.words import words_of

TRACE_COLUMNS = ("step", "feature", "value", "why", "in_favor_of")
# Learned attributes that hold one number per column, by which selectors decide; the first one a step has counts.
NUMBERS = ("kept_partner_r_", "pvalues_", "coef_", "icc_", "frequencies_", "ranking_", "scores_")


def trace_removals(name: str, step: Any, features: Sequence[str]) -> pd.DataFrame:
    """Return one row per feature that a fitted selector removed.

    Parameters
    ----------
    name : str
        What the step is called.
    step : selector
        Fitted. Which number decided is read off its learned attributes, the first of `NUMBERS` it has; why is said
        in its own words.
    features : sequence of str, length n_features_in_
        Names of the columns that the step was fitted on.

    Returns
    -------
    DataFrame
        Columns step, feature, value (the number that decided), why, in_favor_of (the feature kept in its place, or "").

    Examples
    --------
    >>> from radiofuse.select import CorrelationSelector
    >>> step = CorrelationSelector(keep="first").fit([[1.0, 1.1, 3.0], [2.0, 2.0, 1.0], [3.0, 3.2, 2.0]])
    >>> trace_removals("correlation", step, ["a", "b", "c"])[["feature", "in_favor_of"]].values.tolist()
    [['b', 'a']]
    """
    removed = np.flatnonzero(~step.get_support())
    attribute = next((known for known in NUMBERS if hasattr(step, known)), None)
    trace = {
        "step": name,
        "feature": np.asarray(features, dtype=object)[removed],
        "value": per_column(step, attribute)[removed] if attribute else np.nan,
        "why": words_of(step).removed,
        "in_favor_of": "",
    }
    if attribute == "kept_partner_r_":
        trace["in_favor_of"] = np.asarray(features, dtype=object)[step.kept_partner_[removed]]
    return pd.DataFrame(trace, columns=list(TRACE_COLUMNS))


def per_column(step: Selector, attribute: str) -> np.ndarray:
    """Return one number per column; of coefficients of several classes the largest."""
    if attribute == "pvalues_" and getattr(step, "correction", None):
        attribute = "adjusted_pvalues_"
    values = np.asarray(getattr(step, attribute), dtype=float)
    if values.ndim == 1:
        return values
    return np.take_along_axis(values, np.abs(values).argmax(axis=0)[None], axis=0)[0]
