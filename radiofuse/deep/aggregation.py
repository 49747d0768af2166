"""What a network says of a patient's pictures to what it says of the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import log_softmax

HALF = 0.5  # of a vote, which each class has more, so that a share is never 0


def mean_of_rows(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the mean over each row's pictures, float64 of shape (n_rows, k); of (n_pictures, k).

    Sums are of float64, so that the mean of a row does not depend on the other rows.

    >>> mean_of_rows(np.array([[1.0], [3.0], [7.0]]), np.array([2, 1])).ravel().tolist()
    [2.0, 7.0]
    """
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(values.astype(np.float64), starts, axis=0) / np.asarray(counts)[:, None]


def mean_probability(logits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the logarithm of the mean of the pictures' probabilities, shape (n_rows, n_classes).

    >>> logits = np.log([[0.9, 0.1], [0.5, 0.5]])
    >>> np.exp(mean_probability(logits, np.array([2]))).round(3).tolist()
    [[0.7, 0.3]]
    """
    return np.log(mean_of_rows(np.exp(log_softmax(logits.astype(np.float64), axis=1)), counts))


def vote(logits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the logarithm of the share of pictures that each class is the most probable of, shape (n_rows, n_classes).

    Each class has half a vote more. Where two have the most votes, the mean of the probabilities decides.

    >>> logits = np.log([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    >>> np.exp(vote(logits, np.array([3]))).tolist(), np.exp(vote(logits[:2], np.array([2]))).round(2).tolist()
    ([[0.375, 0.625]], [[0.65, 0.35]])
    """
    n_classes = logits.shape[1]
    votes = mean_of_rows(np.eye(n_classes)[logits.argmax(axis=1)], counts) * np.asarray(counts)[:, None]
    shares = np.log(votes + HALF) - np.log(votes.sum(axis=1, keepdims=True) + HALF * n_classes)
    tied = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
    return np.where(tied[:, None], mean_probability(logits, counts), shares)


AGGREGATIONS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean_logit": mean_of_rows,
    "mean_probability": mean_probability,
    "vote": vote,
}
