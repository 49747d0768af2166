"""Filters that are defined by what they make of each frequency, applied to a volume's spectrum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.fft import fftfreq, irfftn, next_fast_len, rfftn

from radiofuse.errors import ImageError
from radiofuse.radiomics.filters.boundaries import Box, Part, extended


@dataclass(frozen=True)
class Frequencies:
    """Frequencies of part of a spectrum, an array per axis that broadcasts against the others.

    Attributes
    ----------
    grid : list of ndarray
        IBSI's: N samples from -1 to 1, the highest frequency, also where N is even and none of them is 0.
    cycles : list of ndarray
        Of the Fourier transform, per voxel.
    """

    grid: list[np.ndarray]
    cycles: list[np.ndarray]

    @property
    def squares(self) -> np.ndarray:
        """Squared distance from frequency 0 on IBSI's grid."""
        return reduce(np.add, [one**2 for one in self.grid])


Transfer = Callable[[Frequencies], np.ndarray]


class Spectrum:
    """The spectrum of a volume, or of each of its slices, with a margin beyond its border.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
    box : tuple of slice
        Where responses are wanted.
    axes : sequence of int
        All three, or the two of a slice.
    reach : int
        Voxels of the margin at least; a periodic volume has none.
    boundary : str
        What lies there.

    Raises
    ------
    ImageError
        ``not_finite``, if a voxel is NaN or infinite, for each voxel enters all responses.
    """

    def __init__(self, volume: np.ndarray, box: Box, axes: Sequence[int], reach: int, boundary: str) -> None:
        self._flat = [axis for axis in range(3) if axis not in axes]
        read = tuple(side if axis in self._flat else slice(0, volume.shape[axis]) for axis, side in enumerate(box))
        margins = [
            0 if axis in self._flat or boundary == "periodic" else _margin(volume.shape[axis], reach)
            for axis in range(3)
        ]
        block = extended(Part.whole(volume), read, margins, boundary)
        _check_finite(block)
        self._inside = tuple(
            slice(None) if axis in self._flat else slice(side.start + margin, side.stop + margin)
            for axis, (side, margin) in enumerate(zip(box, margins, strict=True))
        )
        self._axes = tuple(sorted(axes))
        self._shape = [block.shape[axis] for axis in self._axes]
        self._values = rfftn(block, axes=self._axes)

    def response(self, transfer: Transfer) -> np.ndarray:
        """Return the real part of what a transfer function makes of the volume, in the box."""
        product = np.empty_like(self._values)
        table = None if len(self._axes) == 3 else _table(self._shape, slice(None), transfer)
        for nth, values in enumerate(np.moveaxis(self._values, self._first, 0)):
            factors = _table(self._shape, slice(nth, nth + 1), transfer)[0] if table is None else table
            np.multiply(values, factors, out=np.moveaxis(product, self._first, 0)[nth])
        whole = irfftn(product, self._shape, axes=self._axes, overwrite_x=True)
        return np.ascontiguousarray(whole[self._inside])

    @property
    def _first(self) -> int:
        """The axis along which the spectrum is multiplied part by part."""
        return self._flat[0] if self._flat else 0


def _margin(size: int, reach: int) -> int:
    """Return a margin of at least ``reach`` voxels with which the transform of an axis is fast."""
    while next_fast_len(size + 2 * reach, real=True) != size + 2 * reach:
        reach += 1
    return reach


def _table(shape: list[int], first: slice, transfer: Transfer) -> np.ndarray:
    """Return the factors of a part of the spectrum of real values that give the real part of the response.

    IBSI's grid is not symmetric where N is even, so that the response to a real volume would be complex.
    """
    here, there = (_frequencies(shape, first, partner=partner) for partner in (False, True))
    return 0.5 * (transfer(here) + np.conj(transfer(there)))


def _frequencies(shape: list[int], first: slice, *, partner: bool) -> Frequencies:
    """Return the frequencies of a part of the spectrum, or of their negatives."""
    grids, cycles = [], []
    for axis, size in enumerate(shape):
        places = np.arange(size)[first] if axis == 0 else np.arange(size)
        places = places[: size // 2 + 1] if axis == len(shape) - 1 else places
        places = -places % size if partner else places
        line = np.fft.ifftshift(np.linspace(-1, 1, size)) if size > 1 else np.zeros(1)
        as_axis = [-1 if other == axis else 1 for other in range(len(shape))]
        grids.append(line[places].reshape(as_axis))
        cycles.append(fftfreq(size)[places].reshape(as_axis))
    return Frequencies(grids, cycles)


def _check_finite(block: np.ndarray) -> None:
    if not np.isfinite(block.sum()):
        raise ImageError(
            "not_finite",
            "The image holds NaN or infinite voxels, and a filter that works on all frequencies spreads them over the "
            "whole image. Repair the image, or leave Simoncelli and Riesz out.",
        )
