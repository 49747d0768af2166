"""Local binary patterns in the plane: samples on a circle round each voxel, slice by slice, in a box of a volume."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiofuse.errors import RequestError

Box = tuple[slice, slice, slice]
LARGEST_CODE_SAMPLES = 31  # of 'default' and 'ror', whose codes are 32-bit integers in scikit-image


def lbp2d_in_box(
    volume: np.ndarray, box: Box, *, axis: int = 0, radius: float = 1, samples: int = 8, method: str = "uniform"
) -> np.ndarray:
    """Return the local binary pattern of each voxel of a box, in the plane across an axis.

    A voxel's pattern tells which of the samples on a circle round it, interpolated linearly, are at least
    as bright. Outside the volume everything is 0.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where patterns are wanted.
    axis : int
        The planes lie across this axis.
    radius : float
        Radius of the circle in voxels.
    samples : int
        Number of samples on the circle, P.
    method : str
        ``default`` : the samples' bits as a number. ``ror`` : its smallest rotation.
        ``uniform`` : the number of ones in patterns with at most two changes, P + 1 for the rest.
        ``nri_uniform`` : the same but apart by rotation. ``var`` : the samples' variance, NaN if it is 0.

    Returns
    -------
    ndarray, shape of the box
        In the volume's dtype, as pyradiomics stores it: an integer volume cuts variances to integers.

    Raises
    ------
    RequestError
        If the method is unknown or cannot number that many samples.

    References
    ----------
    Ojala, Pietikäinen and Mäenpää 2002, "Multiresolution gray-scale and rotation invariant texture
    classification with local binary patterns", doi:10.1109/TPAMI.2002.1017623; ``nri_uniform``: Ahonen,
    Hadid and Pietikäinen 2006, doi:10.1109/TPAMI.2006.244. Numbered as in scikit-image.

    Examples
    --------
    >>> bright_dot = np.pad([[[5.0]]], 1)
    >>> lbp2d_in_box(bright_dot, (slice(1, 2), slice(1, 2), slice(0, 3))).ravel().tolist()
    [8.0, 0.0, 8.0]
    """
    _check_method(method, samples)
    planes = volume.swapaxes(0, axis)
    sides = [side.indices(size)[:2] for side, size in zip(box, volume.shape, strict=True)]
    sides[0], sides[axis] = sides[axis], sides[0]
    first, last = sides[0]
    patterns = np.empty([stop - start for start, stop in sides], volume.dtype)
    for pattern, plane in zip(patterns, planes[first:last], strict=True):
        circles, center = _circle_samples(plane, sides[1], sides[2], radius, samples)
        pattern[...] = METHODS[method.lower()](circles, center)
    return np.ascontiguousarray(patterns.swapaxes(0, axis))


def _check_method(method: str, samples: int) -> None:
    if method.lower() not in METHODS:
        raise RequestError(f"Expected lbp2DMethod to be one of {', '.join(METHODS)}, got {method!r}.")
    if method.lower() in ("default", "ror") and samples > LARGEST_CODE_SAMPLES:
        raise RequestError(
            f"lbp2DMethod {method!r} numbers at most {LARGEST_CODE_SAMPLES} samples, got lbp2DSamples {samples}; "
            "use fewer, or 'uniform'."
        )


def _circle_samples(
    plane: np.ndarray, rows: tuple[int, int], columns: tuple[int, int], radius: float, samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples round every pixel of a rectangle, shape (samples, rows, columns), and the pixels."""
    angles = 2 * np.pi * np.arange(samples) / samples
    # Five decimals, as scikit-image rounds: samples on the axes then fall on pixels.
    row_shifts, column_shifts = np.round(-radius * np.sin(angles), 5), np.round(radius * np.cos(angles), 5)
    margin = int(np.ceil(radius)) + 1
    padded = _zero_padded(plane, rows, columns, margin)
    n_rows, n_columns = rows[1] - rows[0], columns[1] - columns[0]

    def shifted(down: int, right: int) -> np.ndarray:
        return padded[margin + down :, margin + right :][:n_rows, :n_columns]

    circles = np.empty((samples, n_rows, n_columns))
    for circle, row_shift, column_shift in zip(circles, row_shifts, column_shifts, strict=True):
        down, right = int(np.floor(row_shift)), int(np.floor(column_shift))
        # From the absolute position, whose rounding decides ties between equal pixels.
        lower = (np.arange(*rows) + row_shift)[:, None] % 1
        righter = (np.arange(*columns) + column_shift) % 1
        above = (1 - righter) * shifted(down, right) + righter * shifted(down, right + 1)
        below = (1 - righter) * shifted(down + 1, right) + righter * shifted(down + 1, right + 1)
        circle[...] = (1 - lower) * above + lower * below
    return circles, shifted(0, 0)


def _zero_padded(plane: np.ndarray, rows: tuple[int, int], columns: tuple[int, int], margin: int) -> np.ndarray:
    """Return a rectangle of a plane with a margin all round, 0 where that leaves the plane."""
    padded = np.zeros([stop - start + 2 * margin for start, stop in (rows, columns)])
    wanted = [(start - margin, stop + margin) for start, stop in (rows, columns)]
    inside = [(max(start, 0), min(stop, size)) for (start, stop), size in zip(wanted, plane.shape, strict=True)]
    target = tuple(slice(low - start, high - start) for (start, _), (low, high) in zip(wanted, inside, strict=True))
    padded[target] = plane[tuple(slice(*pair) for pair in inside)]
    return padded


def _code(circles: np.ndarray, center: np.ndarray) -> np.ndarray:
    bits = circles - center >= 0
    return np.tensordot(2 ** np.arange(len(bits)), bits, axes=1)


def _smallest_rotation(circles: np.ndarray, center: np.ndarray) -> np.ndarray:
    code, n_bits = _code(circles, center), len(circles)
    rotations = [(code >> by) | ((code & ((1 << by) - 1)) << (n_bits - by)) for by in range(n_bits)]
    return np.min(rotations, axis=0)


def _uniform(circles: np.ndarray, center: np.ndarray) -> np.ndarray:
    bits = circles - center >= 0
    return np.where(_is_uniform(bits), bits.sum(axis=0), len(bits) + 1)


def _uniform_by_rotation(circles: np.ndarray, center: np.ndarray) -> np.ndarray:
    bits = circles - center >= 0
    n_bits, ones = len(bits), bits.sum(axis=0)
    first_one, first_zero = bits.argmax(axis=0), bits.argmin(axis=0)
    rotation = np.where(first_one == 0, ones - first_zero, n_bits - first_one)
    number = np.select([ones == 0, ones == n_bits], [0, n_bits * (n_bits - 1) + 1], 1 + (ones - 1) * n_bits + rotation)
    return np.where(_is_uniform(bits), number, n_bits * (n_bits - 1) + 2)


def _is_uniform(bits: np.ndarray) -> np.ndarray:
    # scikit-image does not count a change between the last sample and the first.
    return (bits[1:] != bits[:-1]).sum(axis=0) <= 2


def _variance(circles: np.ndarray, center: np.ndarray) -> np.ndarray:
    n_samples = len(circles)
    variance = ((circles**2).sum(axis=0) - circles.sum(axis=0) ** 2 / n_samples) / n_samples
    return np.where(variance == 0, np.nan, variance)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "default": _code,
    "ror": _smallest_rotation,
    "uniform": _uniform,
    "nri_uniform": _uniform_by_rotation,
    "var": _variance,
}
