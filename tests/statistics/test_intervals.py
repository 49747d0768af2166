"""Intervals equal a plain loop over the same resamples, and depend on nothing they should not."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from metric_oracles import ORACLES
from scipy.stats import binomtest

from radiofuse.errors import RequestError
from radiofuse.statistics import METRICS, auc_interval, binary_outcome, intervals, operating_point, score_predictions
from radiofuse.statistics.class_counts import CLASS_MEANS
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.tables.predictions import Repeat


def plain_loop(rows, n_resamples, seed):
    """Score by scikit-learn: repeat the rows of each drawn patient, pool per repeat, average the repeats."""
    patients = np.unique(rows["patient_id"])
    counts = multiplicities(len(patients), n_resamples, draw_seed(seed))
    repeats = [part.reset_index(drop=True) for _, part in rows.groupby("repeat")]
    values = {metric: [] for metric in METRICS}
    for column in counts.T:
        times = pd.Series(column.astype(int), patients)
        drawn = [part.loc[part.index.repeat(times[part["patient_id"]].to_numpy())] for part in repeats]
        for metric in METRICS:
            values[metric].append(
                np.mean([ORACLES[metric](part["label"], part["probability"], None) for part in drawn])
            )
    return {metric: (found[0], *np.quantile(found[1:], [0.05, 0.95])) for metric, found in values.items()}


@pytest.mark.parametrize("rows_per_patient", [(1,), (1, 3, 2)])
def test_equals_scikit_learn_in_a_plain_loop_over_the_same_resamples(make_predictions, rows_per_patient):
    table = make_predictions(n_patients=30, rows_per_patient=rows_per_patient, models=("t1",))
    scores = score_predictions(table, n_resamples=15, confidence=0.9, random_state=3).set_index("metric")
    for metric, expected in plain_loop(table, 15, 3).items():
        got = scores.loc[metric, ["value", "low", "high"]].to_numpy(dtype=float)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12, err_msg=metric)


def test_one_row_per_model_and_metric_with_counts(make_predictions):
    table = make_predictions(n_patients=20, rows_per_patient=(1, 2))
    scores = score_predictions(table, n_resamples=50)
    assert scores.columns.tolist() == ["model", "metric", "value", "low", "high", "n_samples", "n_patients"]
    assert scores["model"].tolist() == ["t1"] * len(METRICS) + ["fused"] * len(METRICS)
    assert (scores["n_samples"] == 30).all()
    assert (scores["n_patients"] == 20).all()
    assert (scores["low"] <= scores["high"]).all()


def test_order_of_rows_changes_no_bit(make_predictions):
    table = make_predictions(rows_per_patient=(1, 2))
    order = ["model", "metric"]
    plain = score_predictions(table, n_resamples=60).sort_values(order, ignore_index=True)
    shuffled = score_predictions(table.sample(frac=1, random_state=0), n_resamples=60)
    pd.testing.assert_frame_equal(plain, shuffled.sort_values(order, ignore_index=True), check_exact=True)


def test_other_models_change_no_bit_of_a_model(make_predictions):
    table = make_predictions()
    alone = score_predictions(table[table["model"] == "fused"], n_resamples=60)
    beside = score_predictions(table, n_resamples=60)
    beside = beside[beside["model"] == "fused"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, beside, check_exact=True)


def test_rows_of_a_patient_travel_together(make_predictions):
    """Copying every row five times within its patient adds no information, so it must not narrow anything."""
    once = make_predictions(n_repeats=1)
    copies = pd.concat([once.assign(sample_id=once["sample_id"] + f"_{copy}") for copy in range(5)], ignore_index=True)
    numbers = ["value", "low", "high"]
    np.testing.assert_allclose(
        score_predictions(once, n_resamples=200)[numbers],
        score_predictions(copies, n_resamples=200)[numbers],
        rtol=0,
        atol=1e-12,
    )


def test_interval_of_accuracy_agrees_with_the_binomial_one(make_predictions):
    table = make_predictions(n_patients=400, n_repeats=1, models=("t1",))
    row = score_predictions(table, n_resamples=4000).set_index("metric").loc["accuracy"]
    half = 1.96 * np.sqrt(row.value * (1 - row.value) / 400)
    assert row.low == pytest.approx(row.value - half, abs=0.008)
    assert row.high == pytest.approx(row.value + half, abs=0.008)


def test_interval_of_auc_agrees_with_bootstrap_of_r(golden):
    """boot::boot.ci (percentile) of LGG-1p19q, 2,000 resamples stratified by label; other draws, so to .02."""
    values, predicted = golden
    ids = [f"s{row:03d}" for row in range(len(predicted))]
    table = pd.DataFrame({"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": predicted["foldid"]})
    table = table.assign(model="lr", label=predicted["y"], probability=predicted["p_lr"])
    row = score_predictions(table).set_index("metric").loc["auc"]
    assert row.value == pytest.approx(values["auc_lr"], abs=1e-15)
    assert row.low == pytest.approx(values["boot_perc_lo"], abs=0.02)
    assert row.high == pytest.approx(values["boot_perc_hi"], abs=0.02)


def test_constant_probability_scores_one_half_in_every_resample(make_predictions):
    table = make_predictions(models=("trivial",)).assign(probability=0.4)
    row = score_predictions(table, n_resamples=100).set_index("metric").loc["auc"]
    assert (row.value, row.low, row.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("rows_per_patient", [(1,), (3,)])
def test_a_perfect_model_is_not_certain(make_predictions, rows_per_patient):
    """40 patients, 16 of label 1: every interval has the width that as many independent rows would give."""
    table = make_predictions(models=("oracle",), rows_per_patient=rows_per_patient)
    table["probability"] = table["label"].astype(float)
    scores = score_predictions(table, n_resamples=60).set_index("metric")
    label = np.repeat([1, 0], [16, 24])
    closed = operating_point(label, label).set_index("metric")
    for metric in METRICS:
        low, high = scores.loc[metric, ["low", "high"]]
        if metric == "auc":
            expected = auc_interval(label, label)[1:3]
        elif metric == "brier":
            expected = tuple(1 - closed.loc["accuracy", ["high", "low"]].astype(float))
        elif metric == "log_loss":
            expected = (np.nan, np.nan)
        elif metric in CLASS_MEANS:
            expected = of_means(label, metric)
        else:
            expected = tuple(closed.loc[metric, ["low", "high"]].astype(float))
        assert (low, high) == pytest.approx(expected, abs=1e-12, nan_ok=True), metric
    assert scores.index[scores["low"].isna()].tolist() == ["mcc", "log_loss"]


def of_means(label, metric):
    """Of the recalls: that of accuracy or of balanced accuracy. Of anything else: the mean of both labels' own."""
    closed = [operating_point(own, own).set_index("metric") for own in (1 - label, label)]
    if metric.endswith("recall"):
        named = "accuracy" if metric.startswith("weighted") else "balanced_accuracy"
        return tuple(closed[1].loc[named, ["low", "high"]].astype(float))
    ends = [table.loc[metric.rpartition("_")[2], ["low", "high"]].astype(float) for table in closed]
    shares = [1 - label.mean(), label.mean()] if metric.startswith("weighted") else None
    return tuple(np.average(ends, axis=0, weights=shares))


def test_a_model_that_calls_nothing_positive_may_yet(make_predictions):
    table = make_predictions(models=("shy",)).assign(probability=0.1)
    scores = score_predictions(table, n_resamples=60).set_index("metric")
    assert scores.loc["recall", ["value", "low"]].tolist() == [0, 0]
    assert scores.loc["recall", "high"] == pytest.approx(binomtest(0, 16).proportion_ci(method="wilson").high)
    assert scores.loc["precision", ["value", "low", "high"]].tolist() == [0, 0, 1]  # no call, no knowledge
    assert scores.loc["balanced_accuracy", ["low", "high"]].tolist() == [0.5, 0.5]  # not at its bound


def test_resamples_of_one_label_are_left_out_and_counted(make_predictions, caplog):
    table = make_predictions(n_patients=6, models=("t1",))
    table["label"] = (table["patient_id"] == "p000").astype(int)
    with caplog.at_level(logging.WARNING):
        scores = score_predictions(table, n_resamples=300, random_state=0)
    assert not scores[["value", "low", "high"]].isna().any(axis=None)
    counts = multiplicities(6, 300, draw_seed(0))[:, 1:]
    expected = int(((counts[0] == 0) | (counts[0] == 6)).sum())
    assert expected > 50
    assert f"{expected} of 300 resamples (t1) have one label only" in caplog.text


def test_model_whose_rows_have_one_label_has_no_auc_but_an_accuracy(make_predictions, caplog):
    table = make_predictions(models=("t1",)).assign(label=1)
    with caplog.at_level(logging.WARNING):
        scores = score_predictions(table, n_resamples=50).set_index("metric")
    absent = scores.index[scores["value"].isna()].tolist()
    assert absent == ["auc", "balanced_accuracy", "specificity"]
    assert scores.loc["accuracy", ["low", "high"]].notna().all()
    assert "one label" in caplog.text


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (lambda table: table.drop(columns="repeat"), r"lack the columns \['repeat'\]"),
        (lambda table: table.iloc[:0], "no row"),
        (lambda table: table.assign(label=2), "label other than 0 and 1"),
        (lambda table: table.assign(probability=1.2), "probability outside 0 to 1"),
        (lambda table: table.assign(probability=np.nan), "80 of 80 .*probability outside 0 to 1.*sample s000"),
        (lambda table: pd.concat([table, table.iloc[[4]]]), "1 of 81 .*second prediction.*sample s004"),
    ],
)
def test_impossible_tables_are_refused_with_an_example(make_predictions, fault, sentence):
    with pytest.raises(RequestError, match=sentence):
        score_predictions(fault(make_predictions(models=("t1",))))


def test_resamples_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    whole = intervals.multiplicities(41, 70, 5)
    drawn = np.random.default_rng(5).integers(41, size=(41, 70))
    assert np.array_equal(whole[:, 1:], [(drawn == patient).sum(axis=0) for patient in range(41)])
    monkeypatch.setattr(intervals, "DRAWN_AT_ONCE", 150)
    assert np.array_equal(intervals.multiplicities(41, 70, 5), whole)


def test_scores_of_resamples_do_not_depend_on_how_many_are_weighted_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    label, patient = np.repeat([0, 1], 20), np.arange(40)
    repeats = [Repeat(label, rng.random(40) / 2 + label / 4, patient)]
    metrics = ["auc", "brier", "accuracy"]
    counts = intervals.multiplicities(40, 30, 1)
    whole = binary_outcome.resampled_scores(repeats, metrics, counts, 0.5)
    monkeypatch.setattr(binary_outcome, "WEIGHTED_AT_ONCE", 280)
    parts = binary_outcome.resampled_scores(repeats, metrics, counts, 0.5)
    for metric in metrics:
        np.testing.assert_allclose(parts[metric], whole[metric], rtol=1e-14)
