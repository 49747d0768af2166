"""Ages and other clinical numbers brought to one scale: from 0 to 1, by ranks, or the age over 100."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.scale import TrainingScaler
from radiofuse.prepare.validation import read_columns
from radiofuse.tables.columns import CLINICAL, join

AGE = join(CLINICAL, "age")


class UnitRangeScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """The least number of a column in the training rows becomes 0, the largest 1; what is constant there is 0.

    A new number outside of that range goes on along the line, below 0 or above 1.

    Parameters
    ----------
    fixed : dict of str to (float, float), optional
        Columns of a table by name whose 0 and 1 are given and not learned.

    Attributes
    ----------
    low_, width_ : ndarray of shape (n_features_in_,)
        The width of a constant column is infinite.

    See Also
    --------
    TrainingScaler : Mean 0 and variance 1.

    Examples
    --------
    >>> UnitRangeScaler().fit([[20.0], [60.0]]).transform([[30.0], [70.0]]).ravel().tolist()
    [0.25, 1.25]
    """

    _parameter_constraints: dict = {"fixed": [dict, None]}

    def __init__(self, fixed: Mapping[str, tuple[float, float]] | None = None) -> None:
        self.fixed = fixed

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the ranges.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete: no NaN.
        """
        X = read_columns(self, X)
        low, high = X.min(axis=0), X.max(axis=0)
        constant = is_constant(X.std(axis=0), np.maximum(np.abs(low), np.abs(high)))
        width = np.where(constant, np.inf, high - low)
        for at, name in enumerate(getattr(self, "feature_names_in_", ())):
            if name in (self.fixed or {}):
                low[at], width[at] = self.fixed[name][0], self.fixed[name][1] - self.fixed[name][0]
        self.low_, self.width_ = low, width
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scaled columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return (read_columns(self, X, reset=False) - self.low_) / self.width_


class NormalScoreScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """The rank of a number among those of the training rows, as the normal quantile of that share.

    Between two training numbers the scores are joined by lines; beyond the least and the largest they stay at theirs.
    With n rows the largest is at the quantile of 1 - 1/(2n) [1]_: 2.6 for 100, where scikit-learn's
    ``QuantileTransformer`` puts it at 5.2 whatever n.

    Attributes
    ----------
    numbers_, scores_ : list of ndarray
        The numbers of each column in the training rows, ascending, and their scores.

    See Also
    --------
    UnitRangeScaler : From 0 to 1.

    References
    ----------
    .. [1] T. M. Beasley, S. Erickson and D. B. Allison, "Rank-based inverse normal transformations are increasingly
       used, but are they merited?", Behavior Genetics 39 (2009) 580-595: ranks less one half over n.

    Examples
    --------
    >>> NormalScoreScaler().fit([[1.0], [5.0], [100.0]]).transform([[5.0], [3.0], [1e9]]).round(3).ravel().tolist()
    [0.0, -0.484, 0.967]
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the scores; numbers that are equal share the mean of their ranks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete: no NaN.
        """
        X = read_columns(self, X)
        scores = ndtri((rankdata(X, axis=0) - 0.5) / len(X))
        firsts = [np.unique(column, return_index=True) for column in X.T]
        self.numbers_ = [numbers for numbers, _ in firsts]
        self.scores_ = [scores[first, at] for at, (_, first) in enumerate(firsts)]
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = read_columns(self, X, reset=False)
        scored = [np.interp(column, *known) for column, *known in zip(X.T, self.numbers_, self.scores_, strict=True)]
        return np.column_stack(scored)


def _age_over_100() -> UnitRangeScaler:
    return UnitRangeScaler(fixed={AGE: (0.0, 100.0)})


CLINICAL_SCALES = {
    "z_score": TrainingScaler,
    "min_max": UnitRangeScaler,
    "quantile_normal": NormalScoreScaler,
    "age_100": _age_over_100,
}
NEED_NAMES = ("age_100",)
