"""Every feature of the engine against pyradiomics 3.0.1: real images, and generated ones odd in one way each."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.radiomics import make_backend, read_settings

pytest.importorskip("radiomics")

CLASSES = {name: [] for name in ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")}
FILTERS = {
    "Original": {},
    "Wavelet": {"wavelet": "coif1"},
    "LoG": {"sigma": [1.0, 3.0]},
    "Gradient": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
}
SETTING = {"normalize": True, "normalizeScale": 100, "binWidth": 25, "voxelArrayShift": 300, "minimumROIDimensions": 1}


def settings(image_types=FILTERS, classes=CLASSES, **setting):
    return {"imageType": image_types, "featureClass": classes, "setting": {**SETTING, **setting}}


def both(image: sitk.Image, roi: sitk.Image, parameters: dict) -> tuple[dict, dict]:
    """Features by both engines; what one refuses the other has to refuse with the same code, then both are empty."""
    checked = read_settings(parameters)
    found, codes = [], []
    for name in ("pyradiomics", "radiofuse"):
        try:
            found.append(make_backend(name, checked).compute(image, roi))
            codes.append(None)
        except ImageError as error:
            found.append({})
            codes.append(error.code)
    assert codes[0] == codes[1]
    return tuple(found)


def assert_equal(reference: dict, own: dict) -> None:
    """1e-9 relative or 1e-12 absolute; NaN only where pyradiomics has NaN.

    Where the levels of a direction are independent, MCC and Imc2 are 0 and pyradiomics takes the square root of a
    rounding error, up to 2.2e-8: such a direction moves the mean over 13 of them.
    """
    assert list(own) == list(reference)
    expected, got = (np.array([float(features[name]) for name in reference]) for features in (reference, own))
    absolute = [2.2e-8 if name.endswith(("glcm_MCC", "glcm_Imc2")) else 1e-12 for name in reference]
    apart = ~np.isclose(got, expected, rtol=1e-9, atol=absolute, equal_nan=True)
    lines = [f"{name}: {e!r} became {g!r}" for name, e, g in zip(reference, expected, got, strict=True)]
    off = [line for line, is_off in zip(lines, apart, strict=True) if is_off]
    assert not off, f"{len(off)} of {len(expected)} differ: {off[:8]}"


# ---------------------------------------------------------------- generated images


def volume(shape=(18, 21, 24), *, seed=0, dtype=np.float32, spacing=(1.0, 1.0, 1.0), direction=None) -> sitk.Image:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(size=shape), axis=2) + np.cumsum(rng.normal(size=shape), axis=0)
    image = sitk.GetImageFromArray((100 + 40 * smooth / smooth.std()).astype(dtype))
    image.SetSpacing(spacing)
    if direction is not None:
        image.SetDirection(direction)
    return image


def ball(image: sitk.Image, radius=5.5, center=None) -> sitk.Image:
    shape = image.GetSize()[::-1]
    center = center or [size / 2 for size in shape]
    distance = sum((axis - middle) ** 2 for axis, middle in zip(np.indices(shape), center, strict=True))
    return as_roi(image, distance <= radius**2)


def as_roi(image: sitk.Image, inside: np.ndarray) -> sitk.Image:
    roi = sitk.GetImageFromArray(inside.astype(np.uint8))
    roi.CopyInformation(image)
    return roi


def boxed(image: sitk.Image, *sides: slice) -> sitk.Image:
    inside = np.zeros(image.GetSize()[::-1], bool)
    inside[sides] = True
    return as_roi(image, inside)


def test_all_classes_and_filters():
    image = volume()
    assert_equal(*both(image, ball(image), settings()))


@pytest.mark.parametrize("dtype", [np.float64, np.int16, np.uint8, np.uint16, np.int32])
def test_pixel_types(dtype):
    image = volume(dtype=np.float64)
    positive = sitk.GetImageFromArray(np.abs(sitk.GetArrayFromImage(image)).astype(dtype))
    for setting in ({}, {"normalize": False, "binWidth": 10}):
        assert_equal(*both(positive, ball(image), settings(**setting)))


def test_anisotropic_spacing_and_oblique_direction():
    turned = (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    image = volume(spacing=(0.9, 1.3, 3.1), direction=turned)
    assert_equal(*both(image, ball(image), settings()))


def test_a_region_that_touches_the_border():
    image = volume()
    assert_equal(*both(image, ball(image, radius=9, center=(0, 20, 2)), settings()))


@pytest.mark.parametrize("axis", range(3))
def test_a_region_of_one_slice(axis):
    image = volume()
    roi = sitk.GetArrayFromImage(ball(image))
    roi *= (np.indices(roi.shape)[axis] == roi.shape[axis] // 2).astype(np.uint8)
    assert_equal(*both(image, as_roi(image, roi), settings()))


@pytest.mark.parametrize("axis", range(3))
def test_force2d_in_each_direction(axis):
    image = volume(spacing=(0.9, 1.3, 3.1))
    chosen = settings(force2D=True, force2Ddimension=axis)
    assert_equal(*both(image, ball(image), chosen))


def flat_shape(axis: int) -> dict:
    return settings({"Original": {}}, {"shape2D": [], "firstorder": []}, force2D=True, force2Ddimension=axis)


def one_slice(image: sitk.Image, axis: int) -> sitk.Image:
    roi = sitk.GetArrayFromImage(ball(image))
    roi *= (np.indices(roi.shape)[axis] == roi.shape[axis] // 2).astype(np.uint8)
    return as_roi(image, roi)


@pytest.mark.parametrize("axis", [0, 2])
def test_shape2d(axis):
    image = volume(spacing=(0.9, 1.3, 3.1))
    assert_equal(*both(image, one_slice(image, axis), flat_shape(axis)))


def test_shape2d_across_y_is_that_across_z_of_the_turned_image():
    """pyradiomics never gives it: it looks for the flat side among (x, y, z) with a number meant for (z, y, x)."""
    image = volume(spacing=(0.9, 1.3, 3.1))
    roi = one_slice(image, 1)
    turned = [sitk.PermuteAxes(one, (0, 2, 1)) for one in (image, roi)]
    _, own = both(*turned, flat_shape(0))
    across_y = make_backend("radiofuse", read_settings(flat_shape(1))).compute(image, roi)
    assert across_y == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("n_levels", [2, 3, 64, 300])
def test_numbers_of_gray_levels(n_levels):
    image = volume(shape=(24, 24, 24))
    only = {"Original": {}, "Gradient": {}}
    chosen = settings(only, binCount=n_levels)
    chosen["setting"].pop("binWidth")
    assert_equal(*both(image, ball(image, radius=8), chosen))


def test_a_flat_region_in_every_class():
    """Bins wide enough that one gray level remains; firstorder still varies."""
    image = volume()
    chosen = settings({"Square": {}, "LoG": {"sigma": [1.0]}}, normalize=False, binWidth=1e9)
    assert_equal(*both(image, ball(image), chosen))


@pytest.mark.parametrize("n_voxels", range(2, 11))
@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the reference takes means of nothing
def test_regions_of_a_few_voxels(n_voxels, scattered):
    image = volume()
    rng = np.random.default_rng(n_voxels)
    inside = np.zeros(image.GetSize()[::-1], bool)
    corner = inside[6:9, 6:9, 6:9] if scattered else inside[6:7, 6:8, 6:11]
    chosen = rng.permutation(corner.size)[:n_voxels] if scattered else np.arange(n_voxels)
    corner[np.unravel_index(chosen, corner.shape)] = True
    parameters = settings({"Original": {}, "Gradient": {}}, binWidth=10)
    assert_equal(*both(image, as_roi(image, inside), parameters))


def test_a_region_of_one_voxel_is_refused_by_both():
    image = volume()
    roi = boxed(image, slice(5, 6), slice(5, 6), slice(5, 6))
    for name in ("pyradiomics", "radiofuse"):
        with pytest.raises(ImageError, match="voxel"):
            make_backend(name, read_settings(settings())).compute(image, roi)


SETTINGS_IN_TURN = {
    "distances": {"distances": [1, 2]},
    "one far distance": {"distances": [3]},
    "asymmetric": {"symmetricalGLCM": False},
    "euclidean": {"weightingNorm": "euclidean"},
    "manhattan": {"weightingNorm": "manhattan"},
    "infinity": {"weightingNorm": "infinity"},
    "no weighting": {"weightingNorm": "no_weighting"},
    "gldm_a": {"gldm_a": 2},
    "outliers": {"removeOutliers": 2},
    "resampled": {"resampledPixelSpacing": [1.5, 1.5, 2.0]},
    "resampled in plane": {"resampledPixelSpacing": [0.7, 0.7, 0], "interpolator": "sitkLinear", "padDistance": 2},
    "pre-crop": {"preCrop": True, "padDistance": 3},
    "absolute range": {"resegmentRange": [-80, 90]},
    "relative range": {"resegmentRange": [0.2, 0.8], "resegmentMode": "relative", "resegmentShape": True},
    "sigma range": {"resegmentRange": [-1.5, 1.5], "resegmentMode": "sigma"},
}


@pytest.mark.parametrize("setting", SETTINGS_IN_TURN.values(), ids=SETTINGS_IN_TURN)
def test_settings_in_turn(setting):
    image = volume(spacing=(0.9, 1.1, 2.3))
    few = {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [2.0]}}
    assert_equal(*both(image, ball(image), settings(few, **setting)))


@pytest.mark.parametrize(
    "options",
    [{"wavelet": "db4", "level": 2}, {"wavelet": "haar", "start_level": 1, "level": 1}, {"wavelet": "bior2.2"}],
    ids=str,
)
def test_wavelets(options):
    image = volume(shape=(17, 20, 23))
    assert_equal(*both(image, ball(image), settings({"Wavelet": options}, {"firstorder": [], "glcm": []})))


def test_settings_of_one_image_type():
    image = volume()
    types = {"Original": {}, "LoG": {"sigma": [1.0], "binWidth": 7}, "Gradient": {"gradientUseSpacing": False}}
    assert_equal(*both(image, ball(image), settings(types)))


def test_named_features_come_in_the_order_of_the_list():
    image = volume()
    classes = {"glcm": ["Idmn", "Contrast", "MCC"], "shape": ["Sphericity", "MeshVolume"], "firstorder": ["Range"]}
    assert_equal(*both(image, ball(image), settings(classes=classes)))


@pytest.mark.parametrize("seed", range(6))
def test_random_images_and_regions(seed):
    rng = np.random.default_rng(100 + seed)
    shape = tuple(rng.integers(9, 30, size=3))
    image = volume(shape, seed=seed, spacing=tuple(rng.uniform(0.5, 3, size=3)))
    inside = rng.random(shape) < 0.4
    inside[: shape[0] // 3] = False
    assert_equal(*both(image, as_roi(image, inside), settings(binWidth=float(rng.choice([5, 25, 60])))))


# ---------------------------------------------------------------- real images


@pytest.mark.data
def test_brain1(data_dir):
    image, mask = (
        sitk.ReadImage(str(data_dir / f"pyradiomics_testdata/brain1_{part}.nrrd")) for part in ("image", "label")
    )
    assert_equal(*both(image, mask == 1, settings({**FILTERS, "LoG": {"sigma": [1.0, 3.0, 5.0]}})))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    "label",
    [0, 1, pytest.param(2, marks=pytest.mark.thorough), pytest.param(3, marks=pytest.mark.thorough)],
    ids=["whole", "necrosis", "edema", "enhancing"],
)
def test_a_full_brats_volume_with_labels_1_2_3(data_dir, label):
    stem = str(data_dir / "full_volume_cases/BraTS-GLI-00000-000/BraTS-GLI-00000-000")
    image, mask = sitk.ReadImage(f"{stem}-t1c.nii.gz"), sitk.ReadImage(f"{stem}-seg.nii.gz")
    assert_equal(*both(image, mask == label if label else mask != 0, settings()))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.thorough) for part in range(1, 8))])
def test_windows_of_tcga_patients_with_labels_1_2_4(data_dir, part):
    folders = sorted(path for path in (data_dir / "brats20_tcga_roi/cases").iterdir() if path.is_dir())[part::8]
    parameters = settings(normalize=False, binWidth=0.2, voxelArrayShift=10)
    for folder, (modality, label) in zip(folders, product(("t1ce", "flair", "t1", "t2"), (0, 4, 1, 2)), strict=False):
        image, mask = (sitk.ReadImage(str(folder / f"{folder.name}_{kind}.nii.gz")) for kind in (modality, "seg"))
        inside = sitk.GetArrayFromImage(mask) == label if label else sitk.GetArrayFromImage(mask) != 0
        if inside.sum() >= 8:
            assert_equal(*both(image, as_roi(image, inside), parameters))


@pytest.mark.data
@pytest.mark.parametrize("modality", ["MR_T1", "PET"])
def test_sarcoma_on_grids_of_their_own(data_dir, modality):
    folder = data_dir / "sts_ibsi_validation/STS_002"
    image, mask = (sitk.ReadImage(str(folder / f"{modality}_{part}.nii.gz")) for part in ("image", "mask"))
    few = {"Original": {}, "LoG": {"sigma": [3.0]}}
    assert_equal(*both(image, mask != 0, settings(few)))


FLAT = [
    (np.float32, 0.3, {"normalize": True, "binWidth": 25}),
    (np.float32, 0.3, {"binWidth": 25}),
    (np.uint8, 50, {"binWidth": 25}),
    (np.float64, -7.0, {"binCount": 8}),
    (np.int16, 0, {"binWidth": 25, "weightingNorm": "euclidean", "symmetricalGLCM": False}),
    (np.uint8, 7, {"binWidth": 25, "force2D": True, "distances": [1, 2]}),
]


@pytest.mark.parametrize(("dtype", "intensity", "setting"), FLAT)
def test_a_region_of_one_intensity(dtype, intensity, setting):
    voxels = np.abs(sitk.GetArrayFromImage(volume())).clip(1, 250)
    inside = sitk.GetArrayFromImage(ball(volume())) > 0
    voxels[inside] = intensity
    image = sitk.GetImageFromArray(voxels.astype(dtype))
    parameters = {"imageType": {"Original": {}, "Square": {}}, "featureClass": CLASSES, "setting": setting}
    reference, own = both(image, as_roi(image, inside), parameters)
    assert reference["original_firstorder_Range"] == 0
    assert reference["original_firstorder_Uniformity"] == reference["original_glcm_JointEnergy"] == 1
    assert_equal(reference, own)
