"""Columns brought to mean 0 and variance 1 as they have them in the training rows."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.magnitude import unit_magnitude
from radiofuse.prepare.validation import read_columns


class TrainingScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Mean 0 and variance 1 in the training rows; a column that is constant there is 0 in all rows.

    Constant is what varies by rounding alone, see `is_constant`. scikit-learn's scaler only centers such a column.
    A row in which it differs would then bring its raw value, thousands perhaps, next to columns of spread 1, and a
    classifier that learned nothing of that column would be thrown off by it: a support vector machine answers
    nothing but the prevalence.

    Attributes
    ----------
    scaler_ : StandardScaler
    constant_ : ndarray of bool, shape (n_features_in_,)

    See Also
    --------
    MedianImputer : Fills gaps before.
    ComBat : Takes out what sites do to columns.

    Examples
    --------
    >>> scaler = TrainingScaler().fit([[1.0, 5.0], [3.0, 5.0]])
    >>> scaler.transform([[2.0, 9000.0]])
    array([[0., 0.]])
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn means and spreads.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        """
        X = read_columns(self, X)
        self.scaler_, self.constant_ = fit_scaler(X)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the scaled columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        X = read_columns(self, X, reset=False)
        return np.where(self.constant_, 0.0, (X - self.scaler_.mean_) / self.scaler_.scale_)


def fit_scaler(X: np.ndarray) -> tuple[StandardScaler, np.ndarray]:
    """Return scikit-learn's scaler fitted on columns of any size, and which of them are constant, see `is_constant`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.

    Examples
    --------
    >>> scaler, constant = fit_scaler(np.array([[1e-170, 5.0], [3e-170, 5.0]]))
    >>> scaler.transform(np.array([[2e-170, 5.0], [3e-170, 5.0]])), constant
    (array([[0., 0.],
           [1., 0.]]), array([False,  True]))
    """
    scaled, exponents = unit_magnitude(X)
    mean, variance = _moments(scaled)
    spread = np.sqrt(variance)
    constant = is_constant(spread, mean)
    scaler = StandardScaler()
    scaler.n_features_in_, scaler.n_samples_seen_ = X.shape[1], len(X)
    scaler.mean_ = np.ldexp(mean, exponents)
    scaler.scale_ = np.where(constant, 1.0, np.ldexp(spread, exponents))
    with np.errstate(over="ignore", under="ignore"):  # nothing is computed from it
        scaler.var_ = np.ldexp(variance, 2 * exponents)
    return scaler, constant


def _moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance (1/n) of each column, the digits those of scikit-learn's scaler.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37 (1983) 242-247: the correction for the mean's own rounding.
    """
    mean = X.sum(axis=0) / len(X)
    centered = X - mean
    correction = centered.sum(axis=0)
    centered **= 2
    return mean, (centered.sum(axis=0) - correction**2 / len(X)) / len(X)
