"""Votes of members for more than two classes."""

from __future__ import annotations

import numpy as np


def vote_shares(P: np.ndarray) -> np.ndarray:
    """Return the share of the members present that vote for each class, their most probable one.

    A member to which several classes are equally probable gives each an equal part of its vote.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_members, n_classes)
        NaN where a member is absent.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Rows sum to 1.

    Examples
    --------
    >>> vote_shares(np.array([[[0.6, 0.3, 0.1], [0.4, 0.2, 0.4]]]))
    array([[0.75, 0.  , 0.25]])
    """
    absent = np.isnan(P).any(axis=2)  # (n_samples, n_members)
    known = np.where(absent[:, :, None], 0, P)
    chosen = (known == known.max(axis=2, keepdims=True)) & ~absent[:, :, None]
    votes = chosen / np.maximum(chosen.sum(axis=2, keepdims=True), 1)
    return votes.sum(axis=1) / (~absent).sum(axis=1, keepdims=True)


def leading(shares: np.ndarray) -> np.ndarray:
    """Say for each row which classes have the most votes, shape (n_samples, n_classes).

    Examples
    --------
    >>> leading(np.array([[0.4, 0.2, 0.4]]))
    array([[ True, False,  True]])
    """
    return np.isclose(shares, shares.max(axis=1, keepdims=True), rtol=0, atol=1e-9)  # thirds of votes round


def settled(shares: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Divide the common share of the leading classes as their mean probabilities are to each other.

    The class that comes out first is one of them. Of two classes that tie this is the mean probability itself.

    Parameters
    ----------
    shares, mean : ndarray of shape (n_samples, n_classes)

    Examples
    --------
    >>> settled(np.array([[0.5, 0.5, 0.0]]), np.array([[0.3, 0.1, 0.6]]))
    array([[0.75, 0.25, 0.  ]])
    """
    first = leading(shares)
    among = np.where(first, mean, 0)
    divided = (shares * first).sum(axis=1, keepdims=True) * among / among.sum(axis=1, keepdims=True)
    return np.where(first & (first.sum(axis=1, keepdims=True) > 1), divided, shares)
