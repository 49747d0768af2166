"""Columns are scaled as by scikit-learn, and one rule says everywhere what is constant."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from radiofuse.prepare.constant import is_constant
from radiofuse.prepare.scale import TrainingScaler
from radiofuse.prepare.standardize import center_and_scale


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_rows", [2, 40, 333])
def test_columns_that_vary_are_scaled_as_by_scikit_learn(n_rows, order):
    X = np.asarray(np.random.default_rng(n_rows).normal(3, 5, size=(n_rows, 50)), order=order)
    X[:, 7] *= 1e9
    np.testing.assert_array_equal(TrainingScaler().fit_transform(X), StandardScaler().fit_transform(X))
    ours, theirs = TrainingScaler().fit(X).scaler_, StandardScaler().fit(X)
    for name in ("mean_", "var_", "scale_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_constant_up_to_rounding_is_constant():
    X = np.column_stack([np.full(30, 0.1) + 1e-17 * np.arange(30), np.arange(30.0)])
    assert TrainingScaler().fit(X).constant_.tolist() == [True, False]


@pytest.mark.parametrize("n_rows", [3, 40, 5000])
@pytest.mark.parametrize("share", [1e-16, 1e-14, 5e-14, 2e-13, 1e-12, 1e-6])
@pytest.mark.parametrize("size", [1e-250, 1.0, 1e200])
def test_what_is_constant_depends_neither_on_the_unit_nor_on_the_number_of_rows(n_rows, share, size):
    X = size * (1 + share * np.resize([-1.0, 1.0], (n_rows, 1)))
    constant = TrainingScaler().fit(X).constant_[0]
    assert constant == np.isinf(center_and_scale(X)[1][0])
    if n_rows % 2 == 0:
        assert constant == (share < 1e-13)
    assert is_constant(np.array([share * size]), np.array([-size]))[0] == (share < 1e-13)
