"""Logistic regression as numbers: the oracle is scikit-learn's own pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.classify.modality import modality_classifier
from radiofuse.selection_run.model import fit_logistic


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(loc=5, scale=[1, 10, 0.1, 2, 1], size=(70, 5))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0], nan=5) + rng.normal(size=70) > 5).astype(int)
    return X, y


def test_it_is_the_chain_of_the_package(rows):
    X, y = rows
    X[:50, 3] = 7.0  # constant in the training rows
    X[:50, 4] = np.nan  # without a value there
    expected = modality_classifier("logistic", select=None).fit(X[:50], y[:50]).predict_proba(X[50:])[:, 1]
    np.testing.assert_allclose(fit_logistic(X[:50], y[:50]).probability(X[50:]), expected, rtol=0, atol=1e-12)


def test_the_numbers_are_learnt_from_the_training_rows(rows):
    X, y = rows
    model = fit_logistic(X[:50], y[:50])
    np.testing.assert_allclose(model.median, np.nanmedian(X[:50], axis=0))
    filled = np.where(np.isnan(X[:50]), model.median, X[:50])
    np.testing.assert_allclose(model.center, filled.mean(axis=0))
    np.testing.assert_allclose(model.scale, filled.std(axis=0))
    changed = X.copy()
    changed[50:] *= 100
    assert fit_logistic(changed[:50], y[:50]).intercept == model.intercept


def test_without_features_it_answers_the_prevalence():
    y = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(fit_logistic(np.empty((4, 0)), y).probability(np.empty((3, 0))), 0.25)
