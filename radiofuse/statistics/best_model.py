"""The best of several models on the same patients, with a bound that pays for having chosen it by this very score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtr, ndtri
from scipy.stats import rankdata
from sklearn.utils._param_validation import validate_params

from radiofuse.errors import RequestError
from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities
from radiofuse.statistics.outcome_kinds import KINDS, ModelOutcome
from radiofuse.tables.predictions import OutcomeRows, check_predictions, outcomes_of, rows_of_model
from radiofuse.wording import listed

RULES = {name: rule for name, rule in RESAMPLING_RULES.items() if name != "threshold"}


@validate_params(RULES | {"models": ["array-like", None]}, prefer_skip_nested_validation=True)
def best_of_models(
    predictions: pd.DataFrame,
    models: Sequence[str] | None = None,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Return the model with the highest AUC, and a lower bound of its AUC that pays for the choice.

    Whoever reports the best of many models reports the luckiest too. The bound lies below the true AUCs of all models
    at once, in the asked share of studies, so that it holds for whichever of them is picked.

    Parameters
    ----------
    predictions, n_resamples, random_state
        As in `score_predictions`.
    models : sequence of str, optional
        Names in the column ``model`` among which the best was sought; all of them by default.
    confidence : float, default=0.95
        How often the bound lies below the truth. It is one-sided.

    Returns
    -------
    DataFrame
        Columns model, n_models, value (the AUC of `score_predictions`), low (the bound), one row per outcome; with
        outcome and class where the predictions have them. The AUC of several classes is the mean of each against
        the rest. Models whose AUC does not exist are not counted; where none has one, the outcome has no row.

    Raises
    ------
    RequestError
        As `score_predictions`, or a model that the predictions do not hold.

    See Also
    --------
    compare_with_others : Differences of a model that was named beforehand.

    Notes
    -----
    Patients are drawn with replacement, the same for all models, the fitted models held fixed. In each draw every
    model's AUC is placed among its own draws and the place written as a normal quantile; the share ``confidence`` of
    the draws has a highest quantile below some critical value, which is the number of standard errors that is taken
    off on the log-odds of the AUC. Models that agree need little more than the 1.64 of a single one, independent ones
    up to Bonferroni's. That is max T [2]_ but for the normal quantiles: the largest studentized difference itself is
    skewed where few patients have an AUC near 1. ``benchmarks/best_of_models.py`` says how often the bound holds. Rink
    and Brannath [1]_ tilt the resamples instead, which needs a search for every model.

    It says nothing of other patients to learn from: `cross_validated_intervals` does, for a model that was not chosen.

    References
    ----------
    .. [1] Rink and Brannath 2022, Post-selection confidence bounds for prediction performance, arXiv:2210.13206.
    .. [2] Westfall and Young 1993, Resampling-Based Multiple Testing, section 2.5 (max T).

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"sample_id": list("abcdef"), "patient_id": list("abcdef"), "repeat": 0, "fold": 0,
    ...     "label": [0, 0, 0, 1, 1, 1]})
    >>> table = pd.concat([rows.assign(model="t1", probability=[0.1, 0.7, 0.3, 0.6, 0.9, 0.4]),
    ...                    rows.assign(model="t2", probability=[0.5, 0.2, 0.3, 0.6, 0.1, 0.4])])
    >>> best_of_models(table).round(2)
      model  n_models  value   low
    0    t1         2   0.78  0.27
    """
    check_predictions(predictions)
    seed, found = draw_seed(random_state), []
    for outcome in outcomes_of(predictions):
        known = list(outcome.rows["model"].unique())
        candidates = known if models is None else [model for model in models if model in known]
        if not candidates:
            raise RequestError(f"The predictions hold {listed(known)}, none of which is to be compared; name some.")
        found += _best(outcome, candidates, n_resamples, confidence, seed)
    columns = ["outcome", "model", "class", "n_models", "value", "low"]
    absent = [column for column in ("outcome", "class") if column not in predictions]
    return pd.DataFrame(found, columns=columns).drop(columns=absent)


def _best(
    outcome: OutcomeRows, models: Sequence[str], n_resamples: int, confidence: float, seed: int
) -> list[tuple[str, str, str, int, float, float]]:
    """Return the row of one outcome, or none."""
    patients = np.unique(outcome.rows["patient_id"].to_numpy().astype(str))
    counts = multiplicities(len(patients), n_resamples, seed)
    asked: dict[str, tuple[ModelOutcome, np.ndarray]] = {}
    for model in models:
        rows = rows_of_model(outcome.rows, model)
        own = np.searchsorted(patients, np.unique(rows["patient_id"].to_numpy().astype(str)))
        of_model = KINDS[outcome.kind].of_rows(rows, outcome.classes, 0.5, None)
        draws = of_model.draws(counts[own], ["auc"])[of_model.whole, "auc"]
        if not np.isnan(draws[0]):
            asked[model] = of_model, draws
    if not asked:
        return []
    draws = np.array([values for _, values in asked.values()])
    place = int(draws[:, 0].argmax())
    name = list(asked)[place]
    value, low = _bound(asked[name][0], draws[:, ~np.isnan(draws).any(axis=0)], place, confidence)
    return [(outcome.name, name, asked[name][0].whole, len(asked), value, low)]


def _bound(of_model: ModelOutcome, draws: np.ndarray, place: int, confidence: float) -> tuple[float, float]:
    """Return the AUC of the model in one place and its bound; column 0 of the draws is the cohort itself."""
    value, resampled = min(float(draws[place, 0]), 1.0), draws[:, 1:]
    if resampled.shape[1] < 2:
        return value, np.nan
    z = critical_value(resampled, confidence)
    at_bound = of_model.interval_at_bound(of_model.whole, "auc", value, float(2 * ndtr(z) - 1))
    if at_bound is not None:  # of 1: the resamples do not differ
        return value, at_bound[0]
    error = resampled[place].std(ddof=1)
    return value, float(expit(logit(value) - z * error / (value * (1 - value))))


def critical_value(draws: np.ndarray, confidence: float) -> float:
    """Return how many standard errors hold for all models at once; not fewer than for one, whose draws may not differ.

    Parameters
    ----------
    draws : ndarray of shape (n_models, n_resamples)
    confidence : float

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(3, 20000))
    >>> round(critical_value(draws[:1], 0.95), 1), round(critical_value(draws, 0.95), 1)
    (1.6, 2.1)
    """
    scores = ndtri((rankdata(draws, axis=1) - 0.5) / draws.shape[1])
    return max(float(np.quantile(scores.max(axis=0), confidence)), float(ndtri(confidence)))
