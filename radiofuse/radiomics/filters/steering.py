"""Riesz transforms along the directions of an image's structure, which turn from voxel to voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from radiofuse.radiomics.filters.boundaries import Box, Part
from radiofuse.radiomics.filters.separable import response as smoothed
from radiofuse.radiomics.filters.truncated_log import line

CUTOFF = 4  # standard deviations after which the Gaussian round a voxel ends
Response = Callable[[tuple[int, ...]], np.ndarray]


def directions_reach(spacing_mm: Sequence[float], axes: Sequence[int], sigma_mm: float) -> list[int]:
    """Return how many voxels round a box its directions depend on, along z, y, x."""
    return [len(_gaussian(spacing_mm[axis], sigma_mm)) // 2 if axis in axes else 0 for axis in range(3)]


def _gaussian(spacing_mm: float, sigma_mm: float) -> np.ndarray:
    return line(sigma_mm / spacing_mm, CUTOFF)[0]


def directions(
    response: Response,
    around: Box,
    box: Box,
    shape: tuple[int, ...],
    spacing_mm: Sequence[float],
    axes: Sequence[int],
    sigma_mm: float,
    boundary: str,
) -> np.ndarray:
    """Return the eigenvectors of the structure tensor at each voxel of a box.

    Parameters
    ----------
    response : callable
        Exponents along the filtered axes, in the order z, y, x, to the transform of this order in ``around``.
    around, box : tuple of slice
        Where transforms are known, and where directions are wanted.
    shape, spacing_mm
        Of the volume.
    axes : sequence of int
        That are filtered.
    sigma_mm : float
        Of the Gaussian under which products of first-order transforms are averaged.
    boundary : str

    Returns
    -------
    ndarray, shape (*box, n, n)
        A direction in each row, the one of the largest eigenvalue first; components in the order z, y, x. Each points
        where the first-order transform is not negative.

    References
    ----------
    J. Bigun and G. H. Granlund, "Optimal orientation detection of linear symmetry", ICCV 1987, 433-438.
    """
    ordered = sorted(axes)
    first = [response(tuple(int(axis == other) for other in ordered)) for axis in ordered]
    kernels = tuple(_gaussian(spacing_mm[axis], sigma_mm) for axis in ordered)
    start, n_axes = tuple(side.start for side in around), len(ordered)
    tensor = np.empty((*(side.stop - side.start for side in box), n_axes, n_axes))
    for one in range(n_axes):
        for other in range(one, n_axes):
            product = Part(first[one] * first[other], start, shape)
            tensor[..., one, other] = smoothed(product, box, kernels, ordered, boundary)
            tensor[..., other, one] = tensor[..., one, other]
    for nth, of_slice in enumerate(tensor):  # slice by slice: the routine takes copies
        tensor[nth] = np.linalg.eigh(of_slice)[1].swapaxes(-1, -2)[..., ::-1, :]
    here = _within(box, around)
    along = np.einsum("...ij,...j->...i", tensor, np.stack([one[here] for one in first], axis=-1))
    return np.where(along[..., None] < 0, -tensor, tensor)


def steered(response: Response, turned: np.ndarray, exponents: Sequence[int], around: Box, box: Box) -> np.ndarray:
    """Return the transform of an order along turned axes: the sum of those along z, y, x with what each contributes.

    The exponents belong to the filtered axes in the order z, y, x, the directions to x, y, z.
    """
    here, total = _within(box, around), np.zeros(turned.shape[:3])
    for powers, share in _expanded(turned, exponents[::-1]).items():
        total += share * response(powers)[here]
    return total


def _expanded(turned: np.ndarray, order: Sequence[int]) -> dict[tuple[int, ...], np.ndarray]:
    """Multiply out (direction 1 · f) ** order[0] (direction 2 · f) ** order[1] ...: factors by the powers of f."""
    n_axes = len(order)
    terms = {(0,) * n_axes: np.ones(turned.shape[:3])}
    for nth, exponent in enumerate(order):
        for _ in range(exponent):
            longer: dict[tuple[int, ...], np.ndarray] = {}
            for powers, share in terms.items():
                for axis in range(n_axes):
                    key = tuple(power + (axis == other) for other, power in enumerate(powers))
                    longer[key] = longer.get(key, 0) + share * turned[..., nth, axis]
            terms = longer
    return terms


def _within(box: Box, around: Box) -> Box:
    return tuple(
        slice(side.start - outer.start, side.stop - outer.start) for side, outer in zip(box, around, strict=True)
    )
