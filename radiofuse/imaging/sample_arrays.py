"""One sample's files to the arrays that a network reads, and the SHA-256 of what was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.labels import MaskLabel, labeled


class ArraySpec(Protocol):
    """What makes arrays of a sample: ``SliceStack``, ``VolumePatch`` and what works like them."""

    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def needs_mask(self) -> bool: ...
    def identity(self) -> dict[str, Any]: ...
    def arrays(self, images: Mapping[str, sitk.Image], region: sitk.Image | None) -> dict[str, np.ndarray]: ...


def sample_arrays(
    spec: ArraySpec, images: Mapping[str, str], mask: str, label: MaskLabel
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of one sample, and the digests of its files by modality and ``mask``.

    Parameters
    ----------
    spec : ArraySpec
    images : mapping of str to str
        Paths by modality; others than the channels are not read.
    mask : str
        "" where there is none.
    label : "any", int or list of int

    Raises
    ------
    ImageError
        If a file cannot be used.
    """
    volumes = {name: read_image(images[name]) for name in spec.channels if name in images}
    digests = {name: volume.sha256 for name, volume in volumes.items()}
    region = None
    if mask and volumes:
        drawn, grid = read_mask(mask), next(iter(volumes.values())).image
        values, _ = mask_on_grid(sitk.GetArrayViewFromImage(drawn.image), drawn.image, grid)
        inside = _inside(values, label, grid, needed=spec.needs_mask)
        region = sitk.GetImageFromArray(np.ascontiguousarray(inside).view(np.uint8))
        region.CopyInformation(grid)
        digests["mask"] = drawn.sha256
    return spec.arrays({name: volume.image for name, volume in volumes.items()}, region), digests


def _inside(values: np.ndarray, label: MaskLabel, grid: sitk.Image, *, needed: bool) -> np.ndarray:
    """Return where the tumor is: nowhere, if the mask says so and nothing hangs on it."""
    try:
        return labeled(values, label, float(np.prod(grid.GetSpacing())))[0]
    except ImageError as error:
        if needed or error.code not in ("empty_roi", "label_not_found"):
            raise
        return np.zeros(values.shape, bool)
