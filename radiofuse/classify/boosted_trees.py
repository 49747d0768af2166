"""Boosted trees that take columns of any name; imported only where xgboost is installed."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from xgboost import XGBClassifier

_REFUSED = str.maketrans({"[": "⟦", "]": "⟧", "<": "‹"})  # by xgboost, whose model files use them
_GIVEN = str.maketrans({clean: given for given, clean in zip("[]<", "⟦⟧‹", strict=True)})


class BoostedTrees(XGBClassifier):
    """xgboost's classifier, which refuses names such as ``wavelet[0]``; here they are cleaned at its door.

    Attributes
    ----------
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        As they were given; so are the names of `importances`.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__wavelet[0]": np.arange(20.0), "t1__a<b": 0.0})
    >>> trees = BoostedTrees(n_estimators=5).fit(X, np.arange(20) // 10)
    >>> trees.importances().index.tolist(), trees.predict(X.tail(1))
    (['t1__wavelet[0]', 't1__a<b'], array([1]))
    """

    def fit(self, X: ArrayLike, y: ArrayLike, **parameters: Any) -> Self:
        """Fit as xgboost does."""
        return super().fit(_cleaned(X), y, **parameters)

    def predict(self, X: ArrayLike, **parameters: Any) -> np.ndarray:
        """Return the class of each row."""
        return super().predict(_cleaned(X), **parameters)

    def predict_proba(self, X: ArrayLike, **parameters: Any) -> np.ndarray:  # type: ignore[override]
        """Return the probability of each class, columns in the order of ``classes_``."""
        return super().predict_proba(_cleaned(X), **parameters)

    def importances(self) -> pd.Series:
        """Return ``feature_importances_`` by the names of the columns that it was fitted on."""
        return pd.Series(self.feature_importances_, index=self.feature_names_in_)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the columns that it was fitted on, as they were given."""
        return np.array([name.translate(_GIVEN) for name in super().feature_names_in_], dtype=object)


def _cleaned(X: Any) -> Any:
    if not isinstance(X, pd.DataFrame) or not all(isinstance(name, str) for name in X.columns):
        return X
    return X.set_axis([name.translate(_REFUSED) for name in X.columns], axis=1)
