"""First-order features: pyradiomics' values, NumPy's percentiles, hand-computed values, IBSI's phantom."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radiofuse.radiomics.classes.firstorder import DEPRECATED, FEATURES, features
from radiofuse.radiomics.discretization import gray_levels

ALL = (*FEATURES, *DEPRECATED)
VOXEL_VOLUME_MM3 = 2.1  # of the spacing below
TAGS = {
    "Mean": "mean",
    "Variance": "var",
    "Skewness": "skew",
    "Kurtosis": "kurt",
    "Median": "median",
    "Minimum": "min",
    "10Percentile": "p10",
    "90Percentile": "p90",
    "Maximum": "max",
    "InterquartileRange": "iqr",
    "Range": "range",
    "MeanAbsoluteDeviation": "mad",
    "RobustMeanAbsoluteDeviation": "rmad",
    "Energy": "energy",
    "RootMeanSquared": "rms",
}


def oracle(values: np.ndarray, **setting) -> dict[str, float]:
    pytest.importorskip("radiomics")
    from radiomics.firstorder import RadiomicsFirstOrder

    line = values.reshape(1, 1, -1)
    image, mask = sitk.GetImageFromArray(line), sitk.GetImageFromArray(np.ones(line.shape, np.uint8))
    for volume in (image, mask):
        volume.SetSpacing((1.5, 0.7, 2.0))
    first_order = RadiomicsFirstOrder(image, mask, **setting)
    for name in ALL:
        first_order.enableFeatureByName(name)
    return {name: float(value) for name, value in first_order.execute().items()}


def ours(values: np.ndarray, names=ALL, *, bin_width=25, shift=0, ibsi=False) -> dict[str, float]:
    levels = gray_levels(values, bin_width=bin_width)[0]
    given_ = {"voxel_volume_mm3": VOXEL_VOLUME_MM3, "voxel_array_shift": shift, "ibsi": ibsi}
    return features(values, levels, names, **given_)


def assert_equal(computed: dict[str, float], expected: dict[str, float]) -> None:
    assert set(computed) == set(expected)
    np.testing.assert_allclose(
        [computed[name] for name in ALL], [expected[name] for name in ALL], rtol=1e-9, atol=1e-12, err_msg=str(ALL)
    )


def test_names_are_those_of_pyradiomics_in_its_order():
    pytest.importorskip("radiomics")
    from radiomics.firstorder import RadiomicsFirstOrder

    deprecated = RadiomicsFirstOrder.getFeatureNames()
    assert tuple(name for name, is_deprecated in deprecated.items() if not is_deprecated) == FEATURES
    assert tuple(name for name, is_deprecated in deprecated.items() if is_deprecated) == DEPRECATED


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # pyradiomics' robust deviation of two voxels
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("n_voxels", [*range(1, 12), 100, 4137])
def test_equals_pyradiomics(dtype, n_voxels):
    values = (100 * np.random.default_rng(n_voxels).gamma(2, size=n_voxels)).astype(dtype)
    assert_equal(ours(values), oracle(values, binWidth=25))
    assert_equal(ours(values, bin_width=5, shift=2000), oracle(values, binWidth=5, voxelArrayShift=2000))


@pytest.mark.parametrize("value", [0.1, 50.0, 1 / 3, 1e5 + 0.1])
@pytest.mark.parametrize("n_voxels", [1, 7, 10, 1000])
def test_a_flat_region_equals_pyradiomics_to_the_rounding_of_the_mean(value, n_voxels):
    values = np.full(n_voxels, value)
    assert_equal(ours(values), oracle(values, binWidth=25))


def test_a_flat_region_without_rounding_has_no_shape():
    flat = ours(np.full(9, 50.0))
    assert [flat[name] for name in ("Variance", "Skewness", "Kurtosis", "Range", "Uniformity")] == [0, 0, 0, 0, 1]


@settings(max_examples=150, deadline=None)
@given(arrays(float, st.integers(1, 40), elements=st.floats(-1e4, 1e4)))
def test_order_statistics_have_the_bits_of_numpy(values):
    computed = ours(values, ("10Percentile", "90Percentile", "Median", "Minimum", "Maximum"), bin_width=1000)
    expected = [*np.percentile(values, [10, 90]), np.median(values), values.min(), values.max()]
    assert list(computed.values()) == expected


def test_hand_computed():
    computed = ours(np.array([1, 2, 3, 4, 10]), bin_width=5, shift=1)
    assert computed["Mean"] == 4
    assert computed["Variance"] == pytest.approx((9 + 4 + 1 + 0 + 36) / 5)
    assert computed["Energy"] == 4 + 9 + 16 + 25 + 121
    assert computed["TotalEnergy"] == pytest.approx(175 * VOXEL_VOLUME_MM3)
    assert computed["MeanAbsoluteDeviation"] == pytest.approx((3 + 2 + 1 + 0 + 6) / 5)
    # the 10th and 90th percentiles, 1.4 and 7.6, leave 2, 3 and 4
    assert computed["RobustMeanAbsoluteDeviation"] == pytest.approx(2 / 3)
    # levels 1, 1, 1, 1 and 3
    assert computed["Uniformity"] == pytest.approx(0.8**2 + 0.2**2)
    assert computed["Entropy"] == pytest.approx(-0.8 * np.log2(0.8) - 0.2 * np.log2(0.2))


def test_only_the_names_asked_for_are_given_in_their_order():
    assert list(ours(np.arange(10.0), ["Range", "10Percentile"])) == ["Range", "10Percentile"]


def test_ibsi_takes_the_kurtosis_of_a_normal_distribution_away():
    values = np.random.default_rng(0).normal(size=100) * 50
    assert ours(values, ibsi=True)["Kurtosis"] == ours(values)["Kurtosis"] - 3
    assert ours(np.full(8, 2.0), ibsi=True)["Kurtosis"] == 0


@pytest.mark.data
def test_the_digital_phantom_has_the_benchmark_values_of_ibsi(data_dir):
    folder = data_dir / "ibsi"
    benchmark = pd.read_csv(folder / "reference" / "ibsi1_digital_phantom.csv", index_col="tag")["benchmark_value"]
    nifti = folder / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(nifti / part)))
        for part in ("image/phantom.nii.gz", "mask/mask.nii.gz")
    )
    computed = ours(image[mask > 0], bin_width=1, ibsi=True)
    for name, tag in TAGS.items():
        assert computed[name] == pytest.approx(float(benchmark[f"stat_{tag}"]), rel=5e-3), name
    assert computed["Entropy"] == pytest.approx(float(benchmark["ih_entropy"]), rel=5e-3)
    assert computed["Uniformity"] == pytest.approx(float(benchmark["ih_uniformity"]), rel=5e-3)
