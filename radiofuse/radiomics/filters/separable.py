"""Filters that are a product of one-dimensional kernels: convolution along axes, and their turns by right angles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from scipy.ndimage import correlate1d

from radiofuse.radiomics.filters.boundaries import Box, Part, extended

# One odd-sized kernel per axis, the voxel in question in its middle.
Kernels = tuple[np.ndarray, ...]


def centered(taps: Sequence[float]) -> np.ndarray:
    """Return a kernel with its middle in the middle: one of even length reaches one voxel further back.

    Examples
    --------
    >>> centered([1, 2]).tolist(), centered([1, 2, 1]).tolist()
    ([1.0, 2.0, 0.0], [1.0, 2.0, 1.0])
    """
    values = np.asarray(taps, np.float64)
    return values if len(values) % 2 else np.append(values, 0.0)


def convolved(block: np.ndarray, kernel: np.ndarray, axis: int) -> np.ndarray:
    """Return a block convolved along one axis, without the voxels on both ends that lack neighbors."""
    reach = len(kernel) // 2
    whole = correlate1d(block, kernel[::-1], axis=axis, mode="constant")
    return whole[(slice(None),) * axis + (slice(reach, whole.shape[axis] - reach),)]


def response(part: Part, box: Box, kernels: Kernels, axes: Sequence[int], boundary: str) -> np.ndarray:
    """Return a box of a volume filtered along each of the axes with its kernel."""
    block = extended(part, box, reaches([kernels], axes), boundary)
    for kernel, axis in zip(kernels, axes, strict=True):
        block = convolved(block, kernel, axis)
    return block


def reaches(every: Sequence[Kernels], axes: Sequence[int]) -> list[int]:
    """Return along z, y, x how many voxels on each side the longest of several filters reads."""
    reach = [0, 0, 0]
    for kernels in every:
        for kernel, axis in zip(kernels, axes, strict=True):
            reach[axis] = max(reach[axis], len(kernel) // 2)
    return reach


def right_angles(n_axes: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the rotations by right angles: for each axis which axis' kernel it gets, and whether that is turned.

    There are 24 in three dimensions and 4 in two.

    Examples
    --------
    >>> right_angles(2)
    [((0, 1), (1, 1)), ((0, 1), (-1, -1)), ((1, 0), (1, -1)), ((1, 0), (-1, 1))]
    """
    return [
        (order, turns)
        for order in permutations(range(n_axes))
        for turns in product((1, -1), repeat=n_axes)
        if _parity(order) * np.prod(turns) == 1
    ]


def _parity(order: Sequence[int]) -> int:
    swaps = sum(first > second for nth, first in enumerate(order) for second in order[nth + 1 :])
    return -1 if swaps % 2 else 1
