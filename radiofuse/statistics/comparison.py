"""Is one model better than another? The difference over the same patients, with interval and p-value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import StrOptions, validate_params

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.statistics.delong import delong_test
from radiofuse.statistics.intervals import (
    RESAMPLING_RULES,
    draw_seed,
    multiplicities,
    resampled_scores,
    value_and_interval,
)
from radiofuse.statistics.metrics import METRICS
from radiofuse.statistics.multiplicity import CORRECTIONS, adjust_pvalues
from radiofuse.tables.predictions import by_repeat, check_predictions, repeats_of, rows_of_model


@dataclass(frozen=True)
class Comparison:
    """The difference of two models in one metric.

    Attributes
    ----------
    a, b : str
        The models.
    metric : str
        What was compared.
    difference : float
        Value of ``a`` minus value of ``b`` over the samples that both predict.
    low, high : float
        Percentile interval of the difference over resampled patients.
    p_value : float
        Two-sided p-value of no difference.
    test : str
        Where the p-value is from: "DeLong" or "bootstrap".
    n_patients : int
        Patients compared.
    """

    a: str
    b: str
    metric: str
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    n_patients: int

    def _repr_html_(self) -> str:
        return notebook.result(self)


@validate_params(
    {**RESAMPLING_RULES, "a": [str], "b": [str], "metric": [StrOptions(set(METRICS))]},
    prefer_skip_nested_validation=True,
)
def compare_models(
    predictions: pd.DataFrame,
    a: str,
    b: str,
    *,
    metric: str = "auc",
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
    threshold: float = 0.5,
) -> Comparison:
    """Compare two models on the patients that both predict.

    Difference and interval are those of `score_predictions`: pooled within a repeat, averaged over repeats,
    patients resampled, the same resamples for both. The p-value of an AUC is DeLong's, of that same mean over
    the repeats, where each patient has one row, each label two patients or more, and the difference a variance;
    of anything else, twice the smaller share of resamples on either side of zero. Both hold the fitted models
    fixed.

    Parameters
    ----------
    predictions, n_resamples, confidence, random_state, threshold
        As in `score_predictions`.
    a, b : str
        Names in the column ``model``.
    metric : str, default="auc"
        A metric of `score_predictions`. A lower Brier score is the better one.

    Returns
    -------
    Comparison

    Raises
    ------
    RequestError
        An unknown model, no sample in common, or samples of one label only.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845.
    Davison and Hinkley 1997, Bootstrap Methods and their Application, section 4.4 (p-value).

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "label": [0, 0, 0, 1, 1, 1]})
    >>> table = pd.concat([rows.assign(model="t1", probability=[0.1, 0.7, 0.3, 0.6, 0.9, 0.4]),
    ...                    rows.assign(model="fused", probability=[0.1, 0.2, 0.3, 0.6, 0.9, 0.4])])
    >>> found = compare_models(table, "fused", "t1")
    >>> round(found.difference, 3), found.test, round(found.p_value, 3)
    (0.222, 'DeLong', 0.371)
    """
    check_predictions(predictions)
    rows_a, rows_b = _paired(rows_of_model(predictions, a), rows_of_model(predictions, b))
    n_patients = rows_a["patient_id"].nunique()
    counts = multiplicities(n_patients, n_resamples, draw_seed(random_state))
    draws_a, draws_b = (
        resampled_scores(repeats_of(rows), [metric], counts, threshold)[metric] for rows in (rows_a, rows_b)
    )
    difference, low, high = value_and_interval(draws_a - draws_b, confidence)
    p_value, test = _p_value(metric, rows_a, rows_b, draws_a - draws_b)
    return Comparison(a, b, metric, difference, low, high, p_value, test, n_patients)


@validate_params(
    {"predictions": [pd.DataFrame], "a": [str], "correction": [StrOptions(set(CORRECTIONS))]},
    prefer_skip_nested_validation=True,
)
def compare_with_others(predictions: pd.DataFrame, a: str, *, correction: str = "holm", **options: Any) -> pd.DataFrame:
    """Compare one model with every other one.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    a : str
        The model.
    correction : str, default="holm"
        How p-values are adjusted for the number of comparisons: "holm" bounds the chance of any false finding, as
        do "bonferroni" and "hochberg"; "fdr_bh" and "fdr_by" bound the expected share of false ones.
    **options
        Passed to `compare_models`.

    Returns
    -------
    DataFrame
        One row per other model, in the order of the table, with the attributes of a `Comparison` and
        adjusted_p_value as columns. A model without samples of both labels in common with ``a`` has no row and
        does not count.

    References
    ----------
    Holm 1979, Scand J Stat 6:65-70. Benjamini and Hochberg 1995, J R Stat Soc B 57:289-300.
    """
    found = []
    for b in predictions["model"].unique():
        common = predictions.loc[predictions["model"] == b, ["sample_id", "label"]]
        common = common[common["sample_id"].isin(predictions.loc[predictions["model"] == a, "sample_id"])]
        if b != a and common["label"].nunique() == 2:
            found.append(asdict(compare_models(predictions, a, b, **options)))
    table = pd.DataFrame(found, columns=[field.name for field in fields(Comparison)])
    adjusted = adjust_pvalues(table["p_value"].to_numpy(dtype=float), correction)
    table.insert(table.columns.get_loc("p_value") + 1, "adjusted_p_value", adjusted)
    return table


def _paired(rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    key = ["repeat", "sample_id"]
    both = rows_a.merge(rows_b[[*key, "probability"]], on=key, suffixes=("", "_b"))
    if both["label"].nunique() < 2:
        raise RequestError(
            f"Models {rows_a['model'].iloc[0]} and {rows_b['model'].iloc[0]} have {both['sample_id'].nunique()} "
            "samples in common; a comparison needs samples of both labels that both predict."
        )
    return both, both.assign(probability=both["probability_b"])


def _p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame, draws: np.ndarray) -> tuple[float, str]:
    samples = rows_a.drop_duplicates("sample_id").sort_values("sample_id")
    scores_a, scores_b = by_repeat(rows_a), by_repeat(rows_b)
    independent = samples["patient_id"].is_unique and samples["label"].value_counts().min() >= 2
    if metric == "auc" and independent and not np.isnan(scores_a).any():
        _, p_value = delong_test(samples["label"], scores_a, scores_b)
        if not np.isnan(p_value):
            return p_value, "DeLong"
    resampled = draws[1:][~np.isnan(draws[1:])]
    smaller = 1 + min((resampled <= 0).sum(), (resampled >= 0).sum())
    return min(1.0, float(2 * smaller / (resampled.size + 1))), "bootstrap"
