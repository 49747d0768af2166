"""What a mask may keep: its largest piece, pieces of a volume, no holes."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import binary_fill_holes, label

EVERY_NEIGHBOR = np.ones((3, 3, 3))


def cleaned(
    mask: sitk.Image, *, largest: bool = False, least_mm3: float = 0.0, fill_holes: bool = False
) -> tuple[sitk.Image, dict[str, int]]:
    """Return a mask without small pieces and holes, and how many voxels were taken and added.

    Pieces are of all labels together, touching at corners counts; a hole is closed on every side, and gets the
    commonest label of the mask.

    Parameters
    ----------
    mask : SimpleITK.Image
        Whole numbers.
    largest : bool, default=False
        Keep the largest piece alone.
    least_mm3 : float, default=0
        Leave out pieces of less volume.
    fill_holes : bool, default=False

    Examples
    --------
    >>> voxels = np.zeros((5, 5, 9), np.uint8)
    >>> voxels[1:4, 1:4, 1:4] = 2
    >>> voxels[2, 2, 2] = 0
    >>> voxels[2, 2, 7] = 1
    >>> mask, counts = cleaned(sitk.GetImageFromArray(voxels), largest=True, fill_holes=True)
    >>> counts, int(sitk.GetArrayFromImage(mask).sum())
    ({'removed': 1, 'filled': 1}, 54)
    """
    values = sitk.GetArrayFromImage(mask)
    region = values != 0
    kept = _large_pieces(region, largest, least_mm3 / float(np.prod(mask.GetSpacing()))) if region.any() else region
    filled = binary_fill_holes(kept) & ~kept if fill_holes else np.zeros_like(kept)
    labels, n_voxels = np.unique(values[kept], return_counts=True)
    common = labels[n_voxels.argmax()] if len(labels) else 0
    counts = {"removed": int((region & ~kept).sum()), "filled": int((filled & ~region).sum())}
    result = np.where(filled & ~region, common, np.where(kept | (filled & region), values, 0)).astype(values.dtype)
    image = sitk.GetImageFromArray(result)
    image.CopyInformation(mask)
    return image, counts


def _large_pieces(region: np.ndarray, largest: bool, least_vox: float) -> np.ndarray:
    pieces, n = label(region, EVERY_NEIGHBOR)
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)
    sizes[0] = 0
    keep = sizes >= max(least_vox, 1)
    if largest:
        keep &= np.arange(n + 1) == sizes.argmax()
    return keep[pieces]
