"""Laplacian of Gaussian in a box of a volume: ITK's recursive filter, run only where the box needs it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.names import kernel

_recursive_gaussian = kernel("radiomics.filters._recursive_gaussian")

FEWEST_VOXELS = 4  # along an axis: the order of the recursion
# Sigmas beyond the box after which a value has faded below a double's precision, exp(-1.3732 * 27) = 8e-17, and the
# fewest voxels that are read there.
REACH_IN_SIGMAS = 27.0
LEAST_REACH_VOX = 8
BYTES_AT_ONCE = 2**26  # of results that are computed together


class Exponentials(NamedTuple):
    """Two damped oscillations, sum over k of (cosines[k] cos(w_k x) + sines[k] sin(w_k x)) exp(l_k x), x in sigmas."""

    cosines: tuple[float, float]
    sines: tuple[float, float]


# Farneback & Westin 2006: fits of the Gaussian and of its second derivative.
FREQUENCIES = (0.6681, 2.0787)
DAMPINGS = (-1.3932, -1.3732)
GAUSSIAN = Exponentials((1.3530, -0.3531), (1.8151, 0.0902))
SECOND_DERIVATIVE = Exponentials((-1.3563, 0.3446), (5.2318, -2.2355))


class Oscillators(NamedTuple):
    """Sines, cosines and decays of the two oscillations from one voxel to the next."""

    sin: tuple[float, float]
    cos: tuple[float, float]
    decay: tuple[float, float]


def name(sigma_mm: float) -> str:
    """Return pyradiomics' name of the image.

    Examples
    --------
    >>> name(1.5), name(3)
    ('log-sigma-1-5-mm-3D', 'log-sigma-3-mm-3D')
    """
    return f"log-sigma-{sigma_mm}-mm-3D".replace(".", "-")


def logs_in_box(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    sigmas_mm: Sequence[float],
    box: tuple[slice, slice, slice],
) -> Iterator[np.ndarray]:
    """Yield the Laplacian of Gaussian of every sigma, as `log_in_box` returns it.

    The volume is read once for several sigmas, as many as have room in ``BYTES_AT_ONCE``.

    Examples
    --------
    >>> corner = (slice(2), slice(9), slice(3))
    >>> [values.shape for values in logs_in_box(np.zeros((9, 9, 9)), (1, 1, 1), [1, 2.5], corner)]
    [(2, 9, 3), (2, 9, 3)]
    """
    n_bytes = 4 * math.prod(len(range(*side.indices(size))) for side, size in zip(box, volume.shape, strict=True))
    at_once = max(1, BYTES_AT_ONCE // max(1, n_bytes))
    for first in range(0, len(sigmas_mm), at_once):
        yield from _logs_at_once(volume, spacing_mm, sigmas_mm[first : first + at_once], box)


def log_in_box(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    sigma_mm: float,
    box: tuple[slice, slice, slice],
) -> np.ndarray:
    """Return the Laplacian of Gaussian of a volume in a box, normalized across scale.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image, integers or floating.
    spacing_mm : tuple of float
        Distance between voxel centers along z, y, x.
    sigma_mm : float
        Standard deviation of the Gaussian.
    box : tuple of slice
        Where the result is wanted.

    Returns
    -------
    ndarray of float32, shape of the box
        As ITK's LaplacianRecursiveGaussianImageFilter computes it: in double precision along a line, in single
        precision between one axis and the next.

    Raises
    ------
    ImageError
        If the volume has fewer than four voxels along an axis, or fewer than sigma / spacing + 1.
    RequestError
        If sigma is not greater than 0.

    References
    ----------
    R. Deriche, "Recursively implementing the Gaussian and its derivatives", INRIA report 1893, 1993.
    G. Farneback and C.-F. Westin, "Improving Deriche-style recursive Gaussian filters", Journal of Mathematical
    Imaging and Vision 26, 293-299, 2006.

    Examples
    --------
    >>> point = np.zeros((9, 9, 9), np.float32)
    >>> point[4, 4, 4] = 1
    >>> center, beside = log_in_box(point, (1.0, 1.0, 1.0), 1.0, (slice(4, 5), slice(4, 5), slice(3, 5)))[0, 0, ::-1]
    >>> bool(center < beside < 0)
    True
    """
    return _logs_at_once(volume, spacing_mm, (sigma_mm,), box)[0]


def _logs_at_once(
    volume: np.ndarray,
    spacing_mm: tuple[float, float, float],
    sigmas_mm: Sequence[float],
    box: tuple[slice, slice, slice],
) -> np.ndarray:
    """Return the results of all sigmas, float32, shape (n_sigmas, *box)."""
    for sigma_mm in sigmas_mm:
        _check(volume.shape, spacing_mm, sigma_mm)
    sides = list(zip(box, volume.shape, spacing_mm, strict=True))
    extents = np.array([[_extent(*side, sigma_mm) for side in sides] for sigma_mm in sigmas_mm], np.int64)
    out = np.empty((len(extents), *(extents[0, :, 3] - extents[0, :, 2])), np.float32)
    recursions = np.array([[_recursions(sigma_mm, spacing) for spacing in spacing_mm] for sigma_mm in sigmas_mm])
    weights = 1.0 / np.square(spacing_mm, dtype=np.float64)
    kind, size = volume.dtype.kind, volume.dtype.itemsize
    _recursive_gaussian.laplacians_in_box(np.ascontiguousarray(volume), kind, size, out, recursions, extents, weights)
    return out


def _check(shape: tuple[int, ...], spacing_mm: tuple[float, ...], sigma_mm: float) -> None:
    if not sigma_mm > 0:
        raise RequestError(f"LoG: expected a sigma greater than 0 mm, got {sigma_mm:g}. Correct it in the settings.")
    needed = [max(FEWEST_VOXELS, math.ceil(sigma_mm / spacing) + 1) for spacing in spacing_mm]
    if any(size < least for size, least in zip(shape, needed, strict=True)):
        raise ImageError(
            "image_too_small",
            f"LoG with sigma {sigma_mm:g} mm needs an image of at least {needed} voxels along z, y, x, got "
            f"{list(shape)}. Leave this sigma out, or give an image with more round the region.",
        )


def _extent(side: slice, size: int, spacing_mm: float, sigma_mm: float) -> tuple[int, int, int, int]:
    """Return first and stop of what is read along an axis, then of the box."""
    first, stop, _ = side.indices(size)
    reach = max(LEAST_REACH_VOX, math.ceil(REACH_IN_SIGMAS * sigma_mm / spacing_mm))
    return max(0, first - reach), min(size, stop + reach), first, stop


def _recursions(sigma_mm: float, spacing_mm: float) -> list[list[list[float]]]:
    """Return both recursions of the smoothing and of the second derivative."""
    sigma = sigma_mm / spacing_mm
    swings = Oscillators(
        tuple(math.sin(frequency / sigma) for frequency in FREQUENCIES),
        tuple(math.cos(frequency / sigma) for frequency in FREQUENCIES),
        tuple(math.exp(damping / sigma) for damping in DAMPINGS),
    )
    feedback = _feedback(swings)
    smooth = _feedforward(GAUSSIAN, swings)
    area = 2 * _sum(smooth) / _sum(feedback, 1.0) - smooth[0]
    smooth = [gain * (1.0 / area) for gain in smooth]
    second = _second_derivative(smooth=_feedforward(GAUSSIAN, swings), swings=swings, feedback=feedback, sigma=sigma_mm)
    return [_both_ways(smooth, feedback), _both_ways(second, feedback)]


def _sum(gains: list[float], start: float = 0.0) -> float:
    """Add up in order, which the built-in sum of Python 3.12 no longer does."""
    return start + gains[0] + gains[1] + gains[2] + gains[3]


def _feedback(swings: Oscillators) -> list[float]:
    """Return the gains of the four values before: the product of both oscillators' characteristic polynomials."""
    (cos1, cos2), (exp1, exp2) = swings.cos, swings.decay
    third = -2 * cos1 * exp1 * exp2 * exp2 + -2 * cos2 * exp2 * exp1 * exp1
    second = 4 * cos2 * cos1 * exp1 * exp2 + (exp1 * exp1 + exp2 * exp2)
    return [-2 * (exp2 * cos2 + exp1 * cos1), second, third, exp1 * exp1 * exp2 * exp2]


def _feedforward(fit: Exponentials, swings: Oscillators) -> list[float]:
    """Return the gains of a value and of the three before it (Deriche 1993)."""
    (a1, a2), (b1, b2) = fit
    (sin1, sin2), (cos1, cos2), (exp1, exp2) = swings
    first = exp2 * (b2 * sin2 - (a2 + 2 * a1) * cos2) + exp1 * (b1 * sin1 - (a1 + 2 * a2) * cos1)
    second = (a1 + a2) * cos2 * cos1 - (b1 * cos2 * sin1 + b2 * cos1 * sin2)
    second = second * (2 * exp1 * exp2) + (a2 * exp1 * exp1 + a1 * exp2 * exp2)
    third = exp2 * exp1 * exp1 * (b2 * sin2 - a2 * cos2) + exp1 * exp2 * exp2 * (b1 * sin1 - a1 * cos1)
    return [a1 + a2, first, second, third]


def _second_derivative(*, smooth: list[float], swings: Oscillators, feedback: list[float], sigma: float) -> list[float]:
    """Return the gains of the second derivative: without response to a constant, and exact for a parabola."""
    fitted = _feedforward(SECOND_DERIVATIVE, swings)
    # The k-th moments of the transfer function's denominator and, below, of its numerator.
    d0 = _sum(feedback, 1.0)
    d1 = feedback[0] + 2 * feedback[1] + 3 * feedback[2] + 4 * feedback[3]
    d2 = feedback[0] + 4 * feedback[1] + 9 * feedback[2] + 16 * feedback[3]
    sum_smooth, sum_fitted = _sum(smooth), _sum(fitted)
    share = -(2 * sum_fitted - d0 * fitted[0]) / (2 * sum_smooth - d0 * smooth[0])
    gains = [own + share * other for own, other in zip(fitted, smooth, strict=True)]
    n0 = sum_fitted + share * sum_smooth
    n1 = _moment(fitted, 1) + share * _moment(smooth, 1)
    n2 = _moment(fitted, 2) + share * _moment(smooth, 2)
    curvature = (n2 * d0 * d0 - d2 * n0 * d0 - 2 * n1 * d1 * d0 + 2 * d1 * d1 * n0) / (d0 * d0 * d0)
    return [gain * (sigma * sigma / curvature) for gain in gains]


def _moment(gains: list[float], power: int) -> float:
    return gains[1] + 2**power * gains[2] + 3**power * gains[3]


def _both_ways(gains: list[float], feedback: list[float]) -> list[list[float]]:
    """Return inputs, feedback and edges of the causal and the anticausal recursion of an even filter."""
    backward = [gains[k] - feedback[k - 1] * gains[0] for k in (1, 2, 3)] + [-feedback[3] * gains[0]]
    poles = _sum(feedback, 1.0)
    return [[*inputs, *feedback, *(gain * _sum(inputs) / poles for gain in feedback)] for inputs in (gains, backward)]
