"""Does a feature differ between the two classes? The Mann-Whitney U test, all columns at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils._param_validation import StrOptions

from radiofuse.errors import CohortError
from radiofuse.names import kernel
from radiofuse.prepare.validation import as_numbers
from radiofuse.select.binary import binary_target_tags, require_binary_target
from radiofuse.select.rank_sum_pvalues import METHODS, asymptotic_pvalue, exact_columns, exact_pvalue
from radiofuse.select.shortfall import OnEmpty
from radiofuse.select.significance import SignificanceSelector
from radiofuse.select.words import Words
from radiofuse.statistics.multiplicity import Correction

merge_classes = kernel("select._rank_sums").merge_classes

CHUNK = 256  # columns sorted at a time: they stay in the processor's cache


@dataclass(frozen=True)
class MannWhitney:
    """Test of every column; each attribute but the last has shape (n_features,).

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
    n_positive, n_negative : ndarray of int
        Rows of either class whose value is not NaN.
    is_exact : ndarray of bool
        Whether the p-value is the exact one.
    classes : ndarray of shape (2,)
        The labels; the second is the positive class.
    """

    U: np.ndarray
    pvalue: np.ndarray
    auc: np.ndarray
    effect: np.ndarray
    n_positive: np.ndarray
    n_negative: np.ndarray
    is_exact: np.ndarray
    classes: np.ndarray

    @property
    def statistic(self) -> np.ndarray:
        """``U``, by the name that all tests share."""
        return self.U


def mann_whitney(
    X: ArrayLike,
    y: ArrayLike,
    *,
    method: Literal["asymptotic", "exact", "auto"] = "asymptotic",
    continuity: bool = True,
) -> MannWhitney:
    """Test every column of a table for a difference between two classes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features, none infinite; NaN is left out, column by column.
    y : array-like of shape (n_samples,)
        Two classes; the larger label is the positive one.
    method : {"asymptotic", "exact", "auto"}, default="asymptotic"
        How p-values are computed. "asymptotic" corrects for ties. "exact" is the permutation distribution
        where a column has no tie, else asymptotic, as in R; its cost grows with the fourth power of the rows,
        and hundreds are too many. "auto" is exact where a column has no tie and its smaller class at most 8
        values. Both are decided column by column.
    continuity : bool, default=True
        Whether asymptotic p-values are corrected for continuity.

    Returns
    -------
    MannWhitney
        A column that is constant, or has no value in one class, has a p-value of 1 and an AUC of .5.

    Raises
    ------
    RequestError
        If ``method`` is none of these.
    ValueError
        If ``y`` does not hold two classes, or ``X`` holds an infinite value.

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
    table = as_numbers(X)
    check_consistent_length(table, y)
    y = np.asarray(y)
    classes = require_binary_target(y, instead=f"choose the selector {MannWhitneySelector.for_several_classes!r}")
    counts, infinite = _count_sorted(table, y == classes[1])
    if infinite is not None:
        raise infinite_value(X, infinite)
    return from_counts(counts, classes, method=method, continuity=continuity)


def infinite_value(X: ArrayLike, column: int) -> CohortError:
    """Return the error for a column that holds an infinity; it is named where ``X`` has names."""
    name = X.columns[column] if hasattr(X, "columns") else column
    return CohortError(
        "The feature table", [f"Column {name} holds an infinite value; replace it by a number or by NaN."]
    )


def _count_sorted(X: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, int | None]:
    """Sort each class of each column and merge them. Return the kernel's counts, or the first infinite column."""
    counts = np.empty((X.shape[1], 4), dtype=np.int64)
    # One index more than rows, of any row: the kernel asks for a free place behind each column's values.
    rows = [np.append(np.flatnonzero(members), 0) for members in (positive, ~positive)]
    for start in range(0, X.shape[1], CHUNK):
        columns = np.ascontiguousarray(X[:, start : start + CHUNK].T)
        classes = [np.take(columns, members, axis=1) for members in rows]
        for values in classes:
            values[:, :-1].sort(axis=1)
        infinite = merge_classes(*classes, counts[start : start + CHUNK])
        if infinite >= 0:
            return counts, start + infinite
    return counts, None


def from_counts(counts: np.ndarray, classes: np.ndarray, *, method: str, continuity: bool) -> MannWhitney:
    """Return the tests that follow from a kernel's counts.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_features, 4)
        Twice U, the tie term Σ(t³ − t), and the values of the positive and of the negative class.
    classes, method, continuity
        See `mann_whitney`.

    Raises
    ------
    RequestError
        If ``method`` is unknown.

    Examples
    --------
    >>> from_counts(np.array([[8, 0, 2, 2]]), np.array([0, 1]), method="exact", continuity=True).pvalue.round(4)
    array([0.3333])
    """
    twice_U, tie_term, n_positive, n_negative = np.ascontiguousarray(counts.T)
    U, n_pairs = twice_U / 2, n_positive * n_negative
    pvalue = asymptotic_pvalue(U, tie_term, n_pairs, n_positive + n_negative, continuity)
    is_exact = exact_columns(method, tie_term, n_positive, n_negative)
    if is_exact.any():
        pvalue[is_exact] = exact_pvalue(twice_U[is_exact], n_positive[is_exact], n_negative[is_exact])
    at_least_one = np.maximum(n_pairs, 1)
    effect = np.abs(U - n_pairs / 2) / at_least_one
    auc = np.where(n_pairs > 0, U / at_least_one, 0.5)
    return MannWhitney(U, pvalue, auc, effect, n_positive, n_negative, is_exact, classes)


class MannWhitneySelector(SignificanceSelector):
    """Keep the features whose Mann-Whitney p-value is below ``alpha``.

    Rows count as independent observations: with several rows per patient the p-values are too small,
    which a filter tolerates and a claim of significance does not. NaN is left out, column by column.

    Parameters
    ----------
    alpha : float, default=0.05
        Kept are features with p < alpha.
    correction : {"bonferroni", "holm", "hochberg", "fdr_bh", "fdr_by"} or None, default=None
        What is compared with ``alpha``: the p-value as it is (the published chain), or adjusted for the
        number of features, see `radiofuse.statistics.multiplicity.adjust_pvalues`.
    method : {"asymptotic", "exact", "auto"}, default="asymptotic"
        See `mann_whitney`.
    continuity : bool, default=True
        Whether asymptotic p-values are corrected for continuity.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    pvalues_, adjusted_pvalues_ : ndarray of shape (n_features_in_,)
        p-values, and adjusted: by ``correction``, or by Benjamini and Hochberg where that is None.
    auc_, statistics_, effect_ : ndarray of shape (n_features_in_,)
        AUC (above .5: larger in ``classes_[1]``), U, and the distance of the AUC from .5.
    is_exact_ : ndarray of bool, shape (n_features_in_,)
        Whether the p-value is the exact one.
    n_positive_, n_negative_ : ndarray of int, shape (n_features_in_,)
        Values of either class that are not NaN.
    fallback_ : bool
        Whether the strongest feature had to stand in.
    classes_ : ndarray of shape (2,)
        The labels; the second is the positive class.

    See Also
    --------
    KruskalSelector : By ranks, of two classes or more.
    TTestSelector : By means.
    CorrelationSelector : Removes what says the same twice.

    Examples
    --------
    >>> X = [[1.0, 7.0], [2.0, 3.0], [3.0, 5.0], [4.0, 6.0], [5.0, 2.0], [6.0, 4.0], [7.0, 8.0], [8.0, 1.0]]
    >>> MannWhitneySelector().fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).get_support()
    array([ True, False])
    """

    words = Words(
        "Mann-Whitney U test",
        heading="Mann-Whitney",
        kept="with {p} < {alpha:g} in the Mann-Whitney test",
        removed="{p} is not below alpha",
    )
    for_several_classes = "kruskal"
    command_options = {**SignificanceSelector.command_options, "mann_whitney": "method"}

    _parameter_constraints: dict = {
        **SignificanceSelector._parameter_constraints,
        "method": [StrOptions(set(METHODS))],
        "continuity": ["boolean"],
    }

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        correction: Correction | None = None,
        method: Literal["asymptotic", "exact", "auto"] = "asymptotic",
        continuity: bool = True,
        on_empty: OnEmpty = "strongest",
    ) -> None:
        super().__init__(alpha=alpha, correction=correction, on_empty=on_empty)
        self.method = method
        self.continuity = continuity

    def _test(self, X: np.ndarray, y: np.ndarray) -> MannWhitney:
        return mann_whitney(X, y, method=self.method, continuity=self.continuity)

    def _keep(self, result: MannWhitney) -> Self:  # type: ignore[override]  # of its own test
        self.auc_, self.is_exact_ = result.auc, result.is_exact
        self.n_positive_, self.n_negative_ = result.n_positive, result.n_negative
        return super()._keep(result)

    def __sklearn_tags__(self) -> Tags:
        tags = binary_target_tags(super().__sklearn_tags__())
        tags.input_tags.allow_nan = True
        return tags
