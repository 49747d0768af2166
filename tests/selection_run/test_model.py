"""What a selection is worth is asked of a recipe's own chain, and told as numbers that give its answers again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from radiofuse.classify.modality import modality_classifier
from radiofuse.selection_run.model import fit_model, numbers_of


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(loc=5, scale=[1, 10, 0.1, 2, 1], size=(70, 5))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0], nan=5) + rng.normal(size=70) > 5).astype(int)
    X[:50, 3] = 7.0  # constant in the training rows
    X[:50, 4] = np.nan  # without a value there
    return X, y


def test_it_is_the_chain_of_a_recipe(rows):
    X, y = rows
    expected = modality_classifier("logistic", select=None).fit(X[:50], y[:50]).predict_proba(X[50:])
    np.testing.assert_array_equal(fit_model(X[:50], y[:50]).predict_proba(X[50:]), expected)


def test_the_numbers_give_its_answers_again(rows):
    X, y = rows
    model = fit_model(X[:50], y[:50])
    numbers = numbers_of(model)
    filled = np.where(np.isnan(X[50:]), numbers["median"], X[50:])
    logit = (filled - numbers["center"]) / numbers["scale"] @ np.array(numbers["coef"]) + numbers["intercept"]
    np.testing.assert_allclose(expit(logit), model.predict_proba(X[50:])[:, 1], rtol=0, atol=1e-14)
    assert np.isinf(numbers["scale"]).tolist() == [False, False, False, True, True]


def test_without_features_it_answers_the_share_of_positives():
    y = np.array([0, 0, 0, 1])
    model = fit_model(np.empty((4, 0)), y)
    assert model.predict_proba(np.empty((3, 0)))[:, 1].tolist() == [0.25] * 3
    assert expit(numbers_of(model)["intercept"]) == pytest.approx(0.25)
