"""Net benefit by its formula, its bounds, and its golden values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import RequestError
from radiofuse.statistics.net_benefit import decision_curve, decision_points


@pytest.mark.data
def test_net_benefit_equals_the_golden_one(golden):
    values, predicted = golden
    curve = decision_curve(predicted["y"], predicted["p_lr"], [0.1, 0.2, 0.3, 0.5])
    for point in curve.itertuples():
        assert point.net_benefit == pytest.approx(values[f"netbenefit_lr_{point.threshold}"], abs=1e-15)
        assert point.treat_all == pytest.approx(values[f"netbenefit_all_{point.threshold}"], abs=1e-15)


def test_net_benefit_by_counting(make_predictions):
    rows = make_predictions(n_repeats=1, models=("t1",))
    label, probability = rows["label"], rows["probability"]
    curve = decision_curve(label, probability)
    assert len(curve) == 99
    for point in curve.itertuples():
        treated = probability >= point.threshold
        hits, alarms = (treated & (label == 1)).sum(), (treated & (label == 0)).sum()
        expected = (hits - alarms * point.threshold / (1 - point.threshold)) / len(rows)
        assert point.net_benefit == pytest.approx(expected, abs=1e-14)


def test_a_perfect_model_is_worth_the_prevalence_everywhere():
    label = np.array([0, 0, 0, 1, 0, 1])
    curve = decision_curve(label, label.astype(float))
    np.testing.assert_allclose(curve["net_benefit"], 2 / 6, atol=1e-15)
    np.testing.assert_allclose(curve["standardized"], 1, atol=1e-15)
    np.testing.assert_allclose(curve["avoided"], 4 / 6, atol=1e-13)  # every negative is spared


def test_constant_probabilities_treat_all_or_none():
    curve = decision_curve([0, 1, 0, 1, 1], [0.6] * 5)
    low = curve["threshold"] <= 0.6
    np.testing.assert_allclose(curve["net_benefit"][low], curve["treat_all"][low], atol=1e-14)
    np.testing.assert_allclose(curve["net_benefit"][~low], 0, atol=1e-15)
    assert np.abs(np.interp(0.6, curve["threshold"], curve["treat_all"])) < 1e-12  # zero at the prevalence


def test_no_model_beats_the_perfect_one_and_calibrated_ones_do_no_harm():
    rng = np.random.default_rng(2)
    probability = rng.beta(1, 2, size=20000)
    label = (rng.uniform(size=20000) < probability).astype(int)
    curve = decision_curve(label, probability, np.arange(5, 90, 5) / 100)
    assert (curve["net_benefit"] <= label.mean()).all()
    assert (curve["net_benefit"] >= np.maximum(curve["treat_all"], 0) - 0.005).all()


def test_no_positive_has_no_standardized_benefit():
    curve = decision_curve([0, 0], [0.2, 0.4], [0.3])
    assert curve["net_benefit"][0] == pytest.approx(-0.5 * 3 / 7)
    assert np.isnan(curve["standardized"][0])


def test_interval_by_resampling_rows_one_by_one(make_predictions):
    rows = make_predictions(n_patients=80, n_repeats=1, models=("t1",))
    label, probability = rows["label"].to_numpy(), rows["probability"].to_numpy()
    curve = decision_curve(label, probability, [0.3], confidence=0.9, n_resamples=2000)
    rng, drawn = np.random.default_rng(9), []
    for _ in range(2000):
        picked = rng.integers(80, size=80)
        treated = probability[picked] >= 0.3
        drawn.append(np.mean(treated * np.where(label[picked] == 1, 1, -3 / 7)))
    assert curve[["low", "high"]].to_numpy()[0] == pytest.approx(np.quantile(drawn, [0.05, 0.95]), abs=0.01)


def test_patients_are_resampled_whole(make_predictions):
    rows = make_predictions(n_repeats=1, models=("t1",))
    arguments = rows["label"], rows["probability"], [0.2, 0.4]
    once = decision_curve(*arguments, confidence=0.95, n_resamples=100)
    twice = pd.concat([rows, rows])
    both = decision_curve(
        twice["label"], twice["probability"], [0.2, 0.4], patients=twice["patient_id"], confidence=0.95, n_resamples=100
    )
    pd.testing.assert_frame_equal(once, both)


def test_points_are_the_mean_curve_of_the_repeats(make_predictions):
    rows = make_predictions(rows_per_patient=(1, 3), n_repeats=3)
    points = decision_points(rows, "t1", confidence=0.95, n_resamples=50)
    own = rows[rows["model"] == "t1"]
    curves = [decision_curve(part["label"], part["probability"]) for _, part in own.groupby("repeat")]
    for column in ("net_benefit", "treat_all", "standardized", "avoided"):
        np.testing.assert_allclose(points[column], np.mean([curve[column] for curve in curves], axis=0), atol=1e-13)
    assert (points["low"] <= points["high"]).all()
    pd.testing.assert_frame_equal(
        points, decision_points(rows.sample(frac=1, random_state=0), "t1", confidence=0.95, n_resamples=50)
    )


@pytest.mark.parametrize("thresholds", [[0.0, 0.5], [1.0], [np.nan], 0.5])
def test_thresholds_outside_are_refused(thresholds):
    with pytest.raises((RequestError, ValueError), match=r"[Tt]hresholds"):
        decision_curve([0, 1], [0.2, 0.4], thresholds)
