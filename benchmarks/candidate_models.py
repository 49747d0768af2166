"""What `default_choice.py` tries beside the package's own parts: named in its recipes as anybody's own classes are."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_selection import SelectorMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted, validate_data

from radiofuse import modality_classifier
from radiofuse.fuse.choices import build_combiners

TUNING = {"search": {"C": [1e-4, 1e-3, 1e-2, 1e-1]}}  # of a ridge on hundreds of columns and more, in inner folds
TREES = {  # fewer of them, on fewer columns each, than where a selection leaves a few
    "random_forest": {"n_estimators": 100},
    "xgboost": {"n_estimators": 100, "learning_rate": 0.1, "colsample_bytree": 0.2},
}


class StrongestOfLasso(SelectorMixin, BaseEstimator):
    """Keep the columns with the largest coefficients of an L1 logistic regression, as radMLBench does.

    Of more than two classes a column's strength is the sum over the classes, each against the rest.

    Parameters
    ----------
    n_features : int, default=64
        How many are kept.
    random_state : int, optional
    """

    def __init__(self, n_features: int = 64, random_state: int | None = None) -> None:
        self.n_features = n_features
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn how strong each column is."""
        X, y = validate_data(self, X, y)
        classes = np.unique(y)
        self.strength_ = np.zeros(X.shape[1])
        for positive in classes[1:] if len(classes) == 2 else classes:
            lasso = LogisticRegression(l1_ratio=1, solver="liblinear", random_state=self.random_state)
            self.strength_ += np.abs(lasso.fit(X, y == positive).coef_[0])
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        mask = np.zeros(len(self.strength_), dtype=bool)
        mask[np.argsort(-self.strength_, kind="stable")[: self.n_features]] = True
        return mask


class UnlikeModels(ClassifierMixin, BaseEstimator):
    """A ridge, a random forest and boosted trees on the same columns; the mean of their log-odds answers.

    Parameters
    ----------
    random_state : int, optional
    """

    def __init__(self, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the three models."""
        self.classes_ = np.unique(y)
        ridge = modality_classifier("logistic", select=None, tuning=TUNING, random_state=self.random_state)
        trees = [
            modality_classifier(name, select=None, classify_options=options, random_state=self.random_state)
            for name, options in TREES.items()
        ]
        self.models_ = [ridge.fit(X, y, groups=groups), *(model.fit(X, y) for model in trees)]
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, (n_samples, n_classes)."""
        P = np.stack([model.predict_proba(X) for model in self.models_], axis=1)
        told = build_combiners("logit_mean", taken=())["logit_mean"].combine(P if P.shape[2] > 2 else P[:, :, 1])
        return told if told.ndim == 2 else np.column_stack([1 - told, told])
