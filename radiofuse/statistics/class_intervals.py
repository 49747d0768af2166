"""Intervals in closed form of what is averaged over classes, for models that are as good or as bad as it gets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from radiofuse.statistics.area_intervals import newcombe_interval
from radiofuse.statistics.closed_intervals import closed_intervals, wilson_interval
from radiofuse.statistics.metrics import Confusion

Ends = tuple[float, float]


def interval_of_class(c: Confusion, metric: str, value: float, confidence: float) -> Ends:
    """Return the interval of a metric of one class against the rest.

    Parameters
    ----------
    c : Confusion
        Of patients, each counting once.
    metric : str
        "auc", "brier" or a metric of `closed_intervals`.
    value : float
        What the metric is, 0 or 1; a Brier score of either is the share of wrong calls.
    confidence : float
        Coverage.
    """
    if metric == "auc":
        return newcombe_interval(value, float(c.tp + c.fn), float(c.fp + c.tn), confidence)
    if metric == "brier":
        low, high = wilson_interval(value, sum(c), confidence)
    else:
        low, high, _ = closed_intervals(c, "wilson", confidence)[metric]
    return float(low), float(high)


def interval_over_classes(confusions: Sequence[Confusion], metric: str, value: float, confidence: float) -> Ends | None:
    """Return the interval of a metric of all classes, or None where it has none.

    The share of right calls has Wilson's interval. The mean of the recalls adds the squares of the distances of
    its parts, as the classes have other patients; any other mean over classes has the mean of their intervals, as
    if they moved together.

    Parameters
    ----------
    confusions : sequence of Confusion
        Of each class against the rest.
    metric : str
        A metric of `MULTICLASS_METRICS`.
    value, confidence
        As in `interval_of_class`.

    Examples
    --------
    >>> perfect = [Confusion(20, 0, 0, 20)] * 2
    >>> [round(float(end), 3) for end in interval_over_classes(perfect, "accuracy", 1.0, 0.95)]
    [0.912, 1.0]
    """
    patients = np.array([c.tp + c.fn for c in confusions], dtype=float)
    kind, _, part = metric.rpartition("_")
    if metric in ("accuracy", "weighted_recall"):
        low, high = wilson_interval(value, patients.sum(), confidence)
    elif metric in ("balanced_accuracy", "macro_recall"):
        low, high = _mean_share(value, patients[patients > 0], confidence)
    elif metric == "auc_hand_till":
        pairs = combinations(patients.tolist(), 2)
        low, high = np.mean([newcombe_interval(value, *pair, confidence) for pair in pairs], axis=0)
    elif part in ("auc", "precision", "f1"):
        counting = [k for k, c in enumerate(confusions) if c.tp + c.fn + c.fp > 0]
        ends = [interval_of_class(confusions[k], part, value, confidence) for k in counting]
        low, high = np.average(ends, axis=0, weights=patients[counting] if kind == "weighted" else None)
    else:
        return None
    return float(low), float(high)


def _mean_share(value: float, n: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the interval of the mean of shares that are all of one value, out of ``n`` each."""
    low, high = wilson_interval(value, n, confidence)
    below, above = (np.sqrt(np.sum((ends - value) ** 2)) / len(n) for ends in (low, high))
    return value - below, value + above
