"""Calibration equals scikit-learn's curve and R's val.prob."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from radiofuse.evaluate import calibration_line, calibration_points


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
    rows = make_predictions(n_patients=2000, n_repeats=2, models=("t1",))
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
