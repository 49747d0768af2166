"""Volumes in memory, from nibabel or as arrays, give the features of the files they would be saved as."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract import RadiomicsExtractor

SETTINGS = {
    "imageType": {"Original": {}, "Wavelet": {}},
    "featureClass": {"shape": ["VoxelVolume", "SurfaceArea"], "firstorder": ["Mean"], "glcm": ["Contrast"]},
}


@pytest.fixture
def extractor() -> RadiomicsExtractor:
    return RadiomicsExtractor(SETTINGS, label=1)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(1).normal(100, 20, (14, 12, 10)).astype(np.float32)


@pytest.fixture
def region() -> np.ndarray:
    mask = np.zeros((14, 12, 10), np.uint8)
    mask[3:9, 4:9, 2:7] = 1
    return mask


def test_nibabel_images_give_the_features_of_their_files(extractor, voxels, region, tmp_path):
    turn = nib.eulerangles.euler2mat(0.3, 0.2, 0.1) * [0.9, 1.1, 3.0]
    affine = nib.affines.from_matvec(turn, [-90.0, 12.0, 7.0])
    image, mask = nib.Nifti1Image(voxels, affine), nib.Nifti1Image(region, affine)
    nib.save(image, tmp_path / "image.nii.gz")
    nib.save(mask, tmp_path / "mask.nii.gz")
    expected = np.asarray(extractor.extract(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"))
    np.testing.assert_allclose(extractor.extract(image, mask), expected, rtol=1e-6)
    loaded = [nib.load(tmp_path / f"{name}.nii.gz") for name in ("image", "mask")]
    np.testing.assert_allclose(extractor.extract(*loaded), expected, rtol=1e-6)
    read = [sitk.ReadImage(tmp_path / f"{name}.nii.gz") for name in ("image", "mask")]
    np.testing.assert_allclose(extractor.extract(loaded[0], read[1]), expected, rtol=1e-6)
    np.testing.assert_allclose(extractor.extract_each(*loaded, [1, "any"]), [expected, expected], rtol=1e-6)


@pytest.mark.parametrize("kind", [bool, ">u2", np.float64])
def test_arrays_run_along_x_y_z_and_need_a_voxel_size(extractor, voxels, region, kind):
    image, mask = sitk.GetImageFromArray(voxels.T), sitk.GetImageFromArray(region.T)
    for one in (image, mask):
        one.SetSpacing((0.9, 1.1, 3.0))
    expected = np.asarray(extractor.extract(image, mask))
    found = np.asarray(extractor.extract(voxels, region.astype(kind), spacing_mm=(0.9, 1.1, 3.0)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0] == pytest.approx(150 * 0.9 * 1.1 * 3.0)  # 6 x 5 x 5 voxels


def test_nan_outside_the_region_is_refused_where_a_setting_reads_it_alone(voxels, region):
    original = {"imageType": {"Original": {}}, "featureClass": {"firstorder": [], "glcm": [], "shape": []}}
    holed = np.where(region | np.roll(region, 2, 0), voxels, np.nan)
    extractor = RadiomicsExtractor(original, label=1)
    expected = np.asarray(extractor.extract(voxels, region, spacing_mm=(1, 1, 1)))
    np.testing.assert_array_equal(extractor.extract(holed, region, spacing_mm=(1, 1, 1)), expected)
    reading = [
        {"imageType": {"Original": {}, "Square": {}}},
        {"setting": {"normalize": True}},
        {"setting": {"resampledPixelSpacing": [2, 2, 2]}},
    ]
    for options in reading:
        with pytest.raises(ImageError, match="NaN or infinite voxels, 0 in the region"):
            RadiomicsExtractor({**original, **options}, label=1).extract(holed, region, spacing_mm=(1, 1, 1))
    holed[5, 6, 4] = np.nan
    with pytest.raises(ImageError, match="1 in the region"):
        extractor.extract(holed, region, spacing_mm=(1, 1, 1))


def test_what_does_not_say_its_voxel_size_is_a_wrong_request(extractor, voxels, region, tmp_path):
    image = sitk.GetImageFromArray(voxels.T)
    for arguments, spacing_mm, words in [
        ((voxels, region), None, "ndarray: pass spacing_mm"),
        ((image, region), (1, 1, 1), "Image: leave spacing_mm out"),
        ((voxels, region), (1, 1), "three numbers above 0"),
        ((voxels, region), (1, 1, 0), "three numbers above 0"),
        ((tmp_path / "a.nii", image), None, "two paths, or both in memory"),
        (([[1]], [[1]]), None, "list; a path, a SimpleITK or nibabel image, or an array"),
    ]:
        with pytest.raises(RequestError, match=words):
            extractor.extract(*arguments, spacing_mm=spacing_mm)


def test_volumes_in_memory_that_are_no_volume_are_refused(extractor, voxels, region):
    with pytest.raises(ImageError, match="array of 2 dimensions"):
        extractor.extract(voxels[0], region[0], spacing_mm=(1, 1, 1))
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    with pytest.raises(ImageError, match="not at right angles"):
        extractor.extract(nib.Nifti1Image(voxels, sheared), nib.Nifti1Image(region, sheared))
