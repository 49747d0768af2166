"""The network's function and derivatives against finite differences, and its start."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from radiofuse.classify.network import jacobian, nguyen_widrow, output, unpack


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    return rng.normal(size=3 * (4 + 2)), rng.uniform(-1, 1, size=(7, 4))


def test_output_is_the_formula(case):
    theta, X = case
    w, b, B = theta[:3], theta[3:6], theta[6:].reshape(3, 4)
    by_hand = [sum(w[k] * np.tanh(b[k] + B[k] @ x) for k in range(3)) for x in X]
    np.testing.assert_allclose(output(theta, X), by_hand)


def test_jacobian_equals_finite_differences(case):
    theta, X = case
    numeric = approx_fprime(theta, lambda weights: output(weights, X), 1e-7)
    np.testing.assert_allclose(jacobian(theta, X), numeric, atol=1e-6)


@pytest.mark.parametrize(("n_neurons", "n_inputs"), [(1, 1), (2, 7), (5, 3)])
def test_start_has_nguyen_widrow_lengths(n_neurons, n_inputs):
    w, b, B = unpack(nguyen_widrow(n_neurons, n_inputs, np.random.RandomState(0)), n_inputs)
    length = 0.7 * n_neurons ** (1 / n_inputs)
    np.testing.assert_allclose(np.linalg.norm(B, axis=1), length)
    np.testing.assert_allclose(np.sort(np.abs(b)), np.sort(length * np.abs(np.linspace(-1, 1, n_neurons))))
    assert np.abs(w).max() <= 0.5
