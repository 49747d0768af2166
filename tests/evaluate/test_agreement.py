"""ICC(3,1): R's values, the published example, and what may not change it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.errors import RequestError
from radiofuse.evaluate.icc import icc_3_1, reproducibility_table

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def test_the_example_of_shrout_and_fleiss():
    """Table 4 of the paper prints ICC(3,1) = .71; the mean squares are 11.24 and 1.02 (table 3)."""
    icc, low, high = icc_3_1(SHROUT_FLEISS)
    assert round(float(icc), 2) == 0.71
    assert icc == pytest.approx((11.2417 - 1.0194) / (11.2417 + 3 * 1.0194), abs=1e-4)
    assert low < icc < high


@pytest.mark.data
def test_icc_and_interval_are_those_of_r(data_dir):
    """psych::ICC of two classifiers' probabilities of 159 patients."""
    ratings = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_pred.csv")[["p_lr", "p_rf"]].to_numpy()
    golden = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion_icc.csv").set_index("type").loc["ICC3"]
    expected = golden[["ICC", "lower bound", "upper bound"]].to_numpy(dtype=float)
    np.testing.assert_allclose(icc_3_1(ratings), expected, rtol=0, atol=2e-15)


def test_features_are_measured_one_by_one():
    values = np.random.default_rng(0).normal(size=(5, 9, 4)) + np.arange(9)[:, None]
    together = np.stack(icc_3_1(values), axis=1)
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, [icc_3_1(feature) for feature in values], rtol=1e-13)


@given(
    arrays(float, (6, 3), elements=st.integers(-1000, 1000)), st.integers(-900, 900), st.sampled_from([1e-9, 8, 1e9])
)
def test_scale_and_shift_of_a_rater_change_nothing(values, shift, scale):
    if np.ptp(values) == 0:
        return
    moved = scale * (values + np.array([0, shift, -shift]))
    first, second = icc_3_1(values)[0], icc_3_1(moved)[0]
    residual = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    if np.abs(residual).max() > 1e-9:  # else F is 0 / 0 or infinite, up to rounding
        assert first == pytest.approx(second, abs=1e-9)


@given(arrays(float, (5, 4), elements=st.floats(-1e200, 1e200)))
def test_bounds_hold_whatever_the_size(values):
    icc, low, high = icc_3_1(values)
    if not np.isnan(icc):
        assert -1 / 3 - 1e-12 <= low <= icc <= high <= 1


def test_perfect_agreement_is_one_and_no_variation_is_undefined():
    subjects = np.array([0.1, 0.7, 1.3])
    assert icc_3_1(np.stack([subjects] * 3, axis=1)) == (1.0, 1.0, 1.0)
    assert np.isnan(icc_3_1(np.full((3, 3), 0.1))).all()


def test_an_interval_covers_the_truth_as_often_as_it_says():
    """Subjects of variance 3 and noise of variance 1: the ICC is .75."""
    rng = np.random.default_rng(0)
    values = np.sqrt(3) * rng.normal(size=(4000, 20, 1)) + rng.normal(size=(4000, 20, 5))
    _, low, high = icc_3_1(values)
    assert np.mean((low <= 0.75) & (high >= 0.75)) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("values", [[[1.0, 2.0]], [[1.0], [2.0]], [1.0, 2.0], [[1.0, np.nan], [2.0, 3.0]]])
def test_what_cannot_be_compared_is_refused(values):
    with pytest.raises(RequestError, match="subjects"):
        icc_3_1(values)


def test_the_table_has_a_row_per_modality_and_feature_and_leaves_lone_patients_out(caplog):
    rng = np.random.default_rng(0)
    table = reproducibility_table({"t1": rng.normal(size=(2, 5, 3)), "t2": rng.normal(size=(2, 1, 3))}, ["a", "b"])
    assert table[["modality", "feature", "n_patients", "n_perturbations"]].values.tolist() == [
        ["t1", "a", 5, 3],
        ["t1", "b", 5, 3],
    ]
    assert "t2: an ICC needs two patients, 1 could be used" in caplog.text
