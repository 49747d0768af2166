"""Back from pictures to the voxels they were cut from: where each lies in its image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import SimpleITK as sitk

from radiofuse.imaging.crop import Cropping, axial_pixel_mm, axial_view, tumor_crops
from radiofuse.imaging.gate import read_image
from radiofuse.imaging.resampling import upright_view
from radiofuse.imaging.roi import RoiPair
from radiofuse.imaging.squares import Square, square_around

SIDES = (("R", "L"), ("A", "P"), ("I", "S"))


class Placing(Protocol):
    """Where the pictures of a sample lie in its image.

    ``onto`` returns voxels (z, y, x) of ``grid`` from numbers for each pixel of the pictures, 0 where there is no
    picture; ``view`` returns voxels (z, y, x) as slices (slice, row, column), which the pictures are cut from.
    """

    @property
    def grid(self) -> sitk.Image: ...
    def onto(self, pictures: np.ndarray) -> np.ndarray: ...
    def view(self, voxels: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class PlacedSlices:
    """Squares cut from slices.

    Attributes
    ----------
    grid : SimpleITK.Image
    view : callable
        From voxels (z, y, x) to a view of them (slice, row, column).
    cuts : sequence of (int, Square)
        Slice and square of each picture.
    """

    grid: sitk.Image
    view: Callable[[np.ndarray], np.ndarray]
    cuts: Sequence[tuple[int, Square]]

    def onto(self, pictures: np.ndarray) -> np.ndarray:
        """Return voxels (z, y, x), interpolated between the pixels of pictures (n, size, size)."""
        voxels = np.zeros(self.grid.GetSize()[::-1], np.float32)
        slices = self.view(voxels)
        for (number, square), picture in zip(self.cuts, pictures, strict=True):
            slices[number] = square.undone(slices[number].shape).linear(picture)
        return voxels


@dataclass(frozen=True, eq=False)
class PlacedCube:
    """A cube of voxels.

    Attributes
    ----------
    grid : SimpleITK.Image
    start : ndarray of int, shape (3,)
        The voxel at which it begins, from right to left, front to back, upward; below 0 where it begins outside.
    size : int
        Voxels along each side.
    """

    grid: sitk.Image
    start: np.ndarray
    size: int

    def onto(self, pictures: np.ndarray) -> np.ndarray:
        """Return voxels (z, y, x) of the one cube in pictures (1, size, size, size)."""
        voxels = np.zeros(self.grid.GetSize()[::-1], np.float32)
        upright = upright_view(self.grid, voxels)
        of_image, of_cube = overlap(self.start, self.size, upright.shape)
        upright[of_image] = pictures[0][of_cube]
        return voxels

    def view(self, voxels: np.ndarray) -> np.ndarray:
        """Return the axial slices of voxels (z, y, x), rows from front to back."""
        return upright_view(self.grid, voxels).transpose(2, 1, 0)


def overlap(start: np.ndarray, size: int, shape: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return which voxels of an image, and which of a cube that begins at ``start``, are the same.

    >>> overlap(np.array([-1, 2, 0]), 4, (8, 4, 4))[1]
    (slice(1, 4, None), slice(0, 2, None), slice(0, 4, None))
    """
    first = np.maximum(start, 0)
    last = np.maximum(np.minimum(start + size, shape), first)  # nothing, where they lie apart
    spans = [(int(a), int(b), int(s)) for a, b, s in zip(first, last, start, strict=True)]
    return tuple(slice(a, b) for a, b, _ in spans), tuple(slice(a - s, b - s) for a, b, s in spans)


def placed_crops(pair: RoiPair, cropping: Cropping) -> PlacedSlices:
    """Return where the crops of ``tumor_crops`` lie in their image.

    Parameters
    ----------
    pair : RoiPair
        The image and the region that they were cut from.
    cropping : Cropping

    Raises
    ------
    ImageError
        As ``tumor_crops``.
    """

    def view(voxels: np.ndarray) -> np.ndarray:
        return axial_view(pair.image, voxels)

    region = view(sitk.GetArrayViewFromImage(pair.roi))
    pixel_mm, numbers = axial_pixel_mm(pair.image), tumor_crops(pair, cropping).slices
    cuts = [(number, square_around(region[number], pixel_mm, cropping.size)) for number in numbers]
    return PlacedSlices(pair.image, view, cuts)


def voxels_on(path: str, grid: sitk.Image) -> np.ndarray:
    """Return the voxels (z, y, x) of an image's file in the order of another image, which covers the same.

    Raises
    ------
    ImageError
        If the file cannot be used.
    """
    stored = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(grid.GetDirection())
    return sitk.GetArrayFromImage(sitk.DICOMOrient(read_image(path).image, stored))


def file_slice(placing: Placing, number: int) -> int:
    """Return what the file counts as the slice that is ``number`` in a placing's view.

    Examples
    --------
    >>> image = sitk.Image(4, 5, 6, sitk.sitkUInt8)
    >>> image.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, -1))
    >>> file_slice(PlacedCube(image, np.zeros(3, int), 2), 0)
    5
    """
    first, this, last = _indices(placing, (0, 0, 0), (number, 0, 0), (-1, 0, 0))
    return int(this[first != last].sum())  # of a single slice 0


def ends(placing: Placing) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the sides of the patient at first and last row, and at first and last column, of a view.

    They are R or L, A or P, I or S, and "" along a side of one voxel. Oblique axes count as what they are closest to.

    Examples
    --------
    >>> ends(PlacedCube(sitk.Image(4, 5, 6, sitk.sitkUInt8), np.zeros(3, int), 2))
    (('A', 'P'), ('R', 'L'))
    """
    corner, *others = _indices(placing, (0, 0, 0), (0, -1, 0), (0, 0, -1))
    run = [np.array(placing.grid.TransformIndexToPhysicalPoint(one[::-1].tolist())) for one in (corner, *others)]
    rows, columns = (_sides(one - run[0]) for one in run[1:])
    return rows, columns


def _sides(run: np.ndarray) -> tuple[str, str]:
    """Return where a way in millimeters toward left, posterior and superior begins and ends."""
    axis = int(np.abs(run).argmax())
    begin, end = SIDES[axis] if run.any() else ("", "")
    return (begin, end) if run[axis] >= 0 else (end, begin)


def _indices(placing: Placing, *places: tuple[int, int, int]) -> np.ndarray:
    """Return the indices (z, y, x) in the file of places (slice, row, column) of a view."""
    shape = placing.grid.GetSize()[::-1]
    view = placing.view(np.arange(np.prod(shape), dtype=np.int64).reshape(shape))
    return np.array([np.unravel_index(view[place], shape) for place in places])


def pixel_mm(placing: Placing) -> tuple[float, float]:
    """Return the size of a pixel of a placing's slices along rows and columns.

    Examples
    --------
    >>> image = sitk.Image(4, 5, 6, sitk.sitkUInt8)
    >>> image.SetSpacing((1.0, 2.0, 3.0))
    >>> pixel_mm(PlacedCube(image, np.zeros(3, int), 2))
    (2.0, 1.0)
    """
    _, height, width = shape = placing.grid.GetSize()[::-1]
    steps = dict(zip((height * width, width, 1), placing.grid.GetSpacing()[::-1], strict=True))
    _, row, column = placing.view(np.empty(shape, np.uint8)).strides
    return steps.get(abs(row), 1.0), steps.get(abs(column), 1.0)
