"""Votes whose ties are settled otherwise than by the mean probability: by the classes' shares, or not at all."""

from __future__ import annotations

import numpy as np

from radiofuse.fuse.combiners import Vote
from radiofuse.fuse.of_classes import by_class
from radiofuse.fuse.votes import settled, vote_shares


class VoteByPrior(Vote):
    """The share of votes; a tie is settled by how frequent the classes are in training.

    Of two classes a row whose votes tie is answered by the share of the positive class, of more the classes that tie
    divide what they have by their shares.

    Attributes
    ----------
    prior_ : ndarray of shape (n_classes,)
        Shares of the classes in training.

    Examples
    --------
    >>> rule = VoteByPrior().fit(np.full((4, 2), 0.5), np.array([0, 0, 0, 1]))
    >>> rule.combine(np.array([[0.9, 0.4], [0.9, 0.8]]))
    array([0.25, 1.  ])
    """

    title = "share of votes, a tie by the classes' shares"

    def fit(self, P: np.ndarray, y: np.ndarray) -> VoteByPrior:
        """Learn the shares of the classes; out-of-fold probabilities ``P`` say how many classes there are."""
        counts = np.bincount(y, minlength=P.shape[2] if P.ndim == 3 else 2)
        self.prior_ = counts / counts.sum()
        return self

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        if P.ndim == 3:
            return settled(vote_shares(P), np.broadcast_to(self.prior_, (len(P), P.shape[2])))
        return np.where(self.ties(P), self.prior_[1], self._share(P))


class VoteOrAbstain(Vote):
    """The share of votes; a tie abstains: the classes that tie keep equal shares, of two 0.5.

    A threshold of 0.5 would call such a row positive: ``ties(P)`` says which rows abstain, and ``ties(P).mean()`` how
    often the rule does.

    Examples
    --------
    >>> VoteOrAbstain().combine(np.array([[0.9, 0.4], [0.9, 0.8]]))
    array([0.5, 1. ])
    """

    title = "share of votes, a tie undecided"

    def combine(self, P: np.ndarray) -> np.ndarray:
        """Return one probability per row, or one per row and class."""
        return vote_shares(P) if P.ndim == 3 else self._share(P)


def tie_rate(P: np.ndarray) -> float:
    """Return in which share of the rows the members' votes tie, whatever rule settles them.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_members) or (n_samples, n_members, n_classes)
        As combiners take them; rows in which all members are absent do not count.

    Examples
    --------
    >>> tie_rate(np.array([[0.9, 0.4], [0.9, 0.8], [0.1, np.nan], [np.nan, np.nan]])).round(2)
    np.float64(0.33)
    """
    known = P[~np.isnan(by_class(P)).all(axis=(1, 2))]
    return Vote().ties(known).mean() if len(known) else float("nan")
