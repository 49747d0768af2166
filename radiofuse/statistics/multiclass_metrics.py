"""How good predictions of several classes are: each metric over many weightings of the rows at once.

As in `metrics`, ``weights`` of shape (n_samples, n_resamples) say how often each row counts in each resample. Every
function returns its metrics by class and name; the class is None for a metric of all classes. On the rows that
were drawn the values are those of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import combinations

import numpy as np

from radiofuse.statistics.calibration import probability_bins
from radiofuse.statistics.class_counts import (
    CLASS_MEANS,
    agreement,
    count_classes,
    mean_where,
    means_over_classes,
    ratio,
    scores_of_classes,
)
from radiofuse.statistics.metrics import SMALLEST, auc

Draws = dict[tuple[int | None, str], np.ndarray]

ECE_BINS = 15


def class_metrics(
    code: np.ndarray, probability: np.ndarray, weights: np.ndarray, metrics: Collection[str] | None = None
) -> Draws:
    """Return the metrics of several classes, for each column of ``weights``.

    Parameters
    ----------
    code : ndarray of int of shape (n_samples,)
        Place of each row's class among the columns of ``probability``.
    probability : ndarray of shape (n_samples, n_classes)
        Rows sum to 1. Called is the most probable class, the first of equals.
    weights : ndarray of shape (n_samples, n_resamples)
        How often each row counts.
    metrics : collection of str, optional
        Those that are wanted; some of their family may come with them. All but `weighted_kappa` by default.

    Examples
    --------
    >>> found = class_metrics(np.array([0, 1, 2, 2]), np.eye(3)[[0, 1, 2, 1]], np.ones((4, 1)))
    >>> float(found[None, "accuracy"][0]), float(found[2, "recall"][0])
    (0.75, 0.5)
    """
    families = [family for family, names in FAMILIES.items() if metrics is None or set(metrics) & set(names)]
    draws: Draws = {}
    for family in families:
        draws |= family(code, probability, weights)
    return draws


def areas_against_rest(code: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> Draws:
    """Return the AUC of each class against the rest, and their means, plain and by the rows of the classes.

    NaN where a class or its rest has no weight.
    """
    classes = range(probability.shape[1])
    areas = np.array([auc(code == k, probability[:, k], weights) for k in classes])
    there = np.array([weights[code == k].sum(axis=0) for k in classes])
    by_class: Draws = {(k, "auc"): areas[k] for k in classes}
    weighted = (areas * there).sum(axis=0) / there.sum(axis=0)
    return {(None, "auc"): areas.mean(axis=0), (None, "weighted_auc"): weighted} | by_class


def areas_of_pairs(code: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> Draws:
    """Return Hand and Till's M: the mean AUC over ordered pairs of classes, which prevalence does not move.

    References
    ----------
    Hand and Till 2001, Mach Learn 45:171-186, eq. 7.
    """
    areas = []
    for pair in combinations(range(probability.shape[1]), 2):
        rows = np.isin(code, pair)
        areas += [auc(code[rows] == k, probability[rows, k], weights[rows]) for k in pair]
    return {(None, "auc_hand_till"): np.mean(areas, axis=0)}


def call_scores(code: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> Draws:
    """Score the called classes; everything follows from right calls, rows and calls of each class."""
    counts = count_classes(code, probability.argmax(axis=1), weights, probability.shape[1])
    by_class = scores_of_classes(counts)
    of_all = {
        "accuracy": ratio(counts.right.sum(axis=0), counts.there.sum(axis=0), undefined=np.nan),
        "balanced_accuracy": mean_where(by_class["recall"], counts.there > 0),
        **means_over_classes(counts),
        **agreement(counts),
    }
    return {(None, metric): values for metric, values in of_all.items()} | _named_by_class(by_class)


def _named_by_class(scores: dict[str, np.ndarray]) -> Draws:
    return {(k, metric): values[k] for metric, values in scores.items() for k in range(len(values))}


def weighted_kappa(code: np.ndarray, call: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the agreement of ordered classes and calls beyond chance, wrong by two classes counting four times.

    Parameters
    ----------
    code, call : ndarray of int of shape (n_samples,)
        Place of each row's class, and of the class it is called, in the order of the classes.
    weights : ndarray of shape (n_samples, n_resamples)
        How often each row counts.

    Returns
    -------
    ndarray of shape (n_resamples,)
        Cohen's kappa with quadratic weights; NaN where all rows and calls are of one class.

    References
    ----------
    Cohen 1968, Psychol Bull 70:213-220. Fleiss and Cohen 1973, Educ Psychol Meas 33:613-619 (quadratic weights).

    Examples
    --------
    >>> weighted_kappa(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), np.ones((4, 1))).round(4).tolist()
    [0.8]
    """
    total = weights.sum(axis=0)
    observed = (code - call) ** 2.0 @ weights
    # the squared distance of independent draws from both margins, times the pairs
    expected = total * ((code**2.0 + call**2.0) @ weights) - 2 * (code @ weights) * (call @ weights)
    return 1 - ratio(total * observed, expected, undefined=np.nan)


def losses(code: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> Draws:
    """Return the log loss, and the Brier score of all classes (0 to 2) and of each against the rest (0 to 1).

    References
    ----------
    Brier 1950, Mon Weather Rev 78:1-3, eq. 2: squared distances summed over the classes. Good 1952, J R Stat Soc B
    14:107-114 (logarithmic loss).
    """
    truth = np.eye(probability.shape[1])[code]
    total = weights.sum(axis=0)
    squared = (probability - truth) ** 2
    own = np.clip(probability[np.arange(len(code)), code], SMALLEST, 1 - SMALLEST)
    by_class = {"brier": ratio(squared.T @ weights, total, undefined=np.nan)}
    return {
        (None, "log_loss"): ratio(-np.log(own) @ weights, total, undefined=np.nan),
        (None, "brier"): ratio(squared.sum(axis=1) @ weights, total, undefined=np.nan),
    } | _named_by_class(by_class)


def top_label_error(code: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> Draws:
    """Return the expected calibration error of the most probable class, over bins of equal width.

    References
    ----------
    Guo et al. 2017, ICML 34:1321-1330, eq. 3, with 15 bins as there.
    """
    top = probability.max(axis=1)
    _, bin_of_row = probability_bins(top, ECE_BINS, "uniform")
    gap = top - (probability.argmax(axis=1) == code)
    in_bin = np.eye(ECE_BINS)[bin_of_row].T
    return {(None, "ece"): ratio(np.abs((in_bin * gap) @ weights).sum(axis=0), weights.sum(axis=0), undefined=np.nan)}


Family = Callable[[np.ndarray, np.ndarray, np.ndarray], Draws]
FAMILIES: dict[Family, tuple[str, ...]] = {
    areas_against_rest: ("auc", "weighted_auc"),
    areas_of_pairs: ("auc_hand_till",),
    call_scores: ("accuracy", "balanced_accuracy", *CLASS_MEANS, "mcc", "kappa"),
    losses: ("log_loss", "brier"),
    top_label_error: ("ece",),
}
WEIGHTED_KAPPA = "weighted_kappa"  # of ordered classes only
MULTICLASS_METRICS = (*(name for names in FAMILIES.values() for name in names), WEIGHTED_KAPPA)
