"""Recalibration on another site: numbers of R, shifts that are found again, and what a small site is spared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from scipy.stats import chi2

from radiofuse.classify.updating import UpdatingMap, patient_weights, updated_out_of_fold
from radiofuse.errors import CohortError

# 60 patients: probability, how many have it, and how many of these have the event
TABLE = [(0.1, 12, 3), (0.2, 10, 1), (0.35, 8, 1), (0.5, 10, 1), (0.7, 9, 2), (0.9, 11, 5)]
R_ALONE, R_INTERCEPT, R_SLOPE = -1.62549297981, -1.275546439209, 0.300366013305
R_LIKELIHOODS = (-45.9539767913, -35.0038852706, -30.3160168112)  # no change, intercept, intercept and slope
R_P_OF_INTERCEPT = chi2.sf(2 * (R_LIKELIHOODS[1] - R_LIKELIHOODS[0]), 1)
R_P_VALUES = {"any": 1.61629367117e-07, "slope": 2.19876296368e-03}


def of_table() -> tuple[np.ndarray, np.ndarray]:
    p = np.concatenate([np.full(n, value) for value, n, _ in TABLE])
    y = np.concatenate([np.arange(n) < events for _, n, events in TABLE]).astype(int)
    return np.column_stack([1 - p, p]), y


def shifted(n: int, intercept: float, slope: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and labels of which log-odds = intercept + slope times those of the probabilities."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    y = (rng.random(n) < expit(intercept + slope * odds)).astype(int)
    return np.column_stack([1 - expit(odds), expit(odds)]), y


def test_numbers_are_those_of_glm_in_r():
    """glm(cbind(k, n - k) ~ qlogis(p)), the same with an offset, and pchisq of their log-likelihoods (R 4)."""
    P, y = of_table()
    both = UpdatingMap().fit(P, y)
    assert both.p_values_ == pytest.approx(R_P_VALUES, rel=1e-6)
    assert both.method_ == "slope"
    assert both.unshrunken_.slope == pytest.approx(R_SLOPE, abs=1e-8)
    assert both.unshrunken_.intercepts[1] == pytest.approx(R_INTERCEPT, abs=1e-8)
    chi_squared = 2 * (R_LIKELIHOODS[2] - R_LIKELIHOODS[0])
    assert both.shrinkage_ == pytest.approx((chi_squared - 2) / chi_squared)
    assert both.slope_ == pytest.approx(1 + both.shrinkage_ * (R_SLOPE - 1))
    alone = UpdatingMap(slope_allowed=False).fit(P, y)
    assert (alone.method_, alone.unshrunken_.slope, alone.no_slope_) == ("intercept", 1.0, "few")
    assert alone.p_values_ == pytest.approx(R_P_VALUES | {"intercept": R_P_OF_INTERCEPT}, rel=1e-6)
    assert alone.unshrunken_.intercepts[1] == pytest.approx(R_ALONE, abs=1e-8)


def test_of_three_classes_intercepts_and_slope_are_those_of_a_general_optimizer():
    rng = np.random.default_rng(1)
    P = rng.dirichlet([1.0, 1.5, 2.0], 200)
    y = np.array([rng.choice(3, p=row) for row in softmax(0.5 * np.log(P) + [0, 0.7, -0.4], axis=1)])
    update = UpdatingMap().fit(P, y)

    def loss(theta: np.ndarray) -> float:
        return -log_softmax(theta[2] * np.log(P) + np.append(0, theta[:2]), axis=1)[np.arange(200), y].sum()

    found = minimize(loss, [0, 0, 1], method="BFGS", options={"gtol": 1e-8})
    assert update.method_ == "slope"
    own = np.append(update.unshrunken_.intercepts[1:], update.unshrunken_.slope)
    np.testing.assert_allclose(own, found.x, atol=1e-5)
    np.testing.assert_allclose(update.apply(P).sum(axis=1), 1)


def test_a_shift_is_found_again_and_undone():
    P, y = shifted(4000, -1.2, 0.5)
    update = UpdatingMap().fit(P, y)
    assert (update.method_, round(update.slope_, 1), round(update.intercepts_[1], 1)) == ("slope", 0.5, -1.2)
    others, truth = shifted(4000, -1.2, 0.5, seed=1)
    again = UpdatingMap().fit(update.apply(others), truth)
    assert again.method_ == "none"


def test_a_shift_of_the_share_alone_moves_the_intercept_alone():
    update = UpdatingMap().fit(*shifted(600, 1.0, 1.0))
    assert (update.method_, update.slope_) == ("intercept", 1.0)
    assert 0.6 < update.intercepts_[1] < 1.4


def test_a_calibrated_model_is_left_as_it_is():
    chosen = [UpdatingMap().fit(*shifted(150, 0.0, 1.0, seed)).method_ for seed in range(40)]
    assert chosen.count("none") >= 34  # the tests are at 5 %
    P, y = shifted(150, 0.0, 1.0, 0)
    np.testing.assert_allclose(UpdatingMap().fit(P, y).apply(P), P)


def test_fewer_patients_move_the_model_less():
    P, y = shifted(60, -1.5, 0.6, seed=2)
    few = UpdatingMap(slope_allowed=False).fit(P, y)
    many = UpdatingMap(slope_allowed=False).fit(np.tile(P, (10, 1)), np.tile(y, 10))
    assert few.unshrunken_.intercepts[1] == pytest.approx(many.unshrunken_.intercepts[1])
    assert few.shrinkage_ < many.shrinkage_ < 1
    assert abs(few.intercepts_[1]) < abs(many.intercepts_[1])


@pytest.mark.parametrize(
    ("probability", "no_slope", "method"),
    [
        (np.repeat([0.1, 0.2, 0.3, 0.4], 15), "apart", "unmended"),
        (np.repeat([0.4, 0.45, 0.55, 0.6], 15), "apart", "unmended"),  # right on average, so that no intercept is off
        (np.repeat([0.9, 0.8, 0.2, 0.1], 15) + np.tile([0, 0.05, -0.02], 20), "reversed", "unmended"),
        (np.repeat([0.7, 0.6, 0.4, 0.3], 15) + np.tile([0, 0.2, -0.2], 20), "reversed", "unmended"),
        (np.full(60, 0.2), "alike", "intercept"),
        (np.full(60, 0.5), "alike", "none"),
    ],
)
def test_a_slope_that_may_not_be_taken_is_tested_all_the_same(probability, no_slope, method):
    y = np.repeat([0, 1], 30)
    update = UpdatingMap().fit(np.column_stack([1 - probability, probability]), y)
    assert (update.no_slope_, update.method_, update.slope_) == (no_slope, method, 1.0)
    assert ("slope" in update.p_values_) == (no_slope != "alike")
    if method == "unmended":
        assert max(update.p_values_.values()) < 0.05
        np.testing.assert_allclose(update.apply([[0.3, 0.7]]), [[0.3, 0.7]])


def test_with_too_few_patients_for_a_slope_one_that_is_called_for_is_told():
    p = np.repeat([0.1, 0.9], 20)  # far surer than the truth, and right on average
    P, y = np.column_stack([1 - p, p]), np.concatenate([np.arange(20) < n for n in (9, 11)]).astype(int)
    few = UpdatingMap(slope_allowed=False).fit(P, y)
    assert (few.method_, few.no_slope_, few.slope_) == ("unmended", "few", 1.0)
    assert few.p_values_["slope"] < 0.05 <= few.p_values_["intercept"]


def test_probabilities_of_0_and_1_are_taken_from_where_votes_end():
    P = np.tile([[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]], (20, 1))
    y = np.tile([0, 1, 1, 0, 1, 0], 10)
    update = UpdatingMap().fit(P, y)
    assert update.nearest_ == 0.125
    assert np.isfinite(update.apply(P)).all()
    assert np.isfinite(UpdatingMap().fit(*of_table()).apply([[1.0, 0.0]])).all()


def test_a_patient_with_several_samples_counts_once():
    P, y = of_table()
    patients = np.arange(len(y)).astype(str)
    twice = np.concatenate([np.arange(len(y)), np.arange(12)])
    once, again = UpdatingMap().fit(P, y), UpdatingMap().fit(P[twice], y[twice], patient_weights(patients[twice]))
    assert (again.slope_, again.p_values_) == (pytest.approx(once.slope_), pytest.approx(once.p_values_))


def test_out_of_fold_a_patient_has_no_part_in_the_own_update():
    P, y = shifted(80, -1.0, 0.5, seed=3)
    patients = np.arange(80)
    told = updated_out_of_fold(P, y, patients, slope_allowed=True, seed=0, repeats=1)
    np.testing.assert_allclose(told[0].sum(axis=1), 1)
    apparent = UpdatingMap().fit(P, y).apply(P)
    assert -np.log(told[0][patients, y]).mean() > -np.log(apparent[patients, y]).mean()
    with pytest.raises(CohortError, match="5 patients of each class"):
        updated_out_of_fold(P, np.append([1, 1, 1], np.zeros(77, int)), patients, slope_allowed=True, seed=0)
