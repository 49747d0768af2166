"""Projections that stand in a selector's place: a few mixtures of all columns, learned in the training rows."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from radiofuse.prepare.validation import class_labels
from radiofuse.select.words import Words
from radiofuse.tables import columns

JOINED = "joined"  # what components of several modalities' columns begin with


class _Projection(TransformerMixin, BaseEstimator):
    """A projection onto components; a subclass learns ``projection_`` and says what its components are called."""

    called: ClassVar[str]
    projects = True  # it selects nothing, so that no agreement of selections is to be told

    @property
    @abstractmethod
    def _n_components(self) -> int:
        """How many components there are."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the components of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        return self.projection_.transform(validate_data(self, X, reset=False, dtype=np.float64))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return what the components are called: ``t1__pca_1`` and so on behind a modality's columns."""
        check_is_fitted(self)
        split = [columns.split(str(name)) for name in _check_feature_names_in(self, input_features)]
        found = {parts[0] if parts else "" for parts in split}
        modality = found.pop() if len(found) == 1 else JOINED
        names = [f"{self.called}_{place}" for place in range(1, self._n_components + 1)]
        return np.array([columns.join(modality, name) if modality else name for name in names], dtype=object)


class PrincipalComponents(_Projection):
    """Projects columns onto the directions in which the training rows differ most; looks at no label.

    Parameters
    ----------
    n_components : int or float, default=10
        How many; a number below 1 is the share of the variance that they shall hold. There are never more than
        rows or columns.

    Attributes
    ----------
    projection_ : PCA
        Of scikit-learn, fitted.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(20, 5))
    >>> PrincipalComponents(n_components=2).fit(X).transform(X).shape
    (20, 2)
    """

    called = "pca"
    words = Words("principal components", "principal components")
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither")]
    }

    def __init__(self, n_components: float = 10) -> None:
        self.n_components = n_components

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : ignored
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        wanted = self.n_components if self.n_components < 1 else min(int(self.n_components), *X.shape)
        self.projection_ = PCA(wanted, svd_solver="full").fit(X)
        return self

    @property
    def _n_components(self) -> int:
        return self.projection_.n_components_


class PartialLeastSquares(_Projection):
    """Projects columns onto the directions that vary most with the class in the training rows.

    Of more than two classes each is a column of zeros and ones.

    Parameters
    ----------
    n_components : int, default=2
        How many; there are never more than columns, or than rows but one.

    Attributes
    ----------
    projection_ : PLSRegression
        Of scikit-learn, fitted.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    References
    ----------
    Barker, Rayens (2003). Partial least squares for discrimination. Journal of Chemometrics 17(3).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 20)
    >>> X = rng.normal(size=(40, 30)) + y[:, None]
    >>> PartialLeastSquares().fit(X, y).transform(X).shape
    (40, 2)
    """

    called = "pls"
    words = Words("partial least squares", "partial least squares")
    _parameter_constraints: dict = {"n_components": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_components: int = 2) -> None:
        self.n_components = n_components

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Two classes or more.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        classes = class_labels(y)
        if len(classes) < 2:
            raise ValueError(f"PartialLeastSquares needs two classes; y holds one class: {classes.tolist()}.")
        targets = (y[:, None] == classes[1:] if len(classes) == 2 else y[:, None] == classes).astype(float)
        self.projection_ = PLSRegression(min(self.n_components, X.shape[1], len(X) - 1), scale=False).fit(X, targets)
        return self

    @property
    def _n_components(self) -> int:
        return self.projection_.x_rotations_.shape[1]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
