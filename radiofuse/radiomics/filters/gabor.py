"""Gabor filters in a box of a volume, slice by slice: waves under a Gaussian, their response's magnitude."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import fft2, ifft2, next_fast_len

from radiofuse.radiomics.filters.boundaries import Box, Part, extended
from radiofuse.radiomics.filters.separable import Pool
from radiofuse.radiomics.filters.truncated_log import check_sigma
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of, written

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source

PLANES = ((2, 1), (2, 0), (1, 0))  # x and y, x and z, y and z
# Standard deviations after which the envelope ends: exp(-6² / 2) = 2e-8. IBSI names none.
CUTOFF = 6


def images(options: Options) -> Made:
    """Return the image of each sigma and wavelength, by name."""
    step, planes = options["rotationStep"], options["orthogonalPlanes"]
    how = {
        "aspect": options["aspect"],
        "angles_deg": _angles(step) if step else [options["angle"]],
        "planes": PLANES if planes else (axes_of(options, 2),),
        "pooling": options["pooling"],
        "boundary": options["boundary"],
    }
    turns = f"step-{written(step)}-{options['pooling']}" if step else f"angle-{written(options['angle'])}"
    ending = f"{turns}-{'3-planes' if planes else '2D'}"
    return {
        f"gabor-{written(sigma)}-mm-wavelength-{written(wavelength)}-mm-{ending}": partial(
            _of_source, sigma_mm=sigma, wavelength_mm=wavelength, **how
        )
        for sigma in options["sigma"]
        for wavelength in options["wavelength"]
    }


def _angles(step_deg: float) -> list[float]:
    """Return the angles of a whole turn, or of half of it where the other half answers with the same magnitudes."""
    n_steps = round(360 / step_deg)
    return [step_deg * nth for nth in range(n_steps // 2 if n_steps % 2 == 0 else n_steps)]


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return gabor_in_box(source.volume, source.region.spacing_mm, source.box, **how)


def gabor_in_box(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    box: Box,
    *,
    sigma_mm: float,
    wavelength_mm: float,
    aspect: float,
    angles_deg: list[float],
    planes: tuple[tuple[int, ...], ...],
    boundary: str,
    pooling: str = "mean",
) -> np.ndarray:
    """Return the magnitude of a volume's response to Gabor filters in a box (IBSI Q88H).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    box : tuple of slice
        Where the response is wanted.
    sigma_mm : float
        Standard deviation of the Gaussian along the wave.
    wavelength_mm : float
    aspect : float
        Across the wave the standard deviation is ``sigma_mm / aspect``.
    angles_deg : list of float
        Directions of the wave, from a plane's first axis to its second.
    planes : tuple of (int, int)
        The two axes of each plane in which slices are filtered.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.
    pooling : {"max", "mean"}
        Of the responses to all angles in all planes.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if sigma or sigma / aspect is longer than the volume along an axis.

    Notes
    -----
    The response is complex, and its magnitude the same after half a turn. Values are those of a sum over the kernel's
    voxels, computed by Fourier transforms: the box may move their last digits.

    References
    ----------
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.4.

    Examples
    --------
    >>> waves = np.broadcast_to(np.cos(np.pi * np.arange(32) / 2), (1, 32, 32))
    >>> how = {"sigma_mm": 4, "wavelength_mm": 4, "aspect": 1, "planes": ((2, 1),), "boundary": "periodic"}
    >>> box = (slice(0, 1), slice(16, 17), slice(16, 17))
    >>> along, across = (gabor_in_box(waves, (1, 1, 1), box, angles_deg=[angle], **how) for angle in (0, 90))
    >>> bool(along > 50), bool(across < 1e-3)
    (True, True)
    """
    axes = sorted({axis for plane in planes for axis in plane})
    check_sigma(volume.shape, spacing_mm, axes, sigma_mm)
    across = f"Across the wave a Gabor filter of sigma {sigma_mm:g} mm and aspect {aspect:g}"
    check_sigma(volume.shape, spacing_mm, axes, sigma_mm / aspect, across)
    pool = Pool(pooling)
    for plane in planes:
        spacings_mm = [spacing_mm[axis] for axis in plane]
        kernels = [_kernel(angle, spacings_mm, sigma_mm, wavelength_mm, aspect) for angle in angles_deg]
        reach = [0, 0, 0]
        for nth, axis in enumerate(plane):
            reach[axis] = max(kernel.shape[nth] // 2 for kernel in kernels)
        block = np.moveaxis(extended(Part.whole(volume), box, reach, boundary), plane, (1, 2))
        values = _pooled_in_slices(block, kernels, [reach[axis] for axis in plane], pooling)
        pool.add(np.moveaxis(values, (1, 2), plane))
    return pool.values


def _pooled_in_slices(block: np.ndarray, kernels: list[np.ndarray], reach: list[int], pooling: str) -> np.ndarray:
    """Return the pooled magnitudes of the kernels' responses in each slice, without the block's margin."""
    size = [next_fast_len(length) for length in block.shape[1:]]
    inside = tuple(slice(2 * more, length) for more, length in zip(reach, block.shape[1:], strict=True))
    transfers = [fft2(_widened(kernel, reach), size) for kernel in kernels]
    out = np.empty((len(block), *(side.stop - side.start for side in inside)))
    for nth, values in enumerate(block):
        spectrum, pool = fft2(values, size), Pool(pooling)
        for transfer in transfers:
            pool.add(np.abs(ifft2(spectrum * transfer, overwrite_x=True)[inside]))
        out[nth] = pool.values
    return out


def _widened(kernel: np.ndarray, reach: list[int]) -> np.ndarray:
    margins = [more - length // 2 for more, length in zip(reach, kernel.shape, strict=True)]
    return np.pad(kernel, [(margin, margin) for margin in margins])


def _kernel(
    angle_deg: float, spacing_mm: list[float], sigma_mm: float, wavelength_mm: float, aspect: float
) -> np.ndarray:
    """Return a wave under a Gaussian; the box in which the Gaussian is more than 0."""
    cosine, sine = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    across_mm = sigma_mm / aspect
    extents_mm = math.hypot(cosine * sigma_mm, sine * across_mm), math.hypot(sine * sigma_mm, cosine * across_mm)
    first, second = (
        np.arange(-reach, reach + 1) * spacing
        for reach, spacing in (
            (math.ceil(CUTOFF * extent / spacing), spacing)
            for extent, spacing in zip(extents_mm, spacing_mm, strict=True)
        )
    )
    along = first[:, None] * cosine + second * sine
    across = second * cosine - first[:, None] * sine
    envelope = np.exp(-(along**2 + (aspect * across) ** 2) / (2 * sigma_mm**2))
    return envelope * np.exp(2j * math.pi / wavelength_mm * along)
