"""Image types of IBSI 2: the names of the images that each stands for, and their values in a box."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofuse.names import lookup

if TYPE_CHECKING:
    from radiofuse.radiomics.image_types import Named, Source

Options = dict[str, Any]
# The images of an image type: each one's name, and what computes its values in the region's box.
Made = dict[str, Callable[["Source"], np.ndarray]]

# Paths, since their libraries are slow to import and most extractions need none of them.
IMAGES = {
    "Mean": "radiofuse.radiomics.filters.mean:images",
    "Laws": "radiofuse.radiomics.filters.laws:images",
    "Gabor": "radiofuse.radiomics.filters.gabor:images",
    "Simoncelli": "radiofuse.radiomics.filters.simoncelli:images",
    "RieszLaplacianOfGaussian": "radiofuse.radiomics.filters.riesz:log_images",
    "RieszSimoncelli": "radiofuse.radiomics.filters.riesz:simoncelli_images",
    "SeparableWavelet": "radiofuse.radiomics.filters.separable_wavelet:images",
    "LaplacianOfGaussian": "radiofuse.radiomics.filters.truncated_log:images",
}


def images(name: str, options: Options) -> Made:
    """Return the images that an image type of IBSI 2 stands for, by name, each with what computes its values.

    Parameters
    ----------
    name : str
        A key of ``IMAGES``.
    options : dict
        Every setting that holds for it.

    Examples
    --------
    >>> list(images("Mean", {"support": [3, 5], "dimensions": 3, "boundary": "zero"}))
    ['mean-3-3D', 'mean-5-3D']
    """
    return lookup(name, IMAGES, "image type")(options)


def filtered(source: Source, name: str, options: Options) -> Named:
    """Yield name and values, shape of the box, of every image that an image type stands for."""
    for image, compute in images(name, options).items():
        yield image, compute(source)


def axes_of(options: Options, n_axes: int | None = None) -> tuple[int, ...]:
    """Return the axes that are filtered, in IBSI's order x, y, z: all, or those of a slice."""
    dimensions = n_axes or options["dimensions"] or (2 if options["force2D"] else 3)
    return tuple(axis for axis in (2, 1, 0) if dimensions == 3 or axis != options["force2Ddimension"])


def written(number: float) -> str:
    """Return a number as names of images have it.

    Examples
    --------
    >>> written(1.5), written(3), written(3.0)
    ('1-5', '3', '3')
    """
    return str(number).removesuffix(".0").replace(".", "-")
