"""How much a model fitted and scored on the same patients flatters itself: Harrell's optimism bootstrap."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from radiofuse.errors import RequestError
from radiofuse.evaluate.folds import outcome_of
from radiofuse.evaluate.refits import refit_on_resamples
from radiofuse.progress import Progress
from radiofuse.statistics.calibration import logistic_line
from radiofuse.statistics.metrics import METRICS, score
from radiofuse.statistics.multiclass_metrics import MULTICLASS_METRICS, WEIGHTED_KAPPA, class_metrics
from radiofuse.work.kept import Kept

OPTIMISM_METRICS = (*METRICS, "calibration_slope")
OF_CLASSES = tuple(metric for metric in MULTICLASS_METRICS if metric != WEIGHTED_KAPPA)  # it wants an order
logger = logging.getLogger(__name__)


@validate_params(
    {
        "model": [HasMethods(["fit", "predict_proba"])],
        "X": ["array-like"],
        "y": ["array-like"],
        "groups": ["array-like", None],
        "metrics": ["array-like", None],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "indices": ["array-like", None],
        "n_jobs": [Integral, None],
        "on_done": [callable, None],
        "kept": [Kept, None],
    },
    prefer_skip_nested_validation=True,
)
def optimism_corrected(
    model: BaseEstimator,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    metrics: Sequence[str] | None = None,
    n_resamples: int = 200,
    random_state: int | np.random.RandomState | None = None,
    indices: ArrayLike | None = None,
    n_jobs: int | None = None,
    on_done: Progress | None = None,
    kept: Kept | None = None,
) -> pd.DataFrame:
    """Correct the scores that a model gets on its own training patients.

    The whole pipeline is refitted on resamples of the patients, scored on the resample and on the cohort, and
    the mean difference is what the scores of the model of all patients are corrected by. A selection belongs
    inside ``model``: what was done to the columns beforehand cannot be corrected.

    Parameters
    ----------
    model : estimator
        Classifier with ``predict_proba``, as a rule a Pipeline; brings its own seed.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features; the index of a DataFrame holds the sample ids.
    y : array-like of shape (n_samples,)
        Labels: 0 and 1, or classes of any name.
    groups : array-like of shape (n_samples,), optional
        Patient of each row; without it each row is a patient. Also handed to the model, or to each step of a
        Pipeline, whose ``fit`` takes ``groups``, so that copies of a patient share an inner fold.
    metrics : sequence of str, optional
        Metrics of `score_predictions`, of several classes those of all of them; of two classes also
        "calibration_slope". By default auc, calibration_slope and brier; of several classes auc, brier and log_loss.
    n_resamples : int, default=200
        Resamples of the patients. One that lacks a label, or holds every patient, is drawn anew.
    random_state : int, RandomState or None, default=None
        Seed of the resampling.
    indices : array-like of int of shape (n_patients, n_resamples), optional
        The patients of each resample, one resample a column, as places from 0 among the patients sorted as text
        (without ``groups``: as row numbers); they replace the drawing, ``n_resamples`` and ``random_state``.
    n_jobs : int, optional
        Processes, as in joblib.
    on_done : callable, optional
        Called with (done, total) in numbers of refits.
    kept : Kept, optional
        Where finished refits are kept for a rerun, as of `run_folds`.

    Returns
    -------
    DataFrame
        Columns metric, apparent (trained and scored on all), optimism (mean over the resamples of the score on
        the resample minus that on the cohort), corrected (apparent minus optimism) and n_resamples, those in
        which the metric exists; a warning is logged where some do not. A model that separates its own training
        labels, such as a forest, has no apparent calibration slope and so no corrected one: NaN.

    Raises
    ------
    RequestError
        An unknown metric, labels that are no classes, fewer than two patients of a label, or unusable indices.

    See Also
    --------
    bootstrap_632 : Weighs the error of rows left out of the bootstrap.
    cross_validated_predictions : Predictions of patients that no model saw.

    Notes
    -----
    For models that fit their training rows perfectly the correction is too small; `bootstrap_632` with
    ``plus=True`` is meant for them.

    References
    ----------
    Harrell, Lee and Mark 1996, Stat Med 15:361-387, section 4. Efron and Gong 1983, Am Stat 37:36-48.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(60, n_features=8, n_informative=2, flip_y=0.3, random_state=0)
    >>> found = optimism_corrected(LogisticRegression(), X, y, n_resamples=20, random_state=0).set_index("metric")
    >>> bool(found.corrected["auc"] < found.apparent["auc"]), bool(found.corrected["brier"] > found.apparent["brier"])
    (True, True)
    """
    metrics = _asked(metrics, several=outcome_of(y)[1].max() > 1)
    drawn: dict[str, Any] = {"n_resamples": n_resamples, "random_state": random_state, "indices": indices}
    refits = refit_on_resamples(model, X, y, groups, **drawn, n_jobs=n_jobs, on_done=on_done, kept=kept)
    rows = []
    for metric in metrics:
        apparent = _score_of_rows(metric, refits.label, refits.apparent)
        optimism = np.array(
            [
                _score_of_resample(metric, refits.label, probability, times)
                - _score_of_rows(metric, refits.label, probability)
                for probability, times in zip(np.moveaxis(refits.resampled, 1, 0), refits.counts.T, strict=True)
            ]
        )
        existing = optimism[np.isfinite(optimism)]
        mean = float(existing.mean()) if existing.size else np.nan
        rows.append((metric, apparent, mean, apparent - mean, existing.size))
    _say_what_was_left_out(rows, refits.counts.shape[1])
    return pd.DataFrame(rows, columns=["metric", "apparent", "optimism", "corrected", "n_resamples"])


def _asked(metrics: Sequence[str] | None, *, several: bool) -> Sequence[str]:
    known = OF_CLASSES if several else OPTIMISM_METRICS
    if metrics is None:
        return ("auc", "brier", "log_loss") if several else ("auc", "calibration_slope", "brier")
    unknown = sorted(set(metrics) - set(known))
    if unknown or not len(metrics):
        raise RequestError(f"metrics must be some of {list(known)}; got {unknown or 'none'}.")
    return metrics


def _score_of_rows(metric: str, label: np.ndarray, probability: np.ndarray) -> float:
    if metric == "calibration_slope":
        slope = logistic_line(label, probability)[1]
        return float(slope) if np.isfinite(slope) else np.nan
    if probability.ndim == 2:
        return float(class_metrics(label, probability, np.ones((len(label), 1)), [metric])[None, metric][0])
    return float(score(metric, label, probability))


def _score_of_resample(metric: str, label: np.ndarray, probability: np.ndarray, times: np.ndarray) -> float:
    return _score_of_rows(metric, np.repeat(label, times), np.repeat(probability, times, axis=0))


def _say_what_was_left_out(rows: list[tuple], n_resamples: int) -> None:
    for metric, *_, n_existing in rows:
        if n_existing < n_resamples:
            logger.warning(
                "%d of %d resamples have no %s and are left out of its optimism.",
                n_resamples - n_existing,
                n_resamples,
                metric,
            )
