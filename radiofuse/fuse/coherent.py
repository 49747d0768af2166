"""Probabilities of several outcomes made to obey what one says of another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def coherent(probabilities: Sequence[np.ndarray], allowed: np.ndarray) -> list[np.ndarray]:
    """Return the probabilities of several outcomes given that their combination is one of those allowed.

    Each combination of classes gets the product of its probabilities, those that cannot be get 0, the rest is scaled
    to 1, and every outcome's own probabilities are summed from it. What one outcome says so moves the other: that a
    tumor is surely codeleted makes an IDH mutation sure.

    Parameters
    ----------
    probabilities : sequence of ndarray of shape (n_samples, n_classes)
        Of each outcome; a row with NaN in one of them keeps all of its probabilities as they are.
    allowed : ndarray of bool, shape (n_classes_1, n_classes_2, …)
        An axis per outcome.

    Returns
    -------
    list of ndarray of shape (n_samples, n_classes)
        As they were where each allowed combination has probability 0.

    Notes
    -----
    The product takes outcomes as independent but for the rule: it is the distribution nearest to that product, in the
    sense of Kullback and Leibler, among those that obey the rule.

    References
    ----------
    Csiszar (1975). I-divergence geometry of probability distributions and minimization problems. The Annals of
    Probability 3, 146-158: of all distributions on a set, the conditional one is nearest.

    Examples
    --------
    >>> idh, codel = np.array([[0.6, 0.4]]), np.array([[0.5, 0.5]])
    >>> [told.round(3).tolist() for told in coherent([idh, codel], np.array([[True, False], [True, True]]))]
    [[[0.429, 0.571]], [[0.714, 0.286]]]
    """
    n_outcomes = len(probabilities)
    joint = np.ones((len(probabilities[0]), *allowed.shape)) * allowed
    for place, own in enumerate(probabilities):
        joint *= np.expand_dims(own, [1 + other for other in range(n_outcomes) if other != place])
    total = joint.sum(axis=tuple(range(1, 1 + n_outcomes)))
    usable = total > 0  # false of NaN
    told = []
    for place, own in enumerate(probabilities):
        others = tuple(1 + other for other in range(n_outcomes) if other != place)
        answer = np.array(own, dtype=float)
        answer[usable] = joint.sum(axis=others)[usable] / total[usable, None]
        told.append(answer)
    return told
