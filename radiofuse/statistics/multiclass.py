"""Scores of predictions with three or more classes, each with an interval over patients.

Every metric is computed for all resamples at once; on single rows the values are those of scikit-learn.
"""

from __future__ import annotations

from itertools import combinations
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval, validate_params

from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.inputs import check_multiclass, patient_places
from radiofuse.statistics.intervals import RESAMPLING_RULES, draw_seed, multiplicities, value_and_interval
from radiofuse.statistics.metrics import auc


@validate_params(
    {
        "classes": ["array-like", None],
        "patients": ["array-like", None],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "confidence": RESAMPLING_RULES["confidence"],
        "random_state": RESAMPLING_RULES["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def score_multiclass(
    label: ArrayLike,
    probabilities: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    patients: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Score probabilities of several classes, each metric with an interval.

    Parameters
    ----------
    label : array-like of shape (n_samples,)
        Class of each row.
    probabilities : array-like of shape (n_samples, n_classes)
        Probability of each class; rows add up to 1. Called is the most probable class, the first of equals.
    classes : array-like of shape (n_classes,), optional
        Class of each column; the sorted labels by default.
    patients : array-like of shape (n_samples,), optional
        Patient of each row; all rows of a patient are resampled together. Without it each row is a patient.
    n_resamples : int, default=1000
        Resamples of the patients with replacement.
    confidence : float, default=0.95
        Coverage of the percentile intervals.
    random_state : int, RandomState or None, default=0
        Seed of the resampling.

    Returns
    -------
    DataFrame
        Columns metric, value, low, high. The metrics:

        - auc_ovr_macro, auc_ovr_weighted: each class against the rest, averaged, plainly or by its rows;
        - auc_ovo: Hand and Till's M, the mean over pairs of classes, which prevalence does not move;
        - brier (0 to 2, summed over the classes) and log_loss (probabilities cut to what a float can tell from 0);
        - accuracy, balanced_accuracy, mcc, and f1_macro and f1_weighted (0 for a class neither there nor called).

        An AUC is NaN where a class has no row; such resamples are left out of its interval. Balanced accuracy
        is the mean recall of the classes that have rows.

    Raises
    ------
    RequestError
        Probabilities that do not fit the classes, lie outside 0 to 1, or do not add up to 1.

    References
    ----------
    Hand and Till 2001, Mach Learn 45:171-186. Brier 1950, Mon Weather Rev 78:1-3. Gorodkin 2004, Comput Biol
    Chem 28:367-374 (correlation). Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13.

    Examples
    --------
    >>> scores = score_multiclass(["a", "b", "c", "c"],
    ...     [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5], [0.5, 0.25, 0.25]], n_resamples=100)
    >>> scores.set_index("metric").value[["accuracy", "auc_ovo", "brier"]].round(4).to_dict()
    {'accuracy': 0.75, 'auc_ovo': 0.875, 'brier': 0.5}
    """
    refuse_misaligned(label=label, probabilities=probabilities, patients=patients)
    column, probabilities, _ = check_multiclass(label, probabilities, classes)
    places = patient_places(patients, len(column))
    weights = multiplicities(places.max() + 1, n_resamples, draw_seed(random_state))[places]
    draws = _areas(column, probabilities, weights)
    draws |= _losses(column, probabilities, weights)
    draws |= _calls(column, probabilities, weights)
    rows = [(metric, *value_and_interval(values, confidence)) for metric, values in draws.items()]
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])


def _areas(column: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    numbers = range(probabilities.shape[1])
    against_rest = np.array([auc(column == k, probabilities[:, k], weights) for k in numbers])
    share = np.array([weights[column == k].sum(axis=0) for k in numbers]) / weights.sum(axis=0)
    pairs = []
    for pair in combinations(numbers, 2):
        rows = np.isin(column, pair)
        pairs += [auc(column[rows] == k, probabilities[rows, k], weights[rows]) for k in pair]
    return {
        "auc_ovr_macro": against_rest.mean(axis=0),
        "auc_ovr_weighted": (against_rest * share).sum(axis=0),
        "auc_ovo": np.mean(pairs, axis=0),
    }


def _losses(column: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    truth = np.eye(probabilities.shape[1])[column]
    squared = np.sum((probabilities - truth) ** 2, axis=1)
    own = np.clip(probabilities[np.arange(len(column)), column], np.finfo(float).eps, 1 - np.finfo(float).eps)
    return {"brier": squared @ weights / weights.sum(axis=0), "log_loss": -np.log(own) @ weights / weights.sum(axis=0)}


def _calls(column: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Score the called classes; everything follows from right calls, rows and calls of each class."""
    identity = np.eye(probabilities.shape[1])
    truth, call = identity[column].T, identity[probabilities.argmax(axis=1)].T
    right, there, called = (truth * call) @ weights, truth @ weights, call @ weights
    total = weights.sum(axis=0)
    recall = np.divide(right, there, out=np.full_like(right, np.nan), where=there > 0)
    either = there + called
    f1 = np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0)
    covariance = right.sum(axis=0) * total - (there * called).sum(axis=0)
    scatter = (total**2 - (there**2).sum(axis=0)) * (total**2 - (called**2).sum(axis=0))
    return {
        "accuracy": right.sum(axis=0) / total,
        "balanced_accuracy": np.nanmean(recall, axis=0),
        "f1_macro": f1.mean(axis=0),
        "f1_weighted": (f1 * there).sum(axis=0) / total,
        "mcc": np.divide(covariance, np.sqrt(scatter), out=np.zeros_like(total), where=scatter > 0),
    }
