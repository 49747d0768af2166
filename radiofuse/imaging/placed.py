"""A volume as an array and its place in space; SimpleITK's image of it is made where one is asked for.

One extraction reads arrays. An image of SimpleITK would be a copy of each, and its import half of a short process.
"""
# ruff: noqa: N802   the methods that say where a volume lies are called as SimpleITK's, so that either is taken

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from radiofuse.names import kernel, on_first_use

if TYPE_CHECKING:
    import SimpleITK as sitk
else:
    sitk = on_first_use("SimpleITK")

_survey = kernel("imaging._survey")

Triple = tuple[float, float, float]
Box = tuple[slice, slice, slice]
AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


class Intensities(NamedTuple):
    """Of all voxels: how many are not 0, how many NaN or infinite, and the lowest number among them."""

    n_shown: int
    n_bad: int
    lowest: float


class Labels(NamedTuple):
    """Of a mask: how many voxels are not 0, of them how many NaN or infinite, whether all are whole, and their box."""

    n_set: int
    n_bad: int
    are_whole: bool
    box: Box


@dataclass(frozen=True, eq=False)
class PlacedVoxels:
    """A 3-D volume of one number per voxel.

    Attributes
    ----------
    array : ndarray, shape (z, y, x)
        C-contiguous, in the machine's byte order.
    spacing_mm, origin : tuple of float
        Along x, y, z, in mm, as SimpleITK's (left, posterior and superior are positive).
    direction : tuple of float
        The axes' cosines, row by row.
    region_box : tuple of slice, optional
        Of a region: the smallest box of what is not 0, where it is known.

    Examples
    --------
    >>> volume = PlacedVoxels(np.zeros((3, 4, 5), np.int16), (1.0, 1.0, 2.5), (0.0, 0.0, 0.0))
    >>> volume.GetSize(), volume.image.GetSpacing()
    ((5, 4, 3), (1.0, 1.0, 2.5))
    """

    array: np.ndarray
    spacing_mm: Triple
    origin: Triple
    direction: tuple[float, ...] = AXES
    region_box: Box | None = None

    @cached_property
    def image(self) -> sitk.Image:
        """The same as an image of SimpleITK."""
        image = sitk.GetImageFromArray(self.array)
        image.SetSpacing(self.spacing_mm)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    @cached_property
    def intensities(self) -> Intensities:
        return survey(self.array)

    @cached_property
    def labels(self) -> Labels:
        return labels_in(self.array)

    def GetDimension(self) -> int:
        return 3

    def GetNumberOfComponentsPerPixel(self) -> int:
        return 1

    def GetSize(self) -> tuple[int, ...]:
        return self.array.shape[::-1]

    def GetSpacing(self) -> Triple:
        return self.spacing_mm

    def GetOrigin(self) -> Triple:
        return self.origin

    def GetDirection(self) -> tuple[float, ...]:
        return self.direction


if TYPE_CHECKING:
    Image = sitk.Image | PlacedVoxels


def placed(image: Image) -> PlacedVoxels:
    """Return a 3-D image of one number per voxel as an array and its place; the voxels are not copied."""
    if isinstance(image, PlacedVoxels):
        return image
    voxels = PlacedVoxels(
        sitk.GetArrayViewFromImage(image), image.GetSpacing(), image.GetOrigin(), image.GetDirection()
    )
    voxels.__dict__["image"] = image  # it owns the memory
    return voxels


def survey(voxels: np.ndarray) -> Intensities:
    """Return what one pass over intensities (z, y, x) tells.

    >>> survey(np.array([[[0.0, 3.0, np.nan]]]))
    Intensities(n_shown=2, n_bad=1, lowest=0.0)
    """
    return Intensities(*_survey.intensities(np.require(voxels, requirements=("C", "A"))))


def labels_in(mask: np.ndarray) -> Labels:
    """Return what one pass over a mask (z, y, x) tells.

    >>> labels_in(np.array([[[0, 0, 2, 1, 0]]])).box
    (slice(0, 1, None), slice(0, 1, None), slice(2, 4, None))
    """
    n_set, n_bad, are_whole, sides = _survey.mask(np.require(mask, requirements=("C", "A")))
    z, y, x = (slice(*side) if n_set else slice(0, 0) for side in sides)
    return Labels(n_set, n_bad, bool(are_whole), (z, y, x))


def moments(voxels: np.ndarray) -> tuple[bool, float, float]:
    """Return whether all voxels (z, y, x) are whole numbers, their sum and the sum of their squares.

    The sums are exact, in whatever order, where all are whole and the squares add up to less than 2^53.
    """
    are_whole, total, squares = _survey.moments(np.require(voxels, requirements=("C", "A")))
    return bool(are_whole), total, squares


def as_simple(image: Image) -> sitk.Image:
    """Return an image as SimpleITK's."""
    return image.image if isinstance(image, PlacedVoxels) else image
