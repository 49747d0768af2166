"""Every refusal of an image or region, beside what pyradiomics does: where it gives features, the docs list it."""

from __future__ import annotations

import gzip
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from radiofuse import RadiomicsExtractor
from radiofuse.errors import ImageError
from radiofuse.imaging import IMAGE_ERROR_CODES
from radiofuse.radiomics import FEATURE_ERROR_CODES

SHAPE = (10, 12, 14)
DOCS = Path(__file__).parents[2] / "docs" / "radiomics.md"
DEPARTURES = DOCS.read_text().partition("## Where it departs from pyradiomics")[2].partition("\n## ")[0]


def noise(shape=SHAPE):
    return np.random.default_rng(0).normal(100, 30, shape).astype(np.float32)


def boxes(*corners, size=3, shape=SHAPE):
    inside = np.zeros(shape, np.uint8)
    for z, y, x in corners:
        inside[z : z + size, y : y + size, x : x + size] = 1
    return inside


def with_nan():
    voxels = noise()
    voxels[4, 4, 4] = np.nan
    return voxels


def labeled(*values):
    mask = boxes((3, 3, 3)).astype(np.float32 if any(value % 1 for value in values) else np.int16)
    mask[3, 3, 3 : 3 + len(values)] = values
    return mask


def moved(mask):
    image = sitk.GetImageFromArray(mask)
    image.SetOrigin((3, 0, 0))
    return image


FEW = {"firstorder": [], "glcm": ["Contrast"]}
BOX = boxes((3, 3, 3))
# Code to image, mask and what the parameter file says beside four classes of the original image.
CASES = {
    "not_finite": (with_nan(), BOX, {}),
    "not_scalar": (noise(), sitk.GetImageFromArray(np.stack([BOX, BOX], axis=-1), isVector=True), {}),
    "wrong_dimensions": (sitk.GetImageFromArray(noise((2, *SHAPE)), isVector=False), BOX, {}),
    "mask_not_integer": (noise(), labeled(0.5), {}),
    "geometry_mismatch": (noise(), moved(BOX), {"setting": {"correctMask": True}}),
    "empty_roi": (noise(), BOX * 0, {}),
    "labels_implausible": (noise(), labeled(-1), {}),
    "roi_is_whole_image": (noise(), BOX * 0 + 1, {}),
    "roi_too_small": (noise(), BOX * (np.arange(10) == 3)[:, None, None] * (np.arange(14) > 3), {}),
    "roi_fragmented": (noise(), boxes(*np.argwhere(np.ones((3, 3, 3))) * 3, size=1), {}),
    "feature_not_finite": (noise(), boxes((0, 0, 0), (7, 9, 11)), {"setting": {"distances": [5]}}),
    "degenerate_intensity": (noise() * 0 + 7, BOX, {"setting": {"normalize": True}}),
    "empty_after_resampling": (noise(), BOX, {"setting": {"resampledPixelSpacing": [40, 40, 40]}}),
    "empty_after_resegmentation": (noise(), BOX, {"setting": {"resegmentRange": [1e4]}}),
    "too_few_grey_levels": (noise(), BOX, {"setting": {"binWidth": 1e5}}),
    "too_many_grey_levels": (
        noise(), BOX, {"featureClass": {"firstorder": []}, "setting": {"binWidth": None, "binCount": 5000}}
    ),
    "image_too_small": (noise((3, 12, 14)), BOX[3:6], {"imageType": {"Original": {}, "LoG": {"sigma": [1.0]}}}),
    "no_intensity_scale": (noise() * 0, BOX, {"imageType": {"Original": {}, "Square": {}}}),
    "no_neighbors": (noise(), BOX, {"setting": {"distances": [3]}}),
    "roi_not_flat": (
        noise(), BOX, {"featureClass": {"firstorder": [], "shape2D": []}, "setting": {"force2D": True}}
    ),
}  # fmt: skip
# Codes of FEATURE_ERROR_CODES without a case here.
ELSEWHERE = {
    "extraction_failed": "what a library raises, which is refused by both",
    "too_many_neighbors": "pyradiomics would need a box of 54 voxels a side and hours",
    "not_whole_numbers": "of a class that pyradiomics has not",
    "roi_too_large": "of a class that pyradiomics has not",
}


def parameters(changes):
    setting = {"binWidth": 25} | changes.get("setting", {})
    known = {key: value for key, value in setting.items() if value is not None}
    return {"imageType": {"Original": {}}, "featureClass": FEW} | changes | {"setting": known}


def as_image(volume):
    return volume if isinstance(volume, sitk.Image) else sitk.GetImageFromArray(volume)


def of_pyradiomics(image, mask, wanted):
    """Return how many features pyradiomics gives, 0 where it raises."""
    featureextractor = pytest.importorskip("radiomics.featureextractor")
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = featureextractor.RadiomicsFeatureExtractor(wanted).execute(image, mask)
        except (ValueError, RuntimeError, IndexError):
            return 0
    return sum(not name.startswith("diagnostics") for name in found)


@pytest.mark.parametrize("code", CASES)
def test_a_refusal_that_pyradiomics_does_not_make_is_in_the_list_of_departures(code):
    *volumes, changes = CASES[code]
    image, mask = map(as_image, volumes)
    wanted = parameters(changes)
    with pytest.raises(ImageError) as caught:
        RadiomicsExtractor(wanted).extract(image, mask)
    assert caught.value.code == code
    if of_pyradiomics(image, mask, wanted):
        assert f"`{code}`" in DEPARTURES


def truncated(path):
    """A file whose compressed stream is whole and announces twice as many voxels as it holds."""
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[: len(whole) // 2]))


def renamed(path):
    path.write_bytes(gzip.decompress(path.read_bytes()))


@pytest.mark.parametrize(("code", "damage"), [("file_truncated", truncated), ("wrong_extension", renamed)])
def test_files_that_pyradiomics_reads_all_the_same_are_in_the_list(code, damage, tmp_path):
    paths = [tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"]
    for path, volume in zip(paths, (noise(), BOX), strict=True):
        sitk.WriteImage(sitk.GetImageFromArray(volume), str(path))
    damage(paths[0])
    with pytest.raises(ImageError) as caught:
        RadiomicsExtractor(parameters({})).extract(*paths)
    assert caught.value.code == code
    if of_pyradiomics(*map(str, paths), parameters({})):
        assert f"`{code}`" in DEPARTURES


def test_an_image_named_as_its_own_mask_is_in_the_list(tmp_path):
    path = tmp_path / "image.nii.gz"
    sitk.WriteImage(sitk.GetImageFromArray(BOX), str(path))
    with pytest.raises(ImageError) as caught:
        RadiomicsExtractor(parameters({})).extract(path, path)
    assert caught.value.code == "mask_is_image" and of_pyradiomics(str(path), str(path), parameters({}))
    assert "`mask_is_image`" in DEPARTURES


def test_every_code_of_features_is_walked_or_told_why_not():
    assert FEATURE_ERROR_CODES.keys() <= CASES.keys() | ELSEWHERE.keys()
    assert not CASES.keys() & ELSEWHERE.keys()
    assert FEATURE_ERROR_CODES.keys() | IMAGE_ERROR_CODES.keys() >= CASES.keys()
    assert "`too_many_neighbors`" in DEPARTURES
