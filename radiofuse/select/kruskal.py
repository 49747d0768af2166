"""Does a feature differ between any of several classes? The Kruskal-Wallis test, all columns at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from sklearn.utils import Tags, check_consistent_length

from radiofuse.select.significance import ColumnTests, SignificanceSelector, require_classes
from radiofuse.select.sorted_columns import SortedColumns
from radiofuse.select.words import Words


def kruskal(X: ArrayLike, y: ArrayLike) -> ColumnTests:
    """Test every column of a table for a difference between two or more classes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Features, none infinite; NaN is left out, column by column.
    y : array-like of shape (n_samples,)
        Two or more classes.

    Returns
    -------
    ColumnTests
        H, corrected for ties; its p-value by the chi-squared distribution with one degree of freedom less
        than the column has classes; and epsilon squared, the share of the variance of the ranks that lies
        between classes. A column that is constant, or has values in one class only, has H = 0 and p = 1.

    Raises
    ------
    ValueError
        If ``y`` holds one class only, or ``X`` an infinite value.

    References
    ----------
    W. H. Kruskal and W. A. Wallis, "Use of ranks in one-criterion variance analysis", Journal of the
    American Statistical Association 47 (1952) 583-621.
    M. Tomczak and E. Tomczak, "The need to report effect size estimates revisited", Trends in Sport
    Sciences 1 (2014) 19-25 (epsilon squared).

    Examples
    --------
    >>> result = kruskal([[1], [3], [5], [2], [4], [9]], ["a", "a", "b", "b", "c", "c"])
    >>> result.statistic.round(4), result.pvalue.round(4)
    (array([2.5714]), array([0.2765]))
    """
    columns = SortedColumns(X)
    check_consistent_length(X, y)
    y = np.asarray(y)
    classes = require_classes(y)
    rows = np.arange(len(y))
    each_against_rest = np.array([columns.count(rows, y == label) for label in classes])
    sizes, ties = each_against_rest[:, :, 2], each_against_rest[0, :, 1]
    n = sizes.sum(axis=0)
    varies = (ties < n**3 - n) & ((sizes > 0).sum(axis=0) > 1)
    H = np.zeros(len(n))
    H[varies] = _statistic(each_against_rest[:, varies, 0], sizes[:, varies], ties[varies])
    pvalue = special.chdtrc(np.maximum((sizes > 0).sum(axis=0) - 1, 1), H)
    return ColumnTests(H, pvalue, H / np.maximum(n - 1, 1), classes)


def _statistic(twice_U: np.ndarray, sizes: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Return H from each class's U against all others, shape (n_classes, n_features): its mean rank's distance."""
    n = sizes.sum(axis=0)
    present = np.maximum(sizes, 1)
    from_middle = (twice_U - sizes * (n - sizes)) / (2 * present)  # mean rank of the class − (n + 1) / 2
    H = 12 / (n * (n + 1)) * (sizes * from_middle**2).sum(axis=0)
    return H / (1 - ties / (n**3 - n))


class KruskalSelector(SignificanceSelector):
    """Keep the features whose Kruskal-Wallis p-value is below ``alpha``: two or more classes.

    With two classes the p-value is that of Mann-Whitney without continuity correction. Rows count as
    independent observations. NaN is left out, column by column.

    Parameters
    ----------
    alpha : float, default=0.05
        Kept are features with p < alpha.
    correction : {"bonferroni", "holm", "hochberg", "fdr_bh", "fdr_by"} or None, default=None
        What is compared with ``alpha``: the p-value as it is, or adjusted for the number of features, see
        `radiofuse.statistics.multiplicity.adjust_pvalues`.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    statistics_, pvalues_, adjusted_pvalues_ : ndarray of shape (n_features_in_,)
        H, its p-value, and that adjusted: by ``correction``, or by Benjamini and Hochberg where that is None.
    effect_ : ndarray of shape (n_features_in_,)
        Epsilon squared, see `kruskal`.
    fallback_ : bool
        Whether the strongest feature had to stand in.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    See Also
    --------
    MannWhitneySelector : Of two classes, with exact p-values.
    AnovaSelector : By means.

    Examples
    --------
    >>> X = [[1.0, 7.0], [2.0, 3.0], [3.0, 5.0], [4.0, 6.0], [5.0, 2.0], [6.0, 4.0]]
    >>> KruskalSelector(alpha=0.2).fit(X, ["a", "a", "b", "b", "c", "c"]).get_support()
    array([ True, False])
    """

    words = Words(
        "Kruskal-Wallis test",
        heading="Kruskal-Wallis",
        kept="with {p} < {alpha:g} in the Kruskal-Wallis test",
        removed="{p} is not below alpha",
    )

    def _test(self, X: np.ndarray, y: np.ndarray) -> ColumnTests:
        return kruskal(X, y)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
