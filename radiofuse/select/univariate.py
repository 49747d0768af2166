"""Selectors that look at one feature at a time: t-test, analysis of variance, variance, mutual information."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import _fit_context
from sklearn.feature_selection import f_classif, mutual_info_classif
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from radiofuse.errors import CohortError
from radiofuse.estimators import Seed
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.prepare.validation import read_columns
from radiofuse.select.binary import binary_target_tags, require_binary_target
from radiofuse.select.column_selector import ColumnSelector, LabelSelector
from radiofuse.select.shortfall import ON_EMPTY, OnEmpty
from radiofuse.select.significance import ColumnTests, SignificanceSelector, require_classes
from radiofuse.select.words import Words


def _varies(X: np.ndarray) -> np.ndarray:
    return X.max(axis=0) > X.min(axis=0)


class TTestSelector(SignificanceSelector):
    """Keep the features whose means differ between two classes: Welch's t-test, p below ``alpha``.

    Rows count as independent observations.

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
        t (above 0: larger in ``classes_[1]``), its p-value, and that adjusted: by ``correction``, or by
        Benjamini and Hochberg where that is None. A constant column has t = 0 and p = 1.
    effect_ : ndarray of shape (n_features_in_,)
        Absolute t.
    fallback_ : bool
        Whether the strongest feature had to stand in.
    classes_ : ndarray of shape (2,)
        The labels; the second is the positive class.

    See Also
    --------
    MannWhitneySelector : By ranks, which outliers hardly move.
    AnovaSelector : Of two classes or more.

    References
    ----------
    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34 (1947) 28-35.

    Examples
    --------
    >>> X = [[1.0, 7.0], [2.0, 3.0], [3.0, 5.0], [7.0, 6.0], [8.0, 2.0], [9.0, 4.0]]
    >>> TTestSelector().fit(X, [0, 0, 0, 1, 1, 1]).get_support()
    array([ True, False])
    """

    words = Words(
        "Welch's t-test",
        heading="t-test",
        kept="with {p} < {alpha:g} in the t-test",
        removed="{p} is not below alpha",
    )
    for_several_classes = "anova"

    def _test(self, X: np.ndarray, y: np.ndarray) -> ColumnTests:
        classes = require_binary_target(y, instead=f"choose the selector {self.for_several_classes!r}")
        positive = y == classes[1]
        if min(positive.sum(), (~positive).sum()) < 2:
            raise CohortError(
                "The training table", ["The t-test needs two rows of either class, but one class has 1. Add rows."]
            )
        varies = _varies(X)
        statistic, pvalue = np.zeros(X.shape[1]), np.ones(X.shape[1])
        scaled, _ = unit_magnitude(X[:, varies])  # fourth powers are taken
        test = stats.ttest_ind(scaled[positive], scaled[~positive], equal_var=False)
        statistic[varies], pvalue[varies] = test.statistic, test.pvalue
        return ColumnTests(statistic, pvalue, np.abs(statistic), classes)

    def __sklearn_tags__(self) -> Tags:
        return binary_target_tags(super().__sklearn_tags__())


class AnovaSelector(SignificanceSelector):
    """Keep the features whose means differ between two or more classes: analysis of variance, p below ``alpha``.

    Rows count as independent observations. The test is scikit-learn's ``f_classif``.

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
        F, its p-value, and that adjusted: by ``correction``, or by Benjamini and Hochberg where that is
        None. A constant column has F = 0 and p = 1.
    effect_ : ndarray of shape (n_features_in_,)
        F, which orders columns as their share of variance between classes does.
    fallback_ : bool
        Whether the strongest feature had to stand in.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    See Also
    --------
    KruskalSelector : By ranks.
    TTestSelector : Of two classes with unequal variances.

    Examples
    --------
    >>> X = [[1.0, 7.0], [2.0, 3.0], [3.0, 5.0], [4.0, 6.0], [5.0, 2.0], [6.0, 4.0]]
    >>> AnovaSelector().fit(X, ["a", "a", "b", "b", "c", "c"]).get_support()
    array([ True, False])
    """

    words = Words(
        "analysis of variance",
        heading="ANOVA",
        kept="with {p} < {alpha:g} in the analysis of variance",
        removed="{p} is not below alpha",
    )

    def _test(self, X: np.ndarray, y: np.ndarray) -> ColumnTests:
        classes = require_classes(y)
        if len(classes) == len(y):
            raise CohortError(
                "The training table",
                ["The analysis of variance needs a class with two rows, but each has 1. Add rows."],
            )
        varies = _varies(X)
        F, pvalue = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if varies.any():
            F[varies], pvalue[varies] = f_classif(unit_magnitude(X[:, varies])[0], y)
        return ColumnTests(F, pvalue, F, classes)


class VarianceSelector(ColumnSelector):
    """Keep the features whose variance is above ``threshold``; the default leaves out the constant ones.

    The variance depends on the unit of a feature: above a threshold of 0, pass features on one scale.

    Parameters
    ----------
    threshold : float, default=0.0
        Kept are features with variance > threshold.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest variance stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Variance (divisor n); exactly 0 for a constant column. One below 1e-308 or above 1e308 is selected by, but
        cannot be told.
    fallback_ : bool
        Whether the feature of largest variance had to stand in.

    See Also
    --------
    CorrelationSelector : Of features that say the same keeps one.
    ReproducibilitySelector : Keeps what a second measurement repeats.

    Examples
    --------
    >>> VarianceSelector().fit([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]]).get_support()
    array([False,  True])
    """

    words = Words(
        "features of low variance removed",
        heading="variance",
        kept="with a variance above {threshold:g}",
        removed="its variance is too low",
    )

    _parameter_constraints: dict = {"threshold": [Interval(Real, 0, None, closed="left")], "on_empty": ON_EMPTY}

    def __init__(self, *, threshold: float = 0.0, on_empty: OnEmpty = "strongest") -> None:
        self.threshold = threshold
        self.on_empty = on_empty

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Take the variance of every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : object
            Not looked at.

        Raises
        ------
        ValueError
            If ``X`` is not finite.
        """
        X = read_columns(self, X)
        scaled, exponents = unit_magnitude(X)
        variance = np.where(_varies(X), scaled.var(axis=0), 0.0)  # rounding leaves a constant a variance
        with np.errstate(over="ignore", under="ignore"):
            self.scores_ = np.ldexp(variance, 2 * exponents)
            passed = variance > np.ldexp(float(self.threshold), -2 * exponents)  # scores_ may be 0 or infinite
        spread = np.ldexp(np.sqrt(variance), exponents)
        self._settle(passed, spread)
        return self


class MutualInfoSelector(LabelSelector):
    """Keep the ``k`` features that share most information with the label, whatever the form of their relation.

    The estimate is scikit-learn's, from distances to the three nearest neighbors of the same class.

    Parameters
    ----------
    k : int, default=10
        How many features stay; all, where there are fewer. Of equal ones the earlier stays.
    random_state : int, RandomState instance or None, default=None
        For the noise that tells equal values of a feature apart.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features_in_,)
        Estimated mutual information in nat.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    See Also
    --------
    MRMRSelector : Weighs information against redundancy.
    ReliefSelector : Sees features that tell the classes apart together.

    References
    ----------
    B. C. Ross, "Mutual information between discrete and continuous data sets", PLoS ONE 9(2) (2014) e87357.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    >>> X[:, 1] *= 1 + 9 * y  # equal means and medians, other spread
    >>> MutualInfoSelector(k=1, random_state=0).fit(X, y).get_support()
    array([False,  True, False])
    """

    words = Words(
        "mutual information with the label",
        heading="mutual information",
        kept="among the {k} of largest mutual information with the label",
        removed="does not score among the best",
    )

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, k: int = 10, *, random_state: Seed = None) -> None:
        self.k = k
        self.random_state = random_state

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        self.classes_ = require_classes(y)
        scaled, _ = unit_magnitude(X)  # a spread below 2e-15 would be taken for none
        information = mutual_info_classif(scaled, y, discrete_features=False, random_state=self.random_state)
        varies = _varies(X)
        self.scores_ = np.where(varies, information, 0.0)  # of a constant, noise alone is estimated
        self.support_ = np.zeros(X.shape[1], dtype=bool)
        self.support_[np.lexsort((-self.scores_, ~varies))[: self.k]] = True  # constants last
