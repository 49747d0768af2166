"""Bodies round a region: its convex hull, the smallest oriented box, the smallest ellipsoid, and their sizes."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

MVEE_TOLERANCE = 1e-5  # of the weights' optimality; the volume is then right to some times as much
SERIES = 20  # degree to which the manual sums the surface of an ellipsoid


def surface_points(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the mesh's outermost vertices in mm, shape (n, 3): half a voxel beyond the ends of each line of voxels.

    Parameters
    ----------
    mask : ndarray, shape (z, y, x)
    spacing_mm : tuple of float
        Along z, y, x.

    Notes
    -----
    Vertices between two ends of a line lie between these, so that the hull of the ends is the hull of the mesh.

    Examples
    --------
    >>> surface_points(np.ones((1, 1, 1)), (2.0, 1.0, 1.0)).tolist()
    [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, -0.5, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, -0.5]]
    """
    inside = np.asarray(mask) != 0
    points = []
    for axis in range(3):
        met = inside.any(axis=axis)
        last = inside.shape[axis] - 1 - np.flip(inside, axis).argmax(axis=axis)
        for ends, beyond in ((last, 0.5), (inside.argmax(axis=axis), -0.5)):
            places = np.argwhere(met).astype(float)
            points.append(np.insert(places, axis, ends[met] + beyond, axis=1))
    return np.concatenate(points) * spacing_mm


def hull_of(points: np.ndarray) -> ConvexHull:
    """Return the convex hull, with ``area`` in mm^2 and ``volume`` in mm^3."""
    return ConvexHull(points)


def smallest_box(hull: ConvexHull) -> np.ndarray:
    """Return the sides in mm of the smallest of the boxes that have a side on a face of the hull.

    Notes
    -----
    On each face the hull is seen from above; of its outline the smallest rectangle has a side on one of its edges.

    Examples
    --------
    >>> corners = np.array([[0, 0, 0], [1, 1, 0], [-1, 1, 0], [0, 2, 0], [0, 0, 3], [1, 1, 3], [-1, 1, 3], [0, 2, 3]])
    >>> np.sort(smallest_box(hull_of(corners.astype(float)))).round(3)
    array([1.414, 1.414, 3.   ])
    """
    corners = hull.points[hull.vertices]
    best = np.ptp(corners, axis=0)
    for normal in np.unique(hull.equations[:, :3].round(9), axis=0):
        across = np.linalg.svd(normal[None])[2]  # rows: the normal, and two directions in the face
        height = np.ptp(corners @ across[0])
        outline = corners @ across[1:].T
        outline = outline[ConvexHull(outline).vertices]
        edges = np.roll(outline, -1, axis=0) - outline
        edges /= np.linalg.norm(edges, axis=1, keepdims=True)
        along = np.ptp(outline @ edges.T, axis=0)
        broad = np.ptp(outline @ np.stack([-edges[:, 1], edges[:, 0]]), axis=0)
        least = (along * broad).argmin()
        if height * along[least] * broad[least] < np.prod(best):
            best = np.array([height, along[least], broad[least]])
    return best


def smallest_ellipsoid(points: np.ndarray) -> np.ndarray:
    """Return the semi-axes in mm, ascending, of the ellipsoid of least volume round some points.

    Notes
    -----
    Khachiyan's algorithm with Todd and Yildirim's steps, which also take weight away from points that need none.

    References
    ----------
    Todd and Yildirim 2007, doi:10.1016/j.dam.2007.02.013; Ahipasaoglu 2015, doi:10.1007/s10107-014-0774-9.

    Examples
    --------
    >>> from itertools import product
    >>> smallest_ellipsoid(np.array(list(product((-1, 1), (-2, 2), (-3, 3))), float)).round(3)
    array([1.732, 3.464, 5.196])
    """
    n_points, n_axes = points.shape
    lifted = np.concatenate([points - points.mean(axis=0), np.ones((n_points, 1))], axis=1)
    weights = np.full(n_points, 1 / n_points)
    while True:
        inverse = np.linalg.inv(lifted.T * weights @ lifted)
        spread = np.einsum("ij,jk,ik->i", lifted, inverse, lifted) / (n_axes + 1)
        far, near = spread.argmax(), np.where(weights > 0, spread, np.inf).argmin()
        if max(spread[far] - 1, 1 - spread[near]) < MVEE_TOLERANCE:
            break
        chosen = far if spread[far] - 1 >= 1 - spread[near] else near
        excess = spread[chosen] * (n_axes + 1)
        step = (excess - n_axes - 1) / ((n_axes + 1) * (excess - 1))
        step = max(step, -weights[chosen] / (1 - weights[chosen])) if chosen == near else step
        weights *= 1 - step
        weights[chosen] = max(weights[chosen] + step, 0.0)
    centered = points - weights @ points
    return np.sqrt(np.sort(np.linalg.eigvalsh(centered.T * weights @ centered)) * n_axes)


def ellipsoid_area(semi_axes: np.ndarray) -> float:
    """Return the surface of an ellipsoid as IBSI's reference values have it.

    Parameters
    ----------
    semi_axes : ndarray, shape (3,)
        Ascending.

    Notes
    -----
    The series of Legendre polynomials P to degree 20 with the eccentricities of the manual, alpha^2 = 1 - b^2 / a^2
    and beta^2 = 1 - c^2 / a^2 for a >= b >= c. The surface's own series has 1 - c^2 / a^2 and 1 - c^2 / b^2: for a
    sphere both are exact, for axes of 2, 1 and 1 the manual's is a fifth too small.

    References
    ----------
    IBSI RDD2, BRI8; the surface: https://dlmf.nist.gov/19.33.

    Examples
    --------
    >>> round(ellipsoid_area(np.array([2.0, 2.0, 2.0])) / (4 * np.pi), 6)
    4.0
    """
    c, b, a = semi_axes
    if not a > 0:
        return float("nan")
    of_b, of_c = 1 - (b / a) ** 2, 1 - (c / a) ** 2
    # (alpha beta)^n P_n by the polynomials' recurrence: alpha may be 0.
    before, term, total = 0.0, 1.0, 1.0
    for degree in range(1, SERIES + 1):
        before, term = (
            term,
            ((2 * degree - 1) * (of_b + of_c) / 2 * term - (degree - 1) * of_b * of_c * before) / degree,
        )
        total += term / (1 - 4 * degree**2)
    return float(4 * np.pi * a * b * total)


def ellipsoid_volume(semi_axes: np.ndarray) -> float:
    """Return the volume of an ellipsoid.

    Examples
    --------
    >>> round(ellipsoid_volume(np.array([1.0, 2.0, 3.0])) / np.pi, 6)
    8.0
    """
    return float(4 / 3 * np.pi * np.prod(semi_axes))


def box_area(sides: np.ndarray) -> float:
    """Return the surface of a box.

    Examples
    --------
    >>> box_area(np.array([1.0, 2.0, 3.0]))
    22.0
    """
    a, b, c = sides
    return float(2 * (a * b + a * c + b * c))
