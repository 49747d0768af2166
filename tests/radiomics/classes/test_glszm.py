"""Size zones: pyradiomics' matrices and features, SciPy's labels, hand-computed zones, IBSI's phantom."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from radiofuse.radiomics.classes import _zones
from radiofuse.radiomics.classes.glszm import FEATURES, features
from radiofuse.radiomics.classes.runs_and_zones import Zones, zone_sizes

TAGS = {
    "SmallAreaEmphasis": "sze",
    "LargeAreaEmphasis": "lze",
    "LowGrayLevelZoneEmphasis": "lgze",
    "HighGrayLevelZoneEmphasis": "hgze",
    "SmallAreaLowGrayLevelEmphasis": "szlge",
    "SmallAreaHighGrayLevelEmphasis": "szhge",
    "LargeAreaLowGrayLevelEmphasis": "lzlge",
    "LargeAreaHighGrayLevelEmphasis": "lzhge",
    "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm",
    "SizeZoneNonUniformity": "zsnu",
    "SizeZoneNonUniformityNormalized": "zsnu_norm",
    "ZonePercentage": "z_perc",
    "GrayLevelVariance": "gl_var",
    "ZoneVariance": "zs_var",
    "ZoneEntropy": "zs_entr",
}


def texture(shape, n_levels, share_inside, seed=0) -> np.ndarray:
    """Return random levels of which the first and the last occur."""
    rng = np.random.default_rng(seed)
    levels = np.where(rng.random(shape) < share_inside, rng.integers(1, n_levels + 1, shape), 0).astype(np.int32)
    levels.flat[rng.permutation(levels.size)[:2]] = (1, n_levels)[: levels.size]
    return levels


def dense(zones: Zones) -> np.ndarray:
    matrix = np.zeros((len(zones.counts), zones.sizes[-1]), int)
    matrix[:, zones.sizes - 1] = zones.counts
    return matrix


def oracle_matrix(levels: np.ndarray, flat_axis: int | None) -> np.ndarray:
    pytest.importorskip("radiomics")
    from radiomics import cMatrices

    flat = (flat_axis is not None, flat_axis or 0)
    return cMatrices.calculate_glszm(levels, levels > 0, levels.max(), np.count_nonzero(levels), *flat)[0]


def oracle(levels: np.ndarray, flat_axis: int | None) -> dict[str, float]:
    from radiomics.glszm import RadiomicsGLSZM

    image, mask = sitk.GetImageFromArray(levels), sitk.GetImageFromArray((levels > 0).astype(np.uint8))
    setting = {"force2D": flat_axis is not None, "force2Ddimension": flat_axis or 0}
    computed = RadiomicsGLSZM(image, mask, binWidth=1, **setting).execute()
    return {name: float(value) for name, value in computed.items()}


def assert_equals_pyradiomics(levels: np.ndarray, flat_axis: int | None = None) -> None:
    zones = zone_sizes(levels, int(levels.max()), flat_axis=flat_axis)
    np.testing.assert_array_equal(dense(zones), oracle_matrix(levels, flat_axis))
    computed, expected = features(zones, FEATURES, n_voxels=np.count_nonzero(levels)), oracle(levels, flat_axis)
    assert list(computed) == list(expected)
    np.testing.assert_allclose(list(computed.values()), list(expected.values()), rtol=1e-9, atol=1e-12)


def test_names_are_those_of_pyradiomics_in_its_order():
    pytest.importorskip("radiomics")
    from radiomics.glszm import RadiomicsGLSZM

    assert tuple(RadiomicsGLSZM.getFeatureNames()) == FEATURES


@pytest.mark.parametrize("share_inside", [0.01, 0.3, 1])
@pytest.mark.parametrize("flat_axis", [None, 0, 1, 2])
def test_equals_pyradiomics_in_every_plane(flat_axis, share_inside):
    assert_equals_pyradiomics(texture((9, 11, 14), 4, share_inside), flat_axis)


@pytest.mark.parametrize("n_levels", [1, 2, 18, 429, 1000])
def test_equals_pyradiomics_for_few_and_many_levels(n_levels):
    assert_equals_pyradiomics(texture((15, 20, 13), n_levels, 0.7))


@pytest.mark.parametrize("shape", [(1, 12, 9), (12, 1, 9), (12, 9, 1), (1, 1, 20), (1, 20, 1), (20, 1, 1), (1, 1, 2)])
def test_equals_pyradiomics_on_one_slice_and_one_line(shape):
    assert_equals_pyradiomics(texture(shape, 3, 0.8))


@pytest.mark.parametrize("seed", range(40))
def test_equals_pyradiomics_on_a_few_voxels(seed):
    assert_equals_pyradiomics(texture((3, 2, 4), 3, 0.3, seed))


def test_equals_pyradiomics_on_long_winding_zones():
    """Smooth levels: zones of thousands of voxels, which meet late in the sweep."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(30, 32, 28)), 2)
    ranks = np.digitize(smooth, np.quantile(smooth, [0.4, 0.6])) + 1
    assert_equals_pyradiomics(ranks.astype(np.int32))


def test_one_voxel_is_one_zone():
    assert dense(zone_sizes(np.ones((1, 1, 1), np.int32), 1)).tolist() == [[1]]


def test_hand_computed():
    """Two voxels that touch with a corner, a pair of level 2, and one voxel apart."""
    levels = np.zeros((2, 2, 4), np.int32)
    levels[0, 0, 0] = levels[1, 1, 1] = 1
    levels[0, 0, 2:] = 2
    levels[1, 1, 3] = 1
    zones = zone_sizes(levels, 2)
    assert dense(zones).tolist() == [[1, 1], [0, 1]]
    computed = features(zones, FEATURES, n_voxels=5)
    assert computed["ZonePercentage"] == pytest.approx(3 / 5)
    assert computed["SmallAreaEmphasis"] == pytest.approx((1 + 2 / 4) / 3)
    assert computed["LargeAreaHighGrayLevelEmphasis"] == pytest.approx((1 + 4 + 4 * 4) / 3)
    assert computed["ZoneEntropy"] == pytest.approx(np.log2(3))
    assert dense(zone_sizes(levels, 2, flat_axis=0)).tolist() == [[3, 0], [0, 1]]


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.integers(1, 8)] * 3), st.integers(1, 3), st.floats(0.2, 1), st.integers(0, 99), st.booleans())
def test_zones_are_the_connected_components_of_scipy(shape, n_levels, share_inside, seed, is_flat):
    levels = texture(shape, n_levels, share_inside, seed)
    touching = np.ones((3, 3, 3))
    if is_flat:
        touching[[0, 2]] = 0
    zones = zone_sizes(levels, n_levels, flat_axis=0 if is_flat else None)
    for level in range(1, n_levels + 1):
        labels, _ = ndimage.label(levels == level, touching)
        sizes = np.bincount(labels.ravel())[1:]
        np.testing.assert_array_equal(np.repeat(zones.sizes, zones.counts[level - 1]), np.sort(sizes))


def test_every_pattern_of_equal_neighbors_joins_each_touching_group_once():
    """8,192 patterns of the 13 neighbors before a voxel, and the voxel: against SciPy's components."""
    before = [(0, 0, -1), *((0, -1, x) for x in (1, 0, -1)), *((-1, y, x) for y in (1, 0, -1) for x in (1, 0, -1))]
    for pattern in range(0, 8192, 7):
        levels = np.zeros((3, 3, 3), np.int32)
        levels[1, 1, 1] = 1
        for k in range(13):
            levels[tuple(np.add(before[k], 1))] = pattern >> k & 1
        labels, n_groups = ndimage.label(levels, np.ones((3, 3, 3)))
        sizes = np.sort(np.bincount(labels.ravel())[1:])
        zones = zone_sizes(levels, 1)
        assert np.repeat(zones.sizes, zones.counts[0]).tolist() == sizes.tolist(), (pattern, n_groups)


def test_the_kernel_refuses_arrays_that_do_not_fit():
    few = np.zeros(1, np.int32)
    inside = np.arange(1, 28, dtype=np.uint16).reshape(3, 3, 3)
    with pytest.raises(ValueError, match="too little room"):
        _zones.zones(np.pad(inside, 1), -1, few, few.copy())
    for without_border in (inside, np.pad(inside, ((1, 1), (1, 1), (0, 1)))):
        with pytest.raises(ValueError, match="do not fit together, or levels have no border of zeros"):
            _zones.zones(without_border, -1, few, few.copy())


@pytest.mark.data
def test_the_digital_phantom_has_the_benchmark_values_of_ibsi(data_dir):
    folder = data_dir / "ibsi"
    benchmark = pd.read_csv(folder / "reference" / "ibsi1_digital_phantom.csv", index_col="tag")["benchmark_value"]
    nifti = folder / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(nifti / part)))
        for part in ("image/phantom.nii.gz", "mask/mask.nii.gz")
    )
    levels = np.where(mask > 0, image, 0).astype(np.int32)
    computed = features(zone_sizes(levels, 6), FEATURES, n_voxels=np.count_nonzero(levels), ibsi=True)
    for name, tag in TAGS.items():
        assert computed[name] == pytest.approx(float(benchmark[f"szm_{tag}_3D"]), rel=5e-3), name
