"""The Bayesian regularized network: its numbers, its limits, scikit-learn's battery."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from radiofuse.classify import BayesianRegularizedNetwork
from radiofuse.classify.network import output

LIKELIHOODS = ("bernoulli", "gaussian")


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:, :7], y


@pytest.fixture
def blobs():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 60)
    return rng.normal(size=(120, 3)) + y[:, None] * [1.5, 1.0, 0.0], y


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_auc_and_effective_parameters_on_breast_cancer(cancer, likelihood):
    X, y = cancer
    network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probability = cross_val_predict(network, X, y, cv=folds, method="predict_proba")[:, 1]
    assert roc_auc_score(y, probability) >= 0.97
    assert 10 < network.fit(X, y).gamma_[0] < 18  # of K = 2 (7 + 2)


def test_bernoulli_is_better_calibrated_than_gaussian(cancer):
    X, y = cancer
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def loss(likelihood):
        network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0)
        probability = cross_val_predict(network, X, y, cv=folds, method="predict_proba")[:, 1]
        return log_loss(y, np.clip(probability, 1e-6, 1 - 1e-6))

    assert loss("bernoulli") < 0.15
    assert loss("bernoulli") < loss("gaussian")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_accepted_step_lowers_the_objective(blobs, likelihood):
    network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(*blobs)
    before, after = network.objective_[0].T
    assert len(before) == network.n_iter_ > 3
    assert np.all(after < before)


def test_gaussian_precisions_solve_the_evidence_equations(blobs):
    X, y = blobs
    network = BayesianRegularizedNetwork(likelihood="gaussian", random_state=0, tol=1e-9).fit(X, y)
    theta, gamma = network.theta_[0], network.gamma_[0]
    error = np.sum((network.decision_function(X) - np.where(y, 1, -1)) ** 2)
    assert network.alpha_[0] == pytest.approx(gamma / (2 * theta @ theta))
    assert network.beta_[0] == pytest.approx((len(y) - gamma) / (2 * error))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.filterwarnings("ignore:The network did not settle")
def test_share_of_effective_parameters_falls_when_noise_inputs_are_added(blobs, likelihood):
    X, y = blobs

    def share(inputs):
        network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(inputs, y)
        return network.gamma_[0] / network.theta_.shape[1]

    noises = [np.random.default_rng(seed).normal(size=(len(y), 10)) for seed in range(5)]
    assert np.mean([share(np.hstack([X, noise])) for noise in noises]) < 0.9 * share(X)


def test_pure_noise_switches_the_weights_off():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), np.tile([0, 1], 100)
    network = BayesianRegularizedNetwork(random_state=0).fit(X, y)
    assert network.gamma_[0] < 0.5
    assert np.abs(network.predict_proba(X)[:, 1] - 0.5).max() < 0.05


def test_weak_signal_is_regularized_more_than_by_the_customary_ridge():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 30))
    y = (0.5 * X[:, 0] + rng.normal(size=400) > 0).astype(int)
    ours = BayesianRegularizedNetwork(random_state=0).fit(X[:100], y[:100])
    plain = LogisticRegression(C=1e6, max_iter=5000).fit(X[:100], y[:100])
    assert log_loss(y[100:], ours.predict_proba(X[100:])) < log_loss(y[100:], plain.predict_proba(X[100:]))


def test_same_seed_same_weights(blobs):
    first, second, other = (BayesianRegularizedNetwork(random_state=seed).fit(*blobs) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.theta_, second.theta_)
    assert not np.allclose(first.theta_, other.theta_)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize(
    "case",
    ["separated", "separated by one input", "duplicate columns", "constant column", "more inputs than rows", "tiny"],
)
def test_hard_tables_give_probabilities(case, likelihood):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    X, y = {
        "separated": (x, x[:, 0] > 0),
        "separated by one input": (np.repeat([[-1.0], [1.0]], 30, axis=0), np.repeat([0, 1], 30)),
        "duplicate columns": (np.hstack([x, x, x]), x[:, 0] + rng.normal(size=60) > 0),
        "constant column": (np.column_stack([x, np.full(60, 7.0)]), x[:, 0] + rng.normal(size=60) > 0),
        "more inputs than rows": (rng.normal(size=(40, 150)), np.tile([0, 1], 20)),
        "tiny": (rng.normal(size=(4, 2)), np.array([0, 1, 0, 1])),
    }[case]
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)  # four rows may swing for ever
        network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(X, y)
        probability = network.predict_proba(X)
    assert np.isfinite(probability).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert 0 < network.gamma_[0] < network.theta_.shape[1]
    if case.startswith("separated"):
        assert (network.predict(X) == y).all()


def test_moderation_draws_doubtful_probabilities_towards_one_half(blobs):
    X, y = blobs
    network = BayesianRegularizedNetwork(random_state=0).fit(X, y)
    far = X + 20 * np.sign(X)
    posterior = network.networks_[0]
    scaled = (far - network.center_) / network.half_range_
    assert np.all(posterior.variance(scaled) > 0)
    plain = output(posterior.theta, scaled)
    assert np.all(np.abs(network.decision_function(far)) < np.abs(plain))
    np.testing.assert_array_equal(np.sign(network.decision_function(far)), np.sign(plain))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_three_classes_by_one_network_each(likelihood):
    X, y = load_iris(return_X_y=True)
    network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(X, y)
    assert network.theta_.shape == (3, 2 * (4 + 2))
    assert network.score(X, y) > 0.95


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_three_classes_are_one_versus_rest_divided_by_their_sum(likelihood):
    X, y = load_iris(return_X_y=True)
    network = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(X, np.array(["c", "a", "b"])[y])
    first = BayesianRegularizedNetwork(likelihood=likelihood, random_state=0).fit(X, y == 1)
    assert network.classes_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(network.theta_[0], first.theta_[0])
    each = np.column_stack([one.likelihood.probability(one.score(network._scaled(X))) for one in network.networks_])
    np.testing.assert_array_equal(each[:, 0], first.predict_proba(X)[:, 1])
    np.testing.assert_allclose(network.predict_proba(X), each / each.sum(axis=1, keepdims=True))


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="one class only"):
        BayesianRegularizedNetwork().fit(np.eye(3), [1, 1, 1])


def test_running_out_of_steps_is_said(blobs):
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        BayesianRegularizedNetwork(max_iter=1, random_state=0).fit(*blobs)


def test_draws_of_the_weights_spread_as_the_moderated_answer_says():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    X[:, 0] += y
    network = BayesianRegularizedNetwork(random_state=0).fit(X, y)
    draws = network.predict_proba_samples(X, 4000, random_state=0)
    np.testing.assert_allclose(draws.sum(axis=2), 1)
    np.testing.assert_allclose(draws.mean(axis=0), network.predict_proba(X), atol=0.02)
    odds = np.log(draws[:, :, 1] / draws[:, :, 0])
    variance = network.networks_[0].variance(network._scaled(X))
    np.testing.assert_allclose(odds.var(axis=0), variance, rtol=0.15)
    np.testing.assert_array_equal(network.predict_proba_samples(X, 4000, random_state=0), draws)


def test_draws_of_several_classes_sum_to_one_and_agree_with_the_answer():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 2)) + np.column_stack([y == 0, y == 1])
    network = BayesianRegularizedNetwork(random_state=0).fit(X, y)
    draws = network.predict_proba_samples(X, 500, random_state=0)
    assert draws.shape == (500, 90, 3)
    np.testing.assert_allclose(draws.sum(axis=2), 1)
    np.testing.assert_allclose(draws.mean(axis=0), network.predict_proba(X), atol=0.05)
