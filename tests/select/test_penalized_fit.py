"""The curve over penalties: its grid, its standard error, the rules that choose from it, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.select.penalized_fit import (
    PATIENCE,
    PenalizedFit,
    alpha_grid,
    error_over_folds,
    is_past_minimum,
    require_falling,
)


def curve(mean, se, *, stopped_early=False):
    n, mean = len(mean), np.array(mean, dtype=float)
    return PenalizedFit(
        alphas=alpha_grid(1.0, n),
        cv_mean=mean,
        cv_se=np.full(n, se),
        coef_path=np.zeros((n, 2)),
        intercept_path=np.zeros(n),
        n_nonzero=np.zeros(n, dtype=int),
        dev_ratio=np.zeros(n),
        stopped_early=stopped_early,
        strength=np.zeros(2),
    )


def test_the_grid_falls_to_a_thousandth():
    grid = alpha_grid(0.5, 100)
    np.testing.assert_allclose(grid[[0, -1]], [0.5, 0.5e-3], rtol=1e-14)
    np.testing.assert_allclose(grid[1:] / grid[:-1], 1e-3 ** (1 / 99), rtol=1e-12)


def test_the_rules_choose_the_minimum_and_the_first_within_one_standard_error():
    fit = curve([5, 4, 3, 2, 2, 3], 1.0)
    assert (fit.index("min"), fit.index("1se")) == (3, 2)  # 3 is exactly one standard error above, and counts


def test_the_minimum_at_the_edge_is_told_from_one_inside():
    assert curve([3, 2, 1], 0.1).least_at_edge
    assert not curve([3, 1, 2], 0.1).least_at_edge
    assert not curve([3, 2, 1], 0.1, stopped_early=True).least_at_edge
    assert not curve([1], 0.1).least_at_edge


def test_error_over_folds_is_the_weighted_mean_and_its_standard_error():
    rng = np.random.default_rng(0)
    errors, weights = rng.random((7, 5)), rng.integers(1, 9, 5).astype(float)
    mean, se = error_over_folds(errors, weights)
    expected = np.average(errors, axis=1, weights=weights)
    variance = np.average((errors - expected[:, None]) ** 2, axis=1, weights=weights)
    np.testing.assert_allclose(mean, expected, rtol=1e-14)
    np.testing.assert_allclose(se, np.sqrt(variance / 4), rtol=1e-13)


@pytest.mark.parametrize(("above", "past"), [(PATIENCE - 1, False), (PATIENCE, True)])
def test_patience_counts_penalties_in_a_row(above, past):
    mean = np.r_[2.0, 1.0, np.full(above, 1.2)]
    assert is_past_minimum(mean, np.full(len(mean), 0.1)) is past
    mean[-5] = 1.05  # one within a standard error starts the count again
    assert not is_past_minimum(mean, np.full(len(mean), 0.1))


@pytest.mark.parametrize("alphas", [[], [0.1, 0.2], [0.2, 0.2], [0.1, 0.0], [0.1, -0.1]])
def test_penalties_that_do_not_fall_are_refused(alphas):
    with pytest.raises(RequestError, match="expected positive numbers that fall"):
        require_falling(np.array(alphas))
