"""Operating points: values by the room's metrics and scikit-learn, intervals by textbooks and by simulation."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from scipy.stats.contingency import relative_risk
from sklearn.metrics import class_likelihood_ratios

from radiofuse.errors import RequestError
from radiofuse.statistics import score_predictions
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.statistics.metrics import CALL_METRICS, mcc
from radiofuse.statistics.operating_points import operating_point, score_calls
from radiofuse.statistics.thresholds import thresholds_by_fold


def rows_of(tp, fn, fp, tn):
    return np.repeat([1, 1, 0, 0], [tp, fn, fp, tn]), np.repeat([1, 0, 1, 0], [tp, fn, fp, tn])


def by_metric(*counts, **options):
    return operating_point(*rows_of(*counts), **options).set_index("metric")


def limits(table, metric):
    return tuple(table.loc[metric, ["low", "high"]].astype(float))


@pytest.mark.parametrize(
    ("count", "n", "wilson", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_proportions_equal_newcombes_table(count, n, wilson, exact):
    """Newcombe 1998, Stat Med 17:857-872, table I, methods 3 and 5."""
    for proportion, expected in (("wilson", wilson), ("clopper-pearson", exact)):
        table = by_metric(count, n - count, 3, 4, proportion=proportion)
        assert limits(table, "recall") == pytest.approx(expected, abs=5e-5)
        method = {"wilson": "wilson", "clopper-pearson": "exact"}[proportion]
        oracle = binomtest(count, n).proportion_ci(0.95, method=method)
        assert limits(table, "recall") == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_each_proportion_has_its_own_rows():
    table = by_metric(30, 10, 5, 55, confidence=0.9)
    counts = {
        "recall": (30, 40),
        "specificity": (55, 60),
        "precision": (30, 35),
        "npv": (55, 65),
        "accuracy": (85, 100),
    }
    for metric, (count, n) in counts.items():
        oracle = binomtest(count, n).proportion_ci(0.9, method="wilson")
        assert table.loc[metric, "value"] == pytest.approx(count / n, abs=1e-15)
        assert limits(table, metric) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_values_are_those_of_the_metrics_and_of_scikit_learn():
    label, call = rows_of(17, 5, 9, 31)
    values = operating_point(label, call).set_index("metric")["value"]
    for metric, function in CALL_METRICS.items():
        assert values[metric] == pytest.approx(function(label, call), abs=1e-15)
    ratios = class_likelihood_ratios(label, call)
    assert values["positive_likelihood_ratio"] == pytest.approx(ratios[0], abs=1e-12)
    assert values["negative_likelihood_ratio"] == pytest.approx(ratios[1], abs=1e-12)


def test_balanced_accuracy_equals_newcombes_difference():
    """56/70 - 48/80: .0524 to .3339 (Newcombe 1998, Stat Med 17:873-890, table II, method 10)."""
    low, high = limits(by_metric(56, 14, 48, 32), "balanced_accuracy")
    assert (2 * low - 1, 2 * high - 1) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_likelihood_ratios_are_relative_risks():
    """Simel's interval is the log interval of a ratio of two proportions."""
    tp, fn, fp, tn = 40, 12, 7, 61
    table = by_metric(tp, fn, fp, tn, confidence=0.9)
    for metric, of_positive, of_negative in (
        ("positive_likelihood_ratio", tp, fp),
        ("negative_likelihood_ratio", fn, tn),
    ):
        oracle = relative_risk(of_positive, tp + fn, of_negative, fp + tn).confidence_interval(0.9)
        assert limits(table, metric) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_a_ratio_without_a_false_alarm_is_bounded_on_one_side():
    table = by_metric(8, 2, 0, 10)
    assert table.loc["positive_likelihood_ratio", "value"] == np.inf
    low, high = limits(table, "positive_likelihood_ratio")
    oracle = relative_risk(17, 22, 1, 22)  # half a row each, doubled: the center, not the width
    assert 1 < low < oracle.relative_risk < high == np.inf
    assert limits(by_metric(10, 0, 3, 7), "negative_likelihood_ratio")[0] == 0


def test_correlation_interval_is_the_delta_method():
    """Variance of arctanh(MCC) by numerical derivatives over the four multinomial shares."""
    counts = np.array([33.0, 8.0, 14.0, 45.0])

    def transformed(shares):
        tp, fn, fp, tn = shares
        return np.arctanh((tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))

    shares, step = counts / 100, 1e-6
    slopes = np.array([(transformed(shares + d) - transformed(shares - d)) / (2 * step) for d in np.eye(4) * step])
    variance = (shares @ slopes**2 - (shares @ slopes) ** 2) / 100
    center, half = transformed(shares), 1.959963984540054 * np.sqrt(variance)
    expected = np.tanh([center - half, center + half])
    assert limits(by_metric(33, 8, 14, 45), "mcc") == pytest.approx(tuple(expected), abs=1e-8)


@pytest.mark.parametrize("metric", ["f1", "mcc", "balanced_accuracy", "positive_likelihood_ratio"])
def test_intervals_cover_the_truth(metric):
    truth = np.array([0.32, 0.08, 0.15, 0.45])
    expected = by_metric(*(truth * 10000).astype(int)).loc[metric, "value"]
    covered = []
    for counts in np.random.default_rng(1).multinomial(120, truth, size=300):
        low, high = limits(by_metric(*counts), metric)
        covered.append(low <= expected <= high)
    assert 0.91 <= np.mean(covered) <= 0.985


def test_perfect_and_one_sided_calls():
    perfect = by_metric(10, 0, 0, 10)
    assert (perfect.loc["mcc", "value"], perfect.loc["f1", "high"]) == (1, 1)
    assert perfect.loc["mcc", ["low", "high"]].isna().all()
    none = by_metric(0, 5, 0, 5)
    assert none.loc["precision", ["value", "low", "high"]].isna().all()
    assert none.loc["npv", "value"] == 0.5
    assert by_metric(5, 0, 5, 0).loc["npv", ["value", "low", "high"]].isna().all()
    assert np.isnan(none.loc["positive_likelihood_ratio", "value"])
    one_label = by_metric(4, 2, 0, 0)
    assert one_label.loc[["specificity", "balanced_accuracy"], "value"].isna().all()
    assert one_label.loc["specificity", ["low", "high"]].isna().all()


def test_repeated_rows_of_a_patient_do_not_narrow_the_interval():
    label, call = rows_of(20, 8, 9, 30)
    patient = np.arange(len(label))
    once = operating_point(label, call, patients=patient, n_resamples=300)
    thrice = operating_point(
        *(np.repeat(values, 3) for values in (label, call)), patients=np.repeat(patient, 3), n_resamples=300
    )
    pd.testing.assert_frame_equal(once, thrice)
    closed = by_metric(20, 8, 9, 30)
    for metric in ("recall", "accuracy", "f1", "mcc"):
        width = np.diff(limits(once.set_index("metric"), metric)) / np.diff(limits(closed, metric))
        assert 0.8 < width < 1.2, metric


@pytest.mark.parametrize("rows_per_patient", [1, 3])
def test_what_is_right_in_every_resample_is_not_certain(rows_per_patient):
    """10 patients of each label, all rows right: the intervals of 10 + 10 independent rows, and their names."""
    rows = [np.repeat(values, rows_per_patient) for values in (*rows_of(10, 0, 0, 10), np.arange(20))]
    table = operating_point(*rows[:2], patients=rows[2], n_resamples=100).set_index("metric")
    closed = by_metric(10, 0, 0, 10)
    pd.testing.assert_frame_equal(table[["value", "low", "high"]], closed[["value", "low", "high"]])
    oracle = binomtest(10, 10).proportion_ci(0.95, method="wilson")
    assert limits(table, "recall") == pytest.approx((oracle.low, 1), abs=1e-12)
    assert table.loc["recall", "method"] == "wilson, over patients: the resamples do not differ"
    assert table.loc["positive_likelihood_ratio", "method"].startswith("log, over patients")
    low, high = limits(table, "positive_likelihood_ratio")
    assert 1 < low < high == np.inf
    low, high = limits(table, "negative_likelihood_ratio")
    assert 0 == low < high < 1


def test_only_what_does_not_vary_is_in_closed_form(make_predictions):
    """Two repeats, of which the positives are always found and the negatives sometimes."""
    rows = make_predictions(rows_per_patient=(1, 2))
    rows = rows[rows["model"] == "t1"].reset_index(drop=True)
    rows["call"] = (rows["label"] == 1) | (np.arange(len(rows)) % 4 == 0)
    table = score_calls(rows, n_resamples=100).set_index("metric")
    closed = table["method"] != "percentile bootstrap over patients"
    assert set(table.index[closed]) == {"recall", "npv", "negative_likelihood_ratio"}
    n = rows.loc[rows["label"] == 1, "patient_id"].nunique()
    oracle = binomtest(n, n).proportion_ci(0.95, method="wilson")
    assert limits(table, "recall") == pytest.approx((oracle.low, 1), abs=1e-12)
    assert limits(table, "npv")[0] < limits(table, "npv")[1] == 1


def test_resamples_without_a_call_have_no_predictive_value_and_are_counted(caplog):
    """One positive call, right: a resample either lacks it or has the precision 1."""
    label, call = rows_of(1, 4, 0, 15)
    with caplog.at_level(logging.WARNING):
        table = operating_point(label, call, patients=np.arange(20), n_resamples=300).set_index("metric")
    n_without = int((multiplicities(20, 300, draw_seed(0))[0, 1:] == 0).sum())
    assert f"{n_without} without precision" in caplog.text
    assert "Of 300 resamples" in caplog.text
    assert table.loc["precision", "value"] == 1
    oracle = binomtest(1, 1).proportion_ci(0.95, method="wilson")
    assert limits(table, "precision") == pytest.approx((oracle.low, 1), abs=1e-12)


def test_infinite_ratios_of_resamples_leave_the_interval_in_order():
    label, call = rows_of(9, 1, 1, 9)
    table = operating_point(label, call, patients=np.arange(20), n_resamples=400).set_index("metric")
    low, high = limits(table, "positive_likelihood_ratio")
    assert 1 < low < table.loc["positive_likelihood_ratio", "value"] < high == np.inf


def test_scored_calls_of_a_fixed_threshold_are_the_scored_predictions(make_predictions):
    rows = make_predictions(rows_per_patient=(1, 2))
    rows = rows[rows["model"] == "t1"]
    expected = score_predictions(rows, n_resamples=200, threshold=0.4).set_index("metric")
    scored = score_calls(rows.assign(call=rows["probability"] >= 0.4), n_resamples=200).set_index("metric")
    for metric in CALL_METRICS:
        for column in ("value", "low", "high"):
            assert scored.loc[metric, column] == pytest.approx(expected.loc[metric, column], abs=1e-12)


def test_calls_by_fold_are_scored_whatever_the_order_of_rows(make_predictions):
    called = thresholds_by_fold(make_predictions(), "t1")
    one, other = (
        score_calls(called, n_resamples=100),
        score_calls(called.sample(frac=1, random_state=0), n_resamples=100),
    )
    pd.testing.assert_frame_equal(one, other)
    repeats = [float(mcc(part["label"], part["call"])) for _, part in called.groupby("repeat")]
    assert one.set_index("metric").loc["mcc", "value"] == pytest.approx(np.mean(repeats), abs=1e-12)


def test_tables_without_calls_or_with_two_models_are_refused(make_predictions):
    rows = make_predictions()
    with pytest.raises(RequestError, match="thresholds_by_fold"):
        score_calls(rows[rows["model"] == "t1"])
    with pytest.raises(RequestError, match="2 models"):
        score_calls(rows.assign(call=1))


@pytest.mark.parametrize(
    ("call", "options", "problem"),
    [
        ([0.2, 0.7], {}, "Calls must be 0 and 1"),
        ([0, 1, 1], {}, "one length"),
        ([0, 1], {"patients": ["a"]}, "every row its patient"),
    ],
)
def test_unusable_calls_are_refused(call, options, problem):
    with pytest.raises(RequestError, match=problem):
        operating_point([0, 1], call, **options)
