"""What one look at an image and its mask tells: a picture of the middle of the tumor, a few numbers, a small copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import binary_erosion, gaussian_filter

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.labels import MAX_LABELS
from radiofuse.imaging.resampling import upright_voxels

SIDE = 96  # pixels of the picture
SMALL = 16  # voxels along each side of the small copy
SHOWN = (1.0, 99.0)  # percentiles of the voxels that are not 0, from black to white


@dataclass(frozen=True, eq=False)
class Portrait:
    """One image.

    Attributes
    ----------
    picture : ndarray of shape (SIDE, SIDE), uint8
        The slice with most tumor, or the middle one; front up, the patient's right on the left.
    outline : ndarray of shape (SIDE, SIDE), bool
        Where the border of the mask runs.
    small : ndarray of shape (SMALL, SMALL, SMALL), float32
        The box around what is not 0, right to left, front to back, upward; mean 0 and standard deviation 1.
    spacing_mm, size : tuple
        Along the axes of the file.
    orientation : str
        The directions the axes of the file run to: LPS.
    low, high : float
        The percentiles of the intensities that are not 0.
    volumes_ml : dict of int to float
        By label of the mask.
    share : float
        Of the mask in what is not 0.
    """

    picture: np.ndarray
    outline: np.ndarray
    small: np.ndarray
    spacing_mm: tuple[float, ...]
    size: tuple[int, ...]
    orientation: str
    low: float
    high: float
    volumes_ml: dict[int, float]
    share: float


def portrait(image_path: str, mask_path: str = "") -> Portrait:
    """Return what there is to see of an image.

    Raises
    ------
    ImageError
        If image or mask cannot be read, or do not share a grid.
    """
    image = read_image(image_path).image
    mask = _mask_of(image, mask_path)
    upright = sitk.DICOMOrient(image, "LPS")
    voxels, region = sitk.GetArrayFromImage(upright).T, upright_voxels(mask)
    shown = voxels != 0
    if not shown.any():
        raise ImageError("degenerate_intensity", "The image is 0 everywhere.")
    low, high = (float(one) for one in np.percentile(voxels[shown], SHOWN))
    k = int(region.sum(axis=(0, 1)).argmax()) if region.any() else voxels.shape[2] // 2
    picture, outline = _pictured(voxels[:, :, k], region[:, :, k] != 0, (low, high), upright.GetSpacing()[:2])
    return Portrait(
        picture,
        outline,
        _small_copy(voxels, shown, low, high),
        image.GetSpacing(),
        image.GetSize(),
        sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection()),
        low,
        high,
        _volumes(region, float(np.prod(image.GetSpacing()))),
        float((region != 0).sum() / shown.sum()),
    )


def _mask_of(image: sitk.Image, path: str) -> sitk.Image:
    values = np.zeros(image.GetSize()[::-1], np.uint8)
    if path:
        mask = read_mask(path).image
        values, _ = mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, image)
    placed = sitk.GetImageFromArray(np.ascontiguousarray(values))
    placed.CopyInformation(image)
    return placed


def _pictured(
    cut: np.ndarray, region: np.ndarray, shown: tuple[float, float], spacing_mm: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a slice and the border of its region as square pictures, pixels of equal size in mm."""
    low, high = shown
    gray = np.clip((cut - low) / max(high - low, 1e-12), 0, 1) * 255
    extent = np.array(cut.shape) * spacing_mm
    places = [(np.arange(SIDE) + 0.5) / SIDE * extent.max() - (extent.max() - extent[axis]) / 2 for axis in (0, 1)]
    index = [np.floor(place / spacing_mm[axis]).astype(int) for axis, place in enumerate(places)]
    inside = [(at >= 0) & (at < cut.shape[axis]) for axis, at in enumerate(index)]
    chosen = np.ix_(*(np.clip(at, 0, cut.shape[axis] - 1) for axis, at in enumerate(index)))
    there = np.outer(*inside)
    picture = np.where(there, gray[chosen], 0).astype(np.uint8).T
    drawn = (region[chosen] & there).T
    return picture, drawn & ~binary_erosion(drawn)


def _small_copy(voxels: np.ndarray, shown: np.ndarray, low: float, high: float) -> np.ndarray:
    boxes = [np.flatnonzero(shown.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = voxels[tuple(slice(at[0], at[-1] + 1) for at in boxes)]
    shown_range = np.clip(box, low, high).astype(np.float32)
    # not ITK's recursive filter, which needs four voxels along each axis
    small = sitk.GetImageFromArray(gaussian_filter(shown_range, [0.5 * max(n / SMALL, 1.0) for n in box.shape]))
    grid = sitk.Image([SMALL] * 3, sitk.sitkFloat32)
    grid.SetSpacing([n / SMALL for n in small.GetSize()])
    grid.SetOrigin([(n / SMALL - 1) / 2 for n in small.GetSize()])
    copy = sitk.GetArrayFromImage(sitk.Resample(small, grid))
    return ((copy - copy.mean()) / max(float(copy.std()), 1e-12)).astype(np.float32)


def _volumes(region: np.ndarray, voxel_mm3: float) -> dict[int, float]:
    labels, counts = np.unique(region[region != 0], return_counts=True)
    kept = zip(labels[:MAX_LABELS], counts[:MAX_LABELS], strict=True)
    return {int(label): float(n) * voxel_mm3 / 1000 for label, n in kept}
