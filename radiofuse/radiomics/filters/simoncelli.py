"""Simoncelli's non-separable wavelet: bands of frequencies, alike in all directions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.radiomics.filters.boundaries import Box, check_fits
from radiofuse.radiomics.filters.fourier import Frequencies, Spectrum
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source

MARGIN_IN_WAVELENGTHS = 4


def images(options: Options) -> Made:
    """Return the image of each level, by name."""
    axes = axes_of(options)
    return {
        f"simoncelli-level-{level}-{len(axes)}D": partial(
            _of_source, level=level, axes=axes, boundary=options["boundary"]
        )
        for level in options["level"]
    }


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return simoncelli_in_box(source.volume, source.box, **how)


def simoncelli_in_box(volume: np.ndarray, box: Box, *, level: int, axes: tuple[int, ...], boundary: str) -> np.ndarray:
    """Return a band of a volume's frequencies in a box (IBSI PRT7, the B map).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where the response is wanted.
    level : int
        At level 1 the band reaches from a quarter of the highest frequency to all of it; each level halves both.
    axes : tuple of int
        All three, or the two of a slice.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if the wavelength in the middle of the band, 2 ** (level + 1) voxels, is longer than the
        volume along an axis; ``not_finite``.

    Notes
    -----
    The response at a voxel depends on all others. Beyond the border, where the volume is not periodic, four
    wavelengths are looked at.

    References
    ----------
    J. Portilla and E. P. Simoncelli, "A parametric texture model based on joint statistics of complex wavelet
    coefficients", International Journal of Computer Vision 40, 49-70, 2000, doi:10.1023/A:1026553619983.
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.6.

    Examples
    --------
    >>> flat = np.full((16, 16, 16), 5.0)
    >>> box = (slice(8, 9),) * 3
    >>> bool(abs(simoncelli_in_box(flat, box, level=1, axes=(2, 1, 0), boundary="periodic")) < 1e-9)
    True
    """
    check_level(level, volume.shape, axes)
    return Spectrum(volume, box, axes, margin(level), boundary).response(partial(band, level=level))


def check_level(level: int, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Refuse a level whose waves are longer than the volume."""
    check_fits(f"A wave of the Simoncelli wavelet's level {level}", 2 ** (level + 1), shape, axes)


def margin(level: int) -> int:
    """Return how many voxels beyond the border are looked at."""
    return MARGIN_IN_WAVELENGTHS * 2 ** (level + 1)


def band(frequencies: Frequencies, level: int) -> np.ndarray:
    """Return the share of each frequency in the band of a level."""
    radius = np.sqrt(frequencies.squares) * 2 ** (level - 1)
    inside = (radius > 0.25) & (radius <= 1)
    return np.where(inside, np.cos(np.pi / 2 * np.log2(2 * np.where(inside, radius, 1))), 0)
