"""Squares cut out of a slice, of equal side in mm, at any number of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Square:
    """Where the pixels of a square crop lie on the grid of its slice, in fractions of an index."""

    rows: np.ndarray  # (size,)
    columns: np.ndarray  # (size,)
    side_mm: float

    def linear(self, plane: np.ndarray) -> np.ndarray:
        """Return the crop of a plane, interpolated between its pixels; float64, 0 outside."""
        return _interpolated(_interpolated(plane, self.rows).T, self.columns).T

    def nearest(self, plane: np.ndarray) -> np.ndarray:
        """Return the crop of a plane by nearest neighbor, 0 outside."""
        rows, columns = (np.floor(positions + 0.5).astype(int) for positions in (self.rows, self.columns))
        taken = plane[np.ix_(rows.clip(0, plane.shape[0] - 1), columns.clip(0, plane.shape[1] - 1))]
        inside = np.outer(_inside(self.rows, plane.shape[0]), _inside(self.columns, plane.shape[1]))
        return np.where(inside, taken, 0).astype(plane.dtype)

    def undone(self, shape: tuple[int, ...]) -> Square:
        """Return where the pixels of a slice of that shape lie on the crop: its crops are the way back.

        >>> square_of_all((4, 4), (1.0, 1.0), 8).undone((4, 4)).rows.tolist()
        [0.5, 2.5, 4.5, 6.5]
        """
        back = [
            (np.arange(n) - positions[0]) * ((len(positions) - 1) / (positions[-1] - positions[0]))
            for n, positions in zip(shape, (self.rows, self.columns), strict=True)
        ]
        return Square(back[0], back[1], self.side_mm)


def square_around(region: np.ndarray, spacing_mm: tuple[float, float], size: int) -> Square:
    """Return the square around a region: its side is the longer edge of the rectangle that bounds it."""
    spans = [np.flatnonzero(region.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    side_mm = max((last - first + 1) * step for (first, last), step in zip(spans, spacing_mm, strict=True))
    rows, columns = (
        _positions((first + last) / 2, side_mm / step, size)
        for (first, last), step in zip(spans, spacing_mm, strict=True)
    )
    return Square(rows, columns, float(side_mm))


def _positions(center: float, side_vox: float, size: int) -> np.ndarray:
    """Return the centers of ``size`` equal parts of an edge; rounded, so that ties do not hang on a last bit."""
    return np.round(center + (np.arange(size) + 0.5 - size / 2) * (side_vox / size), 6)


def _inside(positions: np.ndarray, length: int) -> np.ndarray:
    """Say which positions lie on a pixel: each reaches half a step to either side of its center."""
    return (positions >= -0.5) & (positions < length - 0.5)


def _interpolated(plane: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return rows of a plane at fractional positions; 0 outside."""
    last = len(plane) - 1
    below = np.floor(positions).astype(int).clip(0, last)
    above = (below + 1).clip(0, last)
    share = (positions - below).clip(0, 1)[:, None]
    low, high = plane[below].astype(np.float64), plane[above].astype(np.float64)
    return np.where(_inside(positions, len(plane))[:, None], low + share * (high - low), 0.0)


def square_of_all(shape: tuple[int, ...], spacing_mm: tuple[float, float], size: int) -> Square:
    """Return the square around a whole slice: its side is the longer edge, and the shorter is padded.

    >>> square_of_all((4, 2), (1.0, 1.0), 4).side_mm
    4.0
    """
    side_mm = max(n * step for n, step in zip(shape, spacing_mm, strict=True))
    rows, columns = (_positions((n - 1) / 2, side_mm / step, size) for n, step in zip(shape, spacing_mm, strict=True))
    return Square(rows, columns, float(side_mm))
