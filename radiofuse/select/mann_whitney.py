"""Step one: does a feature differ between the two classes? The Mann-Whitney U test, all columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy import special, stats
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.select.binary import binary_target_tags, positive_rows, require_binary_target
from radiofuse.select.shortfall import ON_EMPTY, settle_empty

CHUNK = 256  # columns ranked at a time: their ranks stay in the processor's cache
SMALL_CLASS = 8  # scipy's own limit for the exact distribution under method="auto"


@dataclass(frozen=True)
class MannWhitney:
    """Test of every column; each attribute has shape (n_features,).

    Attributes
    ----------
    U : ndarray
        Pairs (one row of each class) in which the positive row has the larger value; a tie counts half.
    pvalue : ndarray
        Two-sided p-value.
    auc : ndarray
        ``U`` divided by the number of pairs; above .5 the feature is larger in the positive class.
    effect : ndarray
        Distance of the AUC from .5. Exact up to one rounding, so mirrored features tie.
    """

    U: np.ndarray
    pvalue: np.ndarray
    auc: np.ndarray
    effect: np.ndarray


def mann_whitney(X, y, *, method: str = "asymptotic") -> MannWhitney:
    """Test every column of a table for a difference between two classes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Finite values.
    y : array-like of shape (n_samples,)
        Two classes; the larger label is the positive one.
    method : {"asymptotic", "exact", "auto"}, default="asymptotic"
        How p-values are computed. "asymptotic" corrects for ties and for continuity. "exact" is the
        permutation distribution, which holds without ties. "auto" is exact where a column has no tie
        and the smaller class at most 8 rows, decided column by column.

    Returns
    -------
    MannWhitney
        A constant column has a p-value of 1 and an AUC of .5.

    Raises
    ------
    ValueError
        If ``y`` does not hold two classes.

    Notes
    -----
    ``scipy.stats.mannwhitneyu(axis=0, method="auto")`` decides once for the whole batch: a tie in one
    column changes the p-values of its neighbors. Hence the decision per column here.

    References
    ----------
    H. B. Mann and D. R. Whitney, "On a test of whether one of two random variables is stochastically
    larger than the other", Annals of Mathematical Statistics 18 (1947) 50-60.
    M. Hollander, D. A. Wolfe and E. Chicken, Nonparametric Statistical Methods, 3rd ed., Wiley 2014,
    equation 4.14 (variance with ties).

    Examples
    --------
    >>> result = mann_whitney([[1, 5], [2, 5], [3, 5], [4, 5]], [0, 0, 1, 1])
    >>> result.auc
    array([1. , 0.5])
    >>> result.pvalue.round(4)
    array([0.2453, 1.    ])
    """
    X = np.asarray(X, dtype=np.float64)
    positive = positive_rows(y)
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(positive) - n_positive)
    rank_sum, tie_term = _rank_sums(X, positive)
    U = rank_sum - n_positive * (n_positive + 1) / 2
    pvalue = _asymptotic_pvalue(U, tie_term, n_positive, len(positive) - n_positive)
    exact = _exact_columns(method, tie_term, min(n_positive, len(positive) - n_positive))
    if exact.any():
        pvalue[exact] = stats.mannwhitneyu(X[positive][:, exact], X[~positive][:, exact], method="exact").pvalue
    return MannWhitney(U, pvalue, U / n_pairs, np.abs(U - n_pairs / 2) / n_pairs)


def _rank_sums(X: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each column's rank sum of the positive rows and its tie term, the sum of t³ − t."""
    rank_sum, tie_term = np.empty(X.shape[1]), np.zeros(X.shape[1])
    ranks = np.arange(1.0, len(X) + 1)
    for start in range(0, X.shape[1], CHUNK):
        columns = np.ascontiguousarray(X[:, start : start + CHUNK].T)
        order = np.argsort(columns, axis=1)
        from_positive = positive[order]
        values = np.take_along_axis(columns, order, axis=1)
        repeats = values[:, 1:] == values[:, :-1]
        rank_sum[start : start + CHUNK] = from_positive @ ranks
        tied = np.flatnonzero(repeats.any(axis=1))
        mean_ranks = _mean_ranks(repeats[tied])
        rank_sum[start + tied] = (from_positive[tied] * mean_ranks).sum(axis=1)
        tie_term[start + tied] = _tie_term(mean_ranks)
    return rank_sum, tie_term


def _mean_ranks(repeats: np.ndarray) -> np.ndarray:
    """Return ranks of sorted rows, ties sharing their mean; ``repeats[:, i]`` says value i + 1 equals value i."""
    n = repeats.shape[1] + 1
    first = np.broadcast_to(np.arange(1.0, n + 1), (len(repeats), n)).copy()
    last = first.copy()
    first[:, 1:][repeats] = 0
    last[:, :-1][repeats] = n
    first = np.maximum.accumulate(first, axis=1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    return (first + last) / 2


def _tie_term(mean_ranks: np.ndarray) -> np.ndarray:
    # Ties lower the sum of squares of the ranks below (n³ − n) / 12 by exactly Σ(t³ − t) / 12.
    n = mean_ranks.shape[1]
    return n**3 - n - 12 * ((mean_ranks - (n + 1) / 2) ** 2).sum(axis=1)


def _asymptotic_pvalue(U: np.ndarray, tie_term: np.ndarray, n1: int, n0: int) -> np.ndarray:
    # The order of operations is scipy's, so that the last bit agrees.
    n = n1 + n0
    spread = np.sqrt(n1 * n0 / 12 * ((n + 1) - tie_term / (n * (n - 1))))
    with np.errstate(divide="ignore"):  # a constant column: −0.5 / 0, p = 1
        z = (np.maximum(U, n1 * n0 - U) - n1 * n0 / 2 - 0.5) / spread
    return np.clip(special.ndtr(-z) * 2, 0.0, 1.0)


def _exact_columns(method: str, tie_term: np.ndarray, n_smaller: int) -> np.ndarray:
    if method == "auto":
        return (tie_term == 0) & (n_smaller <= SMALL_CLASS)
    return np.full(len(tie_term), method == "exact")


class MannWhitneySelector(SelectorMixin, BaseEstimator):
    """Keep the features whose Mann-Whitney p-value is below ``alpha``.

    Rows count as independent observations: with several rows per patient the p-values are too small,
    which a filter tolerates and a claim of significance does not.

    Parameters
    ----------
    alpha : float, default=0.05
        Kept are features with p < alpha.
    adjust : {"none", "bh"}, default="none"
        What is compared with ``alpha``: the p-value as it is (the published chain), or the
        Benjamini-Hochberg q-value, which bounds the expected share of false discoveries.
    method : {"asymptotic", "exact", "auto"}, default="asymptotic"
        See `mann_whitney`.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    pvalues_, qvalues_, auc_, statistics_ : ndarray of shape (n_features_in_,)
        p-value, Benjamini-Hochberg q-value, AUC (above .5: larger in ``classes_[1]``) and U.
    fallback_ : bool
        Whether features that did not pass had to fill up.
    classes_ : ndarray of shape (2,)
        The labels; the second is the positive class.

    References
    ----------
    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995) 289-300.

    Examples
    --------
    >>> X = [[1.0, 7.0], [2.0, 3.0], [3.0, 5.0], [4.0, 6.0], [5.0, 2.0], [6.0, 4.0], [7.0, 8.0], [8.0, 1.0]]
    >>> MannWhitneySelector().fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).get_support()
    array([ True, False])
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="both")],
        "adjust": [StrOptions({"none", "bh"})],
        "method": [StrOptions({"asymptotic", "exact", "auto"})],
        "on_empty": ON_EMPTY,
    }

    def __init__(self, *, alpha=0.05, adjust="none", method="asymptotic", on_empty="strongest"):
        self.alpha = alpha
        self.adjust = adjust
        self.method = method
        self.on_empty = on_empty

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Test every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Two classes.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes, or ``X`` is not finite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_ = require_binary_target(y)
        result = mann_whitney(X, y, method=self.method)
        self.pvalues_, self.auc_, self.statistics_ = result.pvalue, result.auc, result.U
        self.qvalues_ = stats.false_discovery_control(result.pvalue, method="bh")
        passed = (self.qvalues_ if self.adjust == "bh" else self.pvalues_) < self.alpha
        self.support_ = settle_empty(passed, result.effect, self.on_empty, type(self).__name__)
        self.fallback_ = bool((self.support_ & ~passed).any())
        return self

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        return binary_target_tags(super().__sklearn_tags__())
