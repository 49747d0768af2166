"""Spatial autocorrelation: Moran's I and Geary's C, exact over all pairs of voxels, by Fourier transforms."""

from __future__ import annotations

import math

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn

from radiofuse.errors import ImageError

MAX_CELLS = 2**28  # of the transform: an array takes 2 GB, and three live at once


def moran_and_geary(
    values: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, float, float]
) -> tuple[float, float]:
    """Return Moran's I and Geary's C of the voxels of a region, each pair weighted with 1 / distance.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
        Intensities in the region's box.
    mask : ndarray of bool, shape (z, y, x)
    spacing_mm : tuple of float
        Along z, y, x.

    Returns
    -------
    tuple of float
        NaN both where all intensities are equal.

    Raises
    ------
    ImageError
        ``roi_too_large`` if the box has more than about 320 x 320 x 320 voxels.

    Notes
    -----
    The weight of a pair depends on the step between its voxels alone. How often a step occurs, and the sum of the
    products over the pairs a step apart, are autocorrelations; three transforms give them for all steps at once, in
    a time that grows as the box' size times its logarithm. The loop over pairs grows as its square.

    References
    ----------
    Moran 1950, doi:10.1093/biomet/37.1-2.17; Geary 1954, doi:10.2307/2986645; IBSI N365 and NPT7.

    Examples
    --------
    >>> row = np.array([[[1.0, 2.0, 4.0]]])
    >>> moran, geary = moran_and_geary(row, row > 0, (1.0, 1.0, 1.0))
    >>> round(moran, 4), round(geary, 4)
    (-0.3143, 0.8143)
    """
    shape = [next_fast_len(2 * side - 1, real=True) for side in mask.shape]
    _check_size(mask.shape, shape)
    inside = mask.astype(float)
    n_voxels = inside.sum()
    deviations = np.where(mask, values - values[mask].mean(), 0.0)
    squares = (deviations**2).sum()
    if not np.ptp(values[mask]):  # not by the squares: the mean of equal intensities may be rounded
        return math.nan, math.nan
    weights = _inverse_distances(shape, mask.shape, spacing_mm)
    of_inside = rfftn(inside, shape)
    pairs = (weights * irfftn(_power(of_inside), shape)).sum()  # the sum of all weights
    products = (weights * irfftn(_power(rfftn(deviations, shape)), shape)).sum()
    of_inside *= rfftn(deviations**2, shape).conj()
    one_sided = (weights * irfftn(of_inside, shape)).sum()  # the weighted squares of each pair's first voxel
    moran = n_voxels / pairs * products / squares
    geary = (n_voxels - 1) / (2 * pairs) * (2 * one_sided - 2 * products) / squares
    return float(moran), float(geary)


def _power(spectrum: np.ndarray) -> np.ndarray:
    return spectrum.real**2 + spectrum.imag**2


def _check_size(box: tuple[int, ...], shape: list[int]) -> None:
    if math.prod(shape) > MAX_CELLS:
        raise ImageError(
            "roi_too_large",
            f"The region's box of {box[2]} x {box[1]} x {box[0]} voxels is too large for MoransI and GearysC. Resample "
            "more coarsely, or leave both out of morphology.",
        )


def _inverse_distances(shape: list[int], box: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return 1 / distance in mm of every step within the box, in the places where the transform has it; 0 beyond."""
    squared = np.zeros(shape)
    for axis, (size, side, spacing) in enumerate(zip(shape, box, spacing_mm, strict=True)):
        steps = np.minimum(np.arange(size), size - np.arange(size)) * spacing
        squared += (
            np.where(steps < side * spacing, steps, np.inf).reshape([-1 if one == axis else 1 for one in range(3)]) ** 2
        )
    squared[0, 0, 0] = np.inf  # a voxel is no pair with itself
    return 1 / np.sqrt(squared)
