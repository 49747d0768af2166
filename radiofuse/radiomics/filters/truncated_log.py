"""Laplacian of Gaussian as IBSI 2 defines it: a truncated kernel, not normalized across scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.radiomics.filters.boundaries import Box, Part, check_fits, extended
from radiofuse.radiomics.filters.separable import convolved
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of, written

LEAST_SIGMA_VOX = 0.75

if TYPE_CHECKING:
    from radiofuse.radiomics.filters.fourier import Frequencies
    from radiofuse.radiomics.image_types import Source


def images(options: Options) -> Made:
    """Return the image of each sigma, by name."""
    axes = axes_of(options)
    how = {"cutoff": options["cutoff"], "axes": axes, "boundary": options["boundary"]}
    return {
        f"laplacian-of-gaussian-{written(sigma)}-mm-{len(axes)}D": partial(_of_source, sigma_mm=sigma, **how)
        for sigma in options["sigma"]
    }


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return log_by_ibsi(source.volume, source.region.spacing_mm, source.box, **how)


def log_by_ibsi(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    box: Box,
    *,
    sigma_mm: float,
    cutoff: float,
    axes: Sequence[int],
    boundary: str,
) -> np.ndarray:
    """Return the Laplacian of Gaussian of a volume in a box (IBSI L6PA).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    box : tuple of slice
        Where the result is wanted.
    sigma_mm : float
        Standard deviation of the Gaussian.
    cutoff : float
        Standard deviations after which the kernel ends.
    axes : sequence of int
        All three, or the two of a slice.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if sigma is longer than the volume along an axis, or its kernel shorter than voxels show.

    Notes
    -----
    Second derivatives are per voxel, so that values are (spacing / sigma)² of those of pyradiomics' ``LoG``, which are
    multiplied by sigma² in mm². Where voxels are longer along one axis than along another, distances in the kernel are
    in mm and the derivatives per squared geometric mean of the spacings; IBSI defines equal spacings alone.

    References
    ----------
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.2.

    Examples
    --------
    >>> point = np.zeros((9, 9, 9))
    >>> point[4, 4, 4] = 1
    >>> how = {"sigma_mm": 2.0, "cutoff": 4, "axes": (2, 1, 0), "boundary": "zero"}
    >>> center = log_by_ibsi(point, (2.0, 2.0, 2.0), (slice(4, 5),) * 3, **how)
    >>> bool(np.isclose(center, -3 / (2 * np.pi) ** 1.5).all())
    True
    """
    check_sigma(volume.shape, spacing_mm, axes, sigma_mm)
    check_sampled("LaplacianOfGaussian", spacing_mm, axes, sigma_mm, cutoff)
    lines = {axis: line(sigma_mm / spacing_mm[axis], cutoff) for axis in axes}
    per_voxel = dict(zip(axes, _per_voxel([spacing_mm[axis] for axis in axes]), strict=True))
    reach = [len(lines[axis][0]) // 2 if axis in lines else 0 for axis in range(3)]
    block = extended(Part.whole(volume), box, reach, boundary)
    curved: np.ndarray | None = None  # what has had its second derivative already
    for axis in axes:
        smooth, second = lines[axis]
        if curved is not None:
            curved = convolved(curved, smooth, axis)
        bent = convolved(block, second * per_voxel[axis], axis)
        curved = bent if curved is None else curved + bent
        if axis != axes[-1]:
            block = convolved(block, smooth, axis)
    return curved


def line(sigma: float, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a Gaussian and its second derivative, cut after ``cutoff`` standard deviations; sigma in voxels."""
    reach = math.floor(cutoff * sigma + 0.5)
    squares = np.arange(-reach, reach + 1) ** 2
    gaussian = np.exp(-squares / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    return gaussian, (squares / sigma**4 - 1 / sigma**2) * gaussian


def spectrum(
    frequencies: Frequencies, lines: Sequence[tuple[np.ndarray, np.ndarray]], spacing_mm: Sequence[float]
) -> np.ndarray:
    """Return the Fourier transform of the kernel whose Gaussians and second derivatives are given along each axis."""
    smooth, second = (
        [_of_line(cycles, kernels[which]) for cycles, kernels in zip(frequencies.cycles, lines, strict=True)]
        for which in (0, 1)
    )
    terms = [
        per_voxel * math.prod([*smooth[:axis], second[axis], *smooth[axis + 1 :]])
        for axis, per_voxel in enumerate(_per_voxel(spacing_mm))
    ]
    return reduce(np.add, terms)


def _of_line(cycles: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the Fourier transform of a symmetric kernel."""
    places = np.arange(len(kernel)) - len(kernel) // 2
    return np.cos(2 * np.pi * cycles[..., None] * places) @ kernel


def _per_voxel(spacing_mm: Sequence[float]) -> list[float]:
    """Return what second derivatives along each axis are multiplied by: 1 where the spacings are equal."""
    unit = math.prod(spacing_mm) ** (2 / len(spacing_mm))
    return [unit / spacing**2 for spacing in spacing_mm]


def check_sigma(
    shape: Sequence[int], spacing_mm: Sequence[float], axes: Sequence[int], sigma_mm: float, what: str = ""
) -> None:
    """Refuse a sigma that is longer than the volume along an axis; ``what`` says whose, where a file does not name it.

    Raises
    ------
    ImageError
        ``image_too_small``.
    """
    for axis in axes:
        check_fits(what or f"A sigma of {sigma_mm:g} mm", math.ceil(sigma_mm / spacing_mm[axis]) + 1, shape, [axis])


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.01 else f"{share:.0%}"


def check_sampled(name: str, spacing_mm: Sequence[float], axes: Sequence[int], sigma_mm: float, cutoff: float) -> None:
    """Refuse a kernel that voxels do not show: it answers an even image with its intensity, where 0 is right.

    A Riesz transform leaves out the even image, and answers others by the same wrong kernel. Of its weight a second
    derivative leaves .1 % at .75 voxels, 2 % at .6, 10 % at .5 and all at .25.

    Raises
    ------
    ImageError
        ``image_too_small``.
    """
    axis = max(axes, key=lambda axis: spacing_mm[axis])
    voxels = sigma_mm / spacing_mm[axis]
    second = line(voxels, cutoff)[1]
    if voxels >= LEAST_SIGMA_VOX and len(second) > 1:
        return
    left = abs(second.sum()) / np.abs(second).sum()
    two = "dimensions: 2" if name == "LaplacianOfGaussian" else "an order of two numbers"
    flat = f" or set {two}," if axis == 0 and len(axes) == 3 else ""
    raise ImageError(
        "image_too_small",
        f"{name} with sigma {sigma_mm:g} mm and cutoff {cutoff:g} would answer an even image with "
        f"{_percent(left)} of its kernel's weight, not 0: expected a sigma of at least {LEAST_SIGMA_VOX:g} voxels, got "
        f"{voxels:.2g} of {spacing_mm[axis]:g} mm along {'zyx'[axis]}. Raise sigma or cutoff,{flat} or resample.",
    )
