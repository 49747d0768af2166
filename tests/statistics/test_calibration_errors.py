"""Calibration errors and the parts of the Brier score: golden values, plain loops, and what must add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from radiofuse.errors import RequestError
from radiofuse.statistics.calibration import calibration_points
from radiofuse.statistics.calibration_errors import brier_decomposition, calibration_error, multiclass_calibration_error


def drawn(n_rows, seed=0, shift=0.0):
    """Labels drawn with the probabilities, or with probabilities shifted in log-odds."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n_rows)
    return (rng.uniform(size=n_rows) < 1 / (1 + np.exp(-odds))).astype(int), 1 / (1 + np.exp(-odds - shift))


@pytest.mark.data
def test_expected_error_equals_the_golden_one(data_dir, golden):
    values = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_evalstats2.csv", index_col="name")["value"]
    _, predicted = golden
    assert calibration_error(predicted["y"], predicted["p_lr"]) == pytest.approx(values["ece10_lr"], abs=1e-15)


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_bins", [10, 15])
def test_errors_are_those_of_the_calibration_points(make_predictions, strategy, n_bins):
    rows = make_predictions(n_patients=150, n_repeats=1, models=("t1",))
    points = calibration_points(rows, "t1", n_bins=n_bins, strategy=strategy)
    gap = np.abs(points["mean_probability"] - points["share_positive"])
    expected = {
        "l1": np.average(gap, weights=points["n"]),
        "l2": np.sqrt(np.average(gap**2, weights=points["n"])),
        "max": gap.max(),
    }
    for norm, value in expected.items():
        error = calibration_error(rows["label"], rows["probability"], norm=norm, n_bins=n_bins, strategy=strategy)
        assert error == pytest.approx(value, abs=1e-14)


def test_bins_hold_their_upper_edge():
    """At .5 the row belongs to the lower of two bins: |.1 - 0| and |.5 - 1| are averaged before the distance."""
    assert calibration_error([0, 1], [0.1, 0.5], n_bins=2) == pytest.approx(0.2)
    assert calibration_error([0, 1], [0.1, np.nextafter(0.5, 1)], n_bins=2) == pytest.approx(0.3)


def test_calibrated_rows_have_a_small_error_and_shifted_ones_a_large():
    honest, shifted = (calibration_error(*drawn(20000, shift=shift)) for shift in (0, 1))
    assert honest < 0.01
    assert 0.15 < shifted < 0.25


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
@pytest.mark.parametrize("n_bins", [1, 4, 15])
def test_brier_parts_add_up(strategy, n_bins):
    label, probability = drawn(300, seed=n_bins, shift=0.5)
    parts = brier_decomposition(label, probability, n_bins=n_bins, strategy=strategy)
    total = parts.reliability - parts.resolution + parts.uncertainty + parts.within_variance - parts.within_covariance
    assert total == pytest.approx(parts.brier, abs=1e-15)
    assert parts.brier == pytest.approx(brier_score_loss(label, probability), abs=1e-15)
    assert parts.uncertainty == pytest.approx(label.mean() * (1 - label.mean()), abs=1e-15)
    error = calibration_error(label, probability, norm="l2", n_bins=n_bins, strategy=strategy)
    assert parts.reliability == pytest.approx(error**2, abs=1e-15)


def test_brier_parts_of_probabilities_that_fill_bins_alone_are_murphys():
    """Three parts only; with p of .1 and .7 right in 1 of 10 and 6 of 10 rows, by hand."""
    label = [1] + [0] * 9 + [1] * 6 + [0] * 4
    parts = brier_decomposition(label, [0.1] * 10 + [0.7] * 10)
    np.testing.assert_allclose(parts[1:], [0.005, 0.0625, 0.2275, 0, 0], atol=1e-15)


def test_two_classes_are_the_binary_case():
    label, probability = drawn(400)
    both = np.column_stack([1 - probability, probability])
    classwise = multiclass_calibration_error(label, both, kind="classwise", n_bins=10)
    mirrored = calibration_error(1 - label, 1 - probability)
    assert classwise == pytest.approx((calibration_error(label, probability) + mirrored) / 2, abs=1e-14)


def test_top_label_error_by_a_plain_loop():
    rng = np.random.default_rng(5)
    probabilities, label = rng.dirichlet([1, 1, 1], 200), rng.integers(3, size=200)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == label
    expected = 0.0
    for low in np.arange(15) / 15:
        rows = (top > low) & (top <= low + 1 / 15)
        expected += abs((top - right)[rows].sum()) / 200
    names = np.array(["a", "b", "c"])
    error = multiclass_calibration_error(names[label], probabilities)
    assert error == pytest.approx(expected, abs=1e-14)
    turned = multiclass_calibration_error(names[label], probabilities[:, ::-1], classes=["c", "b", "a"])
    assert turned == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize(
    ("probabilities", "classes", "problem"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], ["a", "b", "c"], "one column for each"),
        ([[0.5, 0.4], [0.5, 0.5]], ["a", "b"], "add up to 1"),
        ([[1.5, -0.5], [0.5, 0.5]], ["a", "b"], "between 0 and 1"),
        ([[0.5, 0.5], [0.5, 0.5]], ["a", "c"], "none of the classes"),
        ([[0.5, 0.5]], ["a", "b"], "one length"),
    ],
)
def test_probabilities_that_do_not_fit_are_refused(probabilities, classes, problem):
    with pytest.raises(RequestError, match=problem):
        multiclass_calibration_error(["a", "b"], probabilities, classes=classes)
