"""Runs and zones: their matrices, and the statistics that runs, zones and dependences are described by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.names import kernel

_lengths = kernel("radiomics.classes._lengths")
_runs = kernel("radiomics.classes._runs")
_zones = kernel("radiomics.classes._zones")

EPS = float(np.spacing(1.0))  # pyradiomics adds it to a probability before the logarithm
# Mean of level ** a * length ** b, by (a, b)
EMPHASES = {
    (0, -2): "short",
    (0, 2): "long",
    (-2, 0): "low",
    (2, 0): "high",
    (-2, -2): "short low",
    (2, -2): "short high",
    (-2, 2): "long low",
    (2, 2): "long high",
}
# In the order in which the kernel gives them
STATISTICS = (
    "groups",
    "voxels",
    "level non-uniformity",
    "length non-uniformity",
    "level variance",
    "length variance",
    "entropy",
    *EMPHASES.values(),
)


class Zones(NamedTuple):
    """How many zones of each gray level have each size.

    Attributes
    ----------
    counts : ndarray of int64, shape (n_levels, n_sizes)
    sizes : ndarray of int64, shape (n_sizes,)
        The sizes in voxels that occur, rising.
    """

    counts: np.ndarray
    sizes: np.ndarray


def run_lengths(levels: np.ndarray, n_levels: int, offsets: np.ndarray, *, ibsi: bool = False) -> np.ndarray:
    """Return how many runs of each gray level have each length, along each direction.

    Parameters
    ----------
    levels : ndarray of int32, shape (z, y, x)
        Gray levels 1 to ``n_levels`` in the region's box; 0 outside the region.
    n_levels : int
        The highest level.
    offsets : ndarray of int32, shape (n_offsets, 3)
        Directions as the step (z, y, x) to the next voxel: one of each opposite pair, of distance 1.
    ibsi : bool
        Count along every direction. pyradiomics leaves a direction empty when no line along it meets the region
        twice; IBSI counts single voxels there.

    Returns
    -------
    ndarray of int32, shape (n_offsets, n_levels, n_lengths)
        Column j counts runs of j + 1 voxels; n_lengths is the longest side of the box.

    Raises
    ------
    ImageError
        ``roi_too_small`` if the box leaves no direction.

    References
    ----------
    Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; in three dimensions IBSI section 3.7 (TP0I).

    Examples
    --------
    >>> run_lengths(np.array([[[1, 1, 2, 1]]], np.int32), 2, np.array([[0, 0, 1]], np.int32))
    array([[[1, 1, 0, 0],
            [1, 0, 0, 0]]], dtype=int32)
    """
    if not len(offsets):
        raise ImageError(
            "roi_too_small",
            f"The region's box of {levels.shape} voxels has no neighbors to look at, so runs have no direction. "
            "Draw a larger region, or leave glrlm out.",
        )
    runs = np.empty((len(offsets), n_levels, max(levels.shape)), np.int32)
    _runs.run_lengths(_bordered(levels), np.ascontiguousarray(offsets, np.int32), runs, ibsi)
    return runs


def zone_sizes(levels: np.ndarray, n_levels: int, *, flat_axis: int | None = None) -> Zones:
    """Return how many zones of each gray level have each size.

    A zone is a group of voxels of one level that touch with a face, an edge or a corner.

    Parameters
    ----------
    levels : ndarray of int32, shape (z, y, x)
        Gray levels 1 to ``n_levels`` in the region's box; 0 outside the region.
    n_levels : int
        The highest level.
    flat_axis : int or None
        Look for zones in the slices across this axis, 0 for z, instead of in three dimensions.

    References
    ----------
    Thibault et al. 2009, PRIP: 140-145; IBSI section 3.8 (9SAK).

    Examples
    --------
    >>> zone_sizes(np.array([[[1, 1, 2, 1], [1, 2, 2, 2]]], np.int32), 2)
    Zones(counts=array([[1, 1, 0],
           [0, 0, 1]]), sizes=array([1, 3, 4]))
    """
    zone_levels, zone_sizes = _found_zones(levels, flat_axis, None)
    occurs = np.bincount(zone_sizes) > 0
    sizes = np.flatnonzero(occurs)
    # Zones reach a size of the whole region: only sizes that occur have a column.
    column = np.cumsum(occurs) - 1
    cells = (zone_levels - 1) * len(sizes) + column[zone_sizes]
    return Zones(np.bincount(cells, minlength=n_levels * len(sizes)).reshape(n_levels, len(sizes)), sizes)


def labeled_zones(levels: np.ndarray, *, flat_axis: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each voxel's zone, and the gray level of each zone.

    Parameters
    ----------
    levels, flat_axis
        As for `zone_sizes`.

    Returns
    -------
    labels : ndarray of int32, shape (z, y, x)
        From 1 on; 0 outside the region.
    zone_levels : ndarray of int32, shape (n_zones,)

    Examples
    --------
    >>> labels, zone_levels = labeled_zones(np.array([[[1, 1, 2, 1], [1, 2, 2, 2]]], np.int32))
    >>> labels.tolist(), zone_levels.tolist()
    ([[[1, 1, 2, 3], [1, 2, 2, 2]]], [1, 2, 1])
    """
    labels = np.empty([side + 2 for side in levels.shape], np.int32)
    zone_levels, _ = _found_zones(levels, flat_axis, labels)
    return labels[1:-1, 1:-1, 1:-1], zone_levels


def _found_zones(levels: np.ndarray, flat_axis: int | None, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return level and size of every zone, and number its voxels in ``labels``, which has a border."""
    zone_levels, zone_sizes = np.empty((2, levels.size), np.int32)  # a zone holds a voxel or more
    axis = -1 if flat_axis is None else flat_axis
    n_zones = _zones.zones(_bordered(levels), axis, zone_levels, zone_sizes, labels)
    return zone_levels[:n_zones], zone_sizes[:n_zones]


class LengthStatistics:
    """What runs, zones and dependences are described by; each statistic has shape (n_matrices,).

    Matrices without groups have no statistics and are left out.

    Parameters
    ----------
    counts : ndarray of int or float, shape (n_matrices, n_levels, n_lengths)
        Runs (or zones, or voxels by dependence) by gray level 1 to n_levels and by length (for zones: size).
    lengths : ndarray, shape (n_lengths,)
        The length in voxels that each column stands for.
    n_voxels : float or None
        The voxels that the groups of a matrix hold together; None counts them.
    ibsi : bool
        Entropy of the exact probabilities; pyradiomics adds 2.2e-16 to each.

    References
    ----------
    IBSI sections 3.7, 3.8 and 3.11, where runs, zones and dependences share their formulas.
    """

    def __init__(self, counts: np.ndarray, lengths: np.ndarray, *, n_voxels: float | None = None, ibsi: bool) -> None:
        rows = np.empty((len(counts), len(STATISTICS)))
        added = 0.0 if ibsi else EPS
        _lengths.describe(np.ascontiguousarray(counts, float), np.ascontiguousarray(lengths, float), added, rows)
        self._rows = rows[rows[:, 0] > 0]
        self._n_voxels = n_voxels

    def _of(self, name: str) -> np.ndarray:
        return self._rows[:, STATISTICS.index(name)]

    @property
    def n_groups(self) -> np.ndarray:
        """Number of runs or zones."""
        return self._of("groups")

    def emphasis(self, level_power: int, length_power: int) -> np.ndarray:
        """Mean of level ** level_power * length ** length_power, for powers 0, -2 and 2 that are not both 0."""
        return self._of(EMPHASES[level_power, length_power])

    def level_non_uniformity(self) -> np.ndarray:
        """Sum of squares of the numbers per level, over their sum."""
        return self._of("level non-uniformity")

    def length_non_uniformity(self) -> np.ndarray:
        """Sum of squares of the numbers per length, over their sum."""
        return self._of("length non-uniformity")

    def percentage(self) -> np.ndarray:
        """Runs or zones per voxel."""
        return self.n_groups / (self._of("voxels") if self._n_voxels is None else self._n_voxels)

    def level_variance(self) -> np.ndarray:
        """Variance of the level of a run or zone."""
        return self._of("level variance")

    def length_variance(self) -> np.ndarray:
        """Variance of the length of a run or zone."""
        return self._of("length variance")

    def entropy(self) -> np.ndarray:
        """Entropy in bits of level and length together."""
        return self._of("entropy")


def _bordered(levels: np.ndarray) -> np.ndarray:
    """Return the levels with a border of one 0 on each side, as uint16: no neighbor is out of reach."""
    bordered = np.zeros(tuple(side + 2 for side in levels.shape), np.uint16)
    bordered[1:-1, 1:-1, 1:-1] = levels
    return bordered
