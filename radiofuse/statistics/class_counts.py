"""What follows from right calls, rows and calls of each class: precision, recall, F1, their means, agreement."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ClassCounts(NamedTuple):
    """Weights of rows by class, each of shape (n_classes,) or (n_classes, n_resamples)."""

    right: np.ndarray  # of the class and called so
    there: np.ndarray  # of the class
    called: np.ndarray  # called so


def ratio(numerator: np.ndarray | float, denominator: np.ndarray | float, *, undefined: float) -> np.ndarray:
    """Return numerators over denominators, and what is not defined where a denominator is 0."""
    exists = denominator > 0
    return np.where(exists, numerator / np.where(exists, denominator, 1.0), undefined)[()]


def count_classes(code: np.ndarray, call: np.ndarray, weights: np.ndarray, n_classes: int) -> ClassCounts:
    """Return the weights of the rows of each class, of its calls and of its right calls."""
    identity = np.eye(n_classes)
    truth, called = identity[code].T, identity[call].T
    return ClassCounts((truth * called) @ weights, truth @ weights, called @ weights)


def scores_of_classes(counts: ClassCounts) -> dict[str, np.ndarray]:
    """Return precision, recall, specificity and F1 of each class against the rest, in the shape of the counts.

    Precision and F1 are 0 where nothing is called so, recall is NaN of a class that is not there.

    Examples
    --------
    >>> counts = count_classes(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), np.ones(4), 3)
    >>> scores_of_classes(counts)["precision"].tolist()
    [1.0, 0.5, 1.0]
    """
    right, there, called = counts
    rest = there.sum(axis=0) - there
    return {
        "precision": ratio(right, called, undefined=0.0),
        "recall": ratio(right, there, undefined=np.nan),
        "specificity": ratio(rest - (called - right), rest, undefined=np.nan),
        "f1": ratio(2 * right, there + called, undefined=0.0),
    }


def means_over_classes(counts: ClassCounts) -> dict[str, np.ndarray]:
    """Return precision, recall and F1, averaged over the classes that are there or called: plainly, by their rows.

    Examples
    --------
    >>> counts = count_classes(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), np.ones(4), 3)
    >>> found = means_over_classes(counts)
    >>> float(found["macro_precision"].round(4)), float(found["weighted_precision"])
    (0.8333, 0.875)
    """
    by_class, means = scores_of_classes(counts), {}
    counting = counts.there + counts.called > 0  # scikit-learn, too, sees no other classes
    for metric in AVERAGED:
        values = np.where(np.isnan(by_class[metric]), 0.0, by_class[metric])  # no recall of a class not there
        total = counts.there.sum(axis=0)
        means[f"macro_{metric}"] = mean_where(values, counting)
        means[f"weighted_{metric}"] = ratio((values * counts.there).sum(axis=0), total, undefined=np.nan)
    return means


def mean_where(values: np.ndarray, counting: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that count."""
    return ratio(np.where(counting, values, 0.0).sum(axis=0), counting.sum(axis=0), undefined=np.nan)


def agreement(counts: ClassCounts) -> dict[str, np.ndarray]:
    """Return the correlation of classes and calls, and their agreement beyond chance.

    References
    ----------
    Gorodkin 2004, Comput Biol Chem 28:367-374 (correlation). Cohen 1960, Educ Psychol Meas 20:37-46 (kappa).

    Examples
    --------
    >>> counts = count_classes(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), np.ones(4), 3)
    >>> {metric: round(float(value), 4) for metric, value in agreement(counts).items()}
    {'mcc': 0.7, 'kappa': 0.6364}
    """
    right, there, called = counts
    total = there.sum(axis=0)
    by_chance = (there * called).sum(axis=0)
    excess = right.sum(axis=0) * total - by_chance
    scatter = (total**2 - (there**2).sum(axis=0)) * (total**2 - (called**2).sum(axis=0))
    return {
        "mcc": ratio(excess, np.sqrt(scatter), undefined=0.0),
        "kappa": ratio(excess, total**2 - by_chance, undefined=np.nan),
    }


AVERAGED = ("precision", "recall", "f1")
CLASS_MEANS = tuple(f"{mean}_{metric}" for metric in AVERAGED for mean in ("macro", "weighted"))
