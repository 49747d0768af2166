"""One sample's files to the arrays that a network reads, and the SHA-256 of what was read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.labels import MaskLabel, labeled
from radiofuse.imaging.placing import Placing


class ArraySpec(Protocol):
    """What makes arrays of a sample: ``SliceStack``, ``VolumePatch`` and what works like them."""

    @property
    def channels(self) -> tuple[str, ...]: ...
    @property
    def needs_mask(self) -> bool: ...
    def identity(self) -> dict[str, Any]: ...
    def arrays(self, images: Mapping[str, sitk.Image], region: sitk.Image | None) -> dict[str, np.ndarray]: ...
    def placing(self, grid: sitk.Image, region: sitk.Image | None) -> Placing: ...


@runtime_checkable
class KeepsParts(Protocol):
    """What keeps a mask's own labels beside the tumor, where ``parts`` says so."""

    parts: bool

    def cube_of(self, labels: sitk.Image, region: sitk.Image) -> np.ndarray: ...


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
    images_read = {name: volume.image for name, volume in volumes.items()}
    if not mask or not volumes:
        return spec.arrays(images_read, None), digests
    grid = next(iter(images_read.values()))
    region, digests["mask"] = _region(mask, label, grid, needed=spec.needs_mask)
    arrays = spec.arrays(images_read, region)
    if isinstance(spec, KeepsParts) and spec.parts:
        arrays["parts"] = spec.cube_of(_labels(mask, grid), region)
    return arrays, digests


def sample_placing(spec: ArraySpec, images: Mapping[str, str], mask: str, label: MaskLabel) -> Placing:
    """Return where the arrays of one sample lie in its first channel; parameters and errors as ``sample_arrays``."""
    grid = read_image(images[spec.channels[0]]).image
    return spec.placing(grid, _region(mask, label, grid, needed=spec.needs_mask)[0] if mask else None)


def read_region(mask: str, label: MaskLabel, grid: sitk.Image) -> np.ndarray:
    """Return which voxels (z, y, x) of an image a mask's file marks, none where it marks none.

    Raises
    ------
    ImageError
        If the file cannot be used, or lies on another grid.
    """
    return sitk.GetArrayFromImage(_region(mask, label, grid, needed=False)[0]) != 0


def _region(mask: str, label: MaskLabel, grid: sitk.Image, *, needed: bool) -> tuple[sitk.Image, str]:
    """Return a mask's file as an image of 0 and 1 on the grid of another, and its digest."""
    drawn = read_mask(mask)
    values, _ = mask_on_grid(sitk.GetArrayViewFromImage(drawn.image), drawn.image, grid)
    region = sitk.GetImageFromArray(np.ascontiguousarray(_inside(values, label, grid, needed=needed)).view(np.uint8))
    region.CopyInformation(grid)
    return region, drawn.sha256


def _labels(mask: str, grid: sitk.Image) -> sitk.Image:
    """Return a mask's labels as uint8 on the grid of an image.

    Raises
    ------
    ImageError
        ``labels_implausible`` if they are none of 0 to 255.
    """
    drawn = read_mask(mask)
    values, _ = mask_on_grid(sitk.GetArrayViewFromImage(drawn.image), drawn.image, grid)
    if values.min() < 0 or values.max() > np.iinfo(np.uint8).max:
        raise ImageError(
            "labels_implausible",
            f"The mask holds labels from {values.min():.15g} to {values.max():.15g}; the parts of a tumor have labels "
            "of 0 to 255. Check that image and mask are not exchanged, or write the labels anew.",
        )
    labels = sitk.GetImageFromArray(np.ascontiguousarray(values).astype(np.uint8))
    labels.CopyInformation(grid)
    return labels


def _inside(values: np.ndarray, label: MaskLabel, grid: sitk.Image, *, needed: bool) -> np.ndarray:
    """Return where the tumor is: nowhere, if the mask says so and nothing hangs on it."""
    try:
        return labeled(values, label, float(np.prod(grid.GetSpacing())))[0]
    except ImageError as error:
        if needed or error.code not in ("empty_roi", "label_not_found"):
            raise
        return np.zeros(values.shape, bool)
