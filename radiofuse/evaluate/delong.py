"""The variance of correlated AUCs, after DeLong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata


class DeLong(NamedTuple):
    """AUCs of several scores of the same rows, and their covariance."""

    auc: np.ndarray  # (n_scores,)
    covariance: np.ndarray  # (n_scores, n_scores)


def delong(label: np.ndarray, scores: np.ndarray) -> DeLong:
    """Return the AUCs of scores of the same independent rows, and their covariance matrix.

    Parameters
    ----------
    label : ndarray of shape (n_samples,)
        0 or 1; at least two of each.
    scores : ndarray of shape (n_samples, n_scores) or (n_samples, n_scores, n_repeats)
        One column per model; higher means label 1. Of repeats the AUCs are averaged.

    Notes
    -----
    The mean AUC of repeats is one two-sample U-statistic, its kernel the mean of theirs, so its
    variance is that of the mean placements.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, eq. 5 and 6.
    Sun and Xu 2014, IEEE Signal Process Lett 21:1389-1393, the placements from midranks.

    Examples
    --------
    >>> import numpy as np
    >>> found = delong(np.array([0, 0, 1, 1]), np.array([[0.1], [0.6], [0.4], [0.9]]))
    >>> float(found.auc[0]), float(found.covariance[0, 0])
    (0.75, 0.125)
    """
    scores = np.atleast_3d(np.asarray(scores, dtype=float))
    positive, negative = scores[np.asarray(label) == 1], scores[np.asarray(label) == 0]
    ranks = rankdata(np.vstack([positive, negative]), axis=0)
    n_positive, n_negative = len(positive), len(negative)
    below = ((ranks[:n_positive] - rankdata(positive, axis=0)) / n_negative).mean(axis=2)
    above = (1 - (ranks[n_positive:] - rankdata(negative, axis=0)) / n_positive).mean(axis=2)
    covariance = np.cov(below, rowvar=False) / n_positive + np.cov(above, rowvar=False) / n_negative
    return DeLong(below.mean(axis=0), np.atleast_2d(covariance))


def delong_test(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return Z and the two-sided p-value of the difference of two AUCs of the same independent rows.

    Scores have shape (n_samples,), or (n_samples, n_repeats) to compare mean AUCs.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, eq. 7 for one contrast.
    """
    found = delong(label, np.stack([first, second], axis=1))
    contrast = np.array([1.0, -1.0])
    difference, variance = contrast @ found.auc, contrast @ found.covariance @ contrast
    if variance <= 0:  # no row is ranked differently, or each class is split without an overlap
        return (0.0, 1.0) if difference == 0 else (float(np.copysign(np.inf, difference)), 0.0)
    z = difference / np.sqrt(variance)
    return float(z), float(2 * ndtr(-abs(z)))
