"""Square crops of the tumor on axial slices, resized to one size: what an image network looks at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.roi import RoiPair
from radiofuse.imaging.squares import square_around

CROP_VERSION = 1  # raised whenever the same image and mask would give other pixels
MIN_SIZE = 8  # pixels along a side; below that a tumor is a handful of points


@dataclass(frozen=True)
class Cropping:
    """Which slices of a tumor are cropped, and to what size.

    Parameters
    ----------
    size : int, default=72
        Pixels along each side of a crop.
    slices : int or "all", default=1
        How many axial slices, those with the largest tumor areas; "all" takes every slice with
        tumor in it, up to ``max_slices``.
    max_slices : int, default=32
        Where ``slices`` is "all": of more slices, so many with the largest areas are taken.

    Raises
    ------
    RequestError
        If one of them is no number of its kind.

    Examples
    --------
    >>> Cropping(slices="all").n_slices
    32
    """

    size: int = 72
    slices: int | Literal["all"] = 1
    max_slices: int = 32

    def __post_init__(self) -> None:
        if not _is_count(self.size, MIN_SIZE):
            raise RequestError(f"The size of a crop is {self.size!r}; expected {MIN_SIZE} pixels or more.")
        if self.slices != "all" and not _is_count(self.slices, 1):
            raise RequestError(f'The number of slices per tumor is {self.slices!r}; expected 1 or more, or "all".')
        if not _is_count(self.max_slices, 1):
            raise RequestError(f"max_slices is {self.max_slices!r}; expected 1 slice or more.")

    @property
    def n_slices(self) -> int:
        """The most slices that one tumor can have under this choice."""
        return self.max_slices if self.slices == "all" else self.slices

    def identity(self) -> dict[str, Any]:
        """Return what the pixels of a crop depend on beside image, mask and label; JSON values only."""
        chosen = asdict(self)
        if self.slices != "all":
            del chosen["max_slices"]  # changes nothing
        return {"cropping": chosen, "versions": {"crop": CROP_VERSION}}


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


@dataclass(frozen=True, eq=False)
class SliceCrops:
    """The crops of one tumor, the slice with the largest tumor area first.

    Attributes
    ----------
    images : ndarray of float32, shape (n, size, size)
        Rows run from anterior to posterior, columns from the patient's right to left.
    masks : ndarray of uint8, shape (n, size, size)
        1 where the tumor is.
    slices : tuple of int
        Index of each slice along the image's axial axis, from 0, as the file counts.
    sides_mm : tuple of float
        Side of each square.
    n_tumor_slices : int
        How many slices have tumor in them, chosen or not.
    """

    images: np.ndarray
    masks: np.ndarray
    slices: tuple[int, ...]
    sides_mm: tuple[float, ...]
    n_tumor_slices: int


def tumor_crops(pair: RoiPair, cropping: Cropping) -> SliceCrops:
    """Cut the tumor out of its axial slices as squares of one size.

    The side of a square is the longer edge, in mm, of the rectangle that bounds the tumor in that
    slice; the two have one center, and outside the image there is 0. So the tumor keeps its aspect
    ratio. The image is interpolated linearly, once, from its own grid; the mask takes its nearest
    neighbor.

    Parameters
    ----------
    pair : RoiPair
        An image and its region that passed the gate.
    cropping : Cropping
        How many slices, and how many pixels.

    Returns
    -------
    SliceCrops

    Raises
    ------
    ImageError
        ``empty_roi``, ``roi_lost_in_crop`` or ``intensity_out_of_range``.

    References
    ----------
    Squares whose side is the longer edge of the bounding rectangle, at 72 x 72 pixels: Shi, Li, Chen, Cheng,
    Bai, Zhao (2023). An intra- and inter-modality fusion model with invariant- and specific-constraints using
    MR images for prediction of glioma isocitrate dehydrogenase mutation status: section III.A.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from radiofuse.imaging import check_pair
    >>> image = sitk.GetImageFromArray(np.arange(1000.0).reshape(10, 10, 10))
    >>> mask = sitk.GetImageFromArray(np.pad(np.ones((4, 3, 6), np.uint8), ((3, 3), (4, 3), (2, 2))))
    >>> crops = tumor_crops(check_pair(image, mask), Cropping(size=12, slices=2))
    >>> crops.images.shape, crops.slices, crops.sides_mm
    ((2, 12, 12), (3, 4), (6.0, 6.0))
    """
    image, region, spacing_mm = _axial_view(pair)
    areas = region.sum(axis=(1, 2), dtype=np.int64)
    n_tumor_slices = int((areas > 0).sum())
    if not n_tumor_slices:
        raise ImageError("empty_roi", "The tumor lies in no slice: the region is empty. Draw it, or correct the mask.")
    chosen = np.argsort(-areas, kind="stable")[: min(cropping.n_slices, n_tumor_slices)]
    squares = {int(number): square_around(region[number], spacing_mm, cropping.size) for number in chosen}
    masks = {number: square.nearest(region[number]) for number, square in squares.items()}
    kept = [number for number, mask in masks.items() if mask.any()]
    if not kept:
        raise _lost(squares[int(chosen[0])].side_mm, cropping.size)
    images = [as_float32(squares[number].linear(image[number])) for number in kept]
    sides_mm = tuple(squares[number].side_mm for number in kept)
    return SliceCrops(np.stack(images), np.stack([masks[n] for n in kept]), tuple(kept), sides_mm, n_tumor_slices)


def _axial_view(pair: RoiPair) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Return image and region as (slice, row, column), and the size of a pixel along row and column axis."""
    image, region = (axial_view(pair.image, sitk.GetArrayViewFromImage(one)) for one in (pair.image, pair.roi))
    return image, region, axial_pixel_mm(pair.image)


def axial_view(image: sitk.Image, voxels: np.ndarray) -> np.ndarray:
    """Return voxels (z, y, x) of an image as a view (slice, row, column): what is written there stands in them.

    Slices are counted as the file does; rows and columns run toward posterior and left, so that a
    scan looks the same however it was stored. Oblique axes count as what they are closest to.
    """
    direction = np.reshape(image.GetDirection(), (3, 3))
    slice_axis, row_axis, column_axis = _axes(image)
    steps = [-1 if direction[to, axis] < 0 else 1 for to, axis in ((1, row_axis), (0, column_axis))]
    turned = voxels.transpose(2, 1, 0).transpose(slice_axis, row_axis, column_axis)  # from (x, y, z) of the index
    return turned[:, :: steps[0], :: steps[1]]


def axial_pixel_mm(image: sitk.Image) -> tuple[float, float]:
    """Return the size of a pixel of ``axial_view`` along rows and columns."""
    _, row_axis, column_axis = _axes(image)
    spacing = image.GetSpacing()
    return spacing[row_axis], spacing[column_axis]


def _axes(image: sitk.Image) -> tuple[int, int, int]:
    """Return the index axes of slices, rows and columns."""
    # A column per index axis: how far it runs toward left, posterior and superior.
    direction = np.reshape(image.GetDirection(), (3, 3))
    slice_axis = int(np.abs(direction[2]).argmax())
    others = [axis for axis in range(3) if axis != slice_axis]
    column_axis = max(others, key=lambda axis: abs(direction[0, axis]))
    return slice_axis, others[0] if column_axis == others[1] else others[1], column_axis


def as_float32(crop: np.ndarray) -> np.ndarray:
    """Return intensities as networks read them; refuse those that are beyond."""
    largest = np.finfo(np.float32).max
    if not (np.abs(crop) <= largest).all():
        raise ImageError(
            "intensity_out_of_range",
            f"The image has intensities beyond {largest:.1e}, the largest number that networks calculate with. "
            "Scale the image, or export it again.",
        )
    return crop.astype(np.float32)


def _lost(side_mm: float, size: int) -> ImageError:
    return ImageError(
        "roi_lost_in_crop",
        f"The tumor is so thin that no pixel of it is left when its square of {side_mm:.0f} mm becomes "
        f"{size} x {size} pixels. Look at the mask, or ask for larger crops.",
    )
