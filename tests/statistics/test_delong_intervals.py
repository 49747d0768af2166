"""Intervals of an AUC, and AUCs of different patients: R's pROC, the defining equations, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit, ndtri
from scipy.stats import norm, ttest_ind

from radiofuse.errors import RequestError
from radiofuse.statistics.area_intervals import auc_interval, auc_intervals
from radiofuse.statistics.delong import delong
from radiofuse.statistics.delong_unpaired import delong_test_unpaired

Z = ndtri(0.975)


@pytest.mark.data
@pytest.mark.parametrize("model", ["lr", "rf"])
def test_interval_equals_proc(golden, model):
    """pROC 1.18, ci.auc of LGG-1p19q."""
    values, predicted = golden
    found = auc_interval(predicted["y"], predicted[f"p_{model}"])
    names = [f"auc_{model}", f"auc_{model}_delong_lo", f"auc_{model}_delong_hi"]
    np.testing.assert_allclose(found[:3], values[names].to_numpy(dtype=float), rtol=0, atol=1e-14)
    assert found.method == "delong"


@pytest.mark.data
def test_unpaired_test_equals_proc(golden):
    """pROC 1.18, roc.test(paired = FALSE) of the rows of even number against those of odd number, from 1."""
    values, predicted = golden
    odd, even = predicted.iloc[::2], predicted.iloc[1::2]
    found = delong_test_unpaired(even["y"], even["p_lr"], odd["y"], odd["p_lr"])
    names = [f"delong_unpaired_evenodd_{name}" for name in ("D", "df", "p")]
    np.testing.assert_allclose(found[1:], values[names].to_numpy(dtype=float), rtol=1e-13)


def test_unpaired_test_is_welchs_t_on_variances_of_placements():
    """With one row per label far away from all others, the AUC is a mean over the other label's rows."""
    rng = np.random.default_rng(0)
    sets = []
    for size, shift in ((40, 0.5), (25, 1.5)):
        label = (np.arange(size) % 2).astype(int)
        sets.append((label, rng.normal(size=size) + shift * label))
    variances = [delong(label, score[:, None]).covariance[0, 0] for label, score in sets]
    found = delong_test_unpaired(*sets[0], *sets[1])
    assert found.statistic == pytest.approx(found.difference / np.sqrt(sum(variances)), rel=1e-14)
    samples = [np.array([-1.0, 1.0] * 20), np.array([-1.0, 1.0] * 12 + [0.0])]
    scaled = [
        sample * np.sqrt(variance * sample.size / sample.var(ddof=1))
        for sample, variance in zip(samples, variances, strict=True)
    ]
    welch = ttest_ind(scaled[0] - scaled[0].mean() + found.difference, scaled[1] - scaled[1].mean(), equal_var=False)
    assert (found.statistic, found.df, found.p_value) == pytest.approx(
        (welch.statistic, welch.df, welch.pvalue), rel=1e-12
    )


def test_swapping_the_sets_mirrors_the_test_and_equal_sets_do_not_differ():
    rng = np.random.default_rng(1)
    label, a, b = np.arange(30) % 2, rng.normal(size=30), rng.normal(size=30)
    one, other = delong_test_unpaired(label, a, label, b), delong_test_unpaired(label, b, label, a)
    assert (one.statistic, one.p_value) == pytest.approx((-other.statistic, other.p_value))
    assert delong_test_unpaired(label, a, label, a)[1:] == (0, 58, 1)


def test_perfect_against_reversed_rows_cannot_be_tested(caplog):
    """R's pROC, roc.test(paired = FALSE): D is infinite and p NaN."""
    label = np.repeat([0, 1], 3)
    found = delong_test_unpaired(label, label, label, 1 - label)
    assert found.difference == 1
    assert np.isnan([found.statistic, found.p_value]).all()
    assert "A difference of 1 has no variance here" in caplog.text


def test_the_logit_interval_is_symmetrical_on_the_log_odds_and_stays_inside():
    rng = np.random.default_rng(2)
    label = np.arange(24) % 2
    score = rng.normal(size=24) + 2.5 * label
    found = auc_interval(label, score, method="logit")
    half = Z * np.sqrt(found.variance) / (found.auc * (1 - found.auc))
    assert logit(found.high) - logit(found.auc) == pytest.approx(half)
    assert logit(found.auc) - logit(found.low) == pytest.approx(half)
    assert auc_interval(label, score).high == 1 > found.high


def test_newcombes_limits_are_the_aucs_that_the_score_test_just_accepts():
    label = np.repeat([0, 1], (30, 18))
    score = np.random.default_rng(3).normal(size=48) + label
    area, *limits, _, method = auc_interval(label, score, method="newcombe")
    assert method == "newcombe"
    for true in limits:
        q1, q2 = true / (2 - true), 2 * true**2 / (1 + true)  # Hanley and McNeil 1982, eq. 1 and 2
        n = 48 / 2
        variance = (true * (1 - true) + (n - 1) * (q1 - true**2 + q2 - true**2)) / (30 * 18)
        assert abs(area - true) / np.sqrt(variance) == pytest.approx(Z, rel=1e-9)


@pytest.mark.parametrize("method", ["delong", "logit", "newcombe"])
def test_columns_at_once_are_the_columns_one_by_one(method):
    """Perfect, reversed, constant, tied and plain scores of the same rows."""
    label = np.repeat([0, 1], (14, 9))
    rng = np.random.default_rng(5)
    plain = rng.normal(size=(23, 4)) + label[:, None]
    scores = np.column_stack([label, -label, np.ones(23), rng.integers(0, 3, 23), plain])
    found = auc_intervals(label, scores, method=method, confidence=0.9)
    alone = [auc_interval(label, score, method=method, confidence=0.9) for score in scores.T]
    for field, values in zip(found._fields[:4], zip(*alone, strict=True), strict=False):
        np.testing.assert_allclose(getattr(found, field), values, rtol=0, atol=1e-15, err_msg=field)
    assert found.method.tolist() == [one.method for one in alone] == ["newcombe"] * 2 + [method] * 6
    oracle = delong(label, scores)
    np.testing.assert_allclose(found.variance, np.diag(oracle.covariance), rtol=0, atol=1e-16)


@pytest.mark.parametrize("method", ["delong", "logit", "newcombe"])
@pytest.mark.parametrize("n", [3, 50])
def test_a_perfect_auc_is_not_certain_and_a_reversed_one_mirrors_it(method, n):
    label = np.repeat([0, 1], n)
    perfect = auc_interval(label, np.arange(2 * n), method=method)
    reversed_ = auc_interval(label, -np.arange(2 * n), method=method)
    assert (perfect.auc, perfect.high, perfect.variance, perfect.method) == (1, 1, 0, "newcombe")
    assert 0.4 < perfect.low < 1
    assert (reversed_.auc, reversed_.low) == (0, 0)
    assert reversed_.high == pytest.approx(1 - perfect.low)


def test_more_patients_narrow_the_interval_of_a_perfect_auc():
    low = [auc_interval(np.repeat([0, 1], n), np.arange(2 * n)).low for n in (3, 10, 100, 10_000)]
    assert low == sorted(low)
    assert 1 - low[-1] < 1e-3


def test_a_constant_score_is_one_half_for_certain():
    for method in ("delong", "logit"):
        assert auc_interval([0, 1, 0, 1], [2, 2, 2, 2], method=method)[:3] == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("method", "least", "most"), [("delong", 0.86, 0.95), ("logit", 0.925, 0.99)])
def test_coverage_of_a_high_auc_from_few_patients(method, least, most):
    """Binormal with AUC .9, 20 of each label, 400 cohorts: the logit interval covers, the plain one too rarely."""
    shift, rng, label = np.sqrt(2) * norm.ppf(0.9), np.random.default_rng(4), np.repeat([0, 1], 20)
    covered = 0
    for _ in range(400):
        found = auc_interval(label, rng.normal(size=40) + shift * label, method=method)
        covered += found.low <= 0.9 <= found.high
    assert least < covered / 400 < most


@pytest.mark.parametrize(
    ("label", "score", "sentence"),
    [
        ([0, 1, 1], [0.1, 0.2, 0.3], "1 rows of label 0 and 2 of label 1, and each label needs at least 2"),
        ([0, 0, 1, 1], [0.1, 0.2, np.nan, 0.4], "1 of 4 scores are not finite"),
        ([0, 0, 1, 1], [0.1, 0.2], r"labels have shape \(4,\), scores have shape \(2,\)"),
        ([0, 0, 2, 1], [0.1, 0.2, 0.3, 0.4], "Labels must be the numbers 0 and 1"),
    ],
)
def test_unusable_rows_are_refused(label, score, sentence):
    with pytest.raises(RequestError, match=sentence):
        auc_interval(label, score)
