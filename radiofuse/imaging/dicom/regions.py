"""Regions of interest by name, and the image that they were drawn on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.geometry import mask_on_grid


@dataclass(frozen=True)
class Region:
    """One region, uint8, 0 or 1, (z, y, x) on the grid of its image."""

    name: str
    voxels: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """The name as files are called.

        >>> Region("GTV 1 (left)", np.zeros(0)).word
        'GTV-1-left'
        """
        return re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-") or "unnamed"


def wanted_regions(regions: Sequence[Region], pattern: str) -> list[Region]:
    """Return the regions that a name, or a pattern as ``GTV*``, means; upper and lower case are alike.

    Examples
    --------
    >>> regions = [Region(name, np.zeros(0)) for name in ("GTV-1", "gtv-2", "Heart")]
    >>> [region.name for region in wanted_regions(regions, "gtv*")]
    ['GTV-1', 'gtv-2']
    """
    named = [region for region in regions if region.name.lower() == pattern.lower()]  # names may hold brackets
    return named or [region for region in regions if fnmatchcase(region.name.lower(), pattern.lower())]


def distinct(regions: Iterable[Region]) -> list[Region]:
    """Give regions of one name, as files have it, a number."""
    seen: Counter[str] = Counter()
    distinct = []
    for region in regions:
        seen[region.word.lower()] += 1
        number = seen[region.word.lower()]
        distinct.append(region if number == 1 else replace(region, name=f"{region.name} {number}"))
    return distinct


def united(regions: Sequence[Region]) -> np.ndarray:
    """Return where any of the regions is."""
    return np.logical_or.reduce([region.voxels != 0 for region in regions]).view(np.uint8)


def on_grid_of(image: sitk.Image, mask: sitk.Image) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a mask on the grid of an image: voxel for voxel where its grid allows it, else the nearest voxel.

    Parameters
    ----------
    image : SimpleITK.Image
        Its voxels are not read.
    mask : SimpleITK.Image
        In the space of the image.

    Returns
    -------
    voxels : ndarray of uint8, shape (z, y, x)
    notes : tuple of str
        What was done, for a mask of another grid.

    Raises
    ------
    ImageError
        ``empty_roi``, if no voxel of the mask lies in the image.
    """
    values = sitk.GetArrayFromImage(mask)
    try:
        voxels, notes = mask_on_grid(values, mask, image)
    except ImageError:  # another grid, or one that reaches beyond the image
        resampled = sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
        voxels = sitk.GetArrayFromImage(resampled)
        notes = ("It lies on another grid than its image and was put on it by the nearest voxel.",)
    if values.any() and not voxels.any():
        raise ImageError("empty_roi", "No voxel of the region lies in the image. Name the image that it was drawn on.")
    return np.ascontiguousarray(voxels, dtype=np.uint8), notes
