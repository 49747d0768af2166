"""The model that says what a selection is worth: a recipe's chain of one modality on the selected features."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from radiofuse.classify.modality import modality_classifier

Model: TypeAlias = Pipeline | DummyClassifier


def fit_model(X: np.ndarray, y: np.ndarray) -> Model:
    """Fit the chain of a recipe with logistic regression; without features it answers the share of positives.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        What was selected, and covariates; NaN is imputed.
    y : ndarray of shape (n_samples,)
        0 or 1; both occur.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> fit_model(np.empty((4, 0)), y).predict_proba(np.empty((2, 0)))[:, 1].tolist()
    [0.25, 0.25]
    >>> list(fit_model(np.array([[0.0], [1.0], [2.0], [3.0]]), y).named_steps)
    ['impute', 'scale', 'select', 'classify']
    """
    model = modality_classifier("logistic", select=None) if X.shape[1] else DummyClassifier(strategy="prior")
    return model.fit(X, y)


def numbers_of(model: Model) -> dict[str, Any]:
    """Return what makes a probability of features: the logit is (x - center) / scale · coef + intercept.

    Parameters
    ----------
    model : Pipeline or DummyClassifier
        As `fit_model` returns it.

    Returns
    -------
    dict
        median (what stands in for NaN), center, scale (infinite where the training rows were constant) and coef,
        lists in the order of the features; intercept.
    """
    if isinstance(model, DummyClassifier):
        negative, positive = model.class_prior_
        return {name: [] for name in ("median", "center", "scale", "coef")} | {"intercept": np.log(positive / negative)}
    scale, classifier = model["scale"], model["classify"]
    return {
        "median": model["impute"].statistics_.tolist(),
        "center": scale.scaler_.mean_.tolist(),
        "scale": np.where(scale.constant_, np.inf, scale.scaler_.scale_).tolist(),
        "coef": classifier.coef_[0].tolist(),
        "intercept": float(classifier.intercept_[0]),
    }
