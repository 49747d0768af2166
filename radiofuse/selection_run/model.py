"""The model that says what a selection is worth: a recipe's chain of one modality on the selected features."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from radiofuse.classify.modality import modality_classifier
from radiofuse.select import SelectorChain
from radiofuse.selection_run.blocks import COVARIATES, FEATURES, Harmonizer, part_of

Model: TypeAlias = Pipeline | DummyClassifier


def make_model(n_features: int) -> Model:
    """Return the unfitted chain of a recipe with logistic regression; without features, the share of positives."""
    return modality_classifier("logistic", select=None) if n_features else DummyClassifier(strategy="prior")


def fit_model(X: np.ndarray, y: np.ndarray) -> Model:
    """Fit the model that `make_model` returns.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        What was selected, and covariates; NaN is imputed.
    y : ndarray of shape (n_samples,)
        Places of the classes; all occur.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> fit_model(np.empty((4, 0)), y).predict_proba(np.empty((2, 0)))[:, 1].tolist()
    [0.25, 0.25]
    >>> list(fit_model(np.array([[0.0], [1.0], [2.0], [3.0]]), y).named_steps)
    ['impute', 'scale', 'select', 'classify']
    """
    return make_model(X.shape[1]).fit(X, y)


class SelectedModel(ClassifierMixin, BaseEstimator):
    """A chain of selectors and the model of what it keeps: one estimator, so that a fold fits all of it anew.

    ``X`` is a table as `Block.parts` makes it. Covariates join the model and are not selected.

    Parameters
    ----------
    select : SelectorChain
    harmonizer : Harmonizer, optional
        Takes the effects of sites from the features first.

    Attributes
    ----------
    select_ : SelectorChain
        Fitted.
    model_ : Pipeline or DummyClassifier
        What `fit_model` returned.
    """

    def __init__(self, select: SelectorChain, *, harmonizer: Harmonizer | None = None) -> None:
        self.select = select
        self.harmonizer = harmonizer

    def fit(self, X: pd.DataFrame, y: np.ndarray, groups: np.ndarray | None = None) -> Self:
        """Fit everything; ``groups`` are handed to the selectors that take them."""
        if self.harmonizer is not None:
            self.harmonizer_ = clone(self.harmonizer).fit(X, y)
        return self.complete(clone(self.select).fit(self.features_of(X), y, groups), X, y)

    def complete(self, chain: SelectorChain, X: pd.DataFrame, y: np.ndarray) -> Self:
        """Take a chain that was fitted to these rows, and fit the model of what it keeps."""
        self.select_ = chain
        self.model_ = fit_model(self._inputs(X), y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Return the probability of each label."""
        return self.model_.predict_proba(self._inputs(X))

    def features_of(self, X: pd.DataFrame) -> pd.DataFrame | np.ndarray:
        """Return what the selectors take; bare where none of them asks for names, which is quicker."""
        features = part_of(X, FEATURES) if self.harmonizer is None else self.harmonizer_.transform(X)
        # sums of a table that lies otherwise in memory round otherwise
        return features.copy() if self.select.needs_names else np.ascontiguousarray(features.to_numpy())

    def _inputs(self, X: pd.DataFrame) -> np.ndarray:
        selected = np.asarray(self.features_of(X))[:, self.select_.get_support()]
        return np.ascontiguousarray(np.hstack([selected, part_of(X, COVARIATES).to_numpy(float)]))


def numbers_of(model: Model) -> dict[str, Any]:
    """Return what makes a probability of features: the logit is (x - center) / scale · coef + intercept.

    Of more than two classes there are coefficients and an intercept for each, and the softmax of these logits is their
    probabilities.

    Parameters
    ----------
    model : Pipeline or DummyClassifier
        As `fit_model` returns it.

    Returns
    -------
    dict
        median (what stands in for NaN), center, scale (infinite where the training rows were constant) and coef,
        lists in the order of the features; intercept. Of several classes coef and intercept hold one of these each.
    """
    if isinstance(model, DummyClassifier):
        # The share of positives as a logit, so that one formula holds for every model.
        prior, none = model.class_prior_, {name: [] for name in ("median", "center", "scale", "coef")}
        if len(prior) > 2:
            return none | {"coef": [[] for _ in prior], "intercept": np.log(prior).tolist()}
        return none | {"intercept": np.log(prior[1] / prior[0])}
    scale, classifier = model["scale"], model["classify"]
    return {
        "median": model["impute"].statistics_.tolist(),
        "center": scale.scaler_.mean_.tolist(),
        # Constant columns become 0, and so does what is divided by infinity.
        "scale": np.where(scale.constant_, np.inf, scale.scaler_.scale_).tolist(),
        **(
            {"coef": classifier.coef_.tolist(), "intercept": classifier.intercept_.tolist()}
            if len(classifier.classes_) > 2
            else {"coef": classifier.coef_[0].tolist(), "intercept": float(classifier.intercept_[0])}
        ),
    }
