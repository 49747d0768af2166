"""Point-wise filters in a box of a volume, scaled by the volume's largest magnitude as pyradiomics scales them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiofuse.errors import ImageError


def pointwise_in_box(name: str, volume: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Return a point-wise filtered volume's values in a box.

    With M the largest magnitude of the whole volume, ``square`` is x² / M, ``squareroot`` sign(x) √(|x| M),
    ``logarithm`` sign(x) log(|x| + 1) M / log(M + 1), and ``exponential`` M^(x / M).

    Parameters
    ----------
    name : str
        A key of ``FILTERS``.
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where values are wanted.

    Returns
    -------
    ndarray of float64, shape of the box

    Raises
    ------
    ImageError
        If the volume holds no value but 0, which leaves the scale undefined, or one that is not finite.

    References
    ----------
    van Griethuysen et al. 2017, "Computational radiomics system to decode the radiographic phenotype",
    doi:10.1158/0008-5472.CAN-17-0339; documentation of pyradiomics 3.0.1, imageoperations.

    Examples
    --------
    >>> volume = np.array([[[-4, 1, 9, 16]]], dtype=np.int16)
    >>> pointwise_in_box("squareroot", volume, (slice(None), slice(None), slice(0, 3))).ravel().tolist()
    [-8.0, 4.0, 12.0]
    """
    return FILTERS[name](volume[box].astype(np.float64), _largest_magnitude(volume))


def _largest_magnitude(volume: np.ndarray) -> np.float64:
    # Slab by slab, so that the second look at a slab finds it in the cache.
    extremes = [np.float64(look(slab)) for slab in volume for look in (np.min, np.max)]
    largest = np.abs(extremes).max()
    if largest > 0 and np.isfinite(largest):
        return largest
    raise ImageError(
        "no_intensity_scale",
        f"The largest magnitude in the image is {largest:g}; point-wise filters divide by it and need a finite "
        "one above 0. Correct the image, or leave these image types out.",
    )


def _square(values: np.ndarray, largest: np.float64) -> np.ndarray:
    return (1 / np.sqrt(largest) * values) ** 2


def _square_root(values: np.ndarray, largest: np.float64) -> np.ndarray:
    return np.copysign(np.sqrt(np.abs(values) * largest), values)


def _logarithm(values: np.ndarray, largest: np.float64) -> np.ndarray:
    # Not log1p: the same rounding as pyradiomics matters more here than accuracy next to 0.
    return np.copysign(np.log(np.abs(values) + 1), values) * (largest / np.log(largest + 1))


def _exponential(values: np.ndarray, largest: np.float64) -> np.ndarray:
    return np.exp(np.log(largest) / largest * values)


FILTERS: dict[str, Callable[[np.ndarray, np.float64], np.ndarray]] = {
    "square": _square,
    "squareroot": _square_root,
    "logarithm": _logarithm,
    "exponential": _exponential,
}
