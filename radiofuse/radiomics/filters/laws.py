"""Laws' kernels in a box of a volume, turned by right angles, and the energy of their response."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.radiomics.filters.boundaries import Box, Part, check_fits, read_box
from radiofuse.radiomics.filters.separable import Kernels, Pool, pool_filters, response, turned
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of
from radiofuse.radiomics.ibsi2_rules import LAWS

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source


def images(options: Options) -> Made:
    """Return the image of each combination of kernels, by name."""
    how = {key: options[key] for key in ("pooling", "boundary")} | {
        "rotation_invariance": options["rotationInvariance"],
        "energy_distance": options["energyDistance"],
    }
    turns = f"-{options['pooling']}" if options["rotationInvariance"] else ""
    energy = "" if options["energyDistance"] is None else f"-energy-{options['energyDistance']}"
    return {
        f"laws-{kernels}{turns}{energy}": partial(
            _of_source, kernels=kernels, axes=axes_of(options, len(kernels) // 2), **how
        )
        for kernels in options["kernels"]
    }


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return laws_in_box(source.volume, source.box, **how)


def laws_in_box(
    volume: np.ndarray,
    box: Box,
    *,
    kernels: str,
    axes: tuple[int, ...],
    boundary: str,
    rotation_invariance: bool = False,
    pooling: str = "max",
    energy_distance: int | None = None,
) -> np.ndarray:
    """Return a volume filtered with Laws' kernels in a box (IBSI JTXT).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where the response is wanted.
    kernels : str
        One for each of the axes, as ``L5E5E5`` or ``L5E5``.
    axes : tuple of int
        Axes that are filtered, in the order of the kernels.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.
    rotation_invariance : bool
        Filter with the kernels turned by all right angles and pool the responses (O1AQ).
    pooling : {"max", "mean"}
        Of these responses.
    energy_distance : int or None
        Return the texture energy (PQSD): the mean of absolute values up to so many voxels away. None: not.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if a kernel or the energy's neighborhood is longer than the volume.

    References
    ----------
    K. I. Laws, "Rapid texture identification", Proc. SPIE 0238, 1980, doi:10.1117/12.959169.
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.3.

    Examples
    --------
    >>> edge = np.repeat(np.array([[[1.0, 1, 1, 0, 0, 0]]]), 3, axis=1)
    >>> box = (slice(0, 1), slice(1, 2), slice(2, 4))
    >>> laws_in_box(edge, box, kernels="E3L3", axes=(2, 1), boundary="nearest").round(2).tolist()
    [[[1.15, 1.15]]]
    """
    one_each = taps_of(kernels)
    reach = 0 if energy_distance is None else energy_distance
    longest = max(*(len(kernel) for kernel in one_each), 2 * reach + 1)
    check_fits(f"Laws' {kernels}{f' with energy distance {reach}' if reach else ''}", longest, volume.shape, axes)
    every = [turned_kernels for _, turned_kernels in turned(one_each)] if rotation_invariance else [one_each]
    around = read_box(box, [reach if axis in axes else 0 for axis in range(3)], volume.shape, boundary)
    pool = Pool(pooling)
    pool_filters(pool, Part.whole(volume), around, every, axes, boundary)
    if energy_distance is None:
        return pool.values
    magnitudes = Part(np.abs(pool.values), tuple(side.start for side in around), volume.shape)
    width = 2 * energy_distance + 1
    return response(magnitudes, box, (np.full(width, 1 / width),) * len(axes), axes, boundary)


def taps_of(kernels: str) -> Kernels:
    """Return the kernels of a name, each of length 1."""
    taps = [np.array(LAWS[name], np.float64) for name in re.findall("..", kernels)]
    return tuple(one / np.linalg.norm(one) for one in taps)
