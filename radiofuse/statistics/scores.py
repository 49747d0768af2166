"""Scores of a table of predictions, with intervals from resampled patients."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import validate_params

from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.outcome_kinds import KINDS, ModelOutcome, Ordered, orders_of
from radiofuse.tables.predictions import check_predictions, outcomes_of, rows_of_model

logger = logging.getLogger(__name__)

ORDER_RULE = {"ordered": [Mapping, "array-like", None]}
Score = tuple[str, str, float, float, float]  # class, metric, value, low, high


@validate_params(RESAMPLING_RULES | ORDER_RULE, prefer_skip_nested_validation=True)
def score_predictions(
    predictions: pd.DataFrame,
    *,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
    threshold: float = 0.5,
    ordered: Ordered = None,
) -> pd.DataFrame:
    """Score every model of a predictions table, each metric with an interval.

    The out-of-fold predictions of a repeat are pooled, the metric is taken of the pool, and the values of the
    repeats are averaged. Intervals are percentiles over resamples of the patients with replacement; all rows
    of a patient, in all repeats, travel together. They say what other patients would have changed, with the
    fitted models held fixed. A resample without both labels, or without one of several classes, is left out of the
    metrics that need them, and a warning is logged that says how many were.

    A model's numbers depend on its own rows only, not on their order nor on the other models, and models of
    equally many patients are resampled alike.

    Parameters
    ----------
    predictions : DataFrame
        Columns sample_id, patient_id, repeat, fold, model, label (0 or 1), probability; of several outcomes also
        outcome, and of outcomes of several classes also class: one row per class, in the order of the classes, each
        with the label and the probability of that class.
    n_resamples : int, default=2000
        Resamples of the patients.
    confidence : float, default=0.95
        Coverage of the intervals.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.
    threshold : float, default=0.5
        A row of a binary outcome is called positive from this probability on. Of several classes the most probable
        one is called, the first of equals.
    ordered : mapping of str to sequence of str, or sequence of str, optional
        For outcomes whose classes have an order, the classes from the least to the greatest: they are also scored by
        a weighted kappa. A bare sequence is of the only outcome.

    Returns
    -------
    DataFrame
        Columns model, metric, value, low, high, n_samples, n_patients; models in the order of the table. Before
        model stands outcome, and behind it class, where the predictions have them: of a binary outcome the positive
        class; of one of several classes the class that is held against the rest, or "" for a metric of all classes.
        A metric that does not exist, such as the AUC of a model whose rows have one label, is NaN; precision and
        F1 without a positive call are 0, as in scikit-learn with ``zero_division=0``.

        Metrics of several classes: auc and weighted_auc (means of the AUC of each class against the rest, plainly
        or by its rows), auc_hand_till (mean over pairs of classes), accuracy, balanced_accuracy, macro and weighted
        precision, recall and f1, mcc, kappa, weighted_kappa (quadratic, of ordered classes), log_loss, brier (0 to 2:
        summed over the classes, so that its binary scale is half of it) and ece (of the most probable class, 15 bins;
        it has no interval, as chance keeps it above 0 and resampling adds to that).
        Of each class against the rest: auc, precision, recall, specificity and f1 of the calls, and brier (0 to 1).

    Raises
    ------
    RequestError
        The table lacks a column, or holds impossible labels, probabilities or repeated predictions.

    See Also
    --------
    compare_models : Differences of two models with their interval.
    bootstrap_interval : One metric, with three kinds of intervals.

    Notes
    -----
    Pooling compares probabilities of different folds. A rule that answers each fold's training prevalence is
    not constant: it falls where the test fold holds more positives, so its AUC is a little below .5 [2]_.

    A metric as good or as bad as it gets, such as an AUC of 1, is the same in every resample, and its percentiles
    would say that other patients could change nothing. Its interval is then in closed form, each patient counting
    once: Newcombe's of an AUC [3]_, Wilson's of a proportion [4]_ and what `operating_point` makes of it for F1
    and balanced accuracy; a Brier score of 0 or 1 is the share of wrong calls. A correlation of 1 has no interval.
    Of several classes, a mean of areas, precisions or F1 has the mean of the intervals of its parts, as if they moved
    together; kappa and log loss have none at their bounds.

    Of few patients of a class, resamples without it are many; the AUCs then say what is known of those that have it.

    References
    ----------
    .. [1] Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13 (percentile interval).
    .. [2] Forman and Scholz 2010, SIGKDD Explor 12(1):49-57 (pooling across folds).
    .. [3] Newcombe 2006, Stat Med 25:559-573, method 5.
    .. [4] Wilson 1927, J Am Stat Assoc 22:209-212.
    .. [5] Hand and Till 2001, Mach Learn 45:171-186 (AUC over pairs). Gorodkin 2004, Comput Biol Chem 28:367-374
       (correlation of several classes). Cohen 1968, Psychol Bull 70:213-220 (weighted kappa). Brier 1950, Mon Weather
       Rev 78:1-3. Guo et al. 2017, ICML 34:1321-1330 (ECE).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 0, 1, 1], "probability": [0.1, 0.7, 0.6, 0.9]})
    >>> scores = score_predictions(table, n_resamples=200).set_index("metric")
    >>> float(scores.value["auc"]), float(scores.value["accuracy"]), int(scores.n_patients["auc"])
    (0.75, 0.75, 4)
    """
    check_predictions(predictions)
    seed, outcomes = draw_seed(random_state), outcomes_of(predictions)
    orders = orders_of(outcomes, ordered)
    scores = []
    for outcome in outcomes:
        lacking: dict[str, tuple[ModelOutcome, np.ndarray]] = {}
        for model in outcome.rows["model"].unique():
            rows = rows_of_model(outcome.rows, model)
            n_samples, n_patients = rows["sample_id"].nunique(), rows["patient_id"].nunique()
            counts = multiplicities(n_patients, n_resamples, seed)
            of_model = KINDS[outcome.kind].of_rows(rows, outcome.classes, threshold, orders[outcome.name])
            found, lacks = score_draws(of_model, counts, confidence)
            lacking[f"{model} of {outcome.title}" if outcome.name else model] = of_model, lacks
            scores += [(outcome.name, model, cls, *estimate, n_samples, n_patients) for cls, *estimate in found]
        _say_what_was_left_out(lacking)
    columns = ["outcome", "model", "class", "metric", "value", "low", "high", "n_samples", "n_patients"]
    absent = [column for column in ("outcome", "class") if column not in predictions]
    return pd.DataFrame(scores, columns=columns).drop(columns=absent)


def score_draws(of_model: ModelOutcome, counts: np.ndarray, confidence: float) -> tuple[list[Score], np.ndarray]:
    """Return every metric with its interval, and in which columns of ``counts`` the AUC does not exist."""
    draws, scores = of_model.draws(counts), []
    for (cls, metric), values in draws.items():
        value, low, high = value_and_interval(values, confidence)
        if metric in of_model.no_interval:
            low = high = np.nan
        elif low == high:
            low, high = of_model.interval_at_bound(cls, metric, value, confidence) or (low, high)
        scores.append((cls, metric, value, low, high))
    return scores, np.isnan(draws[of_model.whole, "auc"])


def _say_what_was_left_out(lacking: Mapping[str, tuple[ModelOutcome, np.ndarray]]) -> None:
    """Say once of which models the AUC does not exist, and in how many resamples of the others."""
    never = [name for name, (_, lacks) in lacking.items() if lacks[0]]
    if never:
        logger.warning(lacking[never[0]][0].whole_lacks, ", ".join(never))
    counts = {name: int(lacks[1:].sum()) for name, (_, lacks) in lacking.items() if not lacks[0]}
    worst = max(counts, key=counts.__getitem__, default=None)
    if worst is not None and counts[worst]:
        of_model, lacks = lacking[worst]
        logger.warning(of_model.resamples_lack, counts[worst], lacks.size - 1, worst)
