"""Shape features in a plane, of a region that is one voxel thick."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.radiomics.classes.shape import axis_length, axis_ratio, diameters, principal_variances
from radiofuse.radiomics.region import Region

# Corners (row, column) of the marching squares in cyclic order; edge k runs from corner k to the next.
CORNERS = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])
MIDPOINTS = (CORNERS + np.roll(CORNERS, -1, axis=0)) / 2


def segments(pattern: int) -> list[tuple[int, int]]:
    """Return the line segments, as pairs of edges, that part a square's inside corners from its outside corners.

    Each run of inside corners is cut off, from the edge where it is entered to the edge where it is left, so that
    corners inside that lie diagonally are kept apart.

    Examples
    --------
    >>> segments(0b0011), segments(0b0101)
    ([(3, 1)], [(3, 0), (1, 2)])
    """
    inside = [pattern >> corner & 1 for corner in range(4)]
    entered = [k for k in (3, 0, 1, 2) if not inside[k] and inside[(k + 1) % 4]]
    return [(k, next(j % 4 for j in range(k + 1, k + 4) if not inside[(j + 1) % 4])) for k in entered]


def perimeter_and_area(mask: np.ndarray, spacing_mm: tuple[float, float]) -> tuple[float, float]:
    """Return length and enclosed area of the lines that marching squares draws round a region.

    Parameters
    ----------
    mask : ndarray of uint8, shape (rows, columns)
        1 inside the region, 0 outside; outside the array counts as outside.
    spacing_mm : tuple of float
        Pixel spacing along rows' index and columns' index.

    Returns
    -------
    tuple of float
        Perimeter in mm and area in mm^2.

    Notes
    -----
    The lines are closed, so the area is the integral of x along them by rows (Green's theorem): the sum over segments
    of their mean x times their rise, for which counting squares and adding their columns per pattern suffices.

    References
    ----------
    Lorensen and Cline (1987), Marching cubes, SIGGRAPH 21(4):163-169, in the plane.

    Examples
    --------
    >>> perimeter, area = perimeter_and_area(np.ones((1, 1), np.uint8), (1.0, 1.0))
    >>> round(perimeter, 6), area
    (2.828427, 0.5)
    """
    padded = np.pad(mask, 1)
    patterns = padded[:-1, :-1] | padded[:-1, 1:] << 1 | padded[1:, 1:] << 2 | padded[1:, :-1] << 3
    perimeter = area = 0.0
    for pattern in range(1, 15):
        _, columns = np.nonzero(patterns == pattern)
        for start, end in segments(pattern):
            rise, run = (MIDPOINTS[start] - MIDPOINTS[end]) * spacing_mm
            x = (columns.sum() + len(columns) * (MIDPOINTS[start] + MIDPOINTS[end])[1] / 2) * spacing_mm[1]
            perimeter += len(columns) * np.hypot(rise, run)
            area += x * rise
    return float(perimeter), float(area)


class Outline:
    """A region one voxel thick and what several features need of it.

    Parameters
    ----------
    region : Region
    flat_axis : int
        The axis across which the region is one voxel thick.
    """

    def __init__(self, region: Region, flat_axis: int) -> None:
        if region.shape[flat_axis] != 1:
            raise ImageError(
                "roi_not_flat",
                f"shape2D needs a region one voxel thick along axis {'zyx'[flat_axis]}, this one has "
                f"{region.shape[flat_axis]}. Draw it in one slice, or ask for shape instead.",
            )
        self.spacing_mm = region.spacing_mm[:flat_axis] + region.spacing_mm[flat_axis + 1 :]
        self.n_pixels = region.n_voxels
        self._plane = np.ascontiguousarray(region.mask.squeeze(flat_axis))

    @cached_property
    def _lines(self) -> tuple[float, float]:
        return perimeter_and_area(self._plane, self.spacing_mm)

    @property
    def perimeter(self) -> float:
        """Length of the outline in mm."""
        return self._lines[0]

    @property
    def area(self) -> float:
        """Area within the outline in mm^2."""
        return self._lines[1]

    @cached_property
    def variances(self) -> np.ndarray:
        """Principal variances in mm^2, ascending."""
        return principal_variances(self._plane[None], (1.0, *self.spacing_mm), n_axes=2)

    def diameter(self) -> float:
        """Largest distance between two points of the outline in mm."""
        return diameters(self._plane[None], (1.0, *self.spacing_mm))[0]

    def pixel_area(self) -> float:
        """Pixels counted, in mm^2."""
        return self.n_pixels * (self.spacing_mm[1] * self.spacing_mm[0])

    def sphericity(self) -> float:
        """Perimeter of the circle of the same area over the perimeter."""
        return 2 * np.sqrt(np.pi * self.area) / self.perimeter


FORMULAS = {
    "Elongation": lambda of: axis_ratio(of.variances[0], of.variances[1]),
    "MajorAxisLength": lambda of: axis_length(of.variances[1]),
    "MaximumDiameter": Outline.diameter,
    "MeshSurface": lambda of: of.area,
    "MinorAxisLength": lambda of: axis_length(of.variances[0]),
    "Perimeter": lambda of: of.perimeter,
    "PerimeterSurfaceRatio": lambda of: of.perimeter / of.area,
    "PixelSurface": Outline.pixel_area,
    "Sphericity": Outline.sphericity,
}
# A function of sphericity alone, which pyradiomics gives when it is asked for by name.
DEPRECATED_FORMULAS = {"SphericalDisproportion": lambda of: 1 / of.sphericity()}
FEATURES = tuple(FORMULAS)
DEPRECATED = tuple(DEPRECATED_FORMULAS)


def features(region: Region, names: Sequence[str], *, flat_axis: int) -> dict[str, float]:
    """Return shape features of a region that is one voxel thick.

    Parameters
    ----------
    region : Region
    names : sequence of str
        Of ``FEATURES`` and ``DEPRECATED``.
    flat_axis : int
        0, 1 or 2: the axis (z, y, x) across which the region is flat.

    Raises
    ------
    ImageError
        ``roi_not_flat`` when the region is thicker.

    Notes
    -----
    A region of one voxel has no elongation: NaN, as pyradiomics. IBSI defines no shape features in the plane.

    Examples
    --------
    >>> features(Region.of(np.ones((1, 2, 2)), (5.0, 1.0, 3.0)), ["PixelSurface", "MeshSurface"], flat_axis=0)
    {'PixelSurface': 12.0, 'MeshSurface': 10.5}
    """
    outline = Outline(region, flat_axis)
    formulas = FORMULAS | DEPRECATED_FORMULAS
    return {name: float(formulas[name](outline)) for name in names}
