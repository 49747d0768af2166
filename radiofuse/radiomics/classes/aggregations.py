"""Texture matrices as IBSI aggregates them: slice by slice, in slices over the volume, or in space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.radiomics.classes import glcm, gldzm, glrlm, glszm, neighbors, ngldm, ngtdm, runs_and_zones
from radiofuse.radiomics.ibsi_names import AGGREGATED_CLASSES

if TYPE_CHECKING:
    from radiofuse.radiomics.textures import TexturedRegion

# Features of IBSI that are another of its features under a second name.
SAME = {"Dissimilarity": "DifferenceAverage", "SumVariance": "ClusterTendency"}


@dataclass(frozen=True, eq=False)
class CountedIn:
    """What one set of matrices is counted in: a slice, or the whole region.

    Attributes
    ----------
    levels : ndarray of int32, shape (z, y, x)
        Gray levels of the region's box; 0 outside the region.
    distances : ndarray of int or None
        Steps out of the region, for distance zones.
    flat_axis : int or None
        The axis across which there are no neighbors.
    merged : bool
        Sum the matrices of all directions, and describe the sum.
    of : TexturedRegion
    """

    levels: np.ndarray
    distances: np.ndarray | None
    flat_axis: int | None
    merged: bool
    of: TexturedRegion

    @property
    def n_voxels(self) -> int:
        """Voxels of the region in this part."""
        return int(np.count_nonzero(self.levels))

    def offsets(self, distances: Sequence[int]) -> np.ndarray:
        """Return the steps to neighbors; those of the region's box, for every slice alike."""
        return neighbors.offsets(self.of.region.shape, distances, flat_axis=self.flat_axis)

    def matrices(self, want: str) -> np.ndarray:
        """Return the matrices of neighbors that are wanted."""
        setting = self.of.setting
        counted = neighbors.neighbor_matrices(
            self.levels, self.of.n_levels, self.offsets(setting.distances), alpha=setting.gldm_a, want=(want,)
        )
        return getattr(counted, want)


def features(textured: TexturedRegion, feature_class: str, names: Sequence[str]) -> dict[str, float]:
    """Return the features of a class such as ``glcm-2D-averaged`` or ``ngtdm-2.5D``.

    Parameters
    ----------
    textured : TexturedRegion
    feature_class : str
        Of ``AGGREGATED_CLASSES``.
    names : sequence of str

    Notes
    -----
    2D: every slice has its matrices, and the features of slices (and directions) are averaged. 2.5D: neighbors, runs
    and zones lie in one slice, and the matrices of all slices are summed. 3D: no slices. Slices are those across
    ``force2Ddimension``, z unless it is given. Directions without pairs, and slices in which
    no voxel has a neighbor for ``ngtdm``, have no features and are left out.

    References
    ----------
    IBSI sections 3.6 to 3.11, "aggregating features".
    """
    matrix, aggregation = AGGREGATED_CLASSES[feature_class]
    wanted = tuple(dict.fromkeys(SAME.get(name, name) for name in names))
    rows = np.concatenate([MATRICES[matrix](part, wanted) for part in _parts(textured, matrix, aggregation)])
    rows = rows[~np.isnan(rows).all(axis=1)]
    means = dict(zip(wanted, rows.mean(axis=0) if len(rows) else np.full(len(wanted), np.nan), strict=True))
    return {name: float(means[SAME.get(name, name)]) for name in names}


def _parts(textured: TexturedRegion, matrix: str, aggregation: str) -> Iterator[CountedIn]:
    where, _, how = aggregation.partition("-")
    axis = None if where == "3D" else textured.setting.slice_axis
    levels = textured.level_box
    distances = textured.border_distances(axis) if matrix == "gldzm" else None
    if where != "2D":
        yield CountedIn(levels, distances, axis, how == "merged", textured)
        return
    for k in range(levels.shape[axis]):
        cut = tuple(slice(k, k + 1) if one == axis else slice(None) for one in range(3))
        if levels[cut].any():
            in_slice = None if distances is None else distances[cut]
            yield CountedIn(np.ascontiguousarray(levels[cut]), in_slice, axis, how == "merged", textured)


def _glcm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    """Return a row of features a direction, or one of all, shape (n, n_names)."""
    pairs = part.matrices("glcm")
    rows = glcm.rows(pairs, np.ones(len(pairs)) if part.merged else None, is_flat=part.of.is_flat, ibsi=True)
    return rows[:, [glcm.FEATURES.index(name) for name in names]]


def _glrlm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    offsets = part.offsets((1,))  # runs go from voxel to next voxel, whatever ``distances`` says
    runs = runs_and_zones.run_lengths(part.levels, part.of.n_levels, offsets, ibsi=True)
    weighting = "no_weighting" if part.merged else None
    spacing_mm = part.of.region.spacing_mm
    return _row(glrlm.features(runs, names, offsets=offsets, spacing_mm=spacing_mm, weighting=weighting, ibsi=True))


def _glszm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    zones = runs_and_zones.zone_sizes(part.levels, part.of.n_levels, flat_axis=part.flat_axis)
    return _row(glszm.features(zones, names, n_voxels=part.n_voxels, ibsi=True))


def _gldzm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    zones = gldzm.zone_distances(part.levels, part.of.n_levels, part.distances, flat_axis=part.flat_axis)
    return _row(gldzm.features(zones, names, n_voxels=part.n_voxels))


def _ngtdm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    differences = part.matrices("ngtdm")
    if (differences[:, 0] == differences[:, 3]).all():  # no voxel has a neighbor: nothing is coarse or fine
        return np.full((1, len(names)), np.nan)
    return _row(ngtdm.features(differences, names, ibsi=True))


def _ngldm(part: CountedIn, names: Sequence[str]) -> np.ndarray:
    return _row(ngldm.features(part.matrices("gldm"), names))


def _row(features: dict[str, float]) -> np.ndarray:
    return np.array([list(features.values())])


MATRICES: dict[str, Callable[[CountedIn, Sequence[str]], np.ndarray]] = {
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldzm": _gldzm,
    "ngtdm": _ngtdm,
    "ngldm": _ngldm,
}
