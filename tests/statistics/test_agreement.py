"""Intraclass correlations: R's values, the published example, and what may not change them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.errors import RequestError
from radiofuse.statistics.agreement import KINDS, icc, reproducibility_table

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
# The manual of psych::ICC prints these of the same ratings; the estimates are table 4 of Shrout and Fleiss.
PUBLISHED = {
    "ICC(1,1)": (0.17, -0.13, 0.72),
    "ICC(2,1)": (0.29, 0.02, 0.76),
    "ICC(3,1)": (0.71, 0.34, 0.95),
    "ICC(1,k)": (0.44, -0.88, 0.91),
    "ICC(2,k)": (0.62, 0.07, 0.93),
    "ICC(3,k)": (0.91, 0.68, 0.99),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def by_definition(values, kind):
    """The estimate from sums of squares, one feature, as in Shrout and Fleiss."""
    n, k = values.shape
    total = ((values - values.mean()) ** 2).sum()
    between = k * ((values.mean(axis=1) - values.mean()) ** 2).sum()
    raters = n * ((values.mean(axis=0) - values.mean()) ** 2).sum()
    bms, jms = between / (n - 1), raters / (k - 1)
    wms, ems = (total - between) / (n * (k - 1)), (total - between - raters) / ((n - 1) * (k - 1))
    return {
        "ICC(1,1)": (bms - wms) / (bms + (k - 1) * wms),
        "ICC(2,1)": (bms - ems) / (bms + (k - 1) * ems + k * (jms - ems) / n),
        "ICC(3,1)": (bms - ems) / (bms + (k - 1) * ems),
        "ICC(1,k)": (bms - wms) / bms,
        "ICC(2,k)": (bms - ems) / (bms + (jms - ems) / n),
        "ICC(3,k)": (bms - ems) / bms,
    }[kind]


@kinds
def test_the_example_of_shrout_and_fleiss(kind):
    assert tuple(round(float(number), 2) for number in icc(SHROUT_FLEISS, kind)) == PUBLISHED[kind]


@pytest.mark.data
@kinds
def test_icc_and_interval_are_those_of_r(kind, data_dir):
    """psych::ICC of two classifiers' probabilities of 159 patients."""
    ratings = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_pred.csv")[["p_lr", "p_rf"]].to_numpy()
    golden = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_icc.csv").set_index("type")
    row = golden.loc["ICC" + kind[4] + kind[6].replace("1", "")]
    expected = row[["ICC", "lower bound", "upper bound"]].to_numpy(dtype=float)
    np.testing.assert_allclose(icc(ratings, kind), expected, rtol=0, atol=2e-15)


@kinds
def test_estimates_are_the_ratios_of_mean_squares(kind):
    values = np.random.default_rng(1).normal(size=(7, 11, 5)) + np.arange(11)[:, None]
    expected = [by_definition(feature, kind) for feature in values]
    np.testing.assert_allclose(icc(values, kind).icc, expected, rtol=1e-12)


@kinds
def test_features_are_measured_one_by_one(kind):
    values = np.random.default_rng(0).normal(size=(5, 9, 4)) + np.arange(9)[:, None]
    together = np.stack(icc(values, kind), axis=1)
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, [icc(feature, kind) for feature in values], rtol=1e-12)


@given(
    arrays(float, (6, 3), elements=st.integers(-1000, 1000)), st.integers(-900, 900), st.sampled_from([1e-9, 8, 1e9])
)
def test_scale_and_shift_of_a_rater_do_not_change_consistency(values, shift, scale):
    if np.ptp(values) == 0:
        return
    moved = scale * (values + np.array([0, shift, -shift]))
    first, second = icc(values).icc, icc(moved).icc
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    if np.abs(residual).max() > 1e-9:  # else F is 0 / 0 or infinite, up to rounding
        assert first == pytest.approx(second, abs=1e-9)


def test_a_rater_who_is_higher_throughout_lowers_agreement_alone():
    values = np.random.default_rng(2).normal(size=(30, 3)) + 3 * np.arange(30)[:, None]
    moved = values + np.array([0, 0, 40])
    assert icc(moved, "ICC(3,1)").icc == pytest.approx(icc(values, "ICC(3,1)").icc, abs=1e-12)
    for kind in ("ICC(1,1)", "ICC(2,1)", "ICC(1,k)", "ICC(2,k)"):
        assert icc(moved, kind).icc < icc(values, kind).icc - 0.05


@given(arrays(float, (5, 4), elements=st.floats(-1e200, 1e200)))
def test_bounds_hold_whatever_the_size(values):
    for kind in ("ICC(1,1)", "ICC(3,1)"):
        estimate, low, high = icc(values, kind)
        if not np.isnan(estimate):
            assert -1 / 3 - 1e-12 <= low <= estimate <= high <= 1


@kinds
def test_perfect_agreement_is_one_and_no_variation_is_undefined(kind):
    subjects = np.array([0.1, 0.7, 1.3])
    assert icc(np.stack([subjects] * 3, axis=1), kind) == (1.0, 1.0, 1.0)
    assert np.isnan(icc(np.full((3, 3), 0.1), kind)).all()


def test_subjects_that_are_all_alike():
    """Raters differ, subjects do not: no agreement, and no bound for the mean of raters."""
    values = np.stack([np.array([0.0, 1.0, 2.0])] * 3)
    assert icc(values, "ICC(2,1)") == (0.0, 0.0, 0.0)
    assert icc(values, "ICC(1,1)") == (-0.5, -0.5, -0.5)
    assert icc(values, "ICC(1,k)") == (-np.inf, -np.inf, -np.inf)


@pytest.mark.parametrize(("kind", "truth"), [("ICC(1,1)", 0.75), ("ICC(3,1)", 0.75), ("ICC(3,k)", 15 / 16)])
def test_an_interval_covers_the_truth_as_often_as_it_says(kind, truth):
    """Subjects of variance 3 and noise of variance 1."""
    rng = np.random.default_rng(0)
    values = np.sqrt(3) * rng.normal(size=(4000, 20, 1)) + rng.normal(size=(4000, 20, 5))
    _, low, high = icc(values, kind)
    assert np.mean((low <= truth) & (high >= truth)) == pytest.approx(0.95, abs=0.012)


def test_the_interval_of_agreement_covers_the_truth_when_raters_are_drawn():
    """Variances 3 (subjects), .5 (raters) and .5 (noise); the degrees of freedom are approximate."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(4000, 20, 1)), rng.normal(size=(4000, 1, 6)), rng.normal(size=(4000, 20, 6))
    values = np.sqrt(3) * draws[0] + np.sqrt(0.5) * (draws[1] + draws[2])
    _, low, high = icc(values, "ICC(2,1)")
    assert np.mean((low <= 0.75) & (high >= 0.75)) == pytest.approx(0.95, abs=0.03)


def test_more_confidence_is_a_wider_interval():
    narrow, wide = (icc(SHROUT_FLEISS, "ICC(2,1)", confidence=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < wide.icc < narrow.high < wide.high


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [[1.0], [2.0]], [1.0, 2.0], [[1.0, np.nan], [2.0, 3.0]]])
def test_what_cannot_be_compared_is_refused(values):
    with pytest.raises(RequestError, match="subjects"):
        icc(values)


@pytest.mark.parametrize(("kind", "confidence"), [("ICC(4,1)", 0.95), ("icc3", 0.95), ("ICC(3,1)", 95)])
def test_unknown_kinds_and_percentages_are_refused(kind, confidence):
    with pytest.raises(RequestError, match="kind is one of ICC"):
        icc(SHROUT_FLEISS, kind, confidence=confidence)


def test_the_table_has_a_row_per_modality_and_feature_and_leaves_lone_patients_out(caplog):
    rng = np.random.default_rng(0)
    table = reproducibility_table({"t1": rng.normal(size=(2, 5, 3)), "t2": rng.normal(size=(2, 1, 3))}, ["a", "b"])
    assert table[["modality", "feature", "n_patients", "n_perturbations"]].values.tolist() == [
        ["t1", "a", 5, 3],
        ["t1", "b", 5, 3],
    ]
    assert "t2: an ICC needs two patients, 1 could be used" in caplog.text
