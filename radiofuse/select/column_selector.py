"""What selectors share: which columns stay once they are fitted, and the fit to complete features and a label."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from radiofuse.patients.routing import refuse_misaligned
from radiofuse.prepare.validation import read_columns, read_rows
from radiofuse.select.shortfall import settle_empty


class KeepsColumns(SelectorMixin):
    """scikit-learn's selector, quick where it is handed an array of double precision."""

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the columns that stay.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        """
        if type(X) is not np.ndarray or X.dtype != np.float64:
            return super().transform(X)
        return self._transform(read_columns(self, X, reset=False, allow_nan=get_tags(self).input_tags.allow_nan))


class ColumnSelector(KeepsColumns, BaseEstimator):
    """Base of the selectors that learn ``support_``: which columns stay."""

    def _settle(self, passed: np.ndarray, effect: np.ndarray) -> None:
        """Keep the columns that passed; where none did, do what ``on_empty`` says, see `settle_empty`."""
        self.support_ = settle_empty(passed, effect, self.on_empty, type(self).__name__)
        self.fallback_ = bool((self.support_ & ~passed).any())

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return self.support_


class LabelSelector(ColumnSelector):
    """Base of the selectors that need complete features and class labels; a subclass fills ``_measure``."""

    def _measure(self, X: np.ndarray, y: np.ndarray) -> None:
        """Learn ``support_`` from rows of double precision without NaN and the label of each."""
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn which columns stay.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Complete features: no NaN.
        y : array-like of shape (n_samples,)
            Class labels.

        Raises
        ------
        ValueError
            If ``y`` holds one class, or has too few rows of one for the method, or ``X`` is not finite.
        """
        refuse_misaligned(X, y=y)
        self._measure(*read_rows(self, X, y, min_samples=2))
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
