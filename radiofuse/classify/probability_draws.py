"""Probabilities by models that differ by chance: how far a classifier's answer depends on who it learned from."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from radiofuse.classify.rows import take_rows
from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.resampled import resampled_patients
from radiofuse.patients.routing import fit_with_groups

Draws = Literal["bootstrap", "posterior"]
SAMPLES = "predict_proba_samples"


def refits_on_patients(
    model: Any, X: Any, y: np.ndarray, groups: np.ndarray | None, *, n_draws: int, random_state: Seed
) -> list[Any]:
    """Return clones of a model, each fitted to a bootstrap of the patients.

    Parameters
    ----------
    model : classifier
        A chain is fitted whole, selection and scaling included.
    X : DataFrame or array of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    groups : ndarray of shape (n_samples,) or None
        The patient of each row.
    n_draws : int
    random_state : int, RandomState instance or None

    Returns
    -------
    list of estimator
    """
    random, patients = check_random_state(random_state), np.arange(len(y)) if groups is None else groups
    fitted = []
    for _ in range(n_draws):
        rows = resampled_patients(y, groups, random_state=random)
        # copies of a row are one patient, also where each row was one: folds inside the model must not part them
        fitted.append(fit_with_groups(clone(model), take_rows(X, rows), y[rows], patients[rows]))
    return fitted


def posterior_draws(fitted: Any, X: Any, n_draws: int, random_state: Seed) -> np.ndarray:
    """Return probabilities by draws of the weights of a fitted classifier, or of a chain's last step.

    Returns
    -------
    ndarray of shape (n_draws, n_samples, n_classes)

    Raises
    ------
    RequestError
        If the classifier has no ``predict_proba_samples``, as `BayesianRegularizedNetwork` has.
    """
    chain = fitted if isinstance(fitted, Pipeline) else Pipeline([("classify", fitted)])
    classifier = chain[-1]
    if not hasattr(classifier, SAMPLES):
        raise RequestError(
            f'draws = "posterior" needs a classifier with {SAMPLES}, and {type(classifier).__name__} has none. Take a '
            'Bayesian regularized network ("brnn"), or draws = "bootstrap".'
        )
    Z = chain[:-1].transform(X) if len(chain) > 1 else X
    return classifier.predict_proba_samples(Z, n_draws, random_state=random_state)
