"""Image and region before any filter: bit for bit what pyradiomics hands to its filters and feature classes."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.radiomics import read_settings
from radiofuse.radiomics.engine import Engine
from radiofuse.radiomics.normalization import normalized
from radiofuse.radiomics.parameters import resolve
from radiofuse.radiomics.preprocessing import prepare, prepare_each

# ITK sums in as many parts as there are threads; what is compared to the last bit takes one.
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

TURNED = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
OBLIQUE = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


def plan_of(**setting):
    return resolve(read_settings({"setting": setting}))


def volume(shape=(14, 18, 22), *, dtype=np.float32, spacing=(0.9, 1.1, 2.3), direction=None, seed=0) -> sitk.Image:
    values = np.random.default_rng(seed).normal(120, 40, size=shape)
    image = sitk.GetImageFromArray(np.clip(values, 0, 255).astype(dtype))
    image.SetSpacing(spacing)
    image.SetOrigin((-31.7, 12.3, 5.1))
    if direction is not None:
        image.SetDirection(direction)
    return image


def like(image: sitk.Image, inside: np.ndarray) -> sitk.Image:
    roi = sitk.GetImageFromArray(np.asarray(inside).astype(np.uint8))
    roi.CopyInformation(image)
    return roi


def ball(image: sitk.Image, radius=4.5) -> sitk.Image:
    shape = image.GetSize()[::-1]
    return like(
        image, sum((axis - size / 2) ** 2 for axis, size in zip(np.indices(shape), shape, strict=True)) < radius**2
    )


def boxed(image: sitk.Image, *sides: slice) -> sitk.Image:
    inside = np.zeros(image.GetSize()[::-1], bool)
    inside[sides] = True
    return like(image, inside)


def reference(image: sitk.Image, roi: sitk.Image, setting: dict) -> tuple[sitk.Image, np.ndarray, np.ndarray]:
    """Run pyradiomics up to its first filter; the image, the mask of textures, and the mask of shape."""
    featureextractor = pytest.importorskip("radiomics.featureextractor")
    operations = pytest.importorskip("radiomics.imageoperations")
    extractor = featureextractor.RadiomicsFeatureExtractor({"setting": setting})
    settings = extractor.settings
    before = sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance()
    try:
        extractor._setTolerance()
        image, mask = extractor.loadImage(image, roi, **settings)
        box, corrected = operations.checkMask(image, mask, **settings)
        mask = mask if corrected is None else corrected
        shape = texture = mask
        if settings["resegmentRange"] is not None:
            texture = operations.resegmentMask(image, mask, **settings)
            box, _ = operations.checkMask(image, texture, **settings)
            shape = texture if settings.get("resegmentShape") else mask
    finally:
        sitk.ProcessObject.SetGlobalDefaultCoordinateTolerance(before)
        sitk.ProcessObject.SetGlobalDefaultDirectionTolerance(before)
    within = np.zeros(image.GetSize()[::-1], bool)
    within[box[4] : box[5] + 1, box[2] : box[3] + 1, box[0] : box[1] + 1] = True
    return image, sitk.GetArrayFromImage(texture) == 1, (sitk.GetArrayFromImage(shape) == 1) & within


def in_volume(region) -> np.ndarray:
    mask = np.zeros(region.volume_shape, bool)
    mask[region.box] = region.mask
    return mask


def assert_equal(image: sitk.Image, roi: sitk.Image, **setting):
    prepared = prepare(image, roi, plan_of(**setting))
    expected, texture, shape = reference(image, roi, setting)
    values = sitk.GetArrayFromImage(expected)
    assert prepared.array.dtype == values.dtype
    assert prepared.array.flags.c_contiguous
    np.testing.assert_array_equal(prepared.array, values)
    np.testing.assert_array_equal(in_volume(prepared.region), texture)
    np.testing.assert_array_equal(in_volume(prepared.shape_region), shape)
    assert prepared.spacing_mm == prepared.region.spacing_mm == expected.GetSpacing()[::-1]
    for place in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(prepared.grid, place)(), getattr(expected, place)(), rtol=0, atol=1e-12)
    assert prepared.roi.GetSize() == expected.GetSize()
    return prepared


SETTINGS = {
    "nothing": {},
    "normalized": {"normalize": True},
    "scaled": {"normalize": True, "normalizeScale": 100},
    "clipped": {"normalize": True, "normalizeScale": 100, "removeOutliers": 1.5},
    "clipped at a whole number": {"normalize": True, "removeOutliers": 2},
    "resampled": {"resampledPixelSpacing": [1.5, 1.5, 1.5]},
    "finer, linear": {"resampledPixelSpacing": [0.5, 0.7, 1.1], "interpolator": "sitkLinear", "padDistance": 0},
    "in plane": {"resampledPixelSpacing": [2, 2, 0], "interpolator": "sitkNearestNeighbor", "padDistance": 2},
    "by number": {"resampledPixelSpacing": [1, 1, 1], "interpolator": 9},
    "normalized and resampled": {"normalize": True, "normalizeScale": 100, "resampledPixelSpacing": [1, 1, 2]},
    "its own spacing": {"resampledPixelSpacing": [0.9, 1.1, 2.3], "padDistance": 3},
    "resampled in no direction": {"resampledPixelSpacing": [0, 0, 0]},
    "no interpolator": {"resampledPixelSpacing": [1, 1, 1], "interpolator": None},
    "cut": {"preCrop": True, "padDistance": 2},
    "cut and normalized": {"preCrop": True, "padDistance": 30, "normalize": True},
    "at least": {"resegmentRange": [100]},
    "between": {"resegmentRange": [150, 90]},
    "of the highest": {"resegmentRange": [0.3, 0.7], "resegmentMode": "relative"},
    "sigma": {"resegmentRange": [-1, 1.5], "resegmentMode": "sigma"},
    "sigma, resampled": {
        "resegmentRange": [-1, 1],
        "resegmentMode": "sigma",
        "resegmentShape": True,
        "resampledPixelSpacing": [1, 1, 1],
    },
    "few left": {"resegmentRange": [200], "minimumROIDimensions": 1},
    "cut and resegmented": {"preCrop": True, "padDistance": 1, "resegmentRange": [150]},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint8, np.int32])
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_step_for_every_pixel_type(setting, dtype):
    image = volume(dtype=dtype)
    assert_equal(image, ball(image), **setting)


@pytest.mark.parametrize("direction", [TURNED, OBLIQUE], ids=["turned", "oblique"])
@pytest.mark.parametrize("spacing", [[1, 1, 1], [0.4, 3, 0]], ids=str)
def test_resampling_along_the_masks_axes(direction, spacing):
    image = volume(direction=direction)
    assert_equal(image, ball(image), resampledPixelSpacing=spacing)


@pytest.mark.parametrize("axis", range(3))
def test_a_region_of_one_slice_is_not_resampled_across_it(axis):
    image = volume()
    sides = [slice(3, 10)] * 3
    sides[axis] = slice(6, 7)
    prepared = assert_equal(image, boxed(image, *sides), resampledPixelSpacing=[1.5, 1.5, 1.5])
    assert prepared.spacing_mm[axis] == image.GetSpacing()[::-1][axis]


def test_a_region_at_the_border_is_resampled_within_the_image():
    image = volume()
    assert_equal(image, boxed(image, slice(0, 6), slice(0, 18), slice(15, 22)), resampledPixelSpacing=[0.7, 0.7, 0.7])


def finer_mask(image: sitk.Image, inside=(slice(6, 20), slice(8, 25), slice(10, 30))) -> sitk.Image:
    """A mask on a grid of its own, of half the image's voxel size, within the image."""
    mask = np.zeros(tuple(2 * size - 4 for size in image.GetSize()[::-1]), np.uint8)
    mask[inside] = 1
    roi = sitk.GetImageFromArray(mask)
    roi.SetSpacing([size / 2 for size in image.GetSpacing()])
    roi.SetDirection(image.GetDirection())
    roi.SetOrigin(image.TransformContinuousIndexToPhysicalPoint((0.3, 0.2, 0.4)))
    return roi


@pytest.mark.parametrize(
    "setting",
    [
        {"correctMask": True},
        {"correctMask": True, "preCrop": True, "normalize": True},
        {"resampledPixelSpacing": [1, 1, 1]},
        {"resampledPixelSpacing": [0.9, 1.1, 2.3]},
        {"correctMask": True, "resegmentRange": [100]},
    ],
    ids=str,
)
@pytest.mark.parametrize("direction", [None, OBLIQUE], ids=["straight", "oblique"])
def test_a_mask_on_another_grid(setting, direction):
    image = volume(direction=direction)
    prepared = assert_equal(image, finer_mask(image), **setting)
    assert prepared.corrected == ("correctMask" in setting)


def test_a_small_shift_is_within_the_tolerance():
    image = volume()
    roi = ball(image)
    roi.SetOrigin([place + 1e-3 for place in image.GetOrigin()])
    assert_equal(image, roi, geometryTolerance=0.01)
    with pytest.raises(ImageError) as caught:
        prepare(image, roi, plan_of())
    assert caught.value.code == "geometry_mismatch"
    assert "geometryTolerance" in str(caught.value)


def test_one_channel_of_a_segmentation():
    image = volume()
    channels = sitk.Compose(boxed(image, slice(0, 5), slice(0, 5), slice(0, 5)), ball(image))
    assert_equal(image, channels, label_channel=1)
    with pytest.raises(ImageError, match="2 channels"):
        prepare(image, channels, plan_of(label_channel=2))


def test_shape_keeps_the_whole_region_under_ibsi():
    """pyradiomics cuts the shape to the box of the resegmented region; IBSI resegments intensities only."""
    image = volume()
    roi = ball(image)
    parameters = {"setting": {"resegmentRange": [190]}}
    whole = prepare(image, roi, resolve(read_settings(parameters | {"radiofuse": {"ibsi": True}}))).shape_region
    cut = prepare(image, roi, resolve(read_settings(parameters))).shape_region
    assert whole.n_voxels == np.count_nonzero(sitk.GetArrayViewFromImage(roi)) > cut.n_voxels


def refused(image, roi, **setting) -> tuple[str, str]:
    """Both pyradiomics and we refuse; code and sentence of ours."""
    with pytest.raises((ValueError, RuntimeError)):
        reference(image, roi, setting)
    with pytest.raises(ImageError) as caught:
        prepare(image, roi, plan_of(**setting))
    return caught.value.code, str(caught.value)


def test_what_is_refused():
    image = volume()
    line, cube = boxed(image, slice(5, 6), slice(5, 6), slice(5, 9)), boxed(image, *[slice(5, 8)] * 3)
    assert refused(image, boxed(image, *[slice(5, 6)] * 3))[0] == "roi_too_small"
    assert refused(image, line) == (
        "roi_too_small",
        "The region of interest (4 x 1 x 1 voxels) extends along 1 of the 2 axes that minimumROIDimensions asks for. "
        "Correct the mask or lower it.",
    )
    assert "27 voxels; more than minimumROISize = 27" in refused(image, cube, minimumROISize=27)[1]
    assert prepare(image, cube, plan_of(minimumROISize=26)).region.n_voxels == 27
    assert refused(image, like(image, np.zeros(image.GetSize()[::-1])))[0] == "empty_roi"
    assert refused(image, ball(image), resegmentRange=[1000])[0] == "empty_after_resegmentation"
    assert refused(image, finer_mask(image))[0] == "geometry_mismatch"


def test_a_region_that_the_new_spacing_misses():
    image = volume()
    thin = boxed(image, slice(5, 7), slice(5, 7), slice(5, 7))
    assert refused(image, thin, resampledPixelSpacing=[6, 6, 6])[0] == "empty_after_resampling"


@pytest.mark.parametrize("setting", [{"correctMask": True}, {"resampledPixelSpacing": [1, 1, 1]}], ids=str)
def test_a_region_outside_of_the_image(setting):
    image = volume()
    roi = finer_mask(image)
    roi.SetOrigin([place - 30 for place in image.GetOrigin()])
    code, sentence = refused(image, roi, **setting)
    assert code == "geometry_mismatch"
    assert "reaches from" in sentence


def test_a_constant_image_is_not_normalized():
    image = sitk.GetImageFromArray(np.full((9, 9, 9), 7.0))
    with pytest.raises(ImageError, match="All voxels of the image are 7"):
        prepare(image, boxed(image, *[slice(2, 6)] * 3), plan_of(normalize=True))


def test_what_comes_in_stays_as_it_is():
    image = volume()
    roi = ball(image)
    before = sitk.Hash(image), sitk.Hash(roi)
    prepare(image, roi, plan_of(normalize=True, normalizeScale=10, removeOutliers=1, resegmentRange=[0]))
    prepare(image, roi, plan_of(resampledPixelSpacing=[2, 2, 2]))
    assert (sitk.Hash(image), sitk.Hash(roi)) == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64], ids=str)
@pytest.mark.parametrize("largest", [7, 3e4, 4e6, 3e15], ids=str)
def test_normalization_of_whole_numbers_to_the_last_bit(dtype, largest):
    """Small ones are summed exactly; the squares of large ones do not fit, and ITK sums them."""
    values = np.rint(np.random.default_rng(1).uniform(-largest / 5, largest, size=(9, 31, 40)))
    image = sitk.GetImageFromArray(values.astype(dtype))
    assert_equal(image, ball(image), normalize=True, normalizeScale=3)


def test_one_fraction_among_whole_numbers_counts():
    image = volume(dtype=np.int16)
    values = sitk.GetArrayFromImage(image).astype(np.float32)
    values[-1, -1, -1] += 0.25
    assert_equal(sitk.GetImageFromArray(values), ball(sitk.GetImageFromArray(values)), normalize=True)


@pytest.mark.parametrize("setting", ["scaled", "normalized and resampled", "between", "cut"])
def test_several_regions_are_as_one_by_one(setting):
    image = volume()
    rois = [ball(image), ball(image, radius=3.5), boxed(image, slice(2, 9), slice(1, 8), slice(0, 22))]
    together = prepare_each(image, rois, plan_of(**SETTINGS[setting]))
    for roi, one in zip(rois, together, strict=True):
        alone = prepare(image, roi, plan_of(**SETTINGS[setting]))
        np.testing.assert_array_equal(one.array, alone.array)
        np.testing.assert_array_equal(in_volume(one.region), in_volume(alone.region))
    assert (together[0].array is together[1].array) == (setting in ("scaled", "between"))


# ---------------------------------------------------------------- real images


@pytest.mark.data
@pytest.mark.parametrize("setting", ["scaled", "resampled", "cut", "between", "sigma, resampled"])
def test_brain1(data_dir, setting):
    image, mask = (
        sitk.ReadImage(str(data_dir / f"pyradiomics_testdata/brain1_{part}.nrrd")) for part in ("image", "label")
    )
    chosen = {**SETTINGS[setting], **({"resegmentRange": [600, 900]} if setting == "between" else {})}
    assert_equal(image, mask, **chosen)


@pytest.mark.data
@pytest.mark.parametrize("setting", ["clipped", "normalized and resampled", "of the highest"])
def test_a_window_of_a_brats_patient(data_dir, setting):
    folder = sorted(path for path in (data_dir / "brats20_tcga_roi/cases").iterdir() if path.is_dir())[0]
    image, mask = (sitk.ReadImage(str(folder / f"{folder.name}_{kind}.nii.gz")) for kind in ("t1ce", "seg"))
    assert_equal(image, sitk.Cast(mask != 0, sitk.sitkUInt8), **SETTINGS[setting])


@pytest.mark.data
@pytest.mark.parametrize("image_kind", ["PET", "MR_T1"])
@pytest.mark.parametrize("mask_kind", ["PET", "MR_T1"])
@pytest.mark.parametrize("setting", [{"correctMask": True}, {"resampledPixelSpacing": [2, 2, 2]}], ids=str)
def test_a_sarcoma_with_the_mask_of_another_scan(data_dir, image_kind, mask_kind, setting):
    folder = data_dir / "sts_ibsi_validation/STS_002"
    image = sitk.ReadImage(str(folder / f"{image_kind}_image.nii.gz"))
    roi = sitk.Cast(sitk.ReadImage(str(folder / f"{mask_kind}_mask.nii.gz")) != 0, sitk.sitkUInt8)
    assert_equal(image, roi, **setting)


def test_z_scores_do_not_depend_on_the_number_of_cores():
    """Sums of parts round differently, and ITK makes as many parts as there are threads."""
    image = sitk.GetImageFromArray(np.random.default_rng(7).normal(370, 45, (6, 6, 9)))
    steps = resolve(read_settings({"setting": {"normalize": True}})).preprocessing
    before, found = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(), []
    try:
        for n_threads in (1, 2, 4, 8):
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(n_threads)
            found.append(normalized(image, steps))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("shape", [(2, 8, 8), (8, 2, 8)])
def test_splines_on_an_axis_of_two_voxels_are_refused(shape):
    """ITK makes up to 4e32 of a constant image of 100 there, another number on every run."""
    image = sitk.GetImageFromArray(np.full(shape, 100.0))
    roi = sitk.GetImageFromArray(np.ones(shape, np.uint8))
    plan = resolve(read_settings({"setting": {"resampledPixelSpacing": [0.5, 0.5, 0.5]}}))
    with pytest.raises(ImageError, match="axis of two voxels") as caught:
        prepare(image, roi, plan)
    assert caught.value.code == "image_too_small"


WHOLE_NUMBERS = [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64, np.float32]
MEETS_INTEGERS = {
    "shift": {"voxelArrayShift": 300},
    "negative shift": {"voxelArrayShift": -1000},
    "above the type": {"resegmentRange": [20, 40000]},
    "below the type": {"resegmentRange": [-40000, 90.5]},
    "twice the highest": {"resegmentRange": [0.5, 2], "resegmentMode": "relative"},
    "twice the highest, a float": {"resegmentRange": [0.25, 2.0], "resegmentMode": "relative"},
    "far above the highest": {"resegmentRange": [0.25, 900], "resegmentMode": "relative"},
    "from below 0": {"resegmentRange": [-1, 0.5], "resegmentMode": "relative"},
    "whole sigmas": {"resegmentRange": [-300, 1], "resegmentMode": "sigma"},
    "outliers": {"normalize": True, "removeOutliers": 1, "normalizeScale": 100},
    "padding": {"preCrop": True, "padDistance": 300},
    "wide bins": {"binWidth": 100},
    "many bins": {"binCount": 200},
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("setting", MEETS_INTEGERS.values(), ids=MEETS_INTEGERS)
def test_the_same_voxels_of_any_type_have_the_same_features(setting):
    exact = sitk.Clamp(volume(dtype=np.float64), sitk.sitkFloat64, 0, 127)
    exact = sitk.Round(exact)
    roi = ball(exact)
    parts = {"featureClass": {"shape": [], "firstorder": [], "glcm": []}, "setting": {"binWidth": 5} | setting}
    if "binCount" in setting:
        del parts["setting"]["binWidth"]
    engine = Engine(read_settings(parts))
    expected = engine.compute(exact, roi)
    for dtype in WHOLE_NUMBERS:
        image = sitk.GetImageFromArray(sitk.GetArrayFromImage(exact).astype(dtype))
        image.CopyInformation(exact)
        found = engine.compute(image, roi)
        assert found == pytest.approx(expected, rel=1e-6 if dtype is np.float32 else 0, abs=0), dtype


@pytest.mark.parametrize(("dtype", "highest"), [(np.uint8, 200), (np.int16, 30000)])
def test_bounds_of_the_highest_intensity_do_not_wrap_around(dtype, highest):
    values = np.linspace(highest / 10, highest, 10).astype(dtype).reshape(1, 2, 5)
    image = sitk.GetImageFromArray(values)
    plan = plan_of(resegmentRange=[0.5, 2], resegmentMode="relative", minimumROIDimensions=1)
    assert prepare(image, image > 0, plan).region.n_voxels == np.count_nonzero(values >= highest / 2) == 6
