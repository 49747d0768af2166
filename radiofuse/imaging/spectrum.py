"""What an image is like beside its features: a few numbers on intensities, sharpness, noise, voxels and region."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import convolve

from radiofuse.imaging.roi import RoiPair

IN_REGION, ELSEWHERE = (5, 25, 50, 75, 95), (5, 50, 95)  # percentiles
AXES = ("z", "y", "x")  # of an array
SMALLEST = 1e-6  # of what logarithms are taken
NORMAL_MEDIAN = 0.6745  # of the absolute value of a standard normal variable
LAPLACIAN = np.array([[[1, -2, 1], [-2, 4, -2], [1, -2, 1]]], np.float32)
NAMES = (
    *(f"region_p{percent:02d}" for percent in IN_REGION),
    *(f"elsewhere_p{percent:02d}" for percent in ELSEWHERE),
    *(f"edges_{axis}" for axis in AXES),
    *(f"blur_{axis}" for axis in AXES),
    "noise",
    *(f"spacing_{axis}" for axis in AXES),
    "region_volume",
)
ON_LOG_SCALE = NAMES[len(IN_REGION) + len(ELSEWHERE) :]


def in_own_unit(name: str, value: float) -> float:
    """Return a number of a spectrum in its own unit: mm, ml, or a ratio, where its logarithm stands there.

    >>> in_own_unit("spacing_z", 0.0), in_own_unit("region_p50", 0.5)
    (1.0, 0.5)
    """
    return float(10**value) if name in ON_LOG_SCALE else float(value)


def spectrum(pair: RoiPair, *, normalized: bool) -> np.ndarray:
    """Return numbers on what an image is like, in the order of ``NAMES``.

    Parameters
    ----------
    pair : RoiPair
        Checked.
    normalized : bool
        Whether the intensities are brought to mean 0 and standard deviation 1 of what is not 0 first, as where
        features are computed of normalized images: then gain and offset of a scanner change nothing.

    Returns
    -------
    ndarray of shape (19,)
        Percentiles of the intensities in the region and of those elsewhere that are not 0. Decimal logarithms of: the
        root mean square difference of neighbors along each axis, in standard deviations of the image (``edges``); that
        of voxels two apart over that of neighbors, which is 1 of noise and 2 of a slope (``blur``); the noise by
        Laplacians in the planes of the slices (``noise``); the size of a voxel in mm and of the region in ml.

    References
    ----------
    Immerkaer (1996). Fast noise variance estimation. Computer Vision and Image Understanding 64, 300-302; with the
    median in place of the mean, which edges do not move.
    """
    voxels = sitk.GetArrayFromImage(pair.image).astype(np.float32)
    region = sitk.GetArrayFromImage(pair.roi) != 0
    box = _around((voxels != 0) | region)  # the air around takes no part, and most of the time
    voxels, region = np.ascontiguousarray(voxels[box]), region[box]
    tissue = voxels != 0
    middle, width = _middle_and_width(voxels[tissue])
    shown = (voxels - middle) / width if normalized else voxels
    around = tissue & ~region
    in_region = np.percentile(shown[region], IN_REGION)
    elsewhere = np.percentile(shown[around if around.any() else region], ELSEWHERE)
    steps = [[_difference(voxels, tissue, axis, lag) / width for lag in (1, 2)] for axis in range(3)]
    noise = np.abs(convolve(voxels, LAPLACIAN, mode="nearest")[tissue])
    spacing = pair.image.GetSpacing()[::-1]
    on_log_scale = [
        *(one for one, _ in steps),
        *(two / max(one, SMALLEST) for one, two in steps),
        float(np.median(noise)) / NORMAL_MEDIAN / 6 / width,
        *spacing,
        float(region.sum() * np.prod(spacing)) / 1000,
    ]
    return np.concatenate([in_region, elsewhere, np.log10(np.maximum(on_log_scale, SMALLEST))]).astype(float)


def _around(there: np.ndarray) -> tuple[slice, ...]:
    """Return the box of what is there with a margin of one voxel, which Laplacians read."""
    others = (tuple({0, 1, 2} - {axis}) for axis in range(3))
    spans = [np.flatnonzero(there.any(axis=both)) for both in others]
    return tuple(slice(max(span[0] - 1, 0), span[-1] + 2) for span in spans)


def _middle_and_width(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation, 1 of what has none."""
    if not len(values):
        return 0.0, 1.0
    return float(values.mean(dtype=float)), float(values.std(dtype=float)) or 1.0


def _difference(voxels: np.ndarray, tissue: np.ndarray, axis: int, lag: int) -> float:
    """Return the root mean square difference of voxels so far apart along an axis, both of tissue; 0 of none."""
    first, second = (np.moveaxis(one, axis, 0) for one in (voxels, tissue))
    both = second[lag:] & second[:-lag]
    apart = (first[lag:] - first[:-lag])[both]
    return float(np.sqrt(np.mean(apart.astype(float) ** 2))) if len(apart) else 0.0
