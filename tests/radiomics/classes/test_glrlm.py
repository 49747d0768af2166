"""Run lengths: pyradiomics' matrices and features, hand-computed runs, invariants, IBSI's phantom."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import ImageError, RequestError
from radiofuse.radiomics.classes import _runs
from radiofuse.radiomics.classes.glrlm import FEATURES, features
from radiofuse.radiomics.classes.runs_and_zones import run_lengths

SPACING_MM = (2.0, 0.7, 1.5)
DIRECTIONS = np.array(
    [(z, y, x) for z in (1, 0) for y in (1, 0, -1) for x in (1, 0, -1) if (z, y, x) > (0, 0, 0)], np.int32
)
TAGS = {
    "ShortRunEmphasis": "sre",
    "LongRunEmphasis": "lre",
    "LowGrayLevelRunEmphasis": "lgre",
    "HighGrayLevelRunEmphasis": "hgre",
    "ShortRunLowGrayLevelEmphasis": "srlge",
    "ShortRunHighGrayLevelEmphasis": "srhge",
    "LongRunLowGrayLevelEmphasis": "lrlge",
    "LongRunHighGrayLevelEmphasis": "lrhge",
    "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm",
    "RunLengthNonUniformity": "rlnu",
    "RunLengthNonUniformityNormalized": "rlnu_norm",
    "RunPercentage": "r_perc",
    "GrayLevelVariance": "gl_var",
    "RunVariance": "rl_var",
    "RunEntropy": "rl_entr",
}


def texture(shape, n_levels, share_inside, seed=0) -> np.ndarray:
    """Return random levels in a box that the region touches on all sides."""
    rng = np.random.default_rng(seed)
    levels = np.where(rng.random(shape) < share_inside, rng.integers(1, n_levels + 1, shape), 0).astype(np.int32)
    levels.flat[rng.integers(levels.size)] = n_levels
    inside = np.nonzero(levels)
    return np.ascontiguousarray(levels[tuple(slice(places.min(), places.max() + 1) for places in inside)])


def oracle_matrix(levels: np.ndarray, flat_axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return pyradiomics' runs (n_offsets, n_levels, n_lengths) and its directions."""
    pytest.importorskip("radiomics")
    from radiomics import cMatrices

    flat = (flat_axis is not None, flat_axis or 0)
    runs, directions = cMatrices.calculate_glrlm(levels, levels > 0, levels.max(), max(levels.shape), *flat)
    return np.moveaxis(runs[0], 2, 0), directions


def oracle(levels: np.ndarray, flat_axis: int | None, weighting: str | None) -> dict[str, float]:
    from radiomics.glrlm import RadiomicsGLRLM

    image, mask = sitk.GetImageFromArray(levels), sitk.GetImageFromArray((levels > 0).astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing(SPACING_MM[::-1])
    setting = {"force2D": flat_axis is not None, "force2Ddimension": flat_axis or 0, "weightingNorm": weighting}
    with np.errstate(invalid="ignore"):
        computed = RadiomicsGLRLM(image, mask, binWidth=1, **setting).execute()
    return {name: float(value) for name, value in computed.items()}


def assert_equals_pyradiomics(levels: np.ndarray, flat_axis: int | None = None, weighting: str | None = None) -> None:
    expected, directions = oracle_matrix(levels, flat_axis)
    runs = run_lengths(levels, int(levels.max()), directions)
    np.testing.assert_array_equal(runs, expected)
    # pyradiomics calls the lowest level that occurs 1
    shifted = levels - np.where(levels > 0, levels[levels > 0].min() - 1, 0).astype(np.int32)
    runs = run_lengths(shifted, int(shifted.max()), directions)
    computed = features(runs, FEATURES, offsets=directions, spacing_mm=SPACING_MM, weighting=weighting)
    expected = oracle(levels, flat_axis, weighting)
    assert list(computed) == list(expected)
    np.testing.assert_allclose(list(computed.values()), list(expected.values()), rtol=1e-9, atol=1e-12)


def test_names_are_those_of_pyradiomics_in_its_order():
    pytest.importorskip("radiomics")
    from radiomics.glrlm import RadiomicsGLRLM

    assert tuple(RadiomicsGLRLM.getFeatureNames()) == FEATURES


@pytest.mark.parametrize("weighting", [None, "euclidean", "manhattan", "infinity", "no_weighting"])
@pytest.mark.parametrize("flat_axis", [None, 0, 1, 2])
def test_equals_pyradiomics_under_every_setting(flat_axis, weighting):
    assert_equals_pyradiomics(texture((9, 11, 14), 4, 0.8), flat_axis, weighting)


@pytest.mark.parametrize("n_levels", [1, 2, 18, 429, 1000])
def test_equals_pyradiomics_for_few_and_many_levels(n_levels):
    assert_equals_pyradiomics(texture((12, 15, 13), n_levels, 0.7))


@pytest.mark.parametrize("shape", [(1, 12, 9), (12, 1, 9), (12, 9, 1), (1, 1, 20), (1, 20, 1), (20, 1, 1)])
def test_equals_pyradiomics_on_one_slice_and_one_line(shape):
    assert_equals_pyradiomics(texture(shape, 3, 0.8))


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("seed", range(60))
def test_equals_pyradiomics_on_two_to_ten_scattered_voxels(seed):
    levels = texture((4, 5, 3), 2, 0.1, seed)
    if max(levels.shape) > 1:
        assert_equals_pyradiomics(levels, weighting=(None, "euclidean")[seed % 2])


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_equals_pyradiomics_where_the_only_direction_meets_nothing_twice():
    levels = np.zeros((2, 3, 1), np.int32)
    levels[0, 0, 0] = levels[1, 2, 0] = 1
    assert_equals_pyradiomics(levels, flat_axis=1)
    assert_equals_pyradiomics(levels, weighting="euclidean")


def test_equals_pyradiomics_on_a_sparse_region():
    assert_equals_pyradiomics(texture((20, 30, 25), 5, 0.01))


def test_hand_computed():
    levels = np.array([[[1, 1, 2, 2, 2, 0, 1]]], np.int32)
    runs = run_lengths(levels, 2, DIRECTIONS[-1:])
    assert DIRECTIONS[-1].tolist() == [0, 0, 1]
    assert runs[0, :, :3].tolist() == [[1, 1, 0], [0, 0, 1]]
    computed = features(runs, FEATURES, offsets=DIRECTIONS[-1:], spacing_mm=SPACING_MM)
    assert computed["RunPercentage"] == pytest.approx(3 / 6)
    assert computed["ShortRunEmphasis"] == pytest.approx((1 + 1 / 4 + 1 / 9) / 3)
    assert computed["LongRunHighGrayLevelEmphasis"] == pytest.approx((1 + 4 + 9 * 4) / 3)
    assert computed["RunEntropy"] == pytest.approx(np.log2(3))


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 7)] * 3), st.integers(1, 4), st.floats(0.1, 1), st.integers(0, 99))
def test_runs_hold_every_voxel_and_read_the_same_backwards(shape, n_levels, share_inside, seed):
    levels = texture(shape, n_levels, share_inside, seed)
    runs = run_lengths(levels, n_levels, DIRECTIONS, ibsi=True)
    held = runs.sum(axis=1) @ np.arange(1, runs.shape[2] + 1)
    assert (held == np.count_nonzero(levels)).all()
    backwards = np.ascontiguousarray(levels[::-1, ::-1, ::-1])
    np.testing.assert_array_equal(run_lengths(backwards, n_levels, DIRECTIONS, ibsi=True), runs)


def test_ibsi_counts_single_voxels_where_no_line_meets_the_region_twice():
    slice_ = np.ones((1, 3, 4), np.int32)
    assert run_lengths(slice_, 1, DIRECTIONS[:1]).sum() == 0
    assert run_lengths(slice_, 1, DIRECTIONS[:1], ibsi=True).tolist() == [[[12, 0, 0, 0]]]


def test_a_region_without_directions_is_refused():
    with pytest.raises(ImageError, match="no neighbors to look at") as caught:
        run_lengths(np.ones((1, 1, 1), np.int32), 1, np.empty((0, 3), np.int32))
    assert caught.value.code == "roi_too_small"


def test_an_unknown_norm_is_a_wrong_request():
    runs = run_lengths(np.ones((1, 1, 3), np.int32), 1, DIRECTIONS[-1:])
    with pytest.raises(RequestError, match="Choose from euclidean, infinity, manhattan, no_weighting"):
        features(runs, FEATURES, offsets=DIRECTIONS[-1:], spacing_mm=SPACING_MM, weighting="euclidian")


@pytest.mark.parametrize("offset", [(0, 0, 2), (0, 0, -1), (-1, 0, 0), (0, 0, 0)])
def test_the_kernel_refuses_what_would_leave_the_box(offset):
    with pytest.raises(ValueError, match="do not fit together"):
        run_lengths(np.ones((3, 3, 3), np.int32), 1, np.array([offset], np.int32))


def test_the_kernel_refuses_a_level_above_the_highest():
    with pytest.raises(ValueError, match="do not fit together"):
        run_lengths(np.full((3, 3, 3), 2, np.int32), 1, DIRECTIONS)
    with pytest.raises(TypeError, match="levels: expected 3 dimensions of kind u2"):
        _runs.run_lengths(np.zeros((3, 3, 3)), DIRECTIONS, np.zeros((13, 1, 1), np.int32), False)


@pytest.mark.data
@pytest.mark.parametrize(("weighting", "merged"), [(None, "3D_avg"), ("no_weighting", "3D_comb")])
def test_the_digital_phantom_has_the_benchmark_values_of_ibsi(data_dir, weighting, merged):
    folder = data_dir / "ibsi"
    benchmark = pd.read_csv(folder / "reference" / "ibsi1_digital_phantom.csv", index_col="tag")["benchmark_value"]
    nifti = folder / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(nifti / part)))
        for part in ("image/phantom.nii.gz", "mask/mask.nii.gz")
    )
    runs = run_lengths(np.where(mask > 0, image, 0).astype(np.int32), 6, DIRECTIONS, ibsi=True)
    given_ = {"offsets": DIRECTIONS, "spacing_mm": (2.0, 2.0, 2.0), "weighting": weighting, "ibsi": True}
    computed = features(runs, FEATURES, **given_)
    for name, tag in TAGS.items():
        assert computed[name] == pytest.approx(float(benchmark[f"rlm_{tag}_{merged}"]), rel=5e-3), name
