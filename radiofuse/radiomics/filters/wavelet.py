"""Stationary wavelet transform in a box of a volume: pyradiomics' sub-bands without transforming the rest."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pywt

from radiofuse.errors import RequestError
from radiofuse.names import kernel

filter_axis = kernel("radiomics.filters._wavelet").filter_axis

# Along one axis of the periodic volume: the first voxel, which may lie before 0, and how many follow.
Stretch = tuple[int, int]


def names(
    *, start_level: int = 0, level: int = 1, flat_axis: int | None = None, keep: Collection[str] | None = None
) -> list[str]:
    """Return the names of the images that ``wavelet_in_box`` yields with these arguments, in its order.

    Examples
    --------
    >>> names(flat_axis=0)
    ['wavelet-LH', 'wavelet-HL', 'wavelet-HH', 'wavelet-LL']
    """
    approximation, *details = _bands(len(_axes(flat_axis)))
    every = [(nth, band) for nth in range(1, level + 1) for band in details] + [(level, approximation)]
    return [_name(nth, band) for nth, band in every if keep is None or band in keep]


def wavelet_in_box(
    volume: np.ndarray,
    box: tuple[slice, slice, slice],
    *,
    wavelet: str = "coif1",
    start_level: int = 0,
    level: int = 1,
    flat_axis: int | None = None,
    keep: Collection[str] | None = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and values of a volume's undecimated wavelet sub-bands in a box.

    As in pyradiomics the volume is periodic, after an axis of odd size has repeated its first voxel at its
    end, and each level filters the approximation of the level before with the same, undilated filters.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        The image.
    box : tuple of slice
        Where the sub-bands are wanted.
    wavelet : str
        A discrete wavelet of PyWavelets.
    start_level : int
        How often the approximation is taken before the first level that is yielded.
    level : int
        Number of levels that are yielded.
    flat_axis : int or None
        Axis that is not transformed; None transforms all three.
    keep : collection of str or None
        Letters of the sub-bands to compute, for instance ``{"LLL", "HHH"}``; None computes all.

    Yields
    ------
    name : str
        ``wavelet-LLH`` (at the second level ``wavelet2-LLH``), letters along x, y, z. The approximation of
        the last level comes last.
    values : ndarray, shape of the box
        float32 of a float32 volume, else float64.

    Raises
    ------
    RequestError
        If PyWavelets knows no such discrete wavelet.

    References
    ----------
    Nason and Silverman 1995, "The stationary wavelet transform and some statistical applications",
    doi:10.1007/978-1-4612-2544-7_17; separable filter banks in IBSI 2, arXiv:2006.05470.

    Examples
    --------
    >>> box = (slice(2, 5), slice(1, 7), slice(0, 8))
    >>> bands = dict(wavelet_in_box(np.ones((8, 8, 8)), box, wavelet="haar"))
    >>> list(bands)[-2:], bands["wavelet-LLL"].shape, round(float(bands["wavelet-LLL"].max()), 6)
    (['wavelet-HHH', 'wavelet-LLL'], (3, 6, 8), 2.828427)
    """
    bank = _FilterBank.of(wavelet, volume, _axes(flat_axis))
    approximation, *details = _bands(len(bank.axes))
    kept = [band for band in details if keep is None or band in keep]
    *earlier, target = bank.stretches(box, volume.shape, start_level + level)
    values, origin = volume, (0, 0, 0)
    for nth, stretches in enumerate(earlier, start=1 - start_level):
        if nth >= 1:
            yield from ((_name(nth, band), of) for band, of in bank.bands(values, origin, target, kept))
        ((_, values),) = bank.bands(values, origin, stretches, [approximation])
        origin = tuple(first for first, _ in stretches)
    if keep is None or approximation in keep:
        kept.append(approximation)
    bands = bank.bands(values, origin, target, kept)
    yield from ((_name(level, band), of) for band, of in sorted(bands, key=lambda named: kept.index(named[0])))


@dataclass(frozen=True)
class _FilterBank:
    """Low-pass and high-pass taps, the axes they filter, and the size of the periodic volume."""

    taps: dict[str, np.ndarray]
    axes: tuple[int, ...]
    lengths: tuple[int, int, int]

    @classmethod
    def of(cls, wavelet: str, volume: np.ndarray, axes: tuple[int, ...]) -> _FilterBank:
        precision = np.float32 if volume.dtype == np.float32 else np.float64
        # The stationary transform needs even lengths: pyradiomics appends the first voxel to an odd axis.
        return cls(_taps(wavelet, precision), axes, tuple(size + size % 2 for size in volume.shape))

    def stretches(self, box: tuple[slice, slice, slice], shape: tuple[int, ...], n_levels: int) -> list[list[Stretch]]:
        """Return per level where its approximation is read, if the last level is wanted in the box."""
        extents = [side.indices(size)[:2] for side, size in zip(box, shape, strict=True)]
        read = [[(start, stop - start) for start, stop in extents]]
        while len(read) < n_levels:
            wider = self._widened(read[0])
            whole = [(0, length) for length in self.lengths]
            # Deeper levels read more and more: from some level on the whole axis, and not around it twice.
            read.insert(0, [min(pair, key=lambda stretch: stretch[1]) for pair in zip(whole, wider, strict=True)])
        return read

    def bands(
        self, values: np.ndarray, origin: tuple[int, ...], stretches: list[Stretch], wanted: Collection[str]
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield letters and values of the wanted sub-bands of values whose first voxel lies at origin."""
        starts = [(axis, stretches[axis][0] % self.lengths[axis]) for axis in self.axes]
        block = self._periodic(values, origin, self._widened(stretches))
        return self._split(block, starts, wanted, "")

    def _split(
        self, block: np.ndarray, starts: list[tuple[int, int]], wanted: Collection[str], letters: str
    ) -> Iterator[tuple[str, np.ndarray]]:
        if not starts:
            yield letters, block
            return
        (axis, first), *rest = starts
        for letter in "LH":
            # A half that leads to no wanted band is never filtered.
            if any(band.startswith(letters + letter) for band in wanted):
                half = _filtered(block, axis, self.taps[letter], first, self.lengths[axis])
                yield from self._split(half, rest, wanted, letters + letter)

    def _widened(self, stretches: list[Stretch]) -> list[Stretch]:
        """Return the voxels that the filters read for outputs on the stretches."""
        n_taps = len(self.taps["L"])
        return [
            (first - n_taps // 2 + 1, count + n_taps - 1) if axis in self.axes else (first, count)
            for axis, (first, count) in enumerate(stretches)
        ]

    def _periodic(self, values: np.ndarray, origin: tuple[int, ...], stretches: list[Stretch]) -> np.ndarray:
        """Copy stretches of the periodic volume from its part that begins at origin."""
        for axis, (first, count) in enumerate(stretches):
            # An odd axis is one voxel shorter than its period: there the first voxel comes once more.
            numbers = np.arange(first - origin[axis], first - origin[axis] + count) % self.lengths[axis]
            numbers %= values.shape[axis]
            is_run = numbers[-1] - numbers[0] == count - 1
            run = (slice(None),) * axis + (slice(numbers[0], numbers[-1] + 1),)
            values = values[run] if is_run else values.take(numbers, axis=axis)
        return np.ascontiguousarray(values, dtype=self.taps["L"].dtype)


def _filtered(block: np.ndarray, axis: int, taps: np.ndarray, first: int, length: int) -> np.ndarray:
    shape = list(block.shape)
    shape[axis] -= len(taps) - 1
    out = np.empty(shape, block.dtype)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    filter_axis(block.reshape(outer, -1, inner), out.reshape(outer, -1, inner), taps, first, length)
    return out


def _taps(wavelet: str, precision: type) -> dict[str, np.ndarray]:
    """Return the decomposition filters in the precision in which PyWavelets multiplies with them.

    Its single-precision taps are not everywhere its double-precision taps rounded, so they are read off
    what it makes of a unit impulse.
    """
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise RequestError(
            f"Expected a discrete wavelet of PyWavelets such as 'coif1', 'haar' or 'db4', got {wavelet!r}; "
            "pywt.wavelist(kind='discrete') lists them."
        )
    n_taps = pywt.Wavelet(wavelet).dec_len
    impulse = np.zeros(n_taps, precision)
    impulse[0] = 1
    responses = pywt.swt(impulse, wavelet, level=1)[0]
    return {letter: np.roll(response, n_taps // 2) for letter, response in zip("LH", responses, strict=True)}


def _axes(flat_axis: int | None) -> tuple[int, ...]:
    """Return the transformed axes in pyradiomics' order: x, y, z."""
    return tuple(axis for axis in (2, 1, 0) if axis != flat_axis)


def _bands(n_axes: int) -> list[str]:
    return ["".join(letters) for letters in product("LH", repeat=n_axes)]


def _name(nth: int, band: str) -> str:
    return f"wavelet-{band}" if nth == 1 else f"wavelet{nth}-{band}"
