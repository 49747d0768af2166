"""Grids in mm: another spacing, axes from right to left, front to back and upward, a box around a region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.header import MAX_VOXELS, in_words


def upright_grid(image: sitk.Image, spacing_mm: Sequence[float] | None = None) -> sitk.Image:
    """Return an empty image whose axes follow the body's and that covers what an image covers.

    Parameters
    ----------
    image : SimpleITK.Image
    spacing_mm : (x, y, z), optional
        Left out, that of the image along each axis of the body.

    Raises
    ------
    ImageError
        ``too_many_voxels``.

    Examples
    --------
    >>> image = sitk.Image(10, 20, 4, sitk.sitkUInt8)
    >>> image.SetSpacing((1.0, 1.0, 5.0))
    >>> upright_grid(image, (2.0, 2.0, 2.0)).GetSize()
    (5, 10, 10)
    """
    turned = sitk.DICOMOrient(image, "LPS")
    spacing = np.array(turned.GetSpacing() if spacing_mm is None else spacing_mm, dtype=float)
    extent = np.array(turned.GetSize()) * turned.GetSpacing()
    size = np.maximum(np.round(extent / spacing), 1)
    if size.prod() > MAX_VOXELS:
        what = f"A grid of {in_words(tuple(spacing))} mm has {in_words(tuple(size))} voxels here"
        raise ImageError("too_many_voxels", f"{what}, the limit is {MAX_VOXELS:,} in all. Choose a larger spacing.")
    grid = sitk.Image([int(n) for n in size], sitk.sitkUInt8)
    direction = np.reshape(turned.GetDirection(), (3, 3))
    corner = np.array(turned.GetOrigin()) - direction @ (np.array(turned.GetSpacing()) / 2)
    middle = corner + direction @ (extent / 2)  # both grids share their center, so that no side loses more
    grid.SetSpacing([float(one) for one in spacing])
    grid.SetDirection(turned.GetDirection())
    origin = middle - direction @ ((size - 1) / 2 * spacing)
    grid.SetOrigin([float(one) for one in origin])
    return grid


def upright_view(image: sitk.Image, voxels: np.ndarray) -> np.ndarray:
    """Return voxels (z, y, x) of an image as a view (x, y, z) that runs as that of ``upright_voxels``.

    What is written into the view stands in the voxels.

    Examples
    --------
    >>> image = sitk.GetImageFromArray(np.arange(6.0).reshape(1, 2, 3))
    >>> image.SetDirection((0, -1, 0, -1, 0, 0, 0, 0, 1))
    >>> (upright_view(image, sitk.GetArrayFromImage(image)) == upright_voxels(image)).all()
    np.True_
    """
    orient = sitk.DICOMOrientImageFilter()
    orient.SetDesiredCoordinateOrientation("LPS")
    few = sitk.Image([1, 1, 1], sitk.sitkUInt8)
    few.SetDirection(image.GetDirection())
    orient.Execute(few)
    turned = voxels.T.transpose(orient.GetPermuteOrder())
    return turned[tuple(slice(None, None, -1 if flipped else 1) for flipped in orient.GetFlipAxes())]


def upright_voxels(image: sitk.Image) -> np.ndarray:
    """Return voxels (x, y, z): x from the patient's right to the left, y from front to back, z upward."""
    return sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS")).T


def box_around(mask: sitk.Image, margin_mm: float) -> tuple[list[int], list[int]]:
    """Return start and size, in voxels, of the box around a mask and a margin, cut at the image's border.

    Examples
    --------
    >>> mask = sitk.Image(10, 10, 10, sitk.sitkUInt8)
    >>> mask[4, 5, 6] = 1
    >>> box_around(mask, 2.0)
    ([2, 3, 4], [5, 5, 5])
    """
    inside = np.nonzero(sitk.GetArrayFromImage(mask))[::-1]
    margin = np.ceil(margin_mm / np.array(mask.GetSpacing())).astype(int)
    first = np.maximum([axis.min() for axis in inside] - margin, 0)
    last = np.minimum([axis.max() for axis in inside] + margin, np.array(mask.GetSize()) - 1)
    return [int(one) for one in first], [int(one) for one in last - first + 1]


def cut(image: sitk.Image, box: tuple[list[int], list[int]]) -> sitk.Image:
    """Return the part of an image in a box of voxels, at its place."""
    start, size = box
    return sitk.RegionOfInterest(image, size, start)
