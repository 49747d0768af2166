"""What is missing becomes the median of the training rows, 0 in a column without values: one rule for every chain."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from radiofuse.prepare.validation import read_columns


class MedianImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """What is missing becomes the median of its column in the training rows, 0 where that has no value.

    As scikit-learn's ``SimpleImputer(strategy="median", keep_empty_features=True)`` on numbers of double
    precision, without its questions to every single column of a table, which cost more than all that follows.

    Attributes
    ----------
    statistics_ : ndarray of shape (n_features_in_,)
        The medians.

    See Also
    --------
    TrainingScaler : Scales what is filled.

    Examples
    --------
    >>> MedianImputer().fit_transform([[1.0, np.nan], [np.nan, np.nan], [5.0, np.nan]])
    array([[1., 0.],
           [3., 0.],
           [5., 0.]])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the medians.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is missing; none infinite.
        """
        self.statistics_ = column_medians(read_columns(self, X, allow_nan=True))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the columns without gaps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        values = read_columns(self, X, reset=False, allow_nan=True)
        return fill_gaps(values, self.statistics_, order="K")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def column_medians(X: np.ndarray) -> np.ndarray:
    """Return the median of each column's values that are not NaN, 0 for a column without any.

    Examples
    --------
    >>> column_medians(np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]]))
    array([2., 0.])
    """
    ordered = np.sort(X.T, axis=1)  # NaN last
    known = X.shape[0] - np.isnan(X).sum(axis=0)
    column, middle = np.arange(X.shape[1]), np.maximum(known, 1)
    low, high = ordered[column, (middle - 1) // 2], ordered[column, middle // 2]
    with np.errstate(over="ignore"):
        middle = (low + high) / 2
    # Near the largest double the sum of two values overflows, and that of their halves does not.
    return np.where(known > 0, np.where(np.isinf(middle), low / 2 + high / 2, middle), 0.0)


def fill_gaps(X: np.ndarray, medians: np.ndarray | None = None, *, order: Literal["C", "K"] = "C") -> np.ndarray:
    """Return the rows with NaN replaced by the median of their column, or by 0 where it has no value.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    medians : ndarray of shape (n_features,), optional
        Those of the training rows; by default those of ``X``.
    order : {"C", "K"}, default="C"
        How the answer lies in memory where there are gaps: row by row, or as ``X`` does. Sums over rows that lie
        otherwise round otherwise.

    Examples
    --------
    >>> fill_gaps(np.array([[1.0, np.nan], [np.nan, np.nan], [5.0, np.nan]]))[:, 0]
    array([1., 3., 5.])
    """
    gaps = np.isnan(X)
    if not gaps.any():
        return X
    if medians is None:
        holey = gaps.any(axis=0)
        medians = np.zeros(X.shape[1])
        medians[holey] = column_medians(X[:, holey])
    filled = X.copy(order=order)
    np.copyto(filled, medians, where=gaps)
    return filled
