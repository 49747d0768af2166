"""Triangles of the marching cubes, built from Lorensen and Cline's construction; area and volume of a region's mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import permutations, product

import numpy as np

from radiofuse.names import kernel

_mesh = kernel("radiomics.classes._mesh")

# Corners (z, y, x) and edges in the order of Lorensen and Cline 1987, figure 4; faces as cycles seen from outside.
CORNERS = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1), (1, 1, 0))
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
FACES = ((0, 1, 2, 3), (4, 7, 6, 5), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0))
EDGE_BETWEEN = {frozenset(corners): edge for edge, corners in enumerate(EDGES)}
MIDPOINTS = np.array([np.mean([CORNERS[corner] for corner in edge], axis=0) for edge in EDGES])  # (12, 3)

# Loops of five edges and more are not flat, so that area and volume depend on how they are cut into triangles. A loop's
# hubs are the edges that most triangles meet. The cube's 24 rotations carry these seven loops to all others; where
# several end at one loop, their cuts have the same area and volume for every spacing, so that any of them will do.
HUBS = {
    (0, 1, 10, 6, 4): (0,),
    (0, 4, 6, 10, 1): (0,),
    (0, 1, 5, 6, 11, 8): (0, 5, 11),
    (0, 1, 10, 11, 7, 4): (1, 4, 11),
    (0, 1, 10, 6, 7, 8): (0, 6),
    (0, 1, 10, 2, 3, 8): (8,),
    (0, 4, 5, 1, 2, 11, 3): (11,),
}


def loops(pattern: int) -> list[tuple[int, ...]]:
    """Return the closed loops of cube edges that part the corners inside a region from those outside.

    Parameters
    ----------
    pattern : int
        Bit k says whether corner k is inside, 0 to 255.

    Returns
    -------
    list of tuple of int
        Edges of each loop from its lowest on, in the sense that makes the surface's normal point out of the region.
        Where a face's inside corners lie diagonally they are kept apart, which neighboring cubes agree about.

    Examples
    --------
    >>> loops(0b00000101)
    [(0, 8, 3), (1, 2, 10)]
    """
    follows = {}
    for face in FACES:
        inside = [pattern >> corner & 1 for corner in face]
        edges = [EDGE_BETWEEN[frozenset((face[k], face[(k + 1) % 4]))] for k in range(4)]
        for entered in range(4):
            if not inside[entered] and inside[(entered + 1) % 4]:
                left = next(k % 4 for k in range(entered + 1, entered + 4) if not inside[(k + 1) % 4])
                follows[edges[entered]] = edges[left]
    found = []
    while follows:
        loop = [min(follows)]
        while (edge := follows.pop(loop[-1])) != loop[0]:
            loop.append(edge)
        found.append(tuple(loop))
    return found


def _lowest_first(loop: Sequence[int]) -> tuple[int, ...]:
    first = loop.index(min(loop))
    return tuple(loop[first:]) + tuple(loop[:first])


def _edge_rotations() -> Iterator[list[int]]:
    corner_at = {corner: index for index, corner in enumerate(CORNERS)}
    for axes, flips in product(permutations(range(3)), product((0, 1), repeat=3)):
        turned = np.eye(3, dtype=int)[list(axes)] * (1 - 2 * np.array(flips))[:, None]
        if round(np.linalg.det(turned)) == 1:
            carried = [corner_at[tuple(int(c[axis]) ^ f for axis, f in zip(axes, flips, strict=True))] for c in CORNERS]
            yield [EDGE_BETWEEN[frozenset((carried[a], carried[b]))] for a, b in EDGES]


@lru_cache(maxsize=1)
def _hubs() -> dict[tuple[int, ...], tuple[int, ...]]:
    hubs = {}
    for edges in _edge_rotations():
        for loop, of_loop in HUBS.items():
            turned = _lowest_first([edges[edge] for edge in loop])
            hubs[turned] = tuple(edges[edge] for edge in of_loop)
    return hubs


def _cut(loop: tuple[int, ...], hubs: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Cut a loop: a fan from one hub, two fans either side of a diagonal, or a triangle of hubs and its three ears."""
    start = loop.index(hubs[0])
    turned = loop[start:] + loop[:start]
    if len(hubs) == 3:
        ears = [(turned[k], turned[k + 1], turned[(k + 2) % 6]) for k in (0, 2, 4)]
        return [turned[::2], *ears]
    if len(hubs) == 2:
        return _fan((turned[3], *turned[:3])) + _fan((turned[0], *turned[3:]))
    return _fan(turned)


def _fan(loop: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return [(loop[0], loop[k], loop[k + 1]) for k in range(1, len(loop) - 1)]


def triangles(pattern: int, *, closed: bool = False) -> list[tuple[int, int, int]]:
    """Return the triangles of a corner pattern as triples of cube edges.

    Parameters
    ----------
    pattern : int
        Bit k says whether corner k is inside, 0 to 255.
    closed : bool
        One rule for all patterns, which makes every mesh closed. Without it pyradiomics 3.0.1's triangles: where corner
        7 is inside, those of the complement turned inside out. That joins diagonal inside corners there and keeps them
        apart elsewhere, and where such cubes meet the mesh has holes.

    Examples
    --------
    >>> triangles(1), triangles(254), triangles(254, closed=True)
    ([(0, 8, 3)], [(3, 8, 0)], [(0, 3, 8)])
    """
    if pattern > 127 and not closed:
        return [triangle[::-1] for triangle in triangles(255 - pattern)]
    found = []
    for loop in loops(pattern):
        found += _cut(loop, loop[:1] if len(loop) < 5 else _hubs()[loop])
    return found


@lru_cache(maxsize=2)
def _table(closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of all patterns: pattern of each (n,), vertices (n, 3, 3) in voxels from the cube's corner 0."""
    each = [triangles(pattern, closed=closed) for pattern in range(256)]
    patterns = np.repeat(np.arange(256), [len(found) for found in each])
    return patterns, MIDPOINTS[[triangle for found in each for triangle in found]]


def mesh_area_and_volume(
    mask: np.ndarray, spacing_mm: tuple[float, float, float], *, closed: bool = False
) -> tuple[float, float]:
    """Return the area and the volume of the mesh round a region.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside the region, 0 outside; outside the array counts as outside.
    spacing_mm : tuple of float
        Voxel spacing along z, y, x.
    closed : bool
        A mesh without holes (IBSI), or pyradiomics 3.0.1's, which has holes where inside corners touch diagonally.

    Returns
    -------
    tuple of float
        Area in mm^2 and volume in mm^3.

    Notes
    -----
    With cube position p and triangle (a, b, c) six times the volume under a triangle is
    det(p + a, p + b, p + c) = det(a, b, c) + p . (a x b + b x c + c x a), so that counting cubes and adding their
    positions per pattern suffices (IBSI 3.1.1, RNU0, and 3.1.3, C0JK). In voxels these are sums of eighths, so that the
    volume is exact. With holes it depends on the origin, pyradiomics' being one voxel before the box, and can be 0.

    References
    ----------
    Lorensen and Cline (1987), Marching cubes, SIGGRAPH 21(4):163-169. Zwanenburg et al. (2016), arXiv:1612.07003.

    Examples
    --------
    >>> area, volume = mesh_area_and_volume(np.ones((1, 1, 1), np.uint8), (1.0, 1.0, 1.0))
    >>> round(area, 6), round(volume, 6)
    (1.732051, 0.166667)
    """
    counts = np.zeros((256, 4), np.int64)
    _mesh.cube_counts(mask, counts)
    patterns, vertices = _table(closed)
    a, b, c = vertices.transpose(1, 0, 2)
    cubes, places = counts[patterns, 0], counts[patterns, 1:]
    doubled_areas = np.cross(b - a, c - a)  # vectors, in voxels
    volume = np.sum(cubes * np.sum(np.cross(a, b) * c, axis=1)) + np.sum(places * doubled_areas)
    z, y, x = spacing_mm
    area = cubes @ np.linalg.norm(doubled_areas * (y * x, z * x, z * y), axis=1) / 2
    return float(area), float(volume / 6 * (z * y * x))
