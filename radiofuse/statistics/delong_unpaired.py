"""The test between the AUCs of two groups of patients, after DeLong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from radiofuse import notebook
from radiofuse.statistics.area_intervals import auc_interval
from radiofuse.statistics.delong import standardized


class UnpairedDeLong(NamedTuple):
    """Test of the difference of two AUCs of different patients."""

    difference: float  # first minus second
    statistic: float  # difference / its standard error
    df: float  # degrees of freedom of Student's t
    p_value: float  # two-sided

    def _repr_html_(self) -> str:
        return notebook.result(self)


def delong_test_unpaired(
    label_a: ArrayLike, score_a: ArrayLike, label_b: ArrayLike, score_b: ArrayLike
) -> UnpairedDeLong:
    """Compare the AUCs of two sets of independent rows, such as two hospitals.

    Parameters
    ----------
    label_a, label_b : array-like of shape (n_samples_a,) and (n_samples_b,)
        0 or 1; at least two of each in each set.
    score_a, score_b : array-like of shape (n_samples_a,) and (n_samples_b,)
        Higher means label 1.

    Returns
    -------
    UnpairedDeLong
        Of AUCs without variance, such as 1 and 0, the statistic is 0 and the p-value 1 if they are equal;
        otherwise both are NaN, since so few rows say nothing of the spread, and a warning is logged.

    Raises
    ------
    RequestError
        Labels other than 0 and 1, fewer than two of a label, scores that are not finite, or unequal lengths.

    See Also
    --------
    delong_test : Of the same patients.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845 (variances). Welch 1947, Biometrika 34:28-35
    (degrees of freedom, as ``roc.test`` of R's pROC takes them).

    Examples
    --------
    >>> found = delong_test_unpaired([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], [0, 0, 1, 1], [0.5, 0.6, 0.4, 0.9])
    >>> round(found.difference, 3), round(found.df, 3), round(found.p_value, 3)
    (0.25, 5.4, 0.699)
    """
    a, b = (auc_interval(*rows) for rows in ((label_a, score_a), (label_b, score_b)))
    return welch_test((a.auc, a.variance, np.size(label_a)), (b.auc, b.variance, np.size(label_b)))


def welch_test(a: tuple[float, float, int], b: tuple[float, float, int]) -> UnpairedDeLong:
    """Compare two AUCs, each with its variance and the number of rows behind it."""
    (auc_a, variance_a, n_a), (auc_b, variance_b, n_b) = a, b
    difference, variance = auc_a - auc_b, variance_a + variance_b
    statistic = standardized(difference, variance)
    shares = variance_a**2 / (n_a - 1) + variance_b**2 / (n_b - 1)
    df = float(variance**2 / shares) if shares > 0 else float(n_a + n_b - 2)
    return UnpairedDeLong(difference, statistic, df, float(2 * stdtr(df, -abs(statistic))))
