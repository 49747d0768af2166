"""Step three: which features carry the label together? The LASSO, its penalty chosen by cross-validation."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from radiofuse.errors import CohortError
from radiofuse.select.binary import binary_target_tags, require_binary_target
from radiofuse.select.lasso_path import LassoPath, lasso_path_cv
from radiofuse.select.shortfall import ON_EMPTY, settle_empty

SMALLEST_ALPHA = 1e-3  # end of the grid as a share of its first penalty; glmnet's and scikit-learn's choice


def stratified_folds(y: np.ndarray, groups: np.ndarray | None, n_folds: int, random_state) -> np.ndarray:
    """Return the fold in which each row is held out; both classes in every fold, groups kept whole.

    A class with fewer members (with ``groups``: fewer groups) than ``n_folds`` gets as many folds as it
    has members.

    Raises
    ------
    CohortError
        If a class has fewer than two members.

    Examples
    --------
    >>> np.bincount(stratified_folds(np.array([0, 0, 0, 0, 1, 1, 1]), None, 10, 0)).tolist()
    [3, 2, 2]
    """
    members = [len(np.unique(groups[y == label])) if groups is not None else np.sum(y == label) for label in (0, 1)]
    if min(members) < 2:
        unit = "rows" if groups is None else "patients"
        raise CohortError(
            "The training table",
            [f"The LASSO's folds need at least 2 {unit} of each class; the smaller one has {min(members)}. Add some."],
        )
    order = np.arange(len(y)) if groups is None else np.argsort(groups, kind="stable")
    whole = groups is None or len(np.unique(groups)) == len(groups)  # then rows may be dealt alone, which is far faster
    splitter = (StratifiedKFold if whole else StratifiedGroupKFold)(
        min(n_folds, *members), shuffle=True, random_state=random_state
    )
    folds = np.empty(len(y), dtype=int)
    for fold, (_, held_out) in enumerate(splitter.split(y, y[order], None if whole else groups[order])):
        folds[order[held_out]] = fold
    return folds


class LassoSelector(SelectorMixin, BaseEstimator):
    """Keep the features with a non-zero LASSO coefficient on the 0/1 label.

    The least-squares LASSO of the published chain. Columns are standardized inside each inner fold, the
    grid of penalties is common to all folds, and the path ends 20 penalties after its error has risen
    more than one standard error above the minimum. Inner folds are dealt by the position of the rows,
    so keep the rows in a stated order (by id) for the same answer.

    Parameters
    ----------
    cv : int, default=10
        Inner folds, stratified and shuffled; as many as the smaller class has members where it has fewer.
    rule : {"min", "1se"}, default="min"
        The penalty with the least error, or the largest within one standard error of it. The first is
        the published one and moves with the folds; the second keeps fewer features, often none.
    n_alphas : int, default=100
        Penalties from the first that lets a feature enter down to a thousandth of it.
    on_empty : {"strongest", "raise", "intercept"}, default="strongest"
        What happens where no feature passes: the one of largest effect stays, with a
        `NothingSelectedWarning`; a `NothingSelectedError`; or an empty selection, with the warning.
    random_state : int, RandomState instance or None, default=None
        Deals the rows to the inner folds.

    Attributes
    ----------
    alphas_, cv_mean_, cv_se_ : ndarray of shape (n_alphas_run,)
        Penalties run, mean squared error over the inner folds, and its standard error.
    alpha_ : float
        The penalty chosen.
    coef_ : ndarray of shape (n_features_in_,)
        Coefficients of the standardized columns on all training rows.
    fallback_ : bool
        Whether features with a zero coefficient had to fill up.
    classes_ : ndarray of shape (2,)
        The labels; the second counts as 1.

    References
    ----------
    R. Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal Statistical
    Society B 58 (1996) 267-288.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, 3] += 2 * y
    >>> LassoSelector(rule="1se", random_state=0).fit(X, y).get_support(indices=True)
    array([3])
    """

    _parameter_constraints: dict = {
        "cv": [Interval(Integral, 2, None, closed="left")],
        "rule": [StrOptions({"min", "1se"})],
        "n_alphas": [Interval(Integral, 1, None, closed="left")],
        "on_empty": ON_EMPTY,
        "random_state": ["random_state"],
    }

    def __init__(self, *, cv=10, rule="min", n_alphas=100, on_empty="strongest", random_state=None):
        self.cv = cv
        self.rule = rule
        self.n_alphas = n_alphas
        self.on_empty = on_empty
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Choose the penalty, then fit all rows with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Two classes.
        groups : array-like of shape (n_samples,), optional
            Patients; the rows of one are never in two inner folds.

        Raises
        ------
        ValueError
            If ``y`` does not hold two classes of two members each, or ``X`` is not finite.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_ = require_binary_target(y)
        target = (y == self.classes_[1]).astype(float)
        curve, path = self._cross_validate(X, target, groups)
        self.alphas_, self.cv_mean_, self.cv_se_ = curve.alphas, curve.mean, curve.se
        self.alpha_ = float(curve.alphas[curve.index(self.rule)])
        self.coef_ = path.coef(self.alpha_)
        passed = self.coef_ != 0
        self.support_ = settle_empty(passed, np.abs(path.correlation), self.on_empty, type(self).__name__)
        self.fallback_ = bool((self.support_ & ~passed).any())
        return self

    def _cross_validate(self, X: np.ndarray, target: np.ndarray, groups):
        if groups is not None:
            groups = np.asarray(groups)
            check_consistent_length(X, groups)
        folds = stratified_folds(target, groups, self.cv, check_random_state(self.random_state))
        path = LassoPath(X, target)
        alphas = path.first_alpha * np.geomspace(1, SMALLEST_ALPHA, self.n_alphas)
        return lasso_path_cv(X, target, folds, alphas), path

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self):
        return binary_target_tags(super().__sklearn_tags__())
