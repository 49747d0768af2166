"""Voxel-wise maps against pyradiomics' voxel-based extraction, and windows whose features are known."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import RequestError
from radiofuse.radiomics.classes import firstorder, glcm, ngtdm
from radiofuse.radiomics.parameters import TextureSetting as Setting
from radiofuse.radiomics.region import Region
from radiofuse.radiomics.textures import TexturedRegion, features
from radiofuse.radiomics.voxel_maps import ROWS, voxel_maps
from radiofuse.radiomics.windows import with_margin

KERNELS = Path(glcm.__file__).parent
CLASSES = {name: tuple(row for row in rows if row != "-") for name, rows in ROWS.items()}


def as_pyradiomics(setting: Setting) -> dict:
    flat = {} if setting.flat_axis is None else {"force2D": True, "force2Ddimension": setting.flat_axis}
    return flat | {
        "binWidth": setting.bin_width,
        "binCount": setting.bin_count,
        "distances": list(setting.distances),
        "symmetricalGLCM": setting.symmetrical,
        "weightingNorm": setting.weighting,
        "gldm_a": setting.gldm_a,
        "voxelArrayShift": setting.voxel_array_shift,
    }


def ours(image, mask, setting, classes=CLASSES, *, kernel_radius=1, masked=True, init_value=0.0):
    region = Region.of(sitk.GetArrayFromImage(mask) == 1, image.GetSpacing()[::-1])
    values = sitk.GetArrayFromImage(image)[with_margin(region, kernel_radius).box]
    windows = {"kernel_radius": kernel_radius, "masked": masked, "init_value": init_value}
    return voxel_maps(values, region, classes, setting=setting, **windows)


def theirs(image, mask, setting, classes=CLASSES, *, kernel_radius=1, masked=True, init_value=0.0):
    extractor = pytest.importorskip("radiomics.featureextractor")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    windows = {"kernelRadius": kernel_radius, "maskedKernel": masked, "initValue": init_value}
    checks = {"additionalInfo": False, "minimumROIDimensions": 1}
    oracle = extractor.RadiomicsFeatureExtractor(**as_pyradiomics(setting), **windows, **checks)
    oracle.enabledFeatures = {name: list(names) for name, names in classes.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # means over no direction
        found = oracle.execute(image, mask, voxelBased=True)
    return {name.removeprefix("original_"): sitk.GetArrayFromImage(of) for name, of in found.items()}


@pytest.fixture
def unknown_eigenvalues(monkeypatch):
    """Let pyradiomics' MCC pass over empty directions, which it otherwise gives up on."""
    eigvals = np.linalg.eigvals

    def of_finite(matrices):
        finite = np.isfinite(matrices).all(axis=(-1, -2))
        values = np.full(matrices.shape[:-1], np.nan, complex)
        values[finite] = eigvals(matrices[finite])
        return values

    monkeypatch.setattr(np.linalg, "eigvals", of_finite)


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for name, oracle in expected.items():
        # The oracle's root of a rounding error, 2e-8 at most, where a direction's levels are independent.
        by_rounding = 2.2e-8 if name in ("glcm_MCC", "glcm_Imc2") else 1e-12
        np.testing.assert_allclose(found[name], oracle, rtol=1e-9, atol=by_rounding, err_msg=name)


def example(shape=(6, 7, 5), dtype=np.int16, seed=0, share=0.7):
    rng = np.random.default_rng(seed)
    voxels = np.cumsum(rng.normal(0, 30, shape), axis=1).astype(dtype)
    inside = rng.random(shape) < share
    inside[0] = inside[:, :, -1] = False
    image, mask = sitk.GetImageFromArray(voxels), sitk.GetImageFromArray(inside.astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing((0.9, 1.1, 1.4))
    return image, mask


# ---------------------------------------------------------------- against pyradiomics


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("masked", [True, False])
def test_all_maps_equal_pyradiomics(dtype, masked, unknown_eigenvalues):
    image, mask = example(dtype=dtype)
    assert_equal(ours(image, mask, Setting(), masked=masked), theirs(image, mask, Setting(), masked=masked))


@pytest.mark.parametrize(
    "setting",
    [
        Setting(bin_count=6),
        Setting(bin_width=4.5),
        Setting(distances=(1, 2)),
        Setting(symmetrical=False),
        Setting(gldm_a=1, voxel_array_shift=300),
        Setting(flat_axis=0),
        Setting(flat_axis=2, distances=(2,), symmetrical=False),
        Setting(weighting="euclidean"),
        Setting(weighting="infinity", distances=(2, 1)),
        Setting(weighting="no_weighting"),
    ],
    ids=repr,
)
def test_every_setting_is_followed(setting, unknown_eigenvalues):
    image, mask = example(seed=3)
    assert_equal(ours(image, mask, setting), theirs(image, mask, setting))


def test_larger_windows_and_another_value_outside(unknown_eigenvalues):
    image, mask = example(seed=4)
    windows = {"kernel_radius": 2, "init_value": -7.0}
    found = ours(image, mask, Setting(), **windows)
    assert_equal(found, theirs(image, mask, Setting(), **windows))
    assert (found["glcm_Idm"][0] == -7).all()


def test_a_region_of_scattered_voxels(unknown_eigenvalues):
    image, mask = example(seed=5, share=0.1)
    found = ours(image, mask, Setting())
    assert_equal(found, theirs(image, mask, Setting()))
    assert np.isnan(found["glcm_Contrast"]).any()


@pytest.mark.parametrize("setting", [Setting(), Setting(bin_count=5, weighting="euclidean"), Setting(flat_axis=0)])
def test_maps_of_a_flat_region(setting, unknown_eigenvalues):
    """Of scattered voxels, some of which have no neighbor in their window."""
    image, mask = example(seed=3, share=0.15)
    flat = image * 0 + 7
    found = ours(flat, mask, setting)
    assert_equal(found, theirs(flat, mask, setting))
    assert np.isnan(found["glcm_Contrast"]).any() and not np.isnan(found["glcm_InverseVariance"]).any()


def test_a_constant_image_that_binary_fractions_miss():
    image, mask = example(dtype=np.float64)
    image = image * 0 + 0.1  # the mean of 27 times 0.1 is not 0.1
    only = {"firstorder": CLASSES["firstorder"]}
    assert_equal(ours(image, mask, Setting(), only), theirs(image, mask, Setting(), only))


def test_pyradiomics_gives_no_mcc_where_a_direction_is_empty_somewhere():
    image, mask = example(seed=5, share=0.2)
    only = {"glcm": ("MCC",)}
    assert not theirs(image, mask, Setting(), only)["glcm_MCC"].any()
    assert np.nanmax(ours(image, mask, Setting(), only)["glcm_MCC"]) > 0.9


@pytest.mark.data
def test_a_part_of_brain1(data_dir, unknown_eigenvalues):
    folder = data_dir / "pyradiomics_testdata"
    image, mask = (sitk.ReadImage(str(folder / f"brain1_{part}.nrrd")) for part in ("image", "label"))
    part = sitk.GetArrayFromImage(mask)
    part[:13] = part[15:] = 0
    few = sitk.GetImageFromArray(part)
    few.CopyInformation(mask)
    assert part.sum() > 100
    assert_equal(ours(image, few, Setting()), theirs(image, few, Setting()))


# ---------------------------------------------------------------- known windows


def described(voxels, setting=Setting(bin_width=1), **options):  # noqa: B008 (frozen)
    voxels = np.asarray(voxels)
    region = Region.of(np.ones(voxels.shape), (1.0, 1.0, 1.0))
    return voxel_maps(voxels, region, CLASSES, setting=setting, **options)


def test_a_row_of_two_levels_by_hand():
    maps = described([[[1, 1, 2, 2]]])
    # Windows 1 1 | 1 1 2 | 1 2 2 | 2 2
    assert maps["firstorder_Mean"].ravel().tolist() == [1, 4 / 3, 5 / 3, 2]
    assert maps["glcm_Contrast"].ravel().tolist() == [0, 0.5, 0.5, 0]
    assert maps["glcm_Autocorrelation"].ravel().tolist() == [1, 1.5, 3, 4]
    assert maps["glrlm_LongRunEmphasis"].ravel().tolist() == [4, 2.5, 2.5, 4]
    assert maps["glszm_ZonePercentage"].ravel() == pytest.approx([1 / 2, 2 / 3, 2 / 3, 1 / 2])
    assert maps["gldm_LargeDependenceEmphasis"].ravel().tolist() == [4, 3, 3, 4]
    assert maps["ngtdm_Coarseness"].ravel() == pytest.approx([1e6, 1.5, 1.5, 1e6])


def test_a_flat_window_has_the_documented_values():
    voxels = np.zeros((5, 5, 9), int)
    voxels[:, :, 6:] = 1
    flat = {name: values[2, 2, 2] for name, values in described(voxels).items()}
    assert [flat[f"glcm_{name}"] for name in ("MCC", "Imc1", "Imc2", "Correlation")] == [0, 0, 0, 1]
    assert (described(np.zeros((3, 3, 3), int))["glcm_MCC"] == 1).all()


def test_mcc_is_1_where_one_level_tells_the_other_and_0_where_it_tells_nothing():
    checkered = np.indices((3, 3, 3)).sum(axis=0) % 2
    assert described(checkered)["glcm_MCC"].ravel() == pytest.approx(1)
    independent = described([[[1, 1, 2, 2, 1]]], kernel_radius=2)  # pairs 11, 12, 22 and 21 once each
    assert independent["glcm_MCC"][0, 0, 2] == pytest.approx(0, abs=1e-15)
    assert independent["glcm_Imc2"][0, 0, 2] == 0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_turning_the_image_turns_the_maps(axis):
    voxels = np.random.default_rng(1).integers(0, 6, (5, 4, 6))
    straight, flipped = described(voxels), described(np.flip(voxels, axis))
    for name, values in straight.items():
        np.testing.assert_allclose(np.flip(flipped[name], axis), values, rtol=1e-10, atol=1e-10, err_msg=name)


def test_only_the_named_features_are_mapped():
    image, mask = example()
    named = {"glcm": ("Idm", "MCC", "Homogeneity1"), "shape": ("MeshVolume",), "firstorder": ("Mean",)}
    assert list(ours(image, mask, Setting(), named)) == ["glcm_Idm", "glcm_MCC", "firstorder_Mean"]


@pytest.mark.parametrize(("radius", "shape"), [(0, (3, 3, 3)), (-1, (3, 3, 3)), (1, (3, 3, 4))])
def test_values_that_do_not_fill_the_box_with_margin_are_refused(radius, shape):
    region = Region.of(np.ones((3, 3, 3)), (1.0, 1.0, 1.0))
    with pytest.raises(RequestError, match="margin|kernelRadius"):
        voxel_maps(np.zeros(shape), region, CLASSES, setting=Setting(), kernel_radius=radius)


# ---------------------------------------------------------------- the order of features in C and in Python


@pytest.mark.parametrize(
    ("file", "last", "names"),
    [
        ("_cooccurrence.h", "N_GLCM", glcm.FEATURES),
        ("_firstorder_maps.c", "N_FIRSTORDER", firstorder.FORMULAS),
        ("_ngtdm_maps.c", "N_NGTDM", ngtdm.FEATURES),
    ],
)
def test_the_kernels_count_features_in_the_order_of_their_names(file, last, names):
    text = re.sub(r"/\*.*?\*/", "", (KERNELS / file).read_text(), flags=re.DOTALL)
    counted = re.search(rf"enum {{([A-Z0-9_,\s]*)\b{last}\s*}}", text)[1]
    in_c = [name.strip().replace("_", "").lower() for name in counted.split(",") if name.strip()]
    assert in_c == [re.sub(r"^(\d+)(.*)", r"\2\1", name).lower() for name in names]


@pytest.mark.parametrize("feature_class", CLASSES)
def test_a_window_that_holds_the_whole_region_has_the_features_of_the_region(feature_class):
    voxels = np.random.default_rng(2).integers(1, 5, (3, 3, 3))
    region = Region.of(np.ones(voxels.shape), (1.0, 1.0, 1.0))
    names = CLASSES[feature_class]
    setting = Setting(bin_width=1)
    of_region = features(TexturedRegion(voxels.ravel(), region, setting, (feature_class,)), {feature_class: names})
    maps = voxel_maps(voxels, region, {feature_class: names}, setting=setting)
    assert {name: values[1, 1, 1] for name, values in maps.items()} == pytest.approx(of_region, rel=1e-9)
