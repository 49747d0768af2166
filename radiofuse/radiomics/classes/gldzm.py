"""Features of the gray level distance zone matrix: zones, by their distance from the region's border."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.classes.runs_and_zones import LengthStatistics, Zones, labeled_zones

FORMULAS = {
    "GrayLevelNonUniformity": LengthStatistics.level_non_uniformity,
    "GrayLevelNonUniformityNormalized": lambda zones: zones.level_non_uniformity() / zones.n_groups,
    "GrayLevelVariance": LengthStatistics.level_variance,
    "HighGrayLevelZoneEmphasis": lambda zones: zones.emphasis(2, 0),
    "LargeDistanceEmphasis": lambda zones: zones.emphasis(0, 2),
    "LargeDistanceHighGrayLevelEmphasis": lambda zones: zones.emphasis(2, 2),
    "LargeDistanceLowGrayLevelEmphasis": lambda zones: zones.emphasis(-2, 2),
    "LowGrayLevelZoneEmphasis": lambda zones: zones.emphasis(-2, 0),
    "SmallDistanceEmphasis": lambda zones: zones.emphasis(0, -2),
    "SmallDistanceHighGrayLevelEmphasis": lambda zones: zones.emphasis(2, -2),
    "SmallDistanceLowGrayLevelEmphasis": lambda zones: zones.emphasis(-2, -2),
    "ZoneDistanceEntropy": LengthStatistics.entropy,
    "ZoneDistanceNonUniformity": LengthStatistics.length_non_uniformity,
    "ZoneDistanceNonUniformityNormalized": lambda zones: zones.length_non_uniformity() / zones.n_groups,
    "ZoneDistanceVariance": LengthStatistics.length_variance,
    "ZonePercentage": LengthStatistics.percentage,
}


def border_distances(mask: np.ndarray, flat_axis: int | None = None) -> np.ndarray:
    """Return how many steps it is from each voxel out of the region; 0 outside, 1 on its border.

    Parameters
    ----------
    mask : ndarray, shape (z, y, x)
        Not 0 in the region; beyond the array lies nothing of it.
    flat_axis : int or None
        The axis along which no step is taken.

    Notes
    -----
    Steps go through faces, so the distance is the city block's, and one pass to and fro along each axis gives it.

    Examples
    --------
    >>> border_distances(np.ones((1, 3, 4)), flat_axis=0)
    array([[[1, 1, 1, 1],
            [1, 2, 2, 1],
            [1, 1, 1, 1]]])
    """
    distances = np.pad(np.where(mask, sum(mask.shape), 0), 1)
    for axis in (axis for axis in range(3) if axis != flat_axis):
        planes = np.moveaxis(distances, axis, 0)
        for to in range(1, len(planes)):
            np.minimum(planes[to], planes[to - 1] + 1, out=planes[to])
        for to in range(len(planes) - 2, -1, -1):
            np.minimum(planes[to], planes[to + 1] + 1, out=planes[to])
    return distances[1:-1, 1:-1, 1:-1]


def zone_distances(levels: np.ndarray, n_levels: int, distances: np.ndarray, *, flat_axis: int | None = None) -> Zones:
    """Return how many zones of each gray level have each distance: that of their voxel nearest the border.

    Parameters
    ----------
    levels : ndarray of int32, shape (z, y, x)
        Gray levels 1 to ``n_levels`` in the region's box; 0 outside the region.
    n_levels : int
        The highest level.
    distances : ndarray of int, shape (z, y, x)
        From `border_distances`.
    flat_axis : int or None
        Look for zones in the slices across this axis.

    References
    ----------
    Thibault et al. 2014, doi:10.1109/TBME.2013.2284600; IBSI section 3.9 (VMDZ).

    Examples
    --------
    >>> levels = np.array([[[1, 1, 1], [1, 2, 1], [1, 1, 1]]], np.int32)
    >>> zone_distances(levels, 2, border_distances(levels, 0), flat_axis=0)
    Zones(counts=array([[1, 0],
           [0, 1]]), sizes=array([1, 2]))
    """
    labels, zone_levels = labeled_zones(levels, flat_axis=flat_axis)
    nearest = np.full(len(zone_levels), np.iinfo(np.int64).max)
    inside = labels > 0
    np.minimum.at(nearest, labels[inside] - 1, distances[inside])
    occurring, column = np.unique(nearest, return_inverse=True)
    cells = (zone_levels.astype(np.int64) - 1) * len(occurring) + column
    counts = np.bincount(cells, minlength=n_levels * len(occurring)).reshape(n_levels, len(occurring))
    return Zones(counts, occurring)


def features(zones: Zones, names: Sequence[str], *, n_voxels: int) -> dict[str, float]:
    """Return features of the distances of zones.

    Parameters
    ----------
    zones : Zones
        From `zone_distances`.
    names : sequence of str
        Of ``FORMULAS``.
    n_voxels : int
        Number of voxels of the region.

    References
    ----------
    IBSI section 3.9 (VMDZ).

    Examples
    --------
    >>> features(Zones(np.array([[1, 1]]), np.array([1, 3])), ["LargeDistanceEmphasis"], n_voxels=10)
    {'LargeDistanceEmphasis': 5.0}
    """
    statistics = LengthStatistics(zones.counts[None], zones.sizes, n_voxels=n_voxels, ibsi=True)
    return {name: float(FORMULAS[name](statistics)[0]) for name in names}
