"""Comparisons equal R's pROC, are paired, and say where their p-value is from."""

from __future__ import annotations

from dataclasses import asdict, astuple

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from radiofuse.errors import RequestError
from radiofuse.statistics import compare_models, compare_with_others, score_predictions
from radiofuse.statistics.delong import delong, delong_test


def test_a_sample_with_two_labels_is_refused_by_both():
    rows = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0})
    table = rows.assign(model="t1", label=[0, 0, 1, 1], probability=[0.1, 0.7, 0.6, 0.9])
    both = pd.concat([table, table.assign(model="t2", label=1 - table["label"])])
    for call in (lambda: score_predictions(both), lambda: compare_models(both, "t1", "t2")):
        with pytest.raises(RequestError, match=r"4 of 4 samples have both labels, .* sample a \(t1: 0, t2: 1\)"):
            call()
    with pytest.raises(RequestError, match="sample a of model t1, repeat 0"):
        score_predictions(table.assign(probability=np.nan))


def test_delong_equals_proc(golden):
    """pROC 1.18 on LGG-1p19q: AUCs, variance, covariance, paired Z and p."""
    values, predicted = golden
    found = delong(predicted["y"].to_numpy(), predicted[["p_lr", "p_rf"]].to_numpy())
    z, p_value = delong_test(predicted["y"], predicted["p_lr"], predicted["p_rf"])
    got = [*found.auc, found.covariance[0, 0], found.covariance[0, 1], z, p_value]
    names = ["auc_lr", "auc_rf", "auc_lr_var_delong", "auc_cov_delong", "delong_paired_Z", "delong_paired_p"]
    np.testing.assert_allclose(got, values[names].to_numpy(dtype=float), rtol=0, atol=1e-12)


def test_delong_equals_its_definition_over_all_pairs():
    """DeLong 1988 eq. 3 to 6 written as loops, with ties."""
    rng = np.random.default_rng(0)
    label, scores = rng.integers(0, 2, 40), rng.integers(0, 6, (40, 3)).astype(float)
    positive, negative = scores[label == 1], scores[label == 0]
    psi = np.array(
        [[(p > n) + 0.5 * (p == n) for n in negative] for p in positive]
    )  # (n_positive, n_negative, n_scores)
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    found = delong(label, scores)
    np.testing.assert_allclose(found.auc, psi.mean(axis=(0, 1)), atol=1e-14)
    expected = np.cov(v10.T) / len(positive) + np.cov(v01.T) / len(negative)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-14)


def test_delong_of_repeats_equals_its_definition_over_all_pairs():
    """The kernel of a mean AUC is the mean kernel."""
    rng = np.random.default_rng(0)
    label, scores = rng.integers(0, 2, 30), rng.integers(0, 6, (30, 2, 4)).astype(float)
    positive, negative = scores[label == 1], scores[label == 0]
    psi = np.array([[((p > n) + 0.5 * (p == n)).mean(axis=1) for n in negative] for p in positive])
    found = delong(label, scores)
    np.testing.assert_allclose(found.auc, psi.mean(axis=(0, 1)), atol=1e-14)
    expected = np.cov(psi.mean(axis=1).T) / len(positive) + np.cov(psi.mean(axis=0).T) / len(negative)
    np.testing.assert_allclose(found.covariance, expected, atol=1e-14)


def test_the_p_value_of_repeats_is_of_the_difference_that_is_shown():
    """One model answers the same in every repeat, the other jumps; their mean answers rank nearly alike."""
    rng = np.random.default_rng(0)
    ids, label = [f"s{row:03d}" for row in range(100)], np.arange(100) % 2
    odds = rng.normal(size=100) + 1.2 * label
    tables = []
    for repeat in range(10):
        rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": repeat, "fold": 0, "label": label})
        tables.append(rows.assign(model="steady", probability=expit(odds)))
        tables.append(rows.assign(model="jumpy", probability=expit(odds + rng.normal(0, 1.5, 100))))
    found = compare_models(pd.concat(tables), "steady", "jumpy")
    spread = (found.high - found.low) / (2 * norm.ppf(0.975))
    assert found.test == "DeLong"
    assert norm.isf(found.p_value / 2) == pytest.approx(found.difference / spread, rel=0.1)


def test_comparison_carries_delongs_p_value_of_the_golden_table(golden):
    values, predicted = golden
    ids = [f"s{row:03d}" for row in range(len(predicted))]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": predicted["foldid"]})
    rows["label"] = predicted["y"]
    table = pd.concat([rows.assign(model=name, probability=predicted[f"p_{name}"]) for name in ("lr", "rf")])
    found = compare_models(table, "lr", "rf")
    assert found.difference == pytest.approx(values["auc_lr"] - values["auc_rf"], abs=1e-14)
    assert found.p_value == pytest.approx(values["delong_paired_p"], abs=1e-12)
    assert found.test == "DeLong"
    assert found.low < 0 < found.high


@pytest.mark.parametrize("metric", ["auc", "mcc", "brier"])
def test_difference_is_the_difference_of_the_scores_and_swapping_mirrors_it(make_predictions, metric):
    table = make_predictions(rows_per_patient=(1, 2))
    found = compare_models(table, "fused", "t1", metric=metric, n_resamples=200)
    mirrored = compare_models(table, "t1", "fused", metric=metric, n_resamples=200)
    value = score_predictions(table, n_resamples=1).set_index(["model", "metric"])["value"]
    assert found.difference == pytest.approx(value["fused", metric] - value["t1", metric], abs=1e-12)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-12)
    assert mirrored.p_value == found.p_value
    assert found.test == "bootstrap"


def test_pairing_narrows_the_interval_of_two_models_that_agree(make_predictions):
    table = make_predictions(n_patients=80, models=("t1",))
    twin = table.assign(model="twin", probability=(table["probability"] + 0.01).clip(0, 1))
    found = compare_models(pd.concat([table, twin]), "t1", "twin")
    alone = score_predictions(table).set_index("metric").loc["auc"]
    assert found.high - found.low < (alone.high - alone.low) / 10


def test_a_model_compared_with_itself_differs_by_nothing(make_predictions):
    for metric in ("auc", "f1"):
        found = compare_models(make_predictions(), "t1", "t1", metric=metric, n_resamples=50)
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_only_patients_of_both_models_are_compared(make_predictions):
    table = make_predictions()
    some = table[(table["model"] == "t1") | (table["patient_id"] < "p025")]
    both = table[table["patient_id"] < "p025"]
    found = compare_models(some, "t1", "fused", n_resamples=100)
    assert found.n_patients == 25
    assert astuple(found) == astuple(compare_models(both, "t1", "fused", n_resamples=100))


def test_order_of_rows_changes_no_bit(make_predictions):
    table = make_predictions()
    shuffled = table.sample(frac=1, random_state=1)
    assert compare_models(table, "t1", "fused", n_resamples=99) == compare_models(
        shuffled, "t1", "fused", n_resamples=99
    )


@pytest.mark.parametrize("rows_per_patient", [(1,), (2,)])
def test_p_values_of_equal_models_are_rarely_small(make_predictions, rows_per_patient):
    """Two models of the same strength, 60 cohorts: about 5 % below .05, for both tests."""
    small = 0
    for seed in range(60):
        table = make_predictions(rows_per_patient=rows_per_patient, n_repeats=1, models=("t1",), seed=seed)
        other = make_predictions(rows_per_patient=rows_per_patient, n_repeats=1, models=("t1",), seed=seed + 1000)
        both = pd.concat([table, other.assign(model="other")])
        small += compare_models(both, "t1", "other", n_resamples=200).p_value < 0.05
    assert small <= 8  # binomial(60, .05) exceeds this once in 500


def test_bootstrap_p_value_is_two_sided_and_agrees_with_the_paired_z_test(make_predictions):
    """The Brier difference is a mean of independent differences, so its p-value is known without a bootstrap."""
    one, other = (make_predictions(n_patients=200, n_repeats=1, models=("t1",), seed=seed) for seed in (0, 1))
    squared = [(table["probability"] - table["label"]) ** 2 for table in (one, other)]
    difference = squared[0] - squared[1]
    expected = 2 * norm.sf(abs(difference.mean()) / (difference.std() / np.sqrt(200)))
    both = pd.concat([one, other.assign(model="other")])
    found = compare_models(both, "t1", "other", metric="brier", n_resamples=4000)
    assert 0.1 < expected < 0.9
    assert found.p_value == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]),
        ([0, 0, 0, 1, 1, 1], [2, 2, 2, 2, 2, 2]),
        ([1, 0, 1, 1, 1, 1], [2, 0, 1, 0, 0, 0]),
    ],
)
def test_a_difference_without_variance_has_no_p_value_and_no_difference_has_1(first, second, caplog):
    """In the last pair every placement differs by one half, and the covariances cancel but for rounding."""
    label = np.array([0, 0, 0, 1, 1, 1])
    assert np.isnan(delong_test(label, np.array(first), np.array(second))).all()
    assert "has no variance here" in caplog.text
    assert delong_test(label, np.array(second), np.array(second)) == (0, 1)


def test_the_p_value_of_a_perfect_against_a_constant_model_is_of_the_resamples():
    ids, label = [f"p{i}" for i in range(12)], np.arange(12) % 2
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": label})
    table = pd.concat([rows.assign(model="perfect", probability=label), rows.assign(model="flat", probability=0.5)])
    found = compare_models(table, "perfect", "flat", n_resamples=199)
    assert (found.difference, found.test) == (0.5, "bootstrap")
    assert 0 < found.p_value <= 0.02


def test_unknown_model_and_disjoint_models_are_refused(make_predictions):
    table = make_predictions()
    with pytest.raises(RequestError, match="no model 'flair'; they hold t1, fused"):
        compare_models(table, "t1", "flair")
    apart = table[(table["model"] == "t1") == (table["patient_id"] < "p020")]
    with pytest.raises(RequestError, match="Models t1 and fused have 0 samples in common"):
        compare_models(apart, "t1", "fused")


def test_one_model_beside_all_others_is_each_comparison_alone():
    rng = np.random.default_rng(0)
    ids = [f"p{i}" for i in range(30)]
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": np.arange(30) % 2})
    parts = [rows.assign(model=name, probability=rng.uniform(size=30)) for name in ("a", "b", "c")]
    one_label = rows[rows["label"] == 1].assign(model="d", probability=0.5)
    table = pd.concat([*parts, one_label], ignore_index=True)
    found = compare_with_others(table, "b", n_resamples=100)
    assert list(found["b"]) == ["a", "c"]  # d shares one label only
    alone = compare_models(table, "b", "c", n_resamples=100)
    assert found.drop(columns="adjusted_p_value").loc[1].to_dict() == pytest.approx(asdict(alone))


def test_p_values_are_adjusted_for_the_number_of_comparisons_that_were_made():
    """Holm over two comparisons: the smaller p-value twice, the larger at least that."""
    rng = np.random.default_rng(0)
    ids, label = [f"p{i:03d}" for i in range(120)], np.arange(120) % 2
    rows = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "label": label})
    strengths = {"a": 1.5, "b": 0.6, "c": 0.9}
    parts = [
        rows.assign(model=name, probability=expit(rng.normal(size=120) + strength * label))
        for name, strength in strengths.items()
    ]
    table = pd.concat([*parts, rows[label == 1].assign(model="d", probability=0.5)], ignore_index=True)
    holm = compare_with_others(table, "a", n_resamples=50)
    smaller, larger = sorted(holm["p_value"])
    assert 0 < smaller < larger < 0.4
    assert sorted(holm["adjusted_p_value"]) == pytest.approx([2 * smaller, max(2 * smaller, larger)], rel=1e-14)
    falsely_found = compare_with_others(table, "a", correction="fdr_bh", n_resamples=50)
    assert sorted(falsely_found["adjusted_p_value"]) == pytest.approx([min(2 * smaller, larger), larger], rel=1e-14)
    assert compare_with_others(table[table["model"] == "a"], "a").empty
