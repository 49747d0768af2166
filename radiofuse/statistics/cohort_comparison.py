"""Is a model as good on other patients? The difference of its scores on two cohorts that share nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.comparison import bootstrap_p_value
from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.outcome_kinds import KINDS, ModelOutcome, Ordered, orders_of
from radiofuse.statistics.scores import ORDER_RULE
from radiofuse.tables.predictions import OutcomeRows, check_predictions, outcomes_of, rows_of_model
from radiofuse.wording import some

COLUMNS = (
    *("outcome", "model", "class", "metric", "value", "reference", "difference", "low", "high", "p_value", "test"),
    *("n_patients", "n_reference_patients"),
)
COMPARED = ("auc", "balanced_accuracy", "brier")


class _Side(NamedTuple):
    """One model's rows of one outcome in one cohort, and its resampled scores."""

    rows: pd.DataFrame
    of_model: ModelOutcome
    draws: dict[tuple[str, str], np.ndarray]
    n_patients: int


@validate_params(
    {**RESAMPLING_RULES, **ORDER_RULE, "reference": [pd.DataFrame], "metrics": ["array-like"]},
    prefer_skip_nested_validation=True,
)
def compare_cohorts(
    predictions: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    metrics: Sequence[str] = COMPARED,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
    threshold: float = 0.5,
    ordered: Ordered = None,
) -> pd.DataFrame:
    """Compare each model's scores on one cohort with those on another one, of other patients.

    Difference and interval rest on both cohorts' patients being resampled, each on its own; the fitted models are held
    fixed. The p-value of an AUC is that of DeLong's variances in both cohorts, with Welch's degrees of freedom, where
    each patient has one row and each label two patients or more; of anything else, twice the smaller share of
    resamples on either side of zero.

    Parameters
    ----------
    predictions : DataFrame
        As in `score_predictions`: the cohort that is asked about.
    reference : DataFrame
        The same of the other cohort, for example out of fold of the one that the models learned from. Models and
        outcomes that are in one table alone are left out.
    metrics : sequence of str
        Those of `score_predictions`; of several classes those of all classes, and of each class against the rest.
    n_resamples, confidence, random_state, threshold, ordered
        As in `score_predictions`.

    Returns
    -------
    DataFrame
        Columns outcome, model, class, metric, value, reference, difference (value minus reference), low, high, p_value,
        test, n_patients, n_reference_patients.

    Raises
    ------
    RequestError
        A patient is in both tables, or the classes of an outcome differ.

    See Also
    --------
    delong_test_unpaired : The test of two AUCs alone.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 0, 1, 1, 1], "probability": [0.1, 0.7, 0.3, 0.6, 0.9, 0.4]})
    >>> ids = list("uvwxyz")
    >>> other = rows.assign(sample_id=ids, patient_id=ids, probability=[0.1, 0.7, 0.3, 0.2, 0.9, 0.6])
    >>> found = compare_cohorts(other, rows, metrics=["auc"], n_resamples=100).iloc[0]
    >>> round(float(found["difference"]), 3), found["test"], round(float(found["p_value"]), 3)
    (-0.111, 'DeLong, unpaired', 0.769)
    """
    for table in (predictions, reference):
        check_predictions(table)
    _refuse_shared_patients(predictions, reference)
    seed, known = draw_seed(random_state), {outcome.name: outcome for outcome in outcomes_of(reference)}
    orders = orders_of(outcomes_of(predictions), ordered)
    asked: dict[str, Any] = {"n": n_resamples, "metrics": metrics, "threshold": threshold}
    found = []
    for outcome in (outcome for outcome in outcomes_of(predictions) if outcome.name in known):
        _refuse_other_classes(outcome, known[outcome.name])
        there, order = set(known[outcome.name].rows["model"]), orders[outcome.name]
        for model in (model for model in outcome.rows["model"].unique() if model in there):
            here = _side(outcome, model, order, seed, **asked)
            reference_side = _side(known[outcome.name], model, order, seed + 1, **asked)  # drawn apart
            found += [(outcome.name, model, *row) for row in _differences(here, reference_side, confidence)]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _side(outcome: OutcomeRows, model: str, order: Sequence[str] | None, seed: int, n: int, **asked: Any) -> _Side:
    rows = rows_of_model(outcome.rows, model)
    of_model = KINDS[outcome.kind].of_rows(rows, outcome.classes, asked["threshold"], order)
    n_patients = rows["patient_id"].nunique()
    metrics = [metric for metric in asked["metrics"] if metric in of_model.metrics]
    draws = of_model.draws(multiplicities(n_patients, n, seed), metrics)
    return _Side(rows, of_model, {key: values for key, values in draws.items() if key[1] in metrics}, n_patients)


def _differences(here: _Side, there: _Side, confidence: float) -> Iterator[tuple]:
    """Yield class, metric and all that follows for each metric."""
    sizes = (here.n_patients, there.n_patients)
    for (cls, metric), values in here.draws.items():
        draws = values - there.draws[cls, metric]
        exact = here.of_model.unpaired_p_value(metric, here.rows, there.rows)
        p_value, test = exact or (bootstrap_p_value(draws), "bootstrap")
        scores = (float(values[0]), float(there.draws[cls, metric][0]), *value_and_interval(draws, confidence))
        yield (cls, metric, *scores, np.nan if np.isnan(draws[0]) else p_value, test, *sizes)


def _refuse_shared_patients(predictions: pd.DataFrame, reference: pd.DataFrame) -> None:
    both = sorted(set(predictions["patient_id"].astype(str)) & set(reference["patient_id"].astype(str)))
    if both:
        raise RequestError(
            f"{len(both)} patients are in both tables ({some(both)}), and the cohorts count as independent. Leave them "
            "out of one."
        )


def _refuse_other_classes(outcome: OutcomeRows, known: OutcomeRows) -> None:
    if outcome.classes != known.classes:
        raise RequestError(
            f"The predictions of {outcome.title} are of the classes {some(outcome.classes)}, those of the reference of "
            f"{some(known.classes)}. Predict with the same model."
        )
