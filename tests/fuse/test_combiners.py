"""The rules that make one probability of several: published arithmetic, exactness, absent members."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import logit

from radiofuse.fuse import COMBINERS
from radiofuse.fuse.combiners import LinearRegression, Mean, Nonnegative, Regression, Vote, fill_absent
from radiofuse.names import lookup

# Shi et al. 2023, Table IV: weights of T1, T1CE, T2, FLAIR and the bias.
PUBLISHED_WEIGHTS, PUBLISHED_INTERCEPT = np.array([0.40, 0.49, 0.30, 0.47]), -0.28


@pytest.fixture
def matrix():
    """Four members on 200 samples: two good, one weak, one that knows nothing."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 100)
    signal = np.array([1.5, 1.2, 0.4, 0.0]) * (2 * y[:, None] - 1)
    return 1 / (1 + np.exp(-(signal + rng.normal(size=(200, 4))))), y


def knock_out(P, seed=1, share=0.3):
    """Return a copy of ``P`` without some entries; every row keeps its first."""
    absent = np.random.default_rng(seed).random(P.shape) < share
    absent[:, 0] = False
    return np.where(absent, np.nan, P)


def test_linear_regression_recovers_the_published_weights(matrix):
    P, _ = matrix
    combiner = LinearRegression().fit(P, P @ PUBLISHED_WEIGHTS + PUBLISHED_INTERCEPT)
    np.testing.assert_allclose(combiner.weights_, PUBLISHED_WEIGHTS)
    assert combiner.intercept_ == pytest.approx(PUBLISHED_INTERCEPT)


def test_published_arithmetic():
    combiner = LinearRegression()
    combiner.weights_, combiner.intercept_ = PUBLISHED_WEIGHTS, PUBLISHED_INTERCEPT
    P = np.array([[0.5, 0.8, 0.4, 0.6], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    # .20 + .392 + .12 + .282 - .28; then the ends -.28 and 1.38 of its range, clipped
    np.testing.assert_allclose(combiner.combine(P), [0.714, 0.0, 1.0])


def test_mean_is_of_probabilities_not_of_logits():
    p = np.array([[0.99, 0.30, 0.30, 0.30]])
    assert Mean().combine(p)[0] == pytest.approx(0.4725)
    assert 1 / (1 + np.exp(-logit(p).mean())) == pytest.approx(0.63, abs=0.01)


def test_vote_settles_ties_by_the_mean_probability():
    P = np.array([[0.9, 0.8, 0.45, 0.45], [0.6, 0.6, 0.1, 0.1], [0.6, 0.6, 0.6, 0.1], [0.7, np.nan, np.nan, 0.4]])
    np.testing.assert_allclose(Vote().combine(P), [0.65, 0.35, 0.75, 0.55])
    np.testing.assert_array_equal(Vote().ties(P), [True, True, False, True])


def test_a_member_at_exactly_one_half_votes_for_the_positive_class():
    np.testing.assert_allclose(Vote().combine(np.array([[0.5, 0.1, 0.9]])), [2 / 3])


def test_nonnegative_equals_a_general_solver(matrix):
    P, y = matrix

    def brier(w):
        return np.mean((P @ w - y) ** 2)

    unity = {"type": "eq", "fun": lambda w: w.sum() - 1}
    oracle = minimize(brier, np.full(4, 0.25), bounds=[(0, 1)] * 4, constraints=unity, options={"ftol": 1e-14})
    weights = Nonnegative().fit(P, y).weights_
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert brier(weights) <= oracle.fun + 1e-12
    np.testing.assert_allclose(weights, oracle.x, atol=1e-4)


@pytest.mark.parametrize("of_classes", [False, True])
def test_nonnegative_stays_within_1_where_all_members_are_certain(of_classes):
    rng, certain = np.random.default_rng(0), np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0]])
    if of_classes:
        certain = np.stack([certain, 0 * certain, 0 * certain], axis=2)
    learned = [Nonnegative() for _ in range(200)]
    for combiner in learned:
        weights = rng.dirichlet(np.ones(3))
        combiner.weights_ = weights / weights.sum()
    assert any(combiner.weights_.sum() > 1 for combiner in learned)  # by rounding
    assert all((combiner.combine(certain) <= 1).all() for combiner in learned)


def test_nonnegative_is_never_worse_than_its_best_member_or_the_mean(matrix):
    P, y = matrix
    fused = Nonnegative().fit(P, y).combine(P)
    others = [*P.T, Mean().combine(P)]
    assert np.mean((fused - y) ** 2) <= min(np.mean((other - y) ** 2) for other in others) + 1e-12


@pytest.mark.parametrize("combiner", [Regression, LinearRegression, Nonnegative])
def test_a_member_of_noise_gets_next_to_no_weight(matrix, combiner):
    weights = combiner().fit(*matrix).weights_
    assert abs(weights[3]) < 0.15 * weights[0]


@pytest.mark.parametrize("combiner", [Regression, LinearRegression])
def test_permuted_labels_leave_weights_near_zero_and_the_prevalence(matrix, combiner):
    P, y = matrix
    fits = [combiner().fit(P, np.random.default_rng(seed).permutation(y)) for seed in range(20)]
    assert np.abs(np.mean([fit.weights_ for fit in fits], axis=0)).max() < 0.1
    assert np.mean([fit.combine(P).mean() for fit in fits]) == pytest.approx(y.mean(), abs=0.02)


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_answers_are_probabilities_and_row_order_does_not_matter(matrix, name):
    P, y = matrix
    P = knock_out(P)
    combiner = lookup(name, COMBINERS, "combiner")()
    if hasattr(combiner, "fit"):
        combiner.fit(P, y)
    answer, order = combiner.combine(P), np.random.default_rng(0).permutation(len(y))
    assert 0 <= answer.min() <= answer.max() <= 1
    np.testing.assert_allclose(combiner.combine(P[order]), answer[order])


@pytest.mark.parametrize("combiner", [Regression, LinearRegression, Nonnegative])
def test_member_order_does_not_matter(matrix, combiner):
    P, y = matrix
    straight, reverse = combiner().fit(P, y), combiner().fit(P[:, ::-1], y)
    np.testing.assert_allclose(reverse.weights_[::-1], straight.weights_, atol=1e-4)


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_a_duplicate_member_and_certain_probabilities_are_survived(matrix, name):
    P, y = matrix
    P = np.column_stack([P, P[:, 0], y])  # the last member is right and says 0 or 1
    combiner = lookup(name, COMBINERS, "combiner")()
    if hasattr(combiner, "fit"):
        combiner.fit(P, y)
    assert np.isfinite(combiner.combine(P)).all()


@given(
    values=arrays(float, (6, 3), elements=st.floats(0, 1)),
    weights=arrays(float, 3, elements=st.floats(0.01, 5)),
    absent=arrays(bool, (6, 2)),
)
@settings(deadline=None, max_examples=50)
def test_filling_equals_renormalizing_nonnegative_weights(values, weights, absent):
    values = values.copy()
    values[:, :2][absent] = np.nan
    present = ~np.isnan(values)
    renormalized = np.where(present, weights, 0)
    renormalized *= weights.sum() / renormalized.sum(axis=1, keepdims=True)
    expected = np.nansum(renormalized * values, axis=1)
    np.testing.assert_allclose(fill_absent(values, weights) @ weights, expected, rtol=1e-9, atol=1e-12)


def test_weights_that_cancel_leave_a_finite_answer():
    """Dividing by the sum of the weights present, 0.5 - 0.5, would not."""
    combiner = LinearRegression()
    combiner.weights_, combiner.intercept_ = np.array([0.5, -0.5, 1.0]), 0.0
    # the absent one becomes (.5 * .8 + .5 * .4) / 1 = .6; .4 - .2 + .6
    np.testing.assert_allclose(combiner.combine(np.array([[0.8, 0.4, np.nan]])), [0.8])


def test_members_of_weight_zero_answer_by_their_mean_when_alone():
    combiner = Nonnegative()
    combiner.weights_ = np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(combiner.combine(np.array([[0.2, 0.6, np.nan]])), [0.4])


@pytest.mark.parametrize("combiner", [Regression, LinearRegression, Nonnegative])
def test_absent_entries_are_learned_around(matrix, combiner):
    P, y = matrix
    weights = combiner().fit(knock_out(P, share=0.2), y).weights_
    assert weights[:2].min() > np.abs(weights[2:]).max()


def test_regression_takes_the_logits_of_very_certain_members_as_they_are():
    """The weights minimize the ridge loss of unclipped logits, as a general minimizer finds."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 60)
    logits = np.clip(8 * (2 * y[:, None] - 1) + rng.normal(scale=10, size=(120, 2)), -25, 25)

    def loss(w):
        return np.logaddexp(0, -(2 * y - 1) * (logits @ w[:2] + w[2])).sum() + w[:2] @ w[:2] / (2 * 0.1)

    combiner = Regression().fit(1 / (1 + np.exp(-logits)), y)
    expected = minimize(loss, np.zeros(3)).x
    np.testing.assert_allclose([*combiner.weights_, combiner.intercept_], expected, atol=2e-3)
    assert np.isfinite(combiner.combine(np.array([[0.0, 1.0], [1e-300, 1.0]]))).all()
