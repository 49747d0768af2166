"""Rules that are written once for any number of classes: two are the case of K = 2."""

from __future__ import annotations

import numpy as np


class OfClasses:
    """A rule that fills `_of_classes`: it is asked for probabilities of all classes, also where there are two."""

    multi_class = True

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        answer = self._of_classes(by_class(P))
        return answer if P.ndim == 3 else answer[:, 1]

    def _of_classes(self, each: np.ndarray) -> np.ndarray:
        """Return probabilities (n_samples, n_classes) of those of members, (n_samples, n_members, n_classes)."""
        raise NotImplementedError


def by_class(P: np.ndarray) -> np.ndarray:
    """Return probabilities with a third axis for the classes, of two as of more.

    Examples
    --------
    >>> by_class(np.array([[0.25, 1.0]])).tolist()
    [[[0.75, 0.25], [0.0, 1.0]]]
    """
    return P if P.ndim == 3 else np.stack([1 - P, P], axis=2)


def normalized(scores: np.ndarray, each: np.ndarray) -> np.ndarray:
    """Divide scores by their sum over the classes; where all are 0 the mean of the members' probabilities is taken.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    each : ndarray of shape (n_samples, n_members, n_classes)

    Examples
    --------
    >>> normalized(np.array([[0.2, 0.6], [0.0, 0.0]]), by_class(np.array([[0.6, 0.8], [0.0, 1.0]])))
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    scores = np.where(scores.any(axis=1, keepdims=True), scores, np.nanmean(each, axis=1))
    return scores / scores.sum(axis=1, keepdims=True)
