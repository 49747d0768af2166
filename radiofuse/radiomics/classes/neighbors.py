"""Which voxels are neighbors, and the texture matrices counted over them in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.names import kernel

_neighbors = kernel("radiomics.classes._neighbors")

MAX_OFFSETS = 2**15 - 2  # neighbors on both sides are counted in 16 bits

# Squared norm of a step in mm, by the name of a weightingNorm; shape (n_offsets, 3) to (n_offsets,)
SQUARED_NORMS = {
    "euclidean": lambda steps_mm: (steps_mm**2).sum(axis=1),
    "infinity": lambda steps_mm: steps_mm.max(axis=1) ** 2,
    "manhattan": lambda steps_mm: steps_mm.sum(axis=1) ** 2,
    "no_weighting": lambda steps_mm: np.zeros(len(steps_mm)),
}


@dataclass(frozen=True, eq=False)
class NeighborMatrices:
    """Texture matrices of one region; None where one was not wanted.

    Attributes
    ----------
    glcm : ndarray of int32, shape (n_offsets, n_levels, n_levels)
        Co-occurrence: voxels of level i + 1 whose neighbor at the offset has level j + 1. Not symmetrized.
    gldm : ndarray of int32, shape (n_levels, 2 * n_offsets + 1)
        Dependence: voxels of level i + 1 with j dependent neighbors, on both sides.
    ngtdm : ndarray of float64, shape (n_levels, 4)
        Gray tone difference: number of voxels, sum of distances from the neighbors' mean level, the level, and the
        number of voxels without neighbors (whose distance is 0).
    """

    glcm: np.ndarray | None
    gldm: np.ndarray | None
    ngtdm: np.ndarray | None


def offsets(shape: Sequence[int], distances: Sequence[int] = (1,), *, flat_axis: int | None = None) -> np.ndarray:
    """Return one of each pair of opposite steps to a neighbor, in pyradiomics' order of angles.

    Parameters
    ----------
    shape : sequence of int
        Shape (z, y, x) of the region's box; steps longer than the box lead nowhere and are left out.
    distances : sequence of int
        Chebyshev distances in voxels at which neighbors are looked for.
    flat_axis : int or None
        The axis across which there are no neighbors (texture within slices), or None.

    Returns
    -------
    ndarray of int32, shape (n_offsets, 3)
        Steps (z, y, x), from the far corner downwards.

    Raises
    ------
    ImageError
        If the box is too small for any step (pyradiomics stops as well), or has more than ``MAX_OFFSETS``.

    Examples
    --------
    >>> offsets((1, 5, 5)).tolist()
    [[0, 1, 1], [0, 1, 0], [0, 1, -1], [0, 0, 1]]
    >>> [len(offsets((9, 9, 9), (distance,))) for distance in (1, 2, 3)]
    [13, 49, 109]
    """
    farthest = [0 if axis == flat_axis else size - 1 for axis, size in enumerate(shape)]
    n_offsets = _n_offsets(farthest, set(distances))
    box = f"A region within {shape[0]} x {shape[1]} x {shape[2]} voxels (z, y, x)"
    if not n_offsets:
        raise ImageError(
            "no_neighbors",
            f"{box} has no two voxels at a distance of {list(distances)}. Take shorter distances, or leave the "
            "sample's texture out.",
        )
    if n_offsets > MAX_OFFSETS:
        raise ImageError(
            "too_many_neighbors",
            f"{box} has {n_offsets:,} directions at distances of {list(distances)}; at most {MAX_OFFSETS:,} can be "
            "counted. Take shorter or fewer distances, or leave the sample's texture out.",
        )
    reach = tuple(min(max(distances), size) for size in farthest)
    return _steps(reach, tuple(distances), n_offsets)


@lru_cache(maxsize=64)
def _steps(reach: tuple[int, int, int], distances: tuple[int, ...], n_offsets: int) -> np.ndarray:
    """Return the first steps at the distances, read-only: they are those of all image types, and of most regions."""
    z, y, x = (np.abs(np.arange(size, -size - 1, -1, dtype=np.int32)) for size in reach)
    chebyshev = np.maximum.outer(np.maximum.outer(z[: reach[0] + 1], y), x)  # from the far corner to the middle plane
    steps = np.ascontiguousarray(reach - np.argwhere(np.isin(chebyshev, distances))[:n_offsets], np.int32)
    steps.flags.writeable = False
    return steps


def _n_offsets(farthest: Sequence[int], distances: Iterable[int]) -> int:
    """Return half the number of steps that are no longer than farthest (z, y, x): shells of a cube cut by the box."""

    def n_within(distance: int) -> int:
        return prod(2 * min(distance, size) + 1 for size in farthest)

    return sum(n_within(distance) - n_within(distance - 1) for distance in distances) // 2


def squared_norms(weighting: str, offsets: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the squared norm of every step in mm^2, shape (n_offsets,); 0 for ``no_weighting``.

    Examples
    --------
    >>> squared_norms("manhattan", np.array([[0, 1, -1]]), (3.0, 1.0, 2.0))
    array([9.])
    """
    if weighting not in SQUARED_NORMS:
        raise RequestError(f"Unknown weightingNorm {weighting!r}. Choose from {', '.join(sorted(SQUARED_NORMS))}.")
    return SQUARED_NORMS[weighting](np.abs(offsets) * np.array(spacing_mm, float))


def norms(weighting: str, offsets: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the norm of every step in mm, shape (n_offsets,); 1 for ``no_weighting``, as pyradiomics weights runs.

    Examples
    --------
    >>> norms("manhattan", np.array([[0, 1, -1]]), (3.0, 1.0, 2.0))
    array([3.])
    """
    if weighting == "no_weighting":
        return np.ones(len(offsets))
    return np.sqrt(squared_norms(weighting, offsets, spacing_mm))  # exact where the norm was squared


def neighbor_matrices(
    levels: np.ndarray,
    n_levels: int,
    offsets: np.ndarray,
    *,
    alpha: int = 0,
    want: Sequence[str] = ("glcm", "gldm", "ngtdm"),
) -> NeighborMatrices:
    """Count the matrices of neighboring voxels in one pass over a region.

    Parameters
    ----------
    levels : ndarray of int32, shape (z, y, x)
        Gray levels 1..n_levels within the region, 0 outside.
    n_levels : int
        The highest gray level.
    offsets : ndarray of int32, shape (n_offsets, 3)
        From `offsets`; the opposite of each is looked at as well, except for co-occurrence.
    alpha : int
        A neighbor is dependent if its level differs by at most this much.
    want : sequence of str
        Which of ``glcm``, ``gldm`` and ``ngtdm`` to count.

    References
    ----------
    Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314; Sun and Wee 1983, doi:10.1016/0734-189X(83)90032-4;
    Amadasun and King 1989, doi:10.1109/21.44046; IBSI sections 3.6 (LFYI), 3.11 (REK0) and 3.10 (IPET).

    Examples
    --------
    >>> row = np.array([[[1, 1, 2]]], np.int32)
    >>> matrices = neighbor_matrices(row, 2, offsets(row.shape))
    >>> matrices.glcm.tolist(), matrices.gldm.tolist()
    ([[[1, 1], [0, 0]]], [[0, 2, 0], [1, 0, 0]])
    """
    n_offsets = len(offsets)
    glcm = np.zeros((n_offsets, n_levels, n_levels), np.int32) if "glcm" in want else None
    gldm = np.zeros((n_levels, 2 * n_offsets + 1), np.int32) if "gldm" in want else None
    ngtdm = np.zeros((n_levels, 4)) if "ngtdm" in want else None
    if ngtdm is not None:
        ngtdm[:, 2] = np.arange(1, n_levels + 1)
    _neighbors.count(levels, offsets, n_levels, alpha, glcm, gldm, ngtdm)
    return NeighborMatrices(glcm, gldm, ngtdm)
