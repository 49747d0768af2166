"""How good predictions of two classes are: each metric over one set of rows or over many weightings of it at once.

``weights`` says how often each row counts. With one column per resample, a metric answers all resamples in
one call, which is what makes bootstrap intervals cheap.

A metric is NaN where it does not exist: AUC, recall, specificity and balanced accuracy need rows of the labels
they speak of. Precision and F1 without a positive call, and the correlation without two kinds of call, are 0,
as in scikit-learn with ``zero_division=0``: the model earned nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from radiofuse.patients.routing import refuse_misaligned
from radiofuse.statistics.class_counts import CLASS_MEANS, ClassCounts, means_over_classes, ratio

SMALLEST = np.finfo(float).eps  # what a probability is cut to before its logarithm is taken


class Confusion(NamedTuple):
    """Weights of the rows called rightly and wrongly, each a number or one number per resample."""

    tp: np.ndarray | float
    fp: np.ndarray | float
    fn: np.ndarray | float
    tn: np.ndarray | float


def confusion(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> Confusion:
    """Count the rows by label and call.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1.
    call : ndarray of shape (n_samples,)
        What the model says: 0 or 1, or booleans.
    weights : ndarray of shape (n_samples,) or (n_samples, n_resamples), optional
        How often each row counts; once by default.

    Examples
    --------
    >>> confusion([1, 1, 1, 0], [1, 1, 0, 0])
    Confusion(tp=np.float64(2.0), fp=np.float64(0.0), fn=np.float64(1.0), tn=np.float64(1.0))
    """
    refuse_misaligned(label=label, call=call, weights=weights)
    label, call = np.asarray(label, dtype=bool), np.asarray(call, dtype=bool)
    kinds = np.stack([label & call, ~label & call, label & ~call, ~label & ~call]).astype(float)
    return Confusion(*(kinds @ (np.ones(len(label)) if weights is None else weights)))


def accuracy(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of rows called rightly; parameters as in `confusion`."""
    c = confusion(label, call, weights)
    return ratio(c.tp + c.tn, sum(c), undefined=np.nan)


def recall(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the positives called positive (sensitivity); parameters as in `confusion`."""
    c = confusion(label, call, weights)
    return ratio(c.tp, c.tp + c.fn, undefined=np.nan)


def specificity(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the negatives called negative; parameters as in `confusion`."""
    c = confusion(label, call, weights)
    return ratio(c.tn, c.tn + c.fp, undefined=np.nan)


def balanced_accuracy(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean of recall and specificity; parameters as in `confusion`."""
    return (recall(label, call, weights) + specificity(label, call, weights)) / 2


def precision(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of the positive calls that are right, 0 if there is none; parameters as in `confusion`."""
    c = confusion(label, call, weights)
    return ratio(c.tp, c.tp + c.fp, undefined=0.0)


def f1(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Harmonic mean of precision and recall; parameters as in `confusion`."""
    c = confusion(label, call, weights)
    return ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn, undefined=0.0)


def mcc(label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Correlation of label and call; parameters as in `confusion`.

    References
    ----------
    Matthews 1975, Biochim Biophys Acta 405:442-451.
    """
    c = confusion(label, call, weights)
    margins = (c.tp + c.fp) * (c.tp + c.fn) * (c.tn + c.fp) * (c.tn + c.fn)
    return ratio(c.tp * c.tn - c.fp * c.fn, np.sqrt(margins), undefined=0.0)


def mean_over_classes(
    metric: str, label: np.ndarray, call: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Precision, recall or F1 of both labels, averaged plainly (macro) or by their rows (weighted).

    Parameters
    ----------
    metric : str
        One of `CLASS_MEANS`, for example "macro_f1".
    label, call, weights
        As in `confusion`.

    Examples
    --------
    >>> float(mean_over_classes("macro_recall", [1, 1, 1, 0], [1, 1, 0, 0]).round(4))
    0.8333
    """
    c = confusion(label, call, weights)
    pairs = (c.tn, c.tp), (c.tn + c.fp, c.tp + c.fn), (c.tn + c.fn, c.tp + c.fp)
    return means_over_classes(ClassCounts(*map(np.stack, pairs)))[metric]


def log_loss(label: np.ndarray, probability: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean negative logarithm of the probability that a row's own label was given; parameters as in `brier`.

    Probabilities are cut to what a float can tell from 0 and 1, as in scikit-learn.

    References
    ----------
    Good 1952, J R Stat Soc B 14:107-114.

    Examples
    --------
    >>> float(log_loss([1, 0], [0.5, 0.5]).round(4))
    0.6931
    """
    refuse_misaligned(label=label, probability=probability, weights=weights)
    label, probability = np.asarray(label), np.asarray(probability, dtype=float)
    weights = np.ones(len(label)) if weights is None else weights
    own = np.clip(np.where(label == 1, probability, 1 - probability), SMALLEST, 1 - SMALLEST)
    return ratio(-np.log(own) @ weights, weights.sum(axis=0), undefined=np.nan)


def brier(label: np.ndarray, probability: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean squared distance of probability and label.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1.
    probability : ndarray of shape (n_samples,)
        Probability of label 1.
    weights : ndarray of shape (n_samples,) or (n_samples, n_resamples), optional
        How often each row counts; once by default.

    See Also
    --------
    brier_decomposition : Its calibration and its resolution.

    References
    ----------
    Brier 1950, Mon Weather Rev 78:1-3, eq. 2, summed over one of the two classes.

    Examples
    --------
    >>> float(brier([1, 0], [0.5, 0.0]))
    0.125
    """
    refuse_misaligned(label=label, probability=probability, weights=weights)
    weights = np.ones(len(label)) if weights is None else weights
    squared = (np.asarray(probability, dtype=float) - label) ** 2
    return ratio(squared @ weights, weights.sum(axis=0), undefined=np.nan)


def auc(label: np.ndarray, probability: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Chance that a positive row has the higher probability than a negative one, ties counting half.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1.
    probability : ndarray of shape (n_samples,)
        Probability of label 1, or any score that rises with it.
    weights : ndarray of shape (n_samples,) or (n_samples, n_resamples), optional
        How often each row counts; once by default.

    Returns
    -------
    float or ndarray of shape (n_resamples,)
        NaN where one of the labels has no weight.

    See Also
    --------
    auc_interval : With an interval.
    roc_points : The curve whose area it is.

    References
    ----------
    Bamber 1975, J Math Psychol 12:387-415, the area as a Mann-Whitney statistic.

    Examples
    --------
    >>> float(auc([0, 0, 1, 1], [0.1, 0.6, 0.6, 0.9]))
    0.875
    """
    refuse_misaligned(label=label, probability=probability, weights=weights)
    label, score = np.asarray(label), np.asarray(probability, dtype=float)
    weights = np.ones(len(label)) if weights is None else weights
    order = np.argsort(-score, kind="stable")
    positive, negative = order[label[order] == 1], order[label[order] == 0]
    nothing = np.zeros((1, *weights.shape[1:]))
    above = np.concatenate([nothing, np.cumsum(weights[positive], axis=0)])  # weight of the best k positives
    wins, ties_too = (np.searchsorted(-score[positive], -score[negative], side) for side in ("left", "right"))
    won = weights[negative] * (above[wins] + above[ties_too])
    pairs = above[-1] * weights[negative].sum(axis=0)
    return ratio(won.sum(axis=0) / 2, pairs, undefined=np.nan)


CALL_METRICS = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "precision": precision,
    "recall": recall,
    "specificity": specificity,
    "f1": f1,
    "mcc": mcc,
}
PROBABILITY_METRICS = {"auc": auc, "brier": brier, "log_loss": log_loss}
METRICS = ("auc", *CALL_METRICS, "brier", *CLASS_MEANS, "log_loss")


def score(
    metric: str,
    label: np.ndarray,
    probability: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    threshold: float = 0.5,
) -> np.ndarray:
    """Return one of `METRICS`; a row is called positive from ``threshold`` on (``>=``)."""
    if metric in PROBABILITY_METRICS:
        return PROBABILITY_METRICS[metric](label, probability, weights)
    call = np.asarray(probability) >= threshold
    if metric in CLASS_MEANS:
        return mean_over_classes(metric, label, call, weights)
    return CALL_METRICS[metric](label, call, weights)
