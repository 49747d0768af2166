"""Voxel-wise features: an image of every feature, each voxel described by the small window round it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import RequestError
from radiofuse.kernels import kernel
from radiofuse.radiomics.classes import firstorder, glcm, neighbors, ngtdm
from radiofuse.radiomics.discretization import grey_levels
from radiofuse.radiomics.region import Region

if TYPE_CHECKING:
    from radiofuse.radiomics.parameters import TextureSetting

_voxel_maps = kernel("radiomics.classes._voxel_maps")


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


def voxel_maps(
    values: np.ndarray,
    region: Region,
    classes: Mapping[str, Sequence[str]],
    *,
    setting: TextureSetting,
    kernel_radius: int = 1,
    masked: bool = True,
    init_value: float = 0.0,
    image_type: str = "original",
) -> dict[str, np.ndarray]:
    """Return maps of features: at every voxel of the region, the feature of the window round it.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
        One filtered image in the box of ``with_margin(region, kernel_radius)``.
    region : Region
        The voxels to describe.
    classes : mapping of str to sequence of str
        Names of features by class; shape has no maps, nor have features that pyradiomics has withdrawn.
    setting : TextureSetting
        Bins, distances, weighting.
    kernel_radius : int
        A window is a cube of 2 ``kernel_radius`` + 1 voxels, flat along ``setting.flat_axis``, cut where ``values``
        end.
    masked : bool
        Whether a window holds voxels of the region only, which then alone decide the bins.
    init_value : float
        Value outside the region.
    image_type : str
        Name of the image, for messages.

    Returns
    -------
    dict of str to ndarray of float64, shape of ``values``
        By ``<class>_<feature>``.

    Raises
    ------
    RequestError
        If the radius is below 1 or ``values`` do not fill the box with margin.
    ImageError
        ``too_many_grey_levels``.

    Notes
    -----
    Equal to pyradiomics' voxel-based extraction of all voxels in one batch, with its conventions:

    - A direction without pairs or runs in a window is left out of that voxel's mean. Only GLCM's JointAverage is NaN
      there, unless the direction is empty in every window; half of SumAverage is the value meant.
    - Co-occurrence and run features are NaN at a voxel that has no neighbor in its window.
    - A window of one level has MCC 0, Imc1 0, Imc2 0 and Correlation 1. A region of one level has MCC 1.

    What differs:

    - pyradiomics gives no MCC at all (``init_value`` everywhere) where a direction is empty in some window but not in
      all. Here the other directions' mean stands.
    - Where the levels of a direction are independent, MCC is 0. pyradiomics takes the root of a rounding error there:
      2e-8 or less. Imc2 is such a root in both, or NaN where the error is negative and left out of the mean.
    - With a weighting whose weights are all tiny (voxels of several mm), pyradiomics' guard of 2e-16 against division
      by 0 outweighs the probabilities in MCC, and rounding decides whether Correlation is 1 in a matrix of one row.
    - In a region of one level, or with a weighting and no two voxels in line, pyradiomics gives 0 instead of NaN for
      InverseVariance, and for RunVariance and RunEntropy, at voxels without a neighbor.

    References
    ----------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339.
    """
    windows = Windows.of(values, region, setting, kernel_radius, masked, image_type)
    maps = {}
    for feature_class in (name for name in classes if name in ROWS):
        rows, names = ROWS[feature_class], classes[feature_class]
        described = np.empty((len(rows), len(windows.centers)))
        DESCRIBE[feature_class](windows, names, described)
        for name in (name for name in names if name in rows):
            maps[f"{feature_class}_{name}"] = windows.placed(described[rows.index(name)], init_value)
    return maps


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
        present = inside if masked else np.ones_like(inside)
        radii = tuple(0 if axis == setting.flat_axis else kernel_radius for axis in range(3))
        return cls(values, inside, present, radii, region.spacing_mm, setting, image_type)

    def placed(self, described: np.ndarray, init_value: float) -> np.ndarray:
        """Return the values of the described voxels, shape (n_voxels,), as an image."""
        image = np.full(self.values.shape, init_value, float)
        image[self.inside] = described
        return image

    def levels(self, values: np.ndarray) -> tuple[np.ndarray, int]:
        """Return grey levels with a margin of the radii, 0 where absent, and the highest level."""
        bins = {"bin_width": self.setting.bin_width, "bin_count": self.setting.bin_count}
        levels = np.zeros(values.shape, np.int32)
        levels[self.present], n_levels = grey_levels(values[self.present], **bins, image_type=self.image_type)
        return self.with_margin(levels), n_levels

    def with_margin(self, image: np.ndarray) -> np.ndarray:
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
        one = np.flatnonzero((np.abs(ends) <= self.radii).all(axis=1))
        return np.column_stack([one, self._position(ends[one])]).astype(np.int32)

    def _position(self, steps: np.ndarray) -> np.ndarray:
        return np.ravel_multi_index((steps + self.radii).T, np.multiply(self.radii, 2) + 1)

    def lines(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return lines of positions along every direction, where each line begins, and each direction's first line."""
        along = [self._lines_along(direction) for direction in self.offsets((1,))]
        lines = [line for of_direction in along for line in of_direction]
        first = np.cumsum([0, *map(len, lines)])
        return np.concatenate([np.empty(0, np.int32), *lines]), first, np.cumsum([0, *map(len, along)])

    def _lines_along(self, direction: np.ndarray) -> list[np.ndarray]:
        starts = self.steps[(np.abs(self.steps - direction) > self.radii).any(axis=1)]
        reach = np.arange(2 * max(self.radii) + 1)[:, None] * direction
        lines = (start + reach for start in starts)
        return [self._position(line[(np.abs(line) <= self.radii).all(axis=1)]).astype(np.int32) for line in lines]

    def norms(self, distances: Sequence[int]) -> np.ndarray | None:
        """Return the norm in mm of every offset, or None where directions are not weighted."""
        if self.setting.weighting is None:
            return None
        return neighbors.norms(self.setting.weighting, self.offsets(distances), self.spacing_mm)


def _firstorder(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    """Describe intensities; pyradiomics bins them as 64-bit numbers here, and in the image's type for textures."""
    values = windows.values.astype(float)
    grid, n_levels = windows.levels(values)
    # pyradiomics' order of positions, on which the last bit of a mean depends: backwards, then the center.
    extent = windows.values.shape if windows.present.all() else np.ptp(np.argwhere(windows.inside), axis=0) + 1
    around = windows.steps[::-1]
    around = around[(np.abs(around) < extent).all(axis=1) & around.any(axis=1)]
    positions = np.append(around @ windows.strides, 0)
    shift, voxel_volume_mm3 = windows.setting.voxel_array_shift, float(np.multiply.reduce(windows.spacing_mm[::-1]))
    shared = grid.ravel(), windows.centers, positions, out, n_levels
    _voxel_maps.firstorder(*shared, windows.with_margin(values).ravel(), shift, voxel_volume_mm3)


def _glcm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    distances = windows.setting.distances
    norms_mm = windows.norms(distances)
    weights = None if norms_mm is None else np.exp(-(norms_mm**2))
    wants_entropies, wants_mcc = not ENTROPIES.isdisjoint(names), "MCC" in names
    shared, pairs = windows.shared(out), windows.pairs(distances)
    _voxel_maps.glcm(*shared, *pairs, weights, windows.setting.symmetrical, wants_entropies, wants_mcc)
    levels, _ = windows.textured
    if len(np.unique(levels[levels > 0])) < 2:
        out[ROWS["glcm"].index("MCC")] = 1


def _gldm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    pairs = windows.pairs(windows.setting.distances)
    _voxel_maps.gldm(*windows.shared(out), *pairs, windows.setting.gldm_a)


def _glrlm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    _voxel_maps.glrlm(*windows.shared(out), *windows.lines(), windows.norms((1,)))


def _glszm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    _voxel_maps.glszm(*windows.shared(out), *windows.pairs((1,)))


def _ngtdm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    _voxel_maps.ngtdm(*windows.shared(out), *windows.pairs(windows.setting.distances))


DESCRIBE = {
    "firstorder": _firstorder,
    "glcm": _glcm,
    "gldm": _gldm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "ngtdm": _ngtdm,
}
ENTROPIES = frozenset({"JointEntropy", "Imc1", "Imc2"})

# What the kernels fill, row by row; "-" is a statistic that pyradiomics has withdrawn from the class.
ROWS = {
    "firstorder": tuple(firstorder.FORMULAS),
    "glcm": glcm.FEATURES,
    "gldm": (
        "SmallDependenceEmphasis LargeDependenceEmphasis GrayLevelNonUniformity - DependenceNonUniformity "
        "DependenceNonUniformityNormalized - GrayLevelVariance DependenceVariance DependenceEntropy "
        "LowGrayLevelEmphasis HighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis "
        "SmallDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis "
        "LargeDependenceHighGrayLevelEmphasis"
    ).split(),
    "glrlm": (
        "ShortRunEmphasis LongRunEmphasis GrayLevelNonUniformity GrayLevelNonUniformityNormalized "
        "RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage GrayLevelVariance RunVariance "
        "RunEntropy LowGrayLevelRunEmphasis HighGrayLevelRunEmphasis ShortRunLowGrayLevelEmphasis "
        "ShortRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LongRunHighGrayLevelEmphasis"
    ).split(),
    "glszm": (
        "SmallAreaEmphasis LargeAreaEmphasis GrayLevelNonUniformity GrayLevelNonUniformityNormalized "
        "SizeZoneNonUniformity SizeZoneNonUniformityNormalized ZonePercentage GrayLevelVariance ZoneVariance "
        "ZoneEntropy LowGrayLevelZoneEmphasis HighGrayLevelZoneEmphasis SmallAreaLowGrayLevelEmphasis "
        "SmallAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LargeAreaHighGrayLevelEmphasis"
    ).split(),
    "ngtdm": ngtdm.FEATURES,
}
