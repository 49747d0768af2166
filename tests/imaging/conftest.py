"""A small good image and mask, and the refusal that a bad one must meet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radiofuse.errors import ImageError
from radiofuse.imaging import IMAGE_ERROR_CODES, write_volume

SHAPE = (20, 16, 12)
SPACING_MM = (1.0, 1.0, 2.5)


@pytest.fixture
def voxels() -> np.ndarray:
    """Texture that does not compress, so that any byte of the file is a voxel's."""
    return np.random.default_rng(7).normal(100.0, 20.0, SHAPE).astype(np.float32)


@pytest.fixture
def region() -> np.ndarray:
    """A box of 6 x 5 x 4 voxels with label 1, of which one slice has label 4."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[6:12, 5:10, 4:8] = 1
    mask[6:12, 5:10, 7] = 4
    return mask


@pytest.fixture
def image_path(tmp_path: Path, voxels: np.ndarray) -> Path:
    write_volume(tmp_path / "image.nii.gz", voxels, spacing_mm=SPACING_MM)
    return tmp_path / "image.nii.gz"


@pytest.fixture
def mask_path(tmp_path: Path, region: np.ndarray) -> Path:
    write_volume(tmp_path / "mask.nii.gz", region, spacing_mm=SPACING_MM)
    return tmp_path / "mask.nii.gz"


@pytest.fixture
def refusal() -> Callable[..., str]:
    """Return a function that runs ``action``, expects an ImageError of ``code``, and returns its sentence."""

    def sentence(code: str, action: Callable[[], object]) -> str:
        with pytest.raises(ImageError) as caught:
            action()
        assert caught.value.code == code, str(caught.value)
        assert code in IMAGE_ERROR_CODES
        text = str(caught.value)
        assert text.endswith(".") and "\n" not in text and len(text) < 400
        return text

    return sentence
