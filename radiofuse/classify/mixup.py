"""Rows mixed of two with labels mixed alike: the mixup of Zhang et al., for tables."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state

from radiofuse.estimators import Seed

TIMES = 10  # mixes of each row


def mixed_rows(
    Z: np.ndarray, y: np.ndarray, alpha: float, *, times: int = TIMES, random_state: Seed = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows each mixed of two, with the shares of their classes: lambda of the one, 1 - lambda of the other.

    Lambda is drawn from Beta(alpha, alpha), one for all columns of a row, so that blocks of several modalities are
    mixed alike. A row is mixed with one in which the same columns are there: what is absent stays absent. One whose
    pattern no other row has is mixed with itself.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_columns)
        Scaled numbers; NaN where absent.
    y : ndarray of shape (n_samples,)
    alpha : float
        Near 0 each mixed row is nearly one of its parents, at 1 lambda is uniform.
    times : int, default=10
        How often each row is mixed. The reference mixes anew in every batch; this many stand for its mean.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    rows : ndarray of shape (times * n_samples, n_columns)
    share : ndarray of shape (times * n_samples, n_classes)
        Of each class, sorted; a row sums to 1 / times, so that all count together as much as the rows they are of.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz (2018). mixup: beyond empirical risk minimization. ICLR.

    Examples
    --------
    >>> Z, y = np.array([[0.0], [1.0], [10.0]]), np.array([0, 0, 1])
    >>> rows, share = mixed_rows(Z, y, 0.4, times=2, random_state=0)
    >>> rows.shape, share.sum().round(6).item()
    ((6, 1), 3.0)
    """
    random = check_random_state(random_state)
    first = np.tile(np.arange(len(y)), times)
    second = np.concatenate([_partners(Z, random) for _ in range(times)])
    share_of_first = random.beta(alpha, alpha, size=len(first))[:, None]
    one_hot = y[:, None] == np.unique(y)
    rows = share_of_first * Z[first] + (1 - share_of_first) * Z[second]
    share = share_of_first * one_hot[first] + (1 - share_of_first) * one_hot[second]
    return rows, share / times


def _partners(Z: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return a partner of each row at random, one that has the same columns."""
    partner = np.arange(len(Z))
    _, pattern = np.unique(np.isnan(Z), axis=0, return_inverse=True)
    for one in np.unique(pattern):
        own = np.flatnonzero(pattern.ravel() == one)
        partner[own] = random.permutation(own)
    return partner
