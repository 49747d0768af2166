"""The same voxels have the same features whatever pixel type holds them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radiofuse import RadiomicsExtractor

WHOLE = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64]
SPACING = (1.0, 1.2, 2.0)
CLASSES = {"firstorder": [], "glcm": ["Contrast", "ClusterShade"], "gldm": ["DependenceEntropy"], "ngtdm": ["Contrast"]}
FILTERS = ["Original", "Wavelet", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient"]
SETTINGS = {
    "plain": {},
    "normalized, outliers": {"normalize": True, "normalizeScale": 100, "removeOutliers": 2},
    "normalized, resampled": {"normalize": True, "resampledPixelSpacing": [1.3, 1.1, 1.7], "padDistance": 3},
    "relative bounds": {"resegmentRange": [0.25, 0.85], "resegmentMode": "relative"},
    "bounds in sigma": {"resegmentRange": [-1.5, 1.5], "resegmentMode": "sigma"},
    "bounds between and beyond the type": {"resegmentRange": [20.5, 1e9]},
    "shift": {"voxelArrayShift": 300},
    "shift below 0": {"voxelArrayShift": -1000},
    "pre-cropped": {"preCrop": True, "padDistance": 2},
    "in the plane": {"force2D": True},
}


@pytest.fixture(scope="module")
def voxels():
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(16, 14, 12)), 1.2)
    return np.rint(np.interp(smooth, (smooth.min(), smooth.max()), (0, 120)))  # fits 8 bits with a sign


@pytest.fixture(scope="module")
def region(voxels):
    inside = np.zeros(voxels.shape, np.uint8)
    inside[4:11, 3:10, 3:9] = 1
    inside[4, 3, 3:6] = 0
    return inside


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_whole_numbers_of_any_type_and_floats(voxels, region, setting):
    images = {name: {} for name in FILTERS} | {"LoG": {"sigma": [1.0, 2.0]}}
    if setting.get("force2D"):
        images["LBP2D"] = {}
    settings = {"imageType": images, "featureClass": CLASSES, "setting": {"binWidth": 5, **setting}}
    extractor = RadiomicsExtractor(settings, label=1)
    expected = extractor.extract(voxels, region, spacing_mm=SPACING)
    for kind in WHOLE:
        found = extractor.extract(voxels.astype(kind), region, spacing_mm=SPACING)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=kind.__name__)
    found = extractor.extract(voxels.astype(np.float32), region, spacing_mm=SPACING)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_whole_numbers_are_cut_to_whole_numbers_when_resampled(voxels, region):
    """ITK resamples into the pixel type of the image, and pyradiomics with it: the page on radiomics says so."""
    extractor = RadiomicsExtractor(
        {
            "imageType": {"Original": {}},
            "featureClass": {"firstorder": ["Minimum", "Maximum", "Median", "10Percentile"]},
            "setting": {"resampledPixelSpacing": [1.3, 1.1, 1.7]},
        },
        label=1,
    )
    whole, real = (extractor.extract(one, region, spacing_mm=SPACING) for one in (voxels.astype(np.int16), voxels))
    extremes = ["original_firstorder_Minimum", "original_firstorder_Maximum"]
    np.testing.assert_array_equal(whole[extremes], np.trunc(real[extremes]))
    assert not np.array_equal(whole, real)
