"""What a network says of a patient's pictures to what it says of the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, eq=False)
class Said:
    """What a network says of the pictures of some rows, row after row.

    Attributes
    ----------
    embedding : ndarray of shape (n_pictures, d)
    logits : ndarray of shape (n_pictures, n_classes)
        Of a frozen encoder none, shape (n_pictures, 0).
    counts : ndarray of int, shape (n_rows,)
        How many pictures each row has.
    largest : ndarray of int, shape (n_rows,)
        Which of a row's pictures has most tumor.
    classify : callable
        Takes an embedding (d,) and returns the logits (n_classes,) of the layer behind it.
    weigh : callable
        Takes embeddings (n, d) of one row's pictures and returns how much each counts, shape (n,).
    """

    embedding: np.ndarray
    logits: np.ndarray
    counts: np.ndarray
    largest: np.ndarray
    classify: Callable[[np.ndarray], np.ndarray]
    weigh: Callable[[np.ndarray], np.ndarray]

    @property
    def weights(self) -> list[np.ndarray]:
        """How much each picture of each row counts."""
        return [self.weigh(of_row) for of_row in np.split(self.embedding, np.cumsum(self.counts)[:-1])]


Answer = tuple[np.ndarray, np.ndarray]  # embedding (n_rows, d) and logits (n_rows, n_classes)


def _by_logits(combine: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Said], Answer]:
    def aggregated(said: Said) -> Answer:
        logits = combine(said.logits, said.counts) if said.logits.shape[1] else said.logits[: len(said.counts)]
        return mean_of_rows(said.embedding, said.counts), logits

    return aggregated


def mean_embedding(said: Said) -> Answer:
    """Return the mean embedding, and what the layer behind the embedding says of it."""
    return _classified(said, mean_of_rows(said.embedding, said.counts))


def largest(said: Said) -> Answer:
    """Return what is said of the picture with most tumor."""
    places = np.cumsum(said.counts) - said.counts + said.largest
    return said.embedding[places].astype(np.float64), said.logits[places].astype(np.float64)


def attention(said: Said) -> Answer:
    """Return the mean embedding by weights that were learned, and what the layer behind the embedding says of it."""
    of_rows = np.split(said.embedding.astype(np.float64), np.cumsum(said.counts)[:-1])
    means = [weights @ of_row for weights, of_row in zip(said.weights, of_rows, strict=True)]
    return _classified(said, np.stack(means))


def _classified(said: Said, embedding: np.ndarray) -> Answer:
    if not said.logits.shape[1]:
        return embedding, said.logits[: len(embedding)]
    # one row at a time: the last bits of a row do not depend on the others
    return embedding, np.stack([said.classify(row) for row in embedding])


Aggregate = Literal["mean_logit", "mean_probability", "mean_embedding", "vote", "largest", "attention"]
MEAN_LOGIT, MEAN_EMBEDDING, LARGEST, ATTENTION = "mean_logit", "mean_embedding", "largest", "attention"
AGGREGATIONS: Mapping[str, Callable[[Said], Answer]] = {
    MEAN_LOGIT: _by_logits(mean_of_rows),
    "mean_probability": _by_logits(mean_probability),
    MEAN_EMBEDDING: mean_embedding,
    "vote": _by_logits(vote),
    LARGEST: largest,
    ATTENTION: attention,
}
