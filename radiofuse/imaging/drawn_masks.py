"""On which image of its sample a mask was drawn, told from the grid: that image's way is the mask's, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.geometry import mask_on_grid

ATLAS = ""  # in place of a modality: what was drawn on the atlas


@dataclass(frozen=True)
class DrawnMask:
    """A mask on the grid of the image that it was drawn on: a modality, or ``ATLAS``."""

    mask: sitk.Image
    on: str


def drawn_mask(mask: sitk.Image, grids: Mapping[str, sitk.Image], what: str) -> DrawnMask:
    """Return a mask, voxel for voxel, on the first of several grids that it lies on.

    Parameters
    ----------
    mask : SimpleITK.Image
        Its axes may be turned or reversed against those of a grid, and it may cover a part of one.
    grids : mapping of str to SimpleITK.Image
        By modality; ``ATLAS`` for the atlas.
    what : str
        How a message begins.

    Raises
    ------
    ImageError
        ``geometry_mismatch``, with what keeps it from the first grid, if it lies on none.

    Examples
    --------
    >>> t1, t2 = sitk.Image(4, 4, 4, sitk.sitkFloat32), sitk.Image(6, 6, 6, sitk.sitkFloat32)
    >>> drawn_mask(sitk.Image(6, 6, 6, sitk.sitkUInt8), {"t1": t1, "t2": t2}, "t1").on
    't2'
    """
    refused: dict[str, ImageError] = {}
    # one that covers a part of a grid, or more than it, may lie on several: first those of its own size
    for name, grid in sorted(grids.items(), key=lambda pair: sorted(pair[1].GetSize()) != sorted(mask.GetSize())):
        try:
            values, _ = mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, grid)
        except ImageError as error:
            refused[name] = error
            continue
        placed = sitk.GetImageFromArray(np.ascontiguousarray(values))
        placed.CopyInformation(grid)
        return DrawnMask(placed, name)
    others = ", nor on another of its sample" if len(refused) > 1 else ""
    first = refused[next(iter(grids))]
    raise ImageError("geometry_mismatch", f"{what}: the mask does not lie on its image{others}. {first}")


def drawn_masks(
    images: Mapping[str, sitk.Image], masks: Mapping[str, sitk.Image], register_to: str, atlas: sitk.Image | None
) -> dict[str, DrawnMask]:
    """Return the tumor's mask of each modality, and what it was drawn on.

    Where images share a grid, a mask that all modalities name is that of the image registered to; one that a modality
    has for itself is its own.
    """
    common = masks.get(register_to)
    drawn = {}
    for name, mask in masks.items():
        first = register_to if common is not None and equal_masks(mask, common) else name
        drawn[name] = drawn_mask(mask, _grids(images, atlas, first, name), name)
    return drawn


def drawn_brain(
    images: Mapping[str, sitk.Image], brain: sitk.Image, register_to: str, atlas: sitk.Image | None
) -> DrawnMask:
    """Return the mask of the brain, and what it was drawn on: the image registered to where several share its grid."""
    return drawn_mask(brain, _grids(images, atlas, register_to), "brain_mask")


def _grids(images: Mapping[str, sitk.Image], atlas: sitk.Image | None, *first: str) -> dict[str, sitk.Image]:
    """Return the grids on which a mask may lie, the likeliest first."""
    likely = {name: images[name] for name in first if name in images}
    return {**likely, **({} if atlas is None else {ATLAS: atlas}), **images}


def equal_masks(one: sitk.Image, other: sitk.Image) -> bool:
    """Return whether two masks are one: of the same voxels at the same place."""
    first, second = ([*mask.GetOrigin(), *mask.GetSpacing(), *mask.GetDirection()] for mask in (one, other))
    if one.GetSize() != other.GetSize() or not np.allclose(first, second, atol=1e-6):
        return False
    return np.array_equal(sitk.GetArrayViewFromImage(one), sitk.GetArrayViewFromImage(other))
