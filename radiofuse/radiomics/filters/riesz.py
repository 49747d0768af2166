"""Riesz transforms of a Laplacian of Gaussian or of a Simoncelli wavelet, also steered along the image's structure."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.radiomics.filters import simoncelli, truncated_log
from radiofuse.radiomics.filters.boundaries import Box, read_box
from radiofuse.radiomics.filters.fourier import Frequencies, Spectrum
from radiofuse.radiomics.filters.steering import directions, directions_reach, steered
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of, written

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source

Order = tuple[int, ...]
Band = Callable[[Frequencies], np.ndarray]


def log_images(options: Options) -> Made:
    """Return the Riesz transforms of the Laplacian of Gaussian of each sigma, by name."""
    return {
        f"{_name(order, options)}-laplacian-of-gaussian-{written(sigma)}-mm-{len(order)}D": partial(
            _of_log, sigma_mm=sigma, cutoff=options["cutoff"], **_how(order, options)
        )
        for sigma in options["sigma"]
        for order in options["order"]
    }


def simoncelli_images(options: Options) -> Made:
    """Return the Riesz transforms of each level of Simoncelli's wavelet, by name."""
    return {
        f"{_name(order, options)}-simoncelli-level-{level}-{len(order)}D": partial(
            _of_simoncelli, level=level, **_how(order, options)
        )
        for level in options["level"]
        for order in options["order"]
    }


def _name(order: Order, options: Options) -> str:
    sigma = options["alignmentSigma"]
    return f"riesz-{''.join(map(str, order))}{'' if sigma is None else f'-aligned-{written(sigma)}-mm'}"


def _how(order: Order, options: Options) -> dict[str, Any]:
    return {
        "order": tuple(order),
        "axes": axes_of(options, len(order)),
        "boundary": options["boundary"],
        "alignment_sigma_mm": options["alignmentSigma"],
    }


def _of_log(source: Source, *, sigma_mm: float, cutoff: float, axes: tuple[int, ...], **how: Any) -> np.ndarray:
    volume, spacing_mm = source.volume, source.region.spacing_mm
    truncated_log.check_sigma(volume.shape, spacing_mm, axes, sigma_mm)
    truncated_log.check_sampled("RieszLaplacianOfGaussian", spacing_mm, axes, sigma_mm, cutoff)
    lines = [truncated_log.line(sigma_mm / spacing_mm[axis], cutoff) for axis in sorted(axes)]
    # As far again as the kernel reaches: there the Riesz transform of a point has faded.
    margin = 2 * max(len(smooth) // 2 for smooth, _ in lines)
    band = partial(truncated_log.spectrum, lines=lines, spacing_mm=[spacing_mm[axis] for axis in sorted(axes)])
    return riesz_in_box(volume, spacing_mm, source.box, band=band, margin=margin, axes=axes, **how)


def _of_simoncelli(source: Source, *, level: int, axes: tuple[int, ...], **how: Any) -> np.ndarray:
    volume = source.volume
    simoncelli.check_level(level, volume.shape, axes)
    band, margin = partial(simoncelli.band, level=level), simoncelli.margin(level)
    return riesz_in_box(volume, source.region.spacing_mm, source.box, band=band, margin=margin, axes=axes, **how)


def riesz_in_box(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    box: Box,
    *,
    band: Band,
    margin: int,
    order: Order,
    axes: tuple[int, ...],
    boundary: str,
    alignment_sigma_mm: float | None = None,
) -> np.ndarray:
    """Return the Riesz transform of a band of a volume's frequencies in a box (IBSI AYRS).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    box : tuple of slice
        Where the response is wanted.
    band : callable
        The filter that is transformed: frequencies to factors.
    margin : int
        Voxels that are looked at beyond the border, where the volume is not periodic.
    order : tuple of int
        How often to transform along each of the axes.
    axes : tuple of int
        All three, or the two of a slice, as x, y, z.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.
    alignment_sigma_mm : float or None
        Turn the axes at each voxel to the directions of the image's structure round it, under a Gaussian of this
        standard deviation: the first to where the structure tensor's eigenvalue is largest. None: do not turn.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if the sigma of the alignment is longer than the volume along an axis; ``not_finite``.

    Notes
    -----
    A direction has no sign. Turned axes point where the first-order transform is not negative, so that odd orders have
    a sign, too. IBSI found no consensus on turned axes, and has no reference for them.

    References
    ----------
    M. Unser and N. Chenouard, "A unifying parametric framework for 2D steerable wavelet transforms", SIAM Journal on
    Imaging Sciences 6, 102-135, 2013, doi:10.1137/120866014.
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.7.

    Examples
    --------
    >>> from radiofuse.radiomics.filters.simoncelli import band
    >>> waves = np.broadcast_to(np.cos(np.pi * np.arange(33) / 2), (33, 33, 33))
    >>> how = {"band": partial(band, level=1), "margin": 0, "axes": (2, 1, 0), "boundary": "zero"}
    >>> box = (slice(16, 17),) * 3
    >>> along, across = (riesz_in_box(waves, (1, 1, 1), box, order=order, **how) for order in ((2, 0, 0), (0, 2, 0)))
    >>> bool(abs(along) > 0.9), bool(abs(across) < 0.01)
    (True, True)
    """
    exponents = order[::-1]  # as the volume's axes come: z, y, x
    if alignment_sigma_mm is None:
        spectrum = Spectrum(volume, box, axes, margin, boundary)
        return _weight(order) * spectrum.response(partial(_factors, band=band, exponents=exponents))
    truncated_log.check_sigma(volume.shape, spacing_mm, axes, alignment_sigma_mm)
    reach = directions_reach(spacing_mm, axes, alignment_sigma_mm)
    around = read_box(box, reach, volume.shape, boundary)
    spectrum = Spectrum(volume, around, axes, margin, boundary)

    def response(powers: Order) -> np.ndarray:
        return spectrum.response(partial(_factors, band=band, exponents=powers))

    turned = directions(response, around, box, volume.shape, spacing_mm, axes, alignment_sigma_mm, boundary)
    return _weight(order) * steered(response, turned, exponents, around, box)


def _weight(order: Order) -> float:
    return math.sqrt(math.factorial(sum(order)) / math.prod(map(math.factorial, order)))


def _factors(frequencies: Frequencies, band: Band, exponents: Order) -> np.ndarray:
    """Return a band times a Riesz transform without its weight: (-i f / |f|) to the power of the exponents."""
    squares, total = frequencies.squares, sum(exponents)
    product = np.divide(band(frequencies), squares ** (total / 2), out=np.zeros(squares.shape), where=squares > 0)
    for one, exponent in zip(frequencies.grid, exponents, strict=True):
        product = product * one**exponent
    return (-1j) ** total * product
