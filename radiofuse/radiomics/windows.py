"""The small windows round the voxels of a region, as the kernels of voxel-wise features read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.radiomics.classes import neighbors
from radiofuse.radiomics.discretization import gray_levels
from radiofuse.radiomics.region import Region

if TYPE_CHECKING:
    from radiofuse.radiomics.parameters import TextureSetting


def with_margin(region: Region, kernel_radius: int = 1) -> Region:
    """Return the region in a box with ``kernel_radius`` voxels more on each side, where the volume has them.

    Examples
    --------
    >>> with_margin(Region.of(np.pad(np.ones((2, 3, 4)), ((0, 5), (5, 5), (5, 0))), (1.0, 1.0, 1.0))).box
    (slice(0, 3, None), slice(4, 9, None), slice(4, 9, None))
    """
    margins = [
        (min(kernel_radius, side.start), min(kernel_radius, size - side.stop))
        for side, size in zip(region.box, region.volume_shape, strict=True)
    ]
    start = tuple(first - before for first, (before, _) in zip(region.start, margins, strict=True))
    return replace(region, mask=np.pad(region.mask, margins), start=start)


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows round the voxels of a region, in a box of values.

    Attributes
    ----------
    values : ndarray, shape (z, y, x)
        Intensities.
    inside, present : ndarray of bool, shape (z, y, x)
        The voxels to describe; those that windows may hold.
    radii : tuple of int
        Reach of a window along z, y, x.
    spacing_mm : tuple of float
        Along z, y, x.
    setting : TextureSetting
    image_type : str
    """

    values: np.ndarray
    inside: np.ndarray
    present: np.ndarray
    radii: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    setting: TextureSetting
    image_type: str

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        region: Region,
        setting: TextureSetting,
        kernel_radius: int,
        masked: bool,
        image_type: str,
    ) -> Windows:
        if kernel_radius < 1:
            raise RequestError(f"Voxel maps need a kernelRadius of 1 or more, got {kernel_radius}. Raise it.")
        around = with_margin(region, kernel_radius)
        if values.shape != around.shape:
            raise RequestError(
                f"Voxel maps need values of the region's box with a margin of {kernel_radius}, shape {around.shape}, "
                f"got {values.shape}. Pass volume[with_margin(region, kernel_radius).box]."
            )
        inside = around.mask.view(bool)
        present = inside if masked else np.ones_like(inside)  # of the box, up to its margin
        radii = tuple(0 if axis == setting.flat_axis else kernel_radius for axis in range(3))
        return cls(values, inside, present, radii, region.spacing_mm, setting, image_type)

    def placed(self, described: np.ndarray, init_value: float) -> np.ndarray:
        """Return the values of the described voxels, shape (n_voxels,), as an image."""
        image = np.full(self.values.shape, init_value, float)
        image[self.inside] = described
        return image

    def levels(self, values: np.ndarray) -> tuple[np.ndarray, int]:
        """Return gray levels with a margin of the radii, 0 where absent, and the highest level."""
        bins = {"bin_width": self.setting.bin_width, "bin_count": self.setting.bin_count}
        levels = np.zeros(values.shape, np.int32)
        levels[self.present], n_levels = gray_levels(values[self.present], **bins, image_type=self.image_type)
        return self.with_margin(levels), n_levels

    def with_margin(self, image: np.ndarray) -> np.ndarray:
        # Zeros all round, so that a window at the border reads absent voxels instead of those of the next row.
        return np.pad(image, [(radius, radius) for radius in self.radii])

    @cached_property
    def strides(self) -> np.ndarray:
        """Steps along z, y, x in a flat image with margin."""
        _, n_y, n_x = np.add(self.values.shape, np.multiply(self.radii, 2))
        return np.array([n_y * n_x, n_x, 1])

    @cached_property
    def centers(self) -> np.ndarray:
        """The described voxels in a flat image with margin, int64, shape (n_voxels,)."""
        return (np.argwhere(self.inside) + self.radii) @ self.strides

    @cached_property
    def steps(self) -> np.ndarray:
        """From the center to every position of a window, in the order of voxels; shape (n_positions, 3)."""
        return np.array(list(product(*(range(-radius, radius + 1) for radius in self.radii))))

    @cached_property
    def textured(self) -> tuple[np.ndarray, int]:
        return self.levels(self.values)

    def shared(self, out: np.ndarray) -> tuple:
        """Return what the texture kernels take first: grid, centers, positions, the array to fill, n_levels."""
        grid, n_levels = self.textured
        return grid.ravel(), self.centers, self.steps @ self.strides, out, n_levels

    def offsets(self, distances: Sequence[int]) -> np.ndarray:
        return neighbors.offsets(self.values.shape, distances, flat_axis=self.setting.flat_axis)

    def pairs(self, distances: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs of positions, int32 (n_pairs, 2), and where those of each offset begin, int64."""
        pairs = [self._pairs_at(offset) for offset in self.offsets(distances)]
        first = np.cumsum([0, *(len(at_offset) for at_offset in pairs)])
        return np.concatenate([np.empty((0, 2), np.int32), *pairs]), first

    def _pairs_at(self, offset: np.ndarray) -> np.ndarray:
        ends = self.steps + offset
        # Offsets hold one of each two opposite steps, so every pair is named once.
        start = np.flatnonzero((np.abs(ends) <= self.radii).all(axis=1))
        return np.column_stack([start, self._position(ends[start])]).astype(np.int32)

    def _position(self, steps: np.ndarray) -> np.ndarray:
        return np.ravel_multi_index((steps + self.radii).T, np.multiply(self.radii, 2) + 1)

    def lines(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return lines of positions along every direction, where each line begins, and each direction's first line."""
        along = [self._lines_along(direction) for direction in self.offsets((1,))]
        lines = [line for of_direction in along for line in of_direction]
        first = np.cumsum([0, *map(len, lines)])
        return np.concatenate([np.empty(0, np.int32), *lines]), first, np.cumsum([0, *map(len, along)])

    def _lines_along(self, direction: np.ndarray) -> list[np.ndarray]:
        # A line starts where one step back leaves the window.
        starts = self.steps[(np.abs(self.steps - direction) > self.radii).any(axis=1)]
        # No line is longer than the longest side; what is left of a shorter one lies outside and is dropped.
        reach = np.arange(2 * max(self.radii) + 1)[:, None] * direction
        lines = (start + reach for start in starts)
        return [self._position(line[(np.abs(line) <= self.radii).all(axis=1)]).astype(np.int32) for line in lines]

    def norms(self, distances: Sequence[int]) -> np.ndarray | None:
        """Return the norm in mm of every offset, or None where directions are not weighted."""
        if self.setting.weighting is None:
            return None
        return neighbors.norms(self.setting.weighting, self.offsets(distances), self.spacing_mm)
