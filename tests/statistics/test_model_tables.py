"""Tables of every model: what one call of the underlying function gives, row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.statistics import (
    calibration_error,
    calibration_line,
    calibration_table,
    choose_threshold,
    decision_points,
    decision_table,
    operating_points_table,
    score_calls,
    thresholds_by_fold,
)
from radiofuse.statistics.calibration import logistic_line
from radiofuse.statistics.calibration_intervals import resampled_lines
from radiofuse.statistics.intervals import draw_seed, multiplicities
from radiofuse.tables.predictions import slice_of

RULES = [
    ("youden", {}),
    ("sensitivity", {"at_least": 0.9}),
    ("specificity", {"at_least": 0.8}),
    ("cost", {"cost_fn": 5}),
]


@pytest.fixture
def both(make_predictions, make_grades):
    binary = make_predictions().assign(outcome="idh", **{"class": "mutant"})
    return pd.concat([binary, make_grades()], ignore_index=True)


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_operating_points_are_those_of_the_single_functions(both, rule, options):
    table = operating_points_table(both, rule, **options, n_resamples=50)
    assert set(table["outcome"]) == {"idh"} and set(table["model"]) == {"t1", "fused"}
    rows = slice_of(both, "idh")
    calls = thresholds_by_fold(rows, "fused", rule, **options)
    own = table[table["model"] == "fused"].set_index("metric")
    scores = score_calls(calls, n_resamples=50).set_index("metric")
    pd.testing.assert_frame_equal(own.loc[scores.index, ["value", "low", "high"]], scores[["value", "low", "high"]])
    fused = rows[rows["model"] == "fused"]
    assert own.loc["threshold", "value"] == choose_threshold(fused["label"], fused["probability"], rule, **options)
    assert own.loc["threshold", "low"] == calls["threshold"].min()


def test_the_four_counts_are_those_of_a_repeat_and_make_the_sensitivity(both):
    own = operating_points_table(both, n_resamples=10).query("model == 't1'").set_index("metric")["value"]
    assert own[["true_positives", "false_negatives"]].sum() == 16
    assert own[["true_negatives", "false_positives"]].sum() == 24
    assert own["true_positives"] / 16 == pytest.approx(own["recall"])


def test_at_low_prevalence_patients_are_called_positive_where_a_threshold_of_one_half_calls_nobody():
    rng, n = np.random.default_rng(0), 400
    label = (np.arange(n) % 20 == 0).astype(int)
    rows = {"sample_id": np.arange(n).astype(str), "patient_id": np.arange(n).astype(str), "repeat": 0}
    odds = 1.5 * label + rng.normal(size=n) - 3.5
    rows |= {"fold": np.arange(n) // 80, "model": "mean", "label": label, "probability": 1 / (1 + np.exp(-odds))}
    predictions = pd.DataFrame(rows)
    assert (predictions["probability"] < 0.5).all()
    own = operating_points_table(predictions, n_resamples=10).set_index("metric")["value"]
    assert own["recall"] > 0.5 and own["specificity"] > 0.5


def test_a_model_without_both_labels_outside_of_a_fold_is_named_and_the_others_stay(both, caplog):
    idh = both[both["outcome"] == "idh"]
    one_fold = idh[(idh["model"] == "t1") & (idh["fold"] == 0)]
    table = operating_points_table(pd.concat([one_fold, idh[idh["model"] == "fused"]]), n_resamples=10)
    assert set(table["model"]) == {"fused"}
    assert "No operating point of t1 of outcome idh" in caplog.text


def test_calibration_is_that_of_each_class_against_the_rest(both):
    table = calibration_table(both).set_index(["outcome", "model", "class"])
    rows = slice_of(both, "who_grade", "3")
    assert table.loc[("who_grade", "fused", "3"), "slope"] == calibration_line(rows, "fused").slope
    fused = rows[rows["model"] == "fused"]
    errors = [calibration_error(part["label"], part["probability"]) for _, part in fused.groupby("repeat")]
    assert table.loc[("who_grade", "fused", "3"), "ece"] == pytest.approx(np.mean(errors), rel=1e-12)


def test_decision_curves_are_those_of_the_single_function(both):
    table = decision_table(both, n_resamples=50)
    assert set(table["outcome"]) == {"idh"}
    expected = decision_points(slice_of(both, "idh"), "fused", confidence=0.95, n_resamples=50)
    own = table[table["model"] == "fused"].reset_index(drop=True)
    columns = ["threshold", "net_benefit", "low", "high", "treat_all"]
    pd.testing.assert_frame_equal(own[columns], expected[columns])


def test_several_classes_alone_give_empty_tables_with_their_columns(make_grades):
    assert operating_points_table(make_grades()).empty
    assert list(decision_table(make_grades()))[-1] == "treat_all"


def test_the_ends_of_the_line_are_percentiles_of_lines_of_resampled_patients(make_predictions):
    rows = make_predictions(n_patients=40, n_repeats=2, models=("t1",))
    found = calibration_table(rows, n_resamples=60, random_state=3).iloc[0]
    patients = np.unique(rows["patient_id"])
    counts = multiplicities(len(patients), 60, draw_seed(3))
    lines = []
    for draw in counts.T[1:]:
        times = rows["patient_id"].map(dict(zip(patients, draw.astype(int), strict=True)))
        drawn = rows.loc[rows.index.repeat(times)]
        lines.append(np.mean([logistic_line(*_arrays(own)) for _, own in drawn.groupby("repeat")], axis=0))
    low, high = np.quantile(lines, [0.025, 0.975], axis=0)
    np.testing.assert_allclose(found[["intercept_low", "slope_low"]].astype(float), low, rtol=1e-4)
    np.testing.assert_allclose(found[["intercept_high", "slope_high"]].astype(float), high, rtol=1e-4)
    assert found["slope_low"] < found["slope"] < found["slope_high"]


def _arrays(rows):
    return rows["label"].to_numpy(float), rows["probability"].to_numpy(float)


def test_resamples_that_separate_the_labels_have_an_infinite_slope_and_no_intercept():
    label, odds = np.array([0.0, 0, 1, 0, 1]), np.array([-2.0, -1, 0, 1, 2])
    counts = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 1, 1, 0], [2, 1, 0, 1, 0]]).T
    intercepts, slopes = resampled_lines(label, odds, counts)
    assert slopes[1:3].tolist() == [np.inf, -np.inf]
    assert np.isnan(intercepts[1:]).all() and np.isnan(slopes[3])
    np.testing.assert_allclose([intercepts[0], slopes[0]], logistic_line(label, 1 / (1 + np.exp(-odds))), rtol=1e-6)


def test_slopes_of_many_infinite_resamples_have_an_infinite_end():
    label, probability = [0, 0, 0, 1, 0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.9]
    ids = [f"s{row}" for row in range(8)]
    rows = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "t1"}
    found = calibration_table(pd.DataFrame({**rows, "label": label, "probability": probability})).iloc[0]
    assert np.isfinite(found["slope_low"]) and found["slope_high"] == np.inf
