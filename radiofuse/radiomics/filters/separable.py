"""Filters that are a product of one-dimensional kernels: convolution along axes, and their turns by right angles."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import permutations, product

import numpy as np
from scipy.ndimage import correlate1d

from radiofuse.radiomics.filters.boundaries import Box, Part, extended

# One odd-sized kernel per axis, the voxel in question in its middle.
Kernels = tuple[np.ndarray, ...]
Turns = tuple[int, ...]  # 1 or -1 for each axis
Bytes = tuple[bytes, ...]  # kernels as keys of dicts


def centered(taps: Sequence[float]) -> np.ndarray:
    """Return a kernel with its middle in the middle: one of even length reaches one voxel further back.

    Examples
    --------
    >>> centered([1, 2]).tolist(), centered([1, 2, 1]).tolist()
    ([1.0, 2.0, 0.0], [1.0, 2.0, 1.0])
    """
    values = np.asarray(taps, np.float64)
    return values if len(values) % 2 else np.append(values, 0.0)


def convolved(block: np.ndarray, kernel: np.ndarray, axis: int, reach: int | None = None) -> np.ndarray:
    """Return a block convolved along one axis, without the ``reach`` voxels on both ends (None: the kernel's)."""
    reach = len(kernel) // 2 if reach is None else reach
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


class Pool:
    """The maximum or the mean of arrays that come one by one."""

    def __init__(self, pooling: str) -> None:
        self._is_max = pooling == "max"
        self._pooled: np.ndarray | None = None
        self._count = 0

    def add(self, values: np.ndarray, sign: int = 1, count: int = 1) -> None:
        """Take ``count`` arrays of these values in, or of their negatives."""
        values = values * (sign if self._is_max else sign * count)
        self._count += count
        if self._pooled is None:
            self._pooled = values
        else:
            combine = np.maximum if self._is_max else np.add
            combine(self._pooled, values, out=self._pooled)

    @property
    def values(self) -> np.ndarray:
        """What was taken in, pooled."""
        if self._pooled is None:
            raise ValueError("nothing was taken in")
        return self._pooled if self._is_max else self._pooled / self._count


def pool_filters(
    pool: Pool, part: Part, box: Box, every: Sequence[Kernels], axes: Sequence[int], boundary: str
) -> None:
    """Add a box of a volume to a pool, filtered with each of several filters.

    A filter that is the negative of another is not computed again, nor what several share along their first axes.
    """
    signs: defaultdict[Bytes, Counter[int]] = defaultdict(Counter)
    for kernels in every:
        sign, unsigned = _unsigned(kernels)
        signs[unsigned][sign] += 1
    reach = reaches(every, axes)
    for name, values in _along(extended(part, box, reach, boundary), list(signs), axes, reach):
        for sign, count in signs[name].items():
            pool.add(values, sign, count)


def _unsigned(kernels: Kernels) -> tuple[int, Bytes]:
    """Return the sign of a filter, and its kernels with first taps that are positive."""
    signs = [int(np.sign(kernel[np.flatnonzero(kernel)[0]])) for kernel in kernels]
    # 0.0 in place of -0.0, which has other bytes.
    return math.prod(signs), tuple((sign * kernel + 0.0).tobytes() for sign, kernel in zip(signs, kernels, strict=True))


def _along(
    block: np.ndarray, names: Sequence[Bytes], axes: Sequence[int], reach: Sequence[int]
) -> Iterator[tuple[Bytes, np.ndarray]]:
    """Yield the names of filters, a kernel for each of the axes, and what they make of a block."""
    if not axes:
        yield (), block
        return
    axis, *rest = axes
    for first in dict.fromkeys(name[0] for name in names):
        filtered = convolved(block, np.frombuffer(first), axis, reach[axis])
        followers = [name[1:] for name in names if name[0] == first]
        yield from (((first, *name), values) for name, values in _along(filtered, followers, rest, reach))


def turned(kernels: Kernels) -> list[tuple[Turns, Kernels]]:
    """Return a filter in each of its rotations by right angles, with which of the axes are turned.

    IBSI's pseudo-rotational invariance (O1AQ): 24 rotations in three dimensions, 4 in two.
    """
    return [
        (turns, tuple(kernels[which][::turn] for which, turn in zip(order, turns, strict=True)))
        for order, turns in right_angles(len(kernels))
    ]


def right_angles(n_axes: int) -> list[tuple[tuple[int, ...], Turns]]:
    """Return the rotations by right angles: for each axis which axis' kernel it gets, and whether that is turned.

    Examples
    --------
    >>> right_angles(2)
    [((0, 1), (1, 1)), ((0, 1), (-1, -1)), ((1, 0), (1, -1)), ((1, 0), (-1, 1))]
    """
    return [
        (order, turns)
        for order in permutations(range(n_axes))
        for turns in product((1, -1), repeat=n_axes)
        if _parity(order) * math.prod(turns) == 1
    ]


def _parity(order: Sequence[int]) -> int:
    swaps = sum(first > second for nth, first in enumerate(order) for second in order[nth + 1 :])
    return -1 if swaps % 2 else 1
