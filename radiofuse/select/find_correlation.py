"""Which features R's ``caret::findCorrelation`` drops: of each correlated pair the one that correlates more."""

from __future__ import annotations

import numpy as np

TWINS = 12  # decimals to which equal mean correlations count as ties, so that rounding does not order twins


def find_correlation(size: np.ndarray, threshold: float) -> np.ndarray:
    """Say which features caret's exact rule drops.

    Features are walked through by falling mean absolute correlation with all others. Of a pair above the
    threshold the first goes if its mean correlation with what is left exceeds the mean of all that is
    left without the second; else the second goes.

    Parameters
    ----------
    size : ndarray of shape (n_features, n_features)
        Absolute correlations, symmetric. The diagonal does not count.
    threshold : float
        Dropped is what lies strictly above.

    Returns
    -------
    dropped : ndarray of bool, shape (n_features,)

    Notes
    -----
    Equal to ``findCorrelation(exact=TRUE)`` but where two features have the same mean correlation, as
    perfect twins do: R orders those by the rounding of its sums, here the first column goes first. R computes
    the two means of every pair afresh; here sums are kept and reduced by what is dropped.

    References
    ----------
    M. Kuhn and K. Johnson, Applied Predictive Modeling, Springer 2013, section 3.5.
    M. Kuhn, R package caret 6.0, ``findCorrelation_exact``.

    Examples
    --------
    >>> find_correlation(np.array([[1.0, 0.95, 0.2], [0.95, 1.0, 0.5], [0.2, 0.5, 1.0]]), 0.9)
    array([False,  True, False])
    """
    n_features = len(size)
    sums = size.sum(axis=1) - size.diagonal()  # over what is left
    order = np.argsort(-(sums / max(n_features - 1, 1)).round(TWINS), kind="stable")
    left, n_left, total = np.ones(n_features, dtype=bool), n_features, sums.sum()
    for place, first in enumerate(order[:-1]):
        if not left[first]:
            continue
        later = order[place + 1 :]
        for second in later[left[later] & (size[first, later] > threshold)]:
            mean_first = sums[first] / (n_left - 1)
            mean_others = (total - sums[second]) / (n_left - 1) ** 2
            gone = first if mean_first > mean_others else second
            left[gone], n_left = False, n_left - 1
            total -= 2 * sums[gone]
            sums -= size[gone]
            if gone == first:
                break
    return ~left
