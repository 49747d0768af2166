"""Intensity and texture classes of one filtered image: gray levels and matrices once, then each class' formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from radiofuse.radiomics.classes import (
    aggregations,
    firstorder,
    glcm,
    gldm,
    gldzm,
    glrlm,
    glszm,
    intensity_histogram,
    neighbors,
    ngtdm,
    runs_and_zones,
    statistics,
)
from radiofuse.radiomics.discretization import check_one_bin, gray_levels
from radiofuse.radiomics.ibsi_names import AGGREGATED_CLASSES
from radiofuse.radiomics.parameters import TextureSetting
from radiofuse.radiomics.region import Region

NEIGHBOR_CLASSES = ("glcm", "gldm", "ngtdm")


@dataclass(frozen=True, eq=False)
class TexturedRegion:
    """One filtered image within a region, and what its classes share.

    Attributes
    ----------
    values : ndarray, shape (n_voxels,)
        The filtered image's values in the region, in the order of the box's voxels.
    region : Region
    setting : TextureSetting
    classes : tuple of str
        The classes that will be asked for: matrices of others are not made.
    image_name : str
        ``original``, ``wavelet-LLH``, ...; for messages.
    ibsi : bool
        Follow IBSI where pyradiomics departs from it.
    shape_region : Region or None
        The region before it was resegmented, from whose border distances count; None: the same.
    """

    values: np.ndarray
    region: Region
    setting: TextureSetting
    classes: tuple[str, ...]
    image_name: str = "original"
    ibsi: bool = False
    shape_region: Region | None = None

    @cached_property
    def _discretized(self) -> tuple[np.ndarray, int]:
        levels, n_levels = gray_levels(
            self.values,
            bin_width=self.setting.bin_width,
            bin_count=self.setting.bin_count,
            ibsi=self.ibsi,
            lower=self.setting.lower,
            image_type=self.image_name,
        )
        if self.setting.bin_count is None:
            check_one_bin(self.values, n_levels, bin_width=self.setting.bin_width, image_type=self.image_name)
        return levels, n_levels

    @property
    def levels(self) -> np.ndarray:
        """Gray levels of the values, int32, shape (n_voxels,)."""
        return self._discretized[0]

    @property
    def n_levels(self) -> int:
        """The highest gray level."""
        return self._discretized[1]

    @property
    def is_flat(self) -> bool:
        """Whether all voxels have one level."""
        return bool(self.levels.min() == self.n_levels)  # n_levels is the highest of them

    def border_distances(self, flat_axis: int | None) -> np.ndarray:
        """Return the steps from each voxel of the box out of the region that was not resegmented."""
        whole = self.shape_region or self.region
        return gldzm.border_distances(whole.mask, flat_axis)[self.region.within(whole)]

    @cached_property
    def level_box(self) -> np.ndarray:
        """Gray levels in the region's box, int32, shape (z, y, x); 0 outside the region."""
        box = np.zeros(self.region.shape, np.int32)
        box[self.region.mask.view(bool)] = self.levels
        return box

    @cached_property
    def offsets(self) -> np.ndarray:
        """The neighbors that are looked at, int32, shape (n_offsets, 3)."""
        return neighbors.offsets(self.region.shape, self.setting.distances, flat_axis=self.setting.flat_axis)

    @cached_property
    def neighbor_matrices(self) -> neighbors.NeighborMatrices:
        # One pass over the voxels counts all three.
        want = tuple(name for name in NEIGHBOR_CLASSES if name in self.classes)
        return neighbors.neighbor_matrices(
            self.level_box, self.n_levels, self.offsets, alpha=self.setting.gldm_a, want=want
        )


def features(textured: TexturedRegion, classes: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Return ``<class>_<feature>`` to value for the classes and features asked for."""
    return {
        f"{feature_class}_{name}": value
        for feature_class, names in classes.items()
        for name, value in _of_class(textured, feature_class, names).items()
    }


def _of_class(textured: TexturedRegion, feature_class: str, names: Sequence[str]) -> dict[str, float]:
    if feature_class in AGGREGATED_CLASSES:
        return aggregations.features(textured, feature_class, names)
    return CLASSES[feature_class](textured, names)


def _firstorder(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return firstorder.features(
        textured.values,
        textured.levels,
        names,
        # Multiplied along x, y, z as in pyradiomics: the last digit depends on the order.
        voxel_volume_mm3=float(np.multiply.reduce(textured.region.spacing_mm[::-1])),
        voxel_array_shift=textured.setting.voxel_array_shift,
        ibsi=textured.ibsi,
    )


def _glcm(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return glcm.features(
        textured.neighbor_matrices.glcm,
        names,
        offsets=textured.offsets,
        spacing_mm=textured.region.spacing_mm,
        is_flat=textured.is_flat,
        symmetrical=textured.setting.symmetrical,
        weighting=textured.setting.weighting,
        ibsi=textured.ibsi,
    )


def _gldm(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return gldm.features(textured.neighbor_matrices.gldm, names, ibsi=textured.ibsi)


def _ngtdm(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return ngtdm.features(textured.neighbor_matrices.ngtdm, names, ibsi=textured.ibsi)


def _glrlm(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    # Runs go from voxel to next voxel, whatever ``distances`` says.
    offsets = neighbors.offsets(textured.region.shape, (1,), flat_axis=textured.setting.flat_axis)
    return glrlm.features(
        runs_and_zones.run_lengths(textured.level_box, textured.n_levels, offsets, ibsi=textured.ibsi),
        names,
        offsets=offsets,
        spacing_mm=textured.region.spacing_mm,
        weighting=textured.setting.weighting,
        ibsi=textured.ibsi,
    )


def _glszm(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    zones = runs_and_zones.zone_sizes(textured.level_box, textured.n_levels, flat_axis=textured.setting.flat_axis)
    return glszm.features(zones, names, n_voxels=len(textured.values), ibsi=textured.ibsi)


def _histogram(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return intensity_histogram.features(textured.levels, textured.n_levels, names)


def _statistics(textured: TexturedRegion, names: Sequence[str]) -> dict[str, float]:
    return statistics.features(textured.values, names)


CLASSES = {
    "firstorder": _firstorder,
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldm": _gldm,
    "ngtdm": _ngtdm,
    "intensity-histogram": _histogram,
    "statistics": _statistics,
}
