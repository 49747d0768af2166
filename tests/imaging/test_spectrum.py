"""What an image is like: gain changes nothing of normalized images; blur, noise and voxels show where they should."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

import radiofuse.imaging.spectrum as spectrum_module
from radiofuse.imaging.roi import check_pair
from radiofuse.imaging.spectrum import NAMES, spectrum

RNG = np.random.default_rng(0)
SMOOTH = gaussian_filter(RNG.normal(size=(12, 24, 24)), 1.0).astype(np.float32) + 2.0
REGION = np.zeros(SMOOTH.shape, np.uint8)
REGION[4:8, 8:16, 8:16] = 1


def told(
    voxels: np.ndarray, *, spacing: tuple[float, ...] = (1.0, 1.0, 1.0), normalized: bool = True
) -> dict[str, float]:
    image, mask = sitk.GetImageFromArray(voxels.astype(np.float32)), sitk.GetImageFromArray(REGION)
    for one in (image, mask):
        one.SetSpacing(spacing)
    values = spectrum(check_pair(image, mask), normalized=normalized)
    assert values.shape == (len(NAMES),) and np.isfinite(values).all()
    return dict(zip(NAMES, values, strict=True))


def test_gain_and_offset_change_nothing_where_images_are_normalized():
    before, after = told(SMOOTH), told(3 * SMOOTH + 7)
    assert after == pytest.approx(before, abs=1e-3)
    raw = told(3 * SMOOTH, normalized=False)
    assert raw["region_p50"] == pytest.approx(3 * np.median(SMOOTH[REGION == 1]), rel=1e-5)


def test_noise_blur_and_voxels_show_where_they_should():
    before = told(SMOOTH)
    noisy = told(SMOOTH + RNG.normal(size=SMOOTH.shape) * SMOOTH.std() / 2)
    blurred = told(gaussian_filter(SMOOTH, 1.0))
    assert noisy["noise"] > before["noise"] + 0.3 and noisy["edges_x"] > before["edges_x"]
    assert noisy["blur_x"] < before["blur_x"] < blurred["blur_x"]
    coarse = told(SMOOTH, spacing=(1.0, 1.0, 10.0))
    assert {name for name in NAMES if coarse[name] != before[name]} == {"spacing_z", "region_volume"}
    assert coarse["spacing_z"] == pytest.approx(1.0)
    assert 10 ** before["region_volume"] == pytest.approx(0.256)


def test_of_white_noise_of_known_size_the_noise_is_told():
    voxels = 50 + np.random.default_rng(1).normal(size=SMOOTH.shape)
    found = told(voxels)
    assert 10 ** found["noise"] == pytest.approx(1.0, rel=0.1)  # in standard deviations of the image, which is noise
    assert found["blur_y"] == pytest.approx(0.0, abs=0.02) and 10 ** found["edges_y"] == pytest.approx(2**0.5, rel=0.05)


def test_air_around_changes_nothing(monkeypatch: pytest.MonkeyPatch):
    voxels = SMOOTH.copy()
    voxels[:, :4] = voxels[:2] = voxels[..., -3:] = 0.0
    before = told(voxels)
    assert spectrum_module._around(voxels != 0) == (slice(1, 13), slice(3, 25), slice(0, 22))
    monkeypatch.setattr(spectrum_module, "_around", lambda there: (slice(None),) * 3)
    assert told(voxels) == before


def test_what_is_0_is_no_tissue():
    voxels = SMOOTH.copy()
    voxels[:, :4] = 0.0
    inside = told(np.where(voxels == 0, 0.0, voxels + 100))
    assert inside["edges_y"] == pytest.approx(told(SMOOTH + 100)["edges_y"], abs=0.1)
