"""Is one model better than another? The difference over the same patients, with interval and p-value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import StrOptions, validate_params

from radiofuse import notebook
from radiofuse.errors import RequestError
from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.metrics import METRICS
from radiofuse.statistics.multiclass_metrics import MULTICLASS_METRICS
from radiofuse.statistics.multiplicity import CORRECTIONS, Correction, adjust_pvalues
from radiofuse.statistics.outcome_kinds import KINDS, Ordered, orders_of
from radiofuse.statistics.scores import ORDER_RULE
from radiofuse.tables.predictions import OutcomeRows, check_predictions, choose_outcome, outcomes_of, rows_of_model
from radiofuse.wording import listed


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
    {
        **RESAMPLING_RULES,
        **ORDER_RULE,
        "a": [str],
        "b": [str],
        "metric": [StrOptions({*METRICS, *MULTICLASS_METRICS})],
        "outcome": [str, None],
    },
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
    outcome: str | None = None,
    ordered: Ordered = None,
) -> Comparison:
    """Compare two models on the patients that both predict.

    Difference and interval are those of `score_predictions`: pooled within a repeat, averaged over repeats,
    patients resampled, the same resamples for both. The p-value of an AUC is DeLong's, of that same mean over
    the repeats, where each patient has one row, each label two patients or more, and the difference a variance;
    of anything else, twice the smaller share of resamples on either side of zero. Both hold the fitted models
    fixed.

    Parameters
    ----------
    predictions, n_resamples, confidence, random_state, threshold, ordered
        As in `score_predictions`.
    a, b : str
        Names in the column ``model``.
    metric : str, default="auc"
        A metric of `score_predictions`; of several classes one of all classes. A lower Brier score or log loss
        is the better one.
    outcome : str, optional
        Name in the column ``outcome``; may be left out where there is one. Of one class against the rest compare the
        models by `radiofuse.tables.slice_of` that class.

    Returns
    -------
    Comparison

    Raises
    ------
    RequestError
        An unknown model or outcome, a metric that the outcome does not have, no sample in common, or samples of one
        label only, or not of every class.

    See Also
    --------
    compare_with_others : One model against all others, adjusted.
    corrected_resampled_t : By differences of folds.
    mcnemar_test : By right and wrong calls.

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
    compared = choose_outcome(predictions, outcome)
    order = orders_of(outcomes_of(predictions), ordered)[compared.name]
    rows_a, rows_b = _paired(compared, a, b)
    of_a, of_b = (KINDS[compared.kind].of_rows(rows, compared.classes, threshold, order) for rows in (rows_a, rows_b))
    comparable = [name for name in of_a.metrics if name not in of_a.no_interval]
    if metric not in comparable:
        raise RequestError(
            f"{compared.title.capitalize()} cannot be compared by {metric}; ask for one of {listed(comparable)}."
        )
    n_patients = rows_a["patient_id"].nunique()
    counts = multiplicities(n_patients, n_resamples, draw_seed(random_state))
    draws = of_a.draws(counts, [metric])[of_a.whole, metric] - of_b.draws(counts, [metric])[of_b.whole, metric]
    difference, low, high = value_and_interval(draws, confidence)
    exact = KINDS[compared.kind].exact_p_value(metric, rows_a, rows_b)
    p_value, test = exact or (bootstrap_p_value(draws), "bootstrap")
    return Comparison(a, b, metric, difference, low, high, p_value, test, n_patients)


@validate_params(
    {
        "predictions": [pd.DataFrame],
        "a": [str],
        "outcome": [str, None],
        "correction": [StrOptions(set(CORRECTIONS))],
        **ORDER_RULE,
    },
    prefer_skip_nested_validation=True,
)
def compare_with_others(
    predictions: pd.DataFrame,
    a: str,
    *,
    outcome: str | None = None,
    correction: Correction = "holm",
    ordered: Ordered = None,
    **options: Any,
) -> pd.DataFrame:
    """Compare one model with every other one, outcome by outcome.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`.
    a : str
        The model.
    outcome : str, optional
        Name in the column ``outcome``; all of them by default.
    correction : str, default="holm"
        How p-values are adjusted for the number of comparisons within an outcome: "holm" bounds the chance of any
        false finding, as do "bonferroni" and "hochberg"; "fdr_bh" and "fdr_by" bound the expected share of false
        ones.
    ordered : mapping of str to sequence of str, or sequence of str, optional
        As in `score_predictions`.
    **options
        Passed to `compare_models`.

    Returns
    -------
    DataFrame
        One row per outcome and other model, in the order of the table, with the attributes of a `Comparison` and
        adjusted_p_value as columns; before them outcome, where the predictions have it. A model without samples of
        both labels, or of every class, in common with ``a`` has no row and does not count.

    See Also
    --------
    compare_models : One pair of models.

    References
    ----------
    Holm 1979, Scand J Stat 6:65-70. Benjamini and Hochberg 1995, J R Stat Soc B 57:289-300.
    """
    check_predictions(predictions)
    outcomes = outcomes_of(predictions)
    orders = orders_of(outcomes, ordered)
    names: list[str] = []
    found: list[dict[str, Any]] = []
    adjusted: list[float] = []
    for compared in outcomes if outcome is None else [choose_outcome(predictions, outcome)]:
        of_outcome = [
            asdict(compare_models(rows, a, b, ordered=orders[compared.name], **options))
            for b, rows in _comparable(compared, a)
        ]
        names += [compared.name] * len(of_outcome)
        found += of_outcome
        adjusted += adjust_pvalues([row["p_value"] for row in of_outcome], correction).tolist()
    table = pd.DataFrame(found, columns=[field.name for field in fields(Comparison)])
    table.insert(table.columns.get_loc("p_value") + 1, "adjusted_p_value", np.array(adjusted, dtype=float))
    if "outcome" in predictions:
        table.insert(0, "outcome", names)
    return table


def _comparable(outcome: OutcomeRows, a: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each other model that can be compared with ``a``, and the rows of both."""
    kind, model = KINDS[outcome.kind], outcome.rows["model"]
    samples = outcome.rows.loc[model == a, "sample_id"]
    for b in model.unique():
        rows = outcome.rows[model == b]
        if b != a and kind.has_all(rows[rows["sample_id"].isin(samples)], outcome.classes):
            yield b, outcome.rows[model.isin((a, b))]


def _paired(outcome: OutcomeRows, a: str, b: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    kind, rows_a, rows_b = KINDS[outcome.kind], rows_of_model(outcome.rows, a), rows_of_model(outcome.rows, b)
    key = list(kind.pairing)
    both = rows_a.merge(rows_b[[*key, "probability"]], on=key, suffixes=("", "_b"))
    if not kind.has_all(both, outcome.classes):
        raise RequestError(
            f"Models {a} and {b} have {both['sample_id'].nunique()} samples in common; a comparison needs "
            f"{kind.needs} that both predict."
        )
    return both, both.assign(probability=both["probability_b"])


def bootstrap_p_value(draws: np.ndarray) -> float:
    """Return twice the smaller share of resamples on either side of no difference; column 0 is the cohort itself."""
    resampled = draws[1:][~np.isnan(draws[1:])]
    smaller = 1 + min((resampled <= 0).sum(), (resampled >= 0).sum())
    return min(1.0, float(2 * smaller / (resampled.size + 1)))
