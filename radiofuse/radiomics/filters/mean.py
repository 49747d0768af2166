"""Mean filter: each voxel becomes the mean of those round it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.radiomics.filters.boundaries import Box, Part, check_fits
from radiofuse.radiomics.filters.separable import response
from radiofuse.radiomics.ibsi2_images import Made, Options, axes_of

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Source


def images(options: Options) -> Made:
    """Return the image of each support, by name."""
    axes = axes_of(options)
    how = {"axes": axes, "boundary": options["boundary"]}
    return {
        f"mean-{support}-{len(axes)}D": partial(_of_source, support=support, **how) for support in options["support"]
    }


def _of_source(source: Source, **how: Any) -> np.ndarray:
    return mean_in_box(source.volume, source.box, **how)


def mean_in_box(volume: np.ndarray, box: Box, *, support: int, axes: Sequence[int], boundary: str) -> np.ndarray:
    """Return the mean of the voxels round each voxel of a box (IBSI S60F).

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where the means are wanted.
    support : int
        Voxels along each side of what is averaged, an odd number.
    axes : sequence of int
        Axes along which is averaged: all three, or the two of a slice.
    boundary : str
        What lies beyond the volume: ``mirror``, ``nearest``, ``periodic`` or ``zero``.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        ``image_too_small``, if the volume has fewer voxels along an axis than the support.

    References
    ----------
    A. Depeursinge et al., "Standardised convolutional filtering for radiomics", arXiv:2006.05470, section 3.1.

    Examples
    --------
    >>> line = np.array([[[3.0, 6.0, 9.0, 0.0]]])
    >>> mean_in_box(line, (slice(0, 1), slice(0, 1), slice(0, 4)), support=3, axes=(2,), boundary="zero").tolist()
    [[[3.0, 6.0, 5.0, 3.0]]]
    """
    check_fits(f"The mean filter of support {support}", support, volume.shape, axes)
    kernels = (np.full(support, 1 / support),) * len(axes)
    return response(Part.whole(volume), box, kernels, axes, boundary)
