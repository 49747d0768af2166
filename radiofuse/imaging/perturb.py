"""Small changes of an image and its region, as another scan or another hand would have made them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pywt
import SimpleITK as sitk
from scipy.ndimage import convolve1d, distance_transform_edt, gaussian_filter

from radiofuse.imaging.roi import RoiPair, check_pair

LARGEST_ANGLE_DEG = 10.0
LARGEST_SHIFT_VOX = 0.5
LARGEST_VOLUME_CHANGE = 0.2
CONTOUR_SD = 0.5  # of the smallest voxel edge, by which the contour strays
CONTOUR_SMOOTHNESS_MM = 3.0
NEAR_VOX = 12  # interpolated with splines; farther away only filters of long reach see the voxels
SPLINE_EDGE_VOX = 4  # a cubic spline's memory of what lies beyond the edge fades by 0.27 per voxel
NORMAL_MEDIAN = 0.6745  # of the absolute value of a standard normal variable


@dataclass(frozen=True)
class Perturbation:
    """How much an image and its region are changed.

    Attributes
    ----------
    angle_deg : float
        Rotation in the plane of the slices, about the region's center; slices lie across the longest voxel
        edge, in doubt across z.
    shift_vox : tuple of float
        Translation along x, y and z, in voxels.
    volume_change : float
        Fraction by which the region grows, or shrinks if negative.
    """

    angle_deg: float = 0.0
    shift_vox: tuple[float, float, float] = (0.0, 0.0, 0.0)
    volume_change: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Perturbation:
        """Return one drawn evenly from the ranges of this module."""
        angle, x, y, z, change = rng.uniform(-1, 1, size=5)
        shift_vox = (float(LARGEST_SHIFT_VOX * x), float(LARGEST_SHIFT_VOX * y), float(LARGEST_SHIFT_VOX * z))
        return cls(float(LARGEST_ANGLE_DEG * angle), shift_vox, float(LARGEST_VOLUME_CHANGE * change))


def perturb(pair: RoiPair, change: Perturbation, rng: np.random.Generator) -> RoiPair:
    """Return a pair with noise added, rotated and shifted on its own grid, and its contour redrawn.

    Parameters
    ----------
    pair : RoiPair
        Checked.
    change : Perturbation
        How much.
    rng : Generator
        Draws the noise and the contour.

    Returns
    -------
    RoiPair
        Of float32 voxels (float64 stays), on the same grid, checked again; without SHA-256.

    Raises
    ------
    ImageError
        If what is left of the region is of no use to features.

    Notes
    -----
    The changes and their order are those of [1]_: noise of the level that the image has already, then
    rotation and translation in one interpolation (cubic splines near the region, linear farther away; the
    region linearly, cut at one half), then growth or shrinkage to another volume. Contours are randomized
    by a smooth random displacement where [1]_ has supervoxels.

    References
    ----------
    .. [1] A. Zwanenburg et al., "Assessing robustness of radiomic features by image perturbation", Scientific
       Reports 9 (2019) 614.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> rng = np.random.default_rng(0)
    >>> image = sitk.GetImageFromArray(rng.normal(100, 5, size=(20, 20, 20)))
    >>> mask = sitk.GetImageFromArray(np.pad(np.ones((8, 8, 8), dtype=np.uint8), 6))
    >>> other = perturb(check_pair(image, mask), Perturbation(volume_change=0.25), rng)
    >>> int(sitk.GetArrayViewFromImage(other.roi).sum()), 8**3
    (640, 512)
    """
    region = sitk.GetArrayViewFromImage(pair.roi).astype(bool)
    noisy = _with_noise(pair.image, region, rng)
    box = _box(region, NEAR_VOX)
    transform = _rigid(pair.image, region, change)
    moved = _resampled(noisy, transform, box)
    roi = _moved_region(pair.roi, transform, box)
    spacing_mm = pair.image.GetSpacing()[::-1]
    redrawn = np.zeros_like(region)
    redrawn[box] = redraw(roi, 1 + change.volume_change, spacing_mm, rng)
    mask = sitk.GetImageFromArray(redrawn.view(np.uint8))
    mask.CopyInformation(pair.image)
    return check_pair(moved, mask, label=1)


def content_seed(pair: RoiPair) -> int:
    """Return a number for the voxels of image and region, the same however their files are compressed."""
    digest = hashlib.sha256(np.ascontiguousarray(sitk.GetArrayViewFromImage(pair.image)))
    digest.update(np.ascontiguousarray(sitk.GetArrayViewFromImage(pair.roi)))
    return int.from_bytes(digest.digest()[:16], "big")


def noise_level(voxels: np.ndarray, region: np.ndarray, slice_axis: int = 0) -> float:
    """Return the standard deviation of an image's noise within a region.

    The median of the diagonal wavelet coefficients of each slice at the finest scale, where there is little
    but noise. Air would have none of it, so the region alone is looked at.

    Parameters
    ----------
    voxels : ndarray of shape (z, y, x)
    region : ndarray of bool, shape (z, y, x)
    slice_axis : int, default=0
        The axis that slices lie across.

    References
    ----------
    S. G. Chang, B. Yu and M. Vetterli, "Adaptive wavelet thresholding for image denoising and compression",
    IEEE Transactions on Image Processing 9 (2000) 1532-1546, equation 11; here undecimated, with coiflets.

    Examples
    --------
    >>> voxels = np.random.default_rng(0).normal(scale=5, size=(10, 64, 64)) + np.arange(64)
    >>> round(noise_level(voxels, np.ones(voxels.shape, dtype=bool)), 1)
    5.0
    """
    high_pass = np.array(pywt.Wavelet("coif1").dec_hi)
    box = _box(region, len(high_pass))
    detail = voxels[box].astype(np.float64)
    for axis in {0, 1, 2} - {slice_axis}:
        detail = convolve1d(detail, high_pass, axis=axis, mode="mirror")
    return float(np.median(np.abs(detail[region[box]])) / NORMAL_MEDIAN)


def redraw(
    region: np.ndarray, volume_ratio: float, spacing_mm: tuple[float, ...], rng: np.random.Generator
) -> np.ndarray:
    """Return a region of another volume, whose contour strays smoothly by a fraction of a voxel.

    Parameters
    ----------
    region : ndarray of bool, shape (z, y, x)
        With room to grow.
    volume_ratio : float
        New voxels by old ones.
    spacing_mm : tuple of float
        z, y, x.
    rng : Generator

    Examples
    --------
    >>> ball = np.linalg.norm(np.indices((15, 15, 15)) - 7, axis=0) < 5
    >>> smaller = redraw(ball, 0.8, (1.0, 1.0, 1.0), np.random.default_rng(0))
    >>> int(ball.sum()), int(smaller.sum())
    (485, 388)
    """
    if not region.any():  # moved out of the image: the check that follows says so
        return region
    outside_mm = distance_transform_edt(~region, sampling=spacing_mm)
    inside_mm = distance_transform_edt(region, sampling=spacing_mm)
    stray = gaussian_filter(rng.standard_normal(region.shape), CONTOUR_SMOOTHNESS_MM / np.array(spacing_mm))
    stray *= CONTOUR_SD * min(spacing_mm) / stray.std()
    order = np.argsort((outside_mm - inside_mm + stray).ravel(), kind="stable")
    redrawn = np.zeros(region.shape, dtype=bool)
    redrawn.ravel()[order[: round(region.sum() * volume_ratio)]] = True
    return redrawn


def _box(region: np.ndarray, margin: int) -> tuple[slice, ...]:
    """Return the box round the region, ``margin`` voxels wider where the volume allows."""
    sides = []
    for axis in range(3):
        inside = np.flatnonzero(region.any(axis=tuple({0, 1, 2} - {axis})))
        sides.append(slice(max(int(inside[0]) - margin, 0), int(inside[-1]) + margin + 1))
    return tuple(sides)


def _slice_axis(image: sitk.Image) -> int:
    """Return the axis (of z, y, x) along which voxels are longest, z where several are."""
    return int(np.argmax(image.GetSpacing()[::-1]))


def _with_noise(image: sitk.Image, region: np.ndarray, rng: np.random.Generator) -> sitk.Image:
    voxels = sitk.GetArrayViewFromImage(image)
    precision = np.float64 if voxels.dtype == np.float64 else np.float32
    noise = rng.standard_normal(voxels.shape, dtype=precision)
    noise *= precision(noise_level(voxels, region, _slice_axis(image)))
    noise += voxels
    return _like(image, noise, (slice(0, None),) * 3)


def _rigid(image: sitk.Image, region: np.ndarray, change: Perturbation) -> sitk.Transform:
    """Return the map from places in the new image to places in the old one, in mm."""
    center = [float(places.mean()) for places in np.nonzero(region)][::-1]
    axes = np.reshape(image.GetDirection(), (3, 3))
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(image.TransformContinuousIndexToPhysicalPoint(center))
    transform.SetRotation(axes[:, 2 - _slice_axis(image)].tolist(), float(np.radians(change.angle_deg)))
    transform.SetTranslation((axes @ (np.array(change.shift_vox) * image.GetSpacing())).tolist())
    return transform


def _resampled(image: sitk.Image, transform: sitk.Transform, near: tuple[slice, ...]) -> sitk.Image:
    """Return the image on its own grid: linearly interpolated, and by cubic splines in the box ``near``."""
    voxels = sitk.GetArrayViewFromImage(image)
    moved = sitk.GetArrayFromImage(_interpolated(image, image, transform, sitk.sitkLinear))
    source = _source_box(image, near)
    padded = np.pad(voxels[source], SPLINE_EDGE_VOX, mode="edge")  # thin images too are wide enough for a spline
    start = tuple(slice(side.start - SPLINE_EDGE_VOX, None) for side in source)
    grid = _like(image, moved[near], near)
    splines = _interpolated(_like(image, padded, start), grid, transform, sitk.sitkBSpline)
    moved[near] = sitk.GetArrayViewFromImage(splines)
    return _like(image, moved, (slice(0, None),) * 3)


def _source_box(image: sitk.Image, box: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return the box that the voxels of ``box`` come from, whatever the rotation, with room for splines."""
    spacing_mm = np.array(image.GetSpacing()[::-1])
    extent_mm = [(side.stop - side.start) * edge for side, edge in zip(box, spacing_mm, strict=True)]
    swing_mm = np.sin(np.radians(LARGEST_ANGLE_DEG)) * max(extent_mm)
    margins = SPLINE_EDGE_VOX + np.ceil(swing_mm / spacing_mm).astype(int)
    return tuple(
        slice(max(side.start - int(margin), 0), side.stop + int(margin))
        for side, margin in zip(box, margins, strict=True)
    )


def _moved_region(roi: sitk.Image, transform: sitk.Transform, box: tuple[slice, ...]) -> np.ndarray:
    """Return the region after the move, within the box: voxels of which half or more belonged to it."""
    grid = _like(roi, sitk.GetArrayViewFromImage(roi)[box], box)
    share = sitk.Resample(roi, grid, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    return sitk.GetArrayViewFromImage(share) >= 0.5


def _interpolated(image: sitk.Image, grid: sitk.Image, transform: sitk.Transform, interpolator: int) -> sitk.Image:
    resample = sitk.ResampleImageFilter()
    resample.SetReferenceImage(grid)
    resample.SetTransform(transform)
    resample.SetInterpolator(interpolator)
    resample.SetUseNearestNeighborExtrapolator(True)  # zeros beyond the edge would be tissue of another kind
    return resample.Execute(image)


def _like(image: sitk.Image, voxels: np.ndarray, box: tuple[slice, ...]) -> sitk.Image:
    """Return voxels (z, y, x) as an image on ``image``'s grid that begins where the box does."""
    placed = sitk.GetImageFromArray(voxels)
    placed.SetSpacing(image.GetSpacing())
    placed.SetDirection(image.GetDirection())
    start = [side.start for side in box][::-1]
    placed.SetOrigin(image.TransformContinuousIndexToPhysicalPoint([float(index) for index in start]))
    return placed
