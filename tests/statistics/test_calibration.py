"""Calibration equals scikit-learn's curve and R's val.prob."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from radiofuse.errors import RequestError
from radiofuse.statistics.calibration import calibration_line, calibration_points, smooth_calibration
from radiofuse.statistics.val_prob import calibration_summary

OF_LIKELIHOOD = {"intercept", "slope", "in_the_large", "r2", "d", "d_chi2", "u", "u_chi2", "u_p", "q"}


def one_repeat(label, probability):
    ids = [f"s{row:03d}" for row in range(len(label))]
    table = {"sample_id": ids, "patient_id": ids, "repeat": 0, "fold": 0, "model": "m"}
    return pd.DataFrame({**table, "label": label, "probability": probability})


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_points_equal_scikit_learn(make_predictions, strategy):
    rows = make_predictions(n_patients=150, n_repeats=1, models=("t1",))
    points = calibration_points(rows, "t1", n_bins=7, strategy=strategy)
    share, mean = calibration_curve(rows["label"], rows["probability"], n_bins=7, strategy=strategy)
    np.testing.assert_allclose(points["share_positive"], share, atol=1e-14)
    np.testing.assert_allclose(points["mean_probability"], mean, atol=1e-14)
    assert points["n"].sum() == 150


def test_intervals_are_wilsons_for_whole_counts(make_predictions):
    points = calibration_points(make_predictions(n_repeats=1), "t1", n_bins=4)
    for point in points.itertuples():
        n = int(point.n)
        oracle = binomtest(round(point.share_positive * n), n).proportion_ci(0.95, method="wilson")
        assert (point.low, point.high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_repeats_add_no_patients(make_predictions):
    once = make_predictions(n_repeats=1)
    thrice = pd.concat([once.assign(repeat=repeat) for repeat in range(3)])
    pd.testing.assert_frame_equal(calibration_points(once, "t1"), calibration_points(thrice, "t1"))


def test_one_constant_probability_is_one_point():
    points = calibration_points(one_repeat([0, 1, 1, 0], [0.4] * 4), "m", strategy="quantile")
    assert points[["mean_probability", "share_positive", "n"]].to_numpy().tolist() == [[0.4, 0.5, 4.0]]


def test_line_equals_val_prob(golden):
    """rms::val.prob on LGG-1p19q; its own solver stops at 3e-8 of the slope."""
    values, predicted = golden
    line = calibration_line(one_repeat(predicted["y"], predicted["p_lr"]), "m")
    assert line.intercept == pytest.approx(values["valprob_Intercept"], abs=1e-7)
    assert line.slope == pytest.approx(values["valprob_Slope"], abs=1e-7)
    assert line.n_left_out == 0


def test_line_sees_overconfidence(make_predictions):
    rows = make_predictions(n_patients=4000, n_repeats=1, models=("t1",))
    odds = np.random.default_rng(0).normal(size=len(rows))
    rows["label"] = (np.random.default_rng(1).uniform(size=len(rows)) < 1 / (1 + np.exp(-odds))).astype(int)
    rows["probability"] = 1 / (1 + np.exp(-2 * odds))
    line = calibration_line(rows, "t1")
    assert line.slope == pytest.approx(0.5, abs=0.05)
    assert line.intercept == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("overlap", [1e-3, 1e-9])
def test_line_converges_where_labels_hardly_overlap_or_one_row_is_wild(overlap):
    """The gradient of the likelihood vanishes at the answer."""
    odds = np.array([-25, -3, -2, -1, overlap, 0, 1, 2, 3])
    label = np.array([1, 0, 0, 0, 0, 1, 1, 1, 1])
    for rows in (slice(None), slice(1, None)):
        line = calibration_line(one_repeat(label[rows], 1 / (1 + np.exp(-odds[rows]))), "m")
        residual = label[rows] - 1 / (1 + np.exp(-(line.intercept + line.slope * odds[rows])))
        assert np.abs([residual.sum(), residual @ odds[rows]]).max() < 1e-6


@pytest.mark.parametrize(("probability", "slope"), [([0.1, 0.2, 0.8, 0.9], np.inf), ([0.9, 0.8, 0.2, 0.1], -np.inf)])
def test_slope_is_infinite_where_labels_are_separated(probability, slope):
    line = calibration_line(one_repeat([0, 0, 1, 1], probability), "m")
    assert line.slope == slope
    assert np.isnan(line.intercept)


def test_no_line_through_constant_probabilities_and_certain_ones_are_counted():
    line = calibration_line(one_repeat([0, 1, 0, 1, 1], [0.5, 0.5, 0.5, 0.0, 1.0]), "m")
    assert np.isnan(line.slope)
    assert line.n_left_out == 2


VAL_PROB = {
    "intercept": "Intercept",
    "slope": "Slope",
    "auc": "C (ROC)",
    "d_xy": "Dxy",
    "r2": "R2",
    "d": "D",
    "d_chi2": "D:Chi-sq",
    "u": "U",
    "u_chi2": "U:Chi-sq",
    "u_p": "U:p",
    "q": "Q",
    "brier": "Brier",
    "e_max": "Emax",
    "e_90": "E90",
    "e_avg": "Eavg",
    "s_z": "S:z",
    "s_p": "S:p",
}


@pytest.mark.data
def test_summary_equals_val_prob(golden):
    """rms::val.prob on LGG-1p19q; the line within its solver's tolerance, all else to rounding."""
    values, predicted = golden
    summary = calibration_summary(predicted["y"], predicted["p_lr"])
    for field, name in VAL_PROB.items():
        close = 1e-7 if field in ("intercept", "slope") else 1e-12
        assert getattr(summary, field) == pytest.approx(values[f"valprob_{name}"], abs=close), field
    assert summary.in_the_large == pytest.approx(-0.078224202462138709, abs=1e-12)  # glm(y ~ offset(qlogis(p_lr)))
    assert summary.n_left_out == 0


def test_summary_of_generated_rows_equals_val_prob():
    """Printed by rms::val.prob 6.5-0, probabilities tied."""
    row = np.arange(200)
    probability = np.clip(np.round(((row * 37) % 101) / 101, 2), 0.01, 0.99)
    summary = calibration_summary((row * row) % 7 > 2, probability)
    expected = {
        "d_xy": 8.5020242914979755e-02,
        "r2": -1.2461681191172536,
        "d_chi2": -1.2508434193941051e02,
        "u": 6.2339136540664497e-01,
        "q": -1.2538130751036975,
        "intercept": -9.2334212546476191e-01,
        "slope": 1.1388525184553033e-01,
        "e_max": 6.2668470789438313e-01,
        "e_90": 5.5722548468743904e-01,
        "e_avg": 2.7076171551911060e-01,
        "s_z": 1.1391649760700711e01,
    }
    for field, value in expected.items():
        assert getattr(summary, field) == pytest.approx(value, abs=1e-7), field
    assert summary.s_p == pytest.approx(4.6019302437430628e-30, rel=1e-12)


def test_summary_agrees_with_the_line_and_leaves_out_the_certain(make_predictions):
    rows = make_predictions(n_repeats=1, models=("t1",))
    line = calibration_line(rows, "t1")
    label, probability = [0, 1, *rows["label"]], [0.0, 1.0, *rows["probability"]]
    summary = calibration_summary(label, probability)
    assert (summary.intercept, summary.slope) == pytest.approx((line.intercept, line.slope), abs=1e-12)
    assert summary.n_left_out == 2
    assert summary.auc == pytest.approx(roc_auc_score(label, probability), abs=1e-15)  # the certain have a rank
    assert summary.d_xy == pytest.approx(2 * summary.auc - 1, abs=1e-15)


def test_recalibrated_probabilities_are_calibrated(make_predictions):
    """The line of a line is the identity; the likelihood ratio left is none."""
    rows = make_predictions(n_patients=100, n_repeats=1, models=("t1",))
    first = calibration_summary(rows["label"], rows["probability"])
    odds = np.log(rows["probability"] / (1 - rows["probability"]))
    second = calibration_summary(rows["label"], 1 / (1 + np.exp(-first.intercept - first.slope * odds)))
    np.testing.assert_allclose(second[:3], [0, 1, 0], atol=1e-9)
    assert second.u_chi2 == pytest.approx(0, abs=1e-9)
    assert second.d_chi2 - first.d_chi2 == pytest.approx(first.u_chi2, abs=1e-9)


def test_calibration_in_the_large_is_the_shift_that_was_planted():
    odds = np.linspace(-3, 3, 401)
    probability, shifted = 1 / (1 + np.exp(-odds)), 1 / (1 + np.exp(-odds - 0.7))
    label = (np.random.default_rng(3).uniform(size=(250, 401)) < shifted).ravel()
    assert calibration_summary(label, np.tile(probability, 250)).in_the_large == pytest.approx(0.7, abs=0.03)


def test_summary_does_not_depend_on_the_order_of_rows(make_predictions):
    rows = make_predictions(n_repeats=1, models=("t1",))
    shuffled = rows.sample(frac=1, random_state=1)
    one, other = (calibration_summary(table["label"], table["probability"]) for table in (rows, shuffled))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_separated_labels_are_fitted_but_where_they_touch():
    apart = calibration_summary([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert apart.slope == np.inf
    assert apart.u_chi2 == pytest.approx(-4 * np.log(0.8) - 4 * np.log(0.9))
    touching = calibration_summary([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9])
    assert touching.u_chi2 == pytest.approx(-4 * np.log(0.9))  # .5 is what the best line says there


@pytest.mark.parametrize(
    ("label", "probability", "absent"),
    [
        ([1, 1], [0.4, 0.5], {*OF_LIKELIHOOD, "auc", "d_xy"}),
        ([0, 1, 1], [0.0, 0.4, 0.5], OF_LIKELIHOOD),
        ([0, 1, 1], [0.5] * 3, {"intercept", "slope", "u", "u_chi2", "u_p", "q", "s_z", "s_p"}),
        ([0, 1], [0.0, 1.0], {*OF_LIKELIHOOD, "s_z", "s_p"}),
    ],
)
def test_what_does_not_exist_is_nan(label, probability, absent):
    summary = calibration_summary(label, probability)._asdict()
    assert {name for name, value in summary.items() if np.isnan(value)} == absent
    assert not np.isnan([summary["brier"], summary["e_max"]]).any()


def test_smooth_line_has_no_ties_and_gives_the_errors(make_predictions):
    rows = make_predictions(n_repeats=1, models=("t1",))
    smooth = smooth_calibration(rows["label"], rows["probability"])
    assert smooth["probability"].is_monotonic_increasing
    assert smooth["probability"].is_unique
    error = np.abs(
        np.interp(rows["probability"], smooth["probability"], smooth["share_positive"]) - rows["probability"]
    )
    summary = calibration_summary(rows["label"], rows["probability"])
    assert (error.max(), error.mean()) == pytest.approx((summary.e_max, summary.e_avg), abs=1e-12)


@pytest.mark.parametrize(
    ("label", "probability", "problem"),
    [
        ([0, 2], [0.1, 0.2], "Labels must be the numbers 0 and 1"),
        ([0, 1], [0.1, 1.2], "between 0 and 1"),
        ([0, 1], [0.1, np.nan], "between 0 and 1"),
        ([0, 1], [0.1], "one length"),
        ([], [], "one length"),
    ],
)
def test_unusable_arrays_are_refused(label, probability, problem):
    with pytest.raises(RequestError, match=problem):
        calibration_summary(label, probability)
