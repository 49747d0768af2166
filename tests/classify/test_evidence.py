"""Likelihoods against finite differences, training against optima known otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from radiofuse.classify.evidence import Bernoulli, Gaussian, _Search, train
from radiofuse.classify.network import jacobian, nguyen_widrow, output


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(80, 3))
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=80) > 0


def targets(likelihood, positive):
    return np.where(positive, likelihood.targets[1], likelihood.targets[0])


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()])
def test_slope_and_curvature_are_derivatives_of_the_error(likelihood):
    f = np.linspace(-4, 4, 9)
    y = targets(likelihood, f > 1)
    slope = approx_fprime(f, lambda g: likelihood.error(g, y), 1e-6)
    np.testing.assert_allclose(likelihood.slope(f, y), slope, atol=1e-4)
    bend = [(likelihood.slope(f + 1e-5, y) - likelihood.slope(f - 1e-5, y)) / 2e-5]
    np.testing.assert_allclose(likelihood.curvature(f), bend[0], atol=1e-6)


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()])
def test_training_ends_at_a_minimum_of_its_own_objective(table, likelihood):
    X, positive = table
    y = targets(likelihood, positive)
    start = nguyen_widrow(2, 3, np.random.RandomState(0))
    found = train(X, y, likelihood, start, max_iter=500, tol=1e-10)

    def objective(theta):
        return found.beta * likelihood.error(output(theta, X), y) + found.alpha * theta @ theta

    better = minimize(objective, found.theta, method="BFGS", options={"gtol": 1e-8})
    assert objective(found.theta) - better.fun < 1e-5


@pytest.mark.parametrize("likelihood", [Gaussian(), Bernoulli()])
def test_gamma_and_covariance_follow_from_the_dense_hessian(table, likelihood):
    X, positive = table
    found = train(X, targets(likelihood, positive), likelihood, nguyen_widrow(2, 3, np.random.RandomState(0)),
                  max_iter=500, tol=1e-12)  # fmt: skip
    J, identity = jacobian(found.theta, X), np.eye(found.theta.size)
    curvature = likelihood.curvature(output(found.theta, X))
    hessian = found.beta * J.T @ (curvature[:, None] * J) + 2 * found.alpha * identity
    np.testing.assert_allclose(found.covariance, np.linalg.inv(hessian), rtol=1e-6, atol=1e-9)
    gamma = found.theta.size - 2 * found.alpha * np.trace(np.linalg.inv(hessian))
    assert found.gamma == pytest.approx(gamma, rel=1e-3)


def test_solving_with_more_weights_than_samples_equals_the_dense_solution():
    rng = np.random.default_rng(0)
    X, theta = rng.uniform(-1, 1, size=(5, 6)), rng.normal(size=16)
    search = _Search(X, np.array([1.0, -1, 1, -1, 1]), Gaussian(), theta)
    J, right = jacobian(theta, X), rng.normal(size=16)
    dense = np.linalg.solve(search.beta * 2 * J.T @ J + 0.3 * np.eye(16), right)
    np.testing.assert_allclose(search._solve(0.3, right), dense, rtol=1e-8)


def test_moderated_score_is_mackays():
    mean, variance = np.array([2.0, -2.0]), np.array([8 / np.pi, 0.0])
    np.testing.assert_allclose(Bernoulli().score(mean, variance), [2 / np.sqrt(2), -2.0])


def test_gaussian_probability_is_clipped():
    np.testing.assert_array_equal(Gaussian().probability(np.array([-1.5, 0.0, 1.5])), [0, 0.5, 1])
