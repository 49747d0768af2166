"""Whether a mask lies on its image's grid, judged in voxels, the unit that matters.

Programs write origins and axes with a handful of digits, so exact comparison refuses good
masks, and a tolerance in millimeters accepts bad ones at small voxel sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.header import in_words
from radiofuse.names import on_first_use
from radiofuse.wording import counted

if TYPE_CHECKING:
    import SimpleITK as sitk

    from radiofuse.imaging.placed import Image
else:
    sitk = on_first_use("SimpleITK")

CROPPED = "The mask covers "  # how a note begins that the run tells of its masks
TOLERANCE_VOX = 1e-3  # of a voxel, at the worst corner: float32 affines of 512-voxel scans stay below
# NIfTI stores three of a quaternion's four numbers, in float32; the fourth, the root of 1 - b2 - c2 - d2, is off by
# up to the root of their rounding where it is near 0, and the angle by twice that.
QUATERNION_RAD = 2 * float(np.sqrt(np.finfo(np.float32).eps))
SPACING_ROUNDING = 1e-5
IMAGES_APART_VOX = 0.01  # of a voxel, up to which images lie on one grid: registered ones are written with few digits


def mask_on_grid(
    mask: np.ndarray, mask_image: Image, image: Image, choices: tuple[str, ...] = ()
) -> tuple[np.ndarray, tuple]:
    """Return mask values as voxels of the image's grid, without resampling.

    A mask whose voxels are the image's, stored along other or reversed axes, is turned exactly; one that
    was cropped, or covers more than the image, has its voxels put where they belong.

    Parameters
    ----------
    mask : ndarray of shape (z, y, x)
        Values of ``mask_image``.
    mask_image, image : SimpleITK.Image or PlacedVoxels
        Two 3-D images, of which the geometry is used.
    choices : tuple of str
        Where a file holds two orientations: a mismatch may be one of them, so resampling is not advised.

    Returns
    -------
    values : ndarray of shape (z, y, x)
        On the image's grid; a view where possible.
    notes : tuple of str
        What was reconciled.

    Raises
    ------
    ImageError
        ``geometry_mismatch``; the message says both sides.
    """
    if mask_image.GetSize() == image.GetSize() and _geometry(mask_image) == _geometry(image):
        return mask, ()
    to_image = np.linalg.solve(_affine(image), _affine(mask_image))
    turn = _signed_permutation(to_image[:3, :3])
    is_whole = tuple(np.abs(turn) @ mask_image.GetSize()) == image.GetSize()
    start = np.zeros(3, int) if is_whole else _first_voxel(to_image, mask_image.GetSize())
    shift_vox = _largest_shift(to_image, turn, mask_image.GetSize(), start)
    on_grid = shift_vox <= TOLERANCE_VOX or _is_turned_by_rounding(to_image, turn, mask_image, image, start)
    if not is_whole and not (on_grid and _is_placed(mask_image)):
        raise _mismatch(f"has {in_words(mask_image.GetSize())} voxels, the image has {in_words(image.GetSize())}")
    if not on_grid:
        shift = counted(f"{shift_vox:.3g}", "voxel")
        if choices:
            raise ImageError("geometry_mismatch", f"The mask lies up to {shift} off the image. {' '.join(choices)}")
        raise _mismatch(f"lies up to {shift} off the image: {_differences(mask_image, image)}")
    values = _turned(mask, turn)
    if is_whole:
        return values, _notes(turn, shift_vox, mask_image, image)
    box = f"{CROPPED}{in_words(values.shape[::-1])} voxels of the image's grid; the rest was taken as 0."
    return _pasted(values, start, image.GetSize()), (box,)


def common_grid(images: Mapping[str, sitk.Image]) -> sitk.Image:
    """Return the first of several images if all lie on its grid.

    Parameters
    ----------
    images : mapping of str to SimpleITK.Image
        By modality; 3-D.

    Raises
    ------
    ImageError
        ``geometry_mismatch``; the message says how far the first other one is off.

    Examples
    --------
    >>> t1, t2 = sitk.Image(4, 4, 4, sitk.sitkUInt8), sitk.Image(4, 4, 4, sitk.sitkUInt8)
    >>> t2.SetOrigin((2.0, 0.0, 0.0))
    >>> common_grid({"t1": t1, "t2": t2})
    Traceback (most recent call last):
    radiofuse.errors.ImageError: t2 does not lie on the grid of t1: origin (2, 0, 0) against (0, 0, 0). ...
    """
    (first, grid), *others = images.items()
    for name, image in others:
        if what := _grid_difference(image, grid):
            raise ImageError(
                "geometry_mismatch",
                f"{name} does not lie on the grid of {first}: {what}. Register or resample the sequences to one of "
                "them first.",
            )
    return grid


def foreign_grids(images: Mapping[str, sitk.Image]) -> dict[str, str]:
    """Return how images lie otherwise than the first of them, by modality; those on its grid are not among them.

    Along which axes they are stored makes no difference.

    Examples
    --------
    >>> t1, t2 = sitk.Image(4, 4, 4, sitk.sitkUInt8), sitk.Image(4, 4, 3, sitk.sitkUInt8)
    >>> foreign_grids({"t1": t1, "t1ce": sitk.Flip(t1, (True, False, False)), "t2": t2})
    {'t2': '4 x 4 x 3 voxels against 4 x 4 x 4'}
    """
    (_, grid), *others = ((name, sitk.DICOMOrient(image, "LPS")) for name, image in images.items())
    return {name: what for name, image in others if (what := _grid_difference(image, grid))}


def _grid_difference(image: sitk.Image, grid: sitk.Image) -> str:
    """Return how the grid of an image differs from that of another, "" where it is the same."""
    if image.GetSize() != grid.GetSize():
        return f"{in_words(image.GetSize())} voxels against {in_words(grid.GetSize())}"
    return "" if _is_on_grid(image, grid) else _differences(image, grid) or "a little beside it"


def _is_on_grid(image: sitk.Image, grid: sitk.Image) -> bool:
    """Say whether the corners of two images of one size are the same places."""
    stays, start = np.eye(3, dtype=int), np.zeros(3, int)
    to_grid = np.linalg.solve(_affine(grid), _affine(image))
    return _largest_shift(to_grid, stays, grid.GetSize(), start) <= IMAGES_APART_VOX or _is_turned_by_rounding(
        to_grid, stays, image, grid, start
    )


def _affine(image: Image) -> np.ndarray:
    """Return the matrix from voxel index (x, y, z, 1) to millimeters."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return affine


def affine_ras(image: Image) -> np.ndarray:
    """Return the affine as NIfTI has it: right, anterior and superior are positive."""
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ _affine(image)


def _signed_permutation(matrix: np.ndarray) -> np.ndarray:
    """Return which mask axis runs along which image axis, and its sign; the identity if none does."""
    rounded = np.rint(matrix).astype(int)
    is_permutation = np.array_equal(np.abs(rounded) @ np.abs(rounded).T, np.eye(3))
    return rounded if is_permutation else np.eye(3, dtype=int)


def _is_turned_by_rounding(
    to_image: np.ndarray, turn: np.ndarray, mask_image: Image, image: Image, start: np.ndarray
) -> bool:
    """Say whether the axes differ as a NIfTI quaternion in float32 does, and nothing else differs."""
    ours, theirs = (np.reshape(one.GetDirection(), (3, 3)) for one in (image, mask_image))
    spacing = np.abs(turn) @ mask_image.GetSpacing()
    origin = _grid_points(turn, mask_image.GetSize(), start)[:, 0]  # of the mask, as the image counts
    return bool(
        np.abs(ours.T @ theirs - turn).max() <= QUATERNION_RAD
        and np.allclose(spacing, image.GetSpacing(), rtol=SPACING_ROUNDING, atol=0)
        and np.abs(to_image[:3, 3] - origin).max() <= TOLERANCE_VOX
    )


def _first_voxel(to_image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the image's index of the mask's voxel that comes first along the image's axes."""
    return np.rint((to_image[:3, :3] @ _corners(size) + to_image[:3, 3:]).min(axis=1)).astype(int)


def _corners(size: tuple[int, ...]) -> np.ndarray:
    return np.array(list(product(*[(0, length - 1) for length in size]))).T


def _is_placed(mask: Image) -> bool:
    """Say whether somebody said where the mask lies: an origin of 0 and voxels of 1 mm are what arrays come with."""
    return any(mask.GetOrigin()) or mask.GetSpacing() != (1.0, 1.0, 1.0)


def _pasted(values: np.ndarray, start: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return mask values (z, y, x) of a box that begins at ``start`` (x, y, z), on a grid of zeros."""
    whole = np.zeros(size[::-1], values.dtype)
    first, length = start[::-1], np.array(values.shape)
    target = tuple(slice(max(a, 0), max(a + n, 0)) for a, n in zip(first, length, strict=True))
    source = tuple(slice(max(-a, 0), max(end - a, 0)) for a, end in zip(first, whole.shape, strict=True))
    n_outside = np.count_nonzero(values) - np.count_nonzero(values[source])
    if n_outside:
        raise _mismatch(f"reaches beyond the image with {counted(int(n_outside), 'voxel')}")
    whole[target] = values[source]
    return whole


def _largest_shift(to_image: np.ndarray, turn: np.ndarray, size: tuple[int, ...], start: np.ndarray) -> float:
    """Return the largest distance, in image voxels along one axis, of a corner from its grid point."""
    found = to_image[:3, :3] @ _corners(size) + to_image[:3, 3:]
    return float(np.abs(found - _grid_points(turn, size, start)).max())


def _grid_points(turn: np.ndarray, size: tuple[int, ...], start: np.ndarray) -> np.ndarray:
    """Return where the mask's corners should lie on the image's grid if it begins at ``start``, shape (3, 8)."""
    points = turn @ _corners(size)
    return points - points.min(axis=1, keepdims=True) + start[:, None]


def _turned(mask: np.ndarray, turn: np.ndarray) -> np.ndarray:
    along = np.abs(turn).argmax(axis=1)  # image axis a is mask axis along[a]
    turned = mask.transpose(2, 1, 0).transpose(along)  # (x, y, z) of the image
    reversed_axes = tuple(axis for axis in range(3) if turn[axis, along[axis]] < 0)
    return np.flip(turned, reversed_axes).transpose(2, 1, 0)


def _notes(turn: np.ndarray, shift_vox: float, mask: Image, image: Image) -> tuple[str, ...]:
    if not np.array_equal(turn, np.eye(3)):
        return ("The mask is stored along other axes than the image; it was turned, voxel for voxel.",)
    if _geometry(mask) != _geometry(image):
        return (f"The mask's grid is {shift_vox:.1e} voxels off the image's; the image's was used.",)
    return ()


def _geometry(image: Image) -> tuple[tuple[float, ...], ...]:
    return image.GetSpacing(), image.GetOrigin(), image.GetDirection()


def _differences(mask: Image, image: Image) -> str:
    """Say both sides of whatever differs."""
    sides = zip(("spacing", "origin", "direction"), _geometry(mask), _geometry(image), strict=True)
    return "; ".join(
        f"{name} ({_numbers(ours)}) against ({_numbers(theirs)})"
        for name, ours, theirs in sides
        if not np.allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)


def _mismatch(what: str) -> ImageError:
    return ImageError(
        "geometry_mismatch",
        f"The mask {what}. Resample the mask onto the image (nearest neighbor), or name the mask drawn on it.",
    )
