"""Probabilities of several outcomes made to obey what one says of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.fuse.combiners import simplex_weights


def coherent(probabilities: Sequence[np.ndarray], allowed: np.ndarray) -> list[np.ndarray]:
    """Return the nearest probabilities of several outcomes whose combination can only be one of those allowed.

    Probabilities that some distribution over the allowed combinations has as its own stay as they are: where the one
    outcome implies the other, those where it is the less probable of the two. Others are moved to those of the
    distribution with the least squared distance, summed over classes and outcomes: what implies and what is implied
    meet halfway.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_samples, n_classes)
        Of each outcome; a row with NaN in one of them keeps all of its probabilities as they are.
    allowed : ndarray of bool, shape (n_classes_1, n_classes_2, …)
        An axis per outcome; one combination at least.

    Returns
    -------
    list of ndarray of shape (n_samples, n_classes)

    Notes
    -----
    Whichever of the allowed combinations turns out to be true, the Brier score summed over the outcomes is never larger
    than it was (Predd et al.). Multiplying the probabilities, as if the outcomes had nothing to do with each
    other but for the rule, has no such warrant: of a mutation and a codeletion, each of probability .1, it leaves a
    codeletion of .011.

    References
    ----------
    Predd, Seiringer, Lieb, Osherson, Poor, Kulkarni (2009). Probabilistic coherence and proper scoring rules. IEEE
    Transactions on Information Theory 55(10), 4786-4792.
    Ayer, Brunk, Ewing, Reid, Silverman (1955). An empirical distribution function for sampling with incomplete
    information. Annals of Mathematical Statistics 26, 641-647: of two in order, those that are not are averaged.

    Examples
    --------
    >>> idh, codel = np.array([[0.6, 0.4], [0.9, 0.1]]), np.array([[0.4, 0.6], [0.9, 0.1]])
    >>> [told.round(3).tolist() for told in coherent([idh, codel], np.array([[True, False], [True, True]]))]
    [[[0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.9, 0.1]]]
    """
    combinations = np.argwhere(allowed)  # (n_combinations, n_outcomes)
    memberships = [np.eye(size)[combinations[:, place]].T for place, size in enumerate(allowed.shape)]
    every, given = np.vstack(memberships), np.hstack(list(probabilities))
    joint = np.full((len(given), len(combinations)), np.nan)
    for row in np.flatnonzero(~np.isnan(given).any(axis=1)):
        joint[row] = simplex_weights(every - given[row][:, None])
    told = [np.minimum(joint @ of_outcome.T, 1) for of_outcome in memberships]  # sums of weights round
    return [np.where(np.isnan(joint[:, :1]), own, moved) for own, moved in zip(probabilities, told, strict=True)]
