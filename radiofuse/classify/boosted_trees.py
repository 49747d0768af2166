"""Boosted trees that take columns of any name and labels of any kind; imported only where xgboost is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

_REFUSED = str.maketrans({"[": "⟦", "]": "⟧", "<": "‹"})  # by xgboost, whose model files use them
_GIVEN = str.maketrans({clean: given for given, clean in zip("[]<", "⟦⟧‹", strict=True)})


class BoostedTrees(XGBClassifier):
    """xgboost's classifier, which refuses names such as ``wavelet[0]`` and labels other than 0, 1 and so on.

    Here names are cleaned at its door, and labels numbered.

    Parameters
    ----------
    class_weight : dict, "balanced" or None, default=None
        Weights of the rows by class, as in scikit-learn.
    **parameters
        Of xgboost's classifier.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels as they were given, sorted.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        As they were given; so are the names of `importances`.

    Examples
    --------
    >>> X = pd.DataFrame({"t1__wavelet[0]": np.arange(20.0), "t1__a<b": 0.0})
    >>> trees = BoostedTrees(n_estimators=5).fit(X, np.arange(20) // 10)
    >>> trees.importances().index.tolist(), trees.predict(X.tail(1))
    (['t1__wavelet[0]', 't1__a<b'], array([1]))
    """

    def __init__(self, *, class_weight: Mapping | str | None = None, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.class_weight = class_weight

    def get_xgb_params(self) -> dict[str, Any]:
        """Return the parameters that xgboost itself takes."""
        return {name: value for name, value in super().get_xgb_params().items() if name != "class_weight"}

    def fit(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None, **parameters: Any) -> Self:
        """Fit as xgboost does, rows weighted by their class too where ``class_weight`` says so."""
        self.__dict__.pop("labels_", None)  # while it is fitted, its classes are numbers
        labels, codes = np.unique(np.asarray(y), return_inverse=True)
        if self.class_weight is not None:
            sample_weight = compute_sample_weight(self.class_weight, y) * (
                1 if sample_weight is None else sample_weight
            )
        super().fit(_cleaned(X), codes, sample_weight=sample_weight, **parameters)
        self.labels_ = labels
        return self

    @property
    def classes_(self) -> np.ndarray:
        """Labels as they were given, sorted."""
        return self.labels_ if hasattr(self, "labels_") else super().classes_

    def predict(self, X: ArrayLike, **parameters: Any) -> np.ndarray:
        """Return the class of each row; margins with ``output_margin=True``."""
        answer = super().predict(_cleaned(X), **parameters)
        return answer if parameters.get("output_margin") else self.classes_[answer]

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
