"""The variance of AUCs, after DeLong, and the test between two models on the same rows."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from scipy.stats import rankdata

from radiofuse.patients.routing import refuse_misaligned

ROUNDING = 1e-14  # of the variances of two AUCs, what is left of the variance of their difference if there is none
logger = logging.getLogger(__name__)


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
    below, above = placements(label, scores)
    covariance = np.cov(below, rowvar=False) / len(below) + np.cov(above, rowvar=False) / len(above)
    return DeLong(below.mean(axis=0), np.atleast_2d(covariance))


def placements(label: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of negatives below each positive, and of positives above each negative, by score."""
    scores = np.atleast_3d(np.asarray(scores, dtype=float))
    positive, negative = scores[np.asarray(label) == 1], scores[np.asarray(label) == 0]
    ranks = rankdata(np.vstack([positive, negative]), axis=0)
    n_positive, n_negative = len(positive), len(negative)
    below = (ranks[:n_positive] - rankdata(positive, axis=0)) / n_negative
    above = 1 - (ranks[n_positive:] - rankdata(negative, axis=0)) / n_positive
    return below.mean(axis=2), above.mean(axis=2)


def delong_test(label: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return Z and the two-sided p-value of the difference of two AUCs of the same independent rows.

    Scores have shape (n_samples,), or (n_samples, n_repeats) to compare mean AUCs. Where the difference has no
    variance, as between an AUC of 1 and one of 0, Z is 0 and p 1 if the AUCs are equal; otherwise both are NaN
    and a warning is logged.

    See Also
    --------
    delong_test_unpaired : Of two groups of patients.
    compare_models : Of a table of predictions, by resampling whole patients.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845, eq. 7 for one contrast.
    """
    refuse_misaligned(label=label, first=first, second=second)
    found = delong(label, np.stack([first, second], axis=1))
    contrast = np.array([1.0, -1.0])
    difference, variance = contrast @ found.auc, contrast @ found.covariance @ contrast
    z = standardized(difference, variance if variance > ROUNDING * np.trace(found.covariance) else 0.0)
    return z, float(2 * ndtr(-abs(z)))


def standardized(difference: float, variance: float) -> float:
    """Return a difference in standard errors; without variance 0 if it is 0, and otherwise NaN, with a warning."""
    if variance > 0:
        return float(difference / np.sqrt(variance))
    if difference == 0:
        return 0.0
    logger.warning(
        "A difference of %.3g has no variance here, so it cannot be tested and its p-value is missing; add rows.",
        difference,
    )
    return np.nan
