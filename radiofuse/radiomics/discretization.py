"""Discretization: intensities to gray levels, by bins of fixed width or of fixed number."""

from __future__ import annotations

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.roi import is_constant
from radiofuse.names import kernel

_discretization = kernel("radiomics._discretization")

# 13 co-occurrence matrices of 2,048 x 2,048 doubles take 0.4 GB.
MAX_GRAY_LEVELS = 2048


def gray_levels(
    values: np.ndarray,
    *,
    bin_width: float = 25,
    bin_count: int | None = None,
    ibsi: bool = False,
    lower: float | None = None,
    image_type: str = "original",
) -> tuple[np.ndarray, int]:
    """Return the gray level of every intensity, and the highest of them.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities of the region, integers or floating point.
    bin_width : float
        Width of a bin, in the unit of the intensities.
    bin_count : int or None
        Divide the range of the intensities into this many bins instead.
    ibsi : bool
        Count bins of fixed width from the region's minimum, or from ``lower``, as IBSI does; pyradiomics counts them
        from zero. Bins of fixed number are alike in both.
    lower : float or None
        Lower bound of the range that the region was resegmented to; read only with ``ibsi``.
    image_type : str
        Name of the image, for the message.

    Returns
    -------
    levels : ndarray of int32, shape (n_voxels,)
        From 1 on.
    n_levels : int
        The highest level in the region.

    Raises
    ------
    ImageError
        ``too_many_grey_levels``: more than 2,048, or intensities that are not finite.

    Notes
    -----
    Equal to pyradiomics for 32-bit images too, where the lowest edge is rounded to 32 bits. Integer images
    are computed exactly; pyradiomics' sums of 8- and 16-bit integers wrap around under NumPy 2 where the highest
    intensity plus two bin widths leaves the type.

    References
    ----------
    Fixed bin size (IBSI Q3RU) and fixed bin number (IBSI K15C): Zwanenburg et al. 2016, arXiv:1612.07003.

    Examples
    --------
    >>> gray_levels(np.array([54.0, 74.9, 75.0, 166.0]), bin_width=25)
    (array([1, 1, 2, 5], dtype=int32), 5)
    """
    low, high = _range(values)
    start = float(low if lower is None or not ibsi or bin_count is not None else lower)
    bins = {"bin_width": bin_width, "bin_count": bin_count}
    check_range(min(start, float(low)), float(high), **bins, image_type=image_type, from_end=start < low)
    if ibsi and bin_count is None:
        levels = np.floor((values.astype(float) - start) / bin_width).astype(np.int32) + np.int32(1)
    else:
        edges = _edges_of_width(low, high, bin_width) if bin_count is None else _edges_of_count(values, bin_count)
        levels = np.empty(len(values), np.int32)
        _discretization.levels(np.ascontiguousarray(values, float), np.asarray(edges, float), levels)
    return levels, int(levels.max())


def _range(values: np.ndarray) -> tuple[np.number | int, np.number | int]:
    """Return minimum and maximum, in the type of the image if that is floating, else as exact integers."""
    low, high = values.min(), values.max()
    return (low, high) if values.dtype.kind == "f" else (int(low), int(high))


def check_range(
    low: float, high: float, *, bin_width: float, bin_count: int | None, image_type: str, from_end: bool = False
) -> None:
    """Refuse a range that is not finite, or spans more gray levels than memory would hold matrices of.

    With ``from_end`` the lowest intensity is the lower end of resegmentRange, from which levels count.

    Raises
    ------
    ImageError
        ``not_finite`` or ``too_many_grey_levels``.
    """
    if not np.isfinite(high - low):
        raise ImageError(
            "not_finite",
            f"The {image_type} image runs from {low:g} to {high:g} in the region; gray levels need finite intensities. "
            "Correct the image, or leave this image type out.",
        )
    n_levels = (high - low) / bin_width + 1 if bin_count is None else bin_count
    if n_levels > MAX_GRAY_LEVELS:
        bins = f"binWidth {bin_width:g}" if bin_count is None else f"binCount {bin_count}"
        remedy = "Raise binWidth, set binCount, or set normalize." if bin_count is None else "Lower binCount."
        bins += f" from {low:g}, the lower end of resegmentRange" if from_end else ""
        remedy = f"Raise that end. {remedy}" if from_end else remedy
        raise ImageError(
            "too_many_grey_levels",
            f"The {image_type} image spans {n_levels:,.0f} gray levels at {bins}; "
            f"at most {MAX_GRAY_LEVELS:,} are computed. {remedy}",
        )


def check_one_bin(values: np.ndarray, n_levels: float, *, bin_width: float, image_type: str) -> None:
    """Refuse the original image where its intensities differ, but fall into one bin of fixed width.

    Filtered images may be flat at that width, as in pyradiomics.

    Raises
    ------
    ImageError
        ``too_few_grey_levels``.
    """
    if image_type == "original" and n_levels < 2 and not is_constant(values):
        raise ImageError(
            "too_few_grey_levels",
            f"The region's intensities differ by less than one bin of {bin_width:g}, so every texture is flat. Lower "
            "binWidth (z-scored images need about 0.2), set binCount, or set normalize.",
        )


def _edges_of_width(low: np.number | int, high: np.number | int, bin_width: float) -> np.ndarray:
    """Return edges at multiples of the width, from at or below the minimum to above the maximum."""
    start = low - low % bin_width
    edges = np.arange(start, high + 2 * bin_width, bin_width)
    # Where two widths are lost in the rounding of the intensities, one bin holds everything.
    return edges if len(edges) > 1 else np.array([float(start) - 0.5, float(start) + 0.5])


def _edges_of_count(values: np.ndarray, bin_count: int) -> np.ndarray:
    try:
        edges = np.histogram_bin_edges(values, bin_count)
    except ValueError:  # of NumPy, where that many numbers do not lie between minimum and maximum
        raise ImageError(
            "too_few_grey_levels",
            f"The region's intensities, {values.min():.9g} to {values.max():.9g}, lie too close for {bin_count} bins. "
            "Check the image, or lower binCount.",
        ) from None
    edges[-1] += 1  # the maximum belongs to the last bin
    return edges
