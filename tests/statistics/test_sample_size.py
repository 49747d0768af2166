"""Sample sizes: published examples, R's values, and simulated patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, log_expit, ndtri
from scipy.stats import norm

from radiofuse.errors import RequestError
from radiofuse.statistics.sample_size import AUC_VARIANCES, auc_power, cox_snell_of_auc, events_per_variable
from radiofuse.statistics.sample_size import riley_sample_size as riley


def test_events_are_the_rows_of_the_rarest_class():
    assert events_per_variable(["a"] * 30 + ["b"] * 70, 3) == 10
    assert events_per_variable([0, 1, 2] * 4, 8) == 0.5


@pytest.mark.parametrize(("y", "n_features"), [([1, 1, 1], 2), ([0, 1], 0)])
def test_events_without_classes_or_features_are_refused(y, n_features):
    with pytest.raises(RequestError, match="need two classes and a feature"):
        events_per_variable(y, n_features)


def test_the_example_of_pmsampsize():
    """R package pmsampsize, type "b", csrsquared .288, 24 parameters, prevalence .174."""
    need = riley(24, 0.174, r2_cs=0.288)
    assert (need.n, need.n_shrinkage, need.n_optimism, need.n_intercept) == (662, 623, 662, 221)
    assert need.events == 116
    assert round(need.events_per_parameter, 2) == 4.8
    assert round(need.r2_max, 3) == 0.603


def test_the_example_of_pre_eclampsia():
    """Riley et al., BMJ 2020: 30 parameters, risk .05, R2 of Cox and Snell .05: 5249 women, 263 with the disease."""
    need = riley(30, 0.05, r2_cs=0.05)
    assert (need.n, need.events, round(need.events_per_parameter, 2)) == (5249, 263, 8.75)
    assert round(need.r2_max, 2) == 0.33


def test_the_criteria_hold_at_their_numbers_and_not_one_patient_below():
    parameters, prevalence, r2 = 17, 0.31, 0.2
    need = riley(parameters, prevalence, r2_cs=r2, shrinkage=0.85, optimism=0.03, margin=0.04)

    def shrinkage_at(n, s):  # 1 + P / (n log(1 - R2 / S)), S the shrinkage itself: Riley 2019
        return 1 + parameters / (n * np.log(1 - r2 / s))

    small = r2 / (r2 + 0.03 * need.r2_max)
    assert shrinkage_at(need.n_shrinkage, 0.85) >= 0.85 > shrinkage_at(need.n_shrinkage - 1, 0.85)
    assert shrinkage_at(need.n_optimism, small) >= small > shrinkage_at(need.n_optimism - 1, small)
    half_width = [1.96 * np.sqrt(prevalence * (1 - prevalence) / n) for n in (need.n_intercept, need.n_intercept - 1)]
    assert half_width[0] <= 0.04 < half_width[1]
    assert need.n == max(need[1:4])


def test_the_largest_r2_is_that_of_a_model_that_knows_the_outcome():
    y = np.arange(1000) < 174
    log_likelihood = np.where(y, np.log(0.174), np.log(0.826)).sum()
    assert riley(2, 0.174, r2_cs=0.1).r2_max == pytest.approx(1 - np.exp(2 * log_likelihood / 1000), abs=1e-12)


@pytest.mark.parametrize(("auc", "prevalence"), [(0.55, 0.5), (0.7, 0.1), (0.8, 0.3), (0.95, 0.02), (0.999, 0.6)])
def test_r2_of_an_auc_is_the_gain_in_log_likelihood(auc, prevalence):
    distance = np.sqrt(2) * ndtri(auc)

    def gain(x):
        log_odds = np.log(prevalence / (1 - prevalence)) + distance * x - distance**2 / 2
        positive = prevalence * norm.pdf(x, distance) * (log_expit(log_odds) - np.log(prevalence))
        return positive + (1 - prevalence) * norm.pdf(x) * (log_expit(-log_odds) - np.log(1 - prevalence))

    expected = 1 - np.exp(-2 * quad(gain, -12, 12 + distance, epsabs=1e-12, limit=200)[0])
    assert cox_snell_of_auc(auc, prevalence) == pytest.approx(expected, abs=1e-10)


def test_r2_of_an_auc_is_that_of_patients_drawn_with_it():
    """As Riley et al. 2021 do, with the true model in place of the fitted one."""
    rng = np.random.default_rng(0)
    y = rng.random(400_000) < 0.3
    distance = np.sqrt(2) * ndtri(0.8)
    score = rng.normal(size=y.size) + distance * y
    probability = expit(np.log(0.3 / 0.7) + distance * score - distance**2 / 2)
    gain = np.where(y, np.log(probability / 0.3), np.log((1 - probability) / 0.7)).mean()
    assert cox_snell_of_auc(0.8, 0.3) == pytest.approx(1 - np.exp(-2 * gain), abs=0.003)


def test_a_better_model_needs_fewer_patients():
    by_auc = riley(20, 0.25, auc=0.75)
    assert by_auc == riley(20, 0.25, r2_cs=cox_snell_of_auc(0.75, 0.25))
    assert riley(20, 0.25, auc=0.85).n < by_auc.n < riley(20, 0.25, auc=0.65).n


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prevalence": 17.4, "r2_cs": 0.2}, "prevalence lies between 0 and 1"),
        ({"prevalence": 0.2}, "either r2_cs or auc"),
        ({"prevalence": 0.2, "r2_cs": 0.2, "auc": 0.8}, "either r2_cs or auc"),
        ({"prevalence": 0.05, "r2_cs": 0.4}, "not between 0 and 0.3277"),
        ({"prevalence": 0.5, "r2_cs": 0.7, "optimism": 0.9}, "not between 0 and 0.325"),
        ({"prevalence": 0.2, "auc": 0.5}, "above .5 and below 1"),
        ({"prevalence": 0.2, "r2_cs": 0.2, "n_parameters": 0}, "a parameter or more"),
    ],
)
def test_impossible_plans_are_refused(arguments, message):
    with pytest.raises(RequestError, match=message):
        riley(**{"n_parameters": 10, **arguments})


@pytest.mark.parametrize(
    ("auc", "n_positive", "n_negative", "alpha", "expected"),
    [
        (0.8, 41, 72, 0.05, 0.999951),
        (0.65, 30, 90, 0.05, 0.716048881441216),
        (0.65, 30, 90, 0.1, 0.812686295802387),
        (0.7, 50, 20, 0.01, 0.547003708175839),
    ],
)
def test_power_is_that_of_proc(auc, n_positive, n_negative, alpha, expected):
    """R 4.2, pROC 1.18.0: power.roc.test(auc, ncases, ncontrols, sig.level)."""
    power = auc_power(auc, n_positive, n_negative, alpha, variance="obuchowski")
    assert power == pytest.approx(expected, abs=5e-7 if expected > 0.99 else 1e-14)


def test_the_published_standard_error():
    """Hanley and McNeil 1982: an AUC of .893 from 51 abnormal and 58 normal images has the standard error .032."""
    assert np.sqrt(AUC_VARIANCES["hanley_mcneil"](0.893, 51, 58)) == pytest.approx(0.032, abs=6e-4)


def test_the_variance_of_hanley_and_mcneil_is_that_of_exponential_scores():
    """Scores of rates 1 and ratio: the AUC is ratio / (1 + ratio); by chance the variance is Wilcoxon's."""
    rng = np.random.default_rng(0)
    positive, negative = rng.exponential(3.0, size=(20_000, 12, 1)), rng.exponential(size=(20_000, 1, 9))
    aucs = (positive > negative).mean(axis=(1, 2))
    assert aucs.mean() == pytest.approx(0.75, abs=0.003)
    assert aucs.var() == pytest.approx(AUC_VARIANCES["hanley_mcneil"](0.75, 12, 9), rel=0.04)
    assert AUC_VARIANCES["hanley_mcneil"](0.5, 12, 9) == pytest.approx(22 / (12 * 12 * 9), rel=1e-14)


@pytest.mark.parametrize("variance", sorted(AUC_VARIANCES))
def test_power_grows_with_patients_and_distance(variance):
    powers = [auc_power(auc, n, n, variance=variance) for auc, n in ((0.6, 20), (0.6, 80), (0.75, 80))]
    assert powers == sorted(powers)
    assert auc_power(0.3, 30, 40, variance=variance) == auc_power(0.7, 30, 40, variance=variance)
    assert auc_power(0.5, 30, 40, variance=variance) == pytest.approx(0.025, abs=1e-4)


@pytest.mark.parametrize("arguments", [(1.0, 10, 10), (0.7, 0, 10), (0.7, 10, 10, 5), (0.7, 10, 10, 0.05, "binormal")])
def test_impossible_tests_are_refused(arguments):
    with pytest.raises(RequestError):
        auc_power(*arguments[:4], **({"variance": arguments[4]} if len(arguments) > 4 else {}))
