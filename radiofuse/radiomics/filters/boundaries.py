"""What lies beyond a volume's border, as IBSI 2 names it, and blocks of a volume with that much round a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radiofuse.errors import ImageError

# Of a line a b c d: what stands before a.
BOUNDARIES = {
    "mirror": "d c b a | a b c d",
    "nearest": "a a a a | a b c d",
    "periodic": "a b c d | a b c d",
    "zero": "0 0 0 0 | a b c d",
}
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of a volume.

    Attributes
    ----------
    values : ndarray, shape (z, y, x)
    start : tuple of int
        Index of the first of them in the volume.
    shape : tuple of int
        Shape of the volume.
    """

    values: np.ndarray
    start: tuple[int, ...]
    shape: tuple[int, ...]

    @classmethod
    def whole(cls, volume: np.ndarray) -> Part:
        """Return a volume of which everything is known."""
        return cls(volume, (0, 0, 0), volume.shape)


def read_box(box: Box, reach: Sequence[int], shape: Sequence[int], boundary: str) -> Box:
    """Return where a volume is read for a box with ``reach`` voxels more on both sides of each axis.

    Examples
    --------
    >>> read_box((slice(0, 2), slice(4, 5), slice(0, 9)), (1, 1, 0), (9, 9, 9), "periodic")
    (slice(0, 9, None), slice(3, 6, None), slice(0, 9, None))
    """
    return tuple(_read(side, *one, boundary) for side, one in zip(box, zip(reach, shape, strict=True), strict=True))


def _read(side: slice, reach: int, size: int, boundary: str) -> slice:
    first, stop = side.start - reach, side.stop + reach
    if boundary == "periodic" and (first < 0 or stop > size):
        return slice(0, size)
    return slice(max(0, first), min(size, stop))


def extended(part: Part, box: Box, reach: Sequence[int], boundary: str) -> np.ndarray:
    """Return a box of a volume with ``reach`` voxels more on both sides of each axis.

    Parameters
    ----------
    part : Part
        At least the voxels that `read_box` names.
    box : tuple of slice
        Within the volume.
    reach : sequence of int
        Voxels along z, y, x.
    boundary : str
        A key of ``BOUNDARIES``.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> line = Part.whole(np.array([[[1, 2, 3]]]))
    >>> box = (slice(0, 1), slice(0, 1), slice(0, 2))
    >>> [extended(line, box, (0, 0, 2), boundary)[0, 0].tolist() for boundary in ("mirror", "periodic")]
    [[2.0, 1.0, 1.0, 2.0, 3.0, 3.0], [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]]
    """
    values, pads = part.values, []
    for axis, (side, more) in enumerate(zip(box, reach, strict=True)):
        places = np.arange(side.start - more, side.stop + more)
        size = part.shape[axis]
        if boundary == "zero":
            pads.append((np.count_nonzero(places < 0), np.count_nonzero(places >= size)))
            places = places[(places >= 0) & (places < size)]
        values = _taken(values, _within(places, size, boundary) - part.start[axis], axis)
    values = np.asarray(values, np.float64)
    return np.pad(values, pads) if any(map(any, pads)) else values


def _within(places: np.ndarray, size: int, boundary: str) -> np.ndarray:
    """Return which voxels of an axis stand at places that may lie beyond it."""
    if boundary == "periodic":
        return places % size
    if boundary == "mirror":
        there_and_back = places % (2 * size)
        return np.minimum(there_and_back, 2 * size - 1 - there_and_back)
    return places.clip(0, size - 1)


def _taken(values: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    is_run = np.array_equal(places, np.arange(places[0], places[0] + len(places)))
    run = (slice(None),) * axis + (slice(places[0], places[-1] + 1),)
    return values[run] if is_run else values.take(places, axis=axis)


def check_fits(what: str, length: int, shape: Sequence[int], axes: Sequence[int]) -> None:
    """Refuse a filter that is longer than the volume along an axis.

    Raises
    ------
    ImageError
        ``image_too_small``.
    """
    if any(shape[axis] < length for axis in axes):
        along = " and ".join("zyx"[axis] for axis in sorted(axes) if shape[axis] < length)
        raise ImageError(
            "image_too_small",
            f"{what} spans {length} voxels, more than the image has along {along}: its voxels along z, y, x are "
            f"{list(map(int, shape))}. Leave it out, or give an image with more round the region.",
        )
