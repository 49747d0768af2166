"""Features that a linear model is left with when it drops the weakest again and again."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import RFE, SelectorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.standardize import standardize
from radiofuse.select.significance import require_classes
from radiofuse.select.words import Words


class RFESelector(SelectorMixin, BaseEstimator):
    """Recursive feature elimination with a logistic regression on standardized columns.

    A ridge-penalized logistic model is fitted, the features with the smallest squared coefficients are
    dropped, and so on until ``k`` are left.

    Parameters
    ----------
    k : int, default=10
        Features to keep; all where there are fewer.
    step : int or float, default=0.1
        Features dropped per round: how many, or as a share of those at the beginning.
    C : float, default=1.0
        Inverse of the ridge penalty, as in scikit-learn's ``LogisticRegression``.

    Attributes
    ----------
    ranking_ : ndarray of int, shape (n_features_in_,)
        1 for a kept feature, 2 for one dropped in the last round, and so on.

    References
    ----------
    I. Guyon et al., "Gene selection for cancer classification using support vector machines", Machine
    Learning 46 (2002) 389-422; there with a support vector machine.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    >>> X[:, [1, 3]] += 2 * y[:, None]
    >>> RFESelector(k=2).fit(X, y).get_support(indices=True)
    array([1, 3])
    """

    words = Words(
        "recursive feature elimination",
        heading="elimination",
        kept="after recursive elimination down to {k}",
        removed="does not rank among the best",
    )

    _parameter_constraints: dict = {
        "k": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")],
        "C": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, k: int = 10, *, step: float = 0.1, C: float = 1.0) -> None:
        self.k = k
        self.step = step
        self.C = C

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit and drop until ``k`` features are left.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Class labels.

        Raises
        ------
        ValueError
            If ``y`` holds one class, or ``X`` is not finite.
        """
        refuse_misaligned(X, y=y)
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        require_classes(y)
        model = LogisticRegression(C=self.C, max_iter=1000)
        rounds = RFE(model, n_features_to_select=min(self.k, X.shape[1]), step=self.step)
        self.ranking_ = rounds.fit(standardize(X), y).ranking_
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.ranking_ == 1

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
