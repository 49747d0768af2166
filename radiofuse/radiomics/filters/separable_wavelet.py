"""Separable wavelets as IBSI 2 defines them: undecimated, dilated from level to level, turned by right angles."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pywt

from radiofuse.radiomics.filters.boundaries import Box, Part, check_fits, read_box
from radiofuse.radiomics.filters.separable import (
    Kernels,
    Pool,
    Turns,
    centered,
    pool_filters,
    reaches,
    response,
    turned,
)
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source


def images(options: Options) -> Made:
    """Return the image of each sub-band and level, by name."""
    how = {key: options[key] for key in ("wavelet", "pooling", "boundary")}
    how["rotation_invariance"] = options["rotationInvariance"]
    turns = f"-{options['pooling']}" if options["rotationInvariance"] else ""
    return {
        f"separable-wavelet-{options['wavelet'].replace('.', '-')}-{band}-level-{level}{turns}": partial(
            _of_source, band=band, level=level, axes=axes_of(options, len(band)), **how
        )
        for level in options["level"]
        for band in options["subbands"]
    }


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return separable_wavelet_in_box(source.volume, source.box, **how)


def separable_wavelet_in_box(
    volume: np.ndarray,
    box: Box,
    *,
    wavelet: str,
    band: str,
    level: int,
    axes: tuple[int, ...],
    boundary: str,
    rotation_invariance: bool = False,
    pooling: str = "mean",
) -> np.ndarray:
    """Return a sub-band of a volume's undecimated wavelet transform in a box (IBSI 25BO).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where the sub-band is wanted.
    wavelet : str
        A discrete wavelet of PyWavelets.
    band : str
        A letter for each of the axes, as ``LLH`` or ``LH``: low-pass or high-pass.
    level : int
        The approximation is filtered ``level`` - 1 times before; from level to level 0 follow each tap, as many as
        double the kernel's length (à trous).
    axes : tuple of int
        Axes that are filtered, in the order of the letters.
    boundary : str
        What lies beyond the volume, at every level: ``mirror``, ``nearest``, ``periodic`` or ``zero``.
    rotation_invariance : bool
        Filter with the kernels turned by all right angles and pool the responses (O1AQ).
    pooling : {"max", "mean"}
        Of these responses.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if the last level's kernel is longer than the volume.

    References
    ----------
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.5.

    Examples
    --------
    >>> how = {"wavelet": "haar", "axes": (2, 1, 0), "boundary": "periodic"}
    >>> box = (slice(0, 1), slice(2, 3), slice(1, 3))
    >>> separable_wavelet_in_box(np.ones((8, 8, 8)), box, band="LLL", level=2, **how).round(9).tolist()
    [[[8.0, 8.0]]]
    """
    length = pywt.Wavelet(wavelet).dec_len * 2 ** (level - 1)
    check_fits(f"The separable wavelet {wavelet} at level {level}", length, volume.shape, axes)
    pool, last = Pool(pooling), _kernels(wavelet, band, level)
    # Rotations that turn the same axes share their approximations.
    rotations = sorted(turned(last), key=_turns) if rotation_invariance else [((1,) * len(axes), last)]
    for turns, group in groupby(rotations, key=_turns):
        every = [kernels for _, kernels in group]
        part = _approximation(
            volume, _around(box, every, axes, volume.shape, boundary), level - 1, wavelet, turns, axes, boundary
        )
        pool_filters(pool, part, box, every, axes, boundary)
    return pool.values


def _turns(rotation: tuple[Turns, Kernels]) -> Turns:
    return rotation[0]


def _around(box: Box, every: list[Kernels], axes: tuple[int, ...], shape: tuple[int, ...], boundary: str) -> Box:
    return read_box(box, reaches(every, axes), shape, boundary)


def _approximation(
    volume: np.ndarray,
    box: Box,
    level: int,
    wavelet: str,
    turns: Turns,
    axes: tuple[int, ...],
    boundary: str,
) -> Part:
    """Return the approximation of a level in a box; that of level 0 is the volume."""
    if level == 0:
        return Part.whole(volume)
    low = tuple(kernel[::turn] for kernel, turn in zip(_kernels(wavelet, "L" * len(axes), level), turns, strict=True))
    around = _around(box, [low], axes, volume.shape, boundary)
    before = _approximation(volume, around, level - 1, wavelet, turns, axes, boundary)
    return Part(response(before, box, low, axes, boundary), tuple(side.start for side in box), volume.shape)


def _kernels(wavelet: str, band: str, level: int) -> Kernels:
    """Return the kernel of each letter at a level: taps of the decomposition with 0 between them."""
    bank = pywt.Wavelet(wavelet)
    taps = {"L": bank.dec_lo, "H": bank.dec_hi}
    spread = [1.0] + [0.0] * (2 ** (level - 1) - 1)
    return tuple(centered(np.kron(taps[letter], spread)) for letter in band)
