"""Shape features in space: size and form of a region, without regard to intensities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from radiofuse.names import kernel
from radiofuse.radiomics.classes.marching_cubes import mesh_area_and_volume
from radiofuse.radiomics.region import Region

_mesh = kernel("radiomics.classes._mesh")


def diameters(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Return the largest distances between two vertices of a region's mesh.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside the region, 0 outside.
    spacing_mm : tuple of float
        Voxel spacing along z, y, x.

    Returns
    -------
    ndarray, shape (4,)
        In mm: of vertices in one plane across z (slice), across y (column), across x (row), and of any two.

    Notes
    -----
    Equal to pyradiomics' to the last bit: only corners of convex hulls can be the farthest (see ``_mesh.c``), and
    their distances are computed from the same coordinates.

    Examples
    --------
    >>> diameters(np.ones((1, 2, 3), np.uint8), (1.0, 1.0, 1.0)).round(3)
    array([3.162, 3.   , 2.   , 3.162])
    """
    squared = np.empty(4)
    _mesh.squared_diameters(mask, np.array(spacing_mm, dtype=float), squared)
    return np.sqrt(squared)


def principal_variances(mask: np.ndarray, spacing_mm: tuple[float, float, float], n_axes: int = 3) -> np.ndarray:
    """Return the variances in mm^2, ascending, along the principal axes of the voxel centers.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        1 inside the region, 0 outside.
    spacing_mm : tuple of float
        Voxel spacing along z, y, x.
    n_axes : int
        2 leaves z out.

    Notes
    -----
    The variances of flat and of straight regions are 0 but for rounding, and axis lengths are their roots, where 1e-17
    becomes 3e-9. So the arithmetic is pyradiomics', step by step, down to the order of the sums. The one exception:
    where rounding leaves two variances with imaginary parts, which pyradiomics passes on, the real parts are taken.

    Examples
    --------
    >>> principal_variances(np.ones((1, 2, 4), np.uint8), (1.0, 1.0, 1.0))
    array([0.  , 0.25, 1.25])
    """
    places = np.empty((3, np.count_nonzero(mask)))  # mm; a row per axis, so that the mean adds pairwise
    _mesh.coordinates(mask, np.array(spacing_mm, dtype=float), places)
    places = places[3 - n_axes :]
    places -= places.mean(axis=1, keepdims=True)
    places /= np.sqrt(places.shape[1])
    variances = np.linalg.eigvals(np.dot(places.copy(), places.T)).real
    variances[(variances < 0) & (variances > -1e-10)] = 0
    return np.sort(variances)


def axis_length(variance: np.float64) -> float:
    """Return the axis of the ellipse whose principal variance this is (IBSI TDIC, P9VJ, 7J51); NaN if negative.

    Examples
    --------
    >>> axis_length(np.float64(1.25)).round(3)
    np.float64(4.472)
    """
    return np.sqrt(variance) * 4 if variance >= 0 else np.nan


def axis_ratio(shorter: np.float64, longer: np.float64) -> float:
    """Return the ratio of two axes from their principal variances (IBSI Q3CK, N17B); NaN for a region of one voxel.

    Examples
    --------
    >>> axis_ratio(np.float64(1.0), np.float64(4.0))
    np.float64(0.5)
    """
    return np.sqrt(shorter / longer) if shorter >= 0 and longer > 0 else np.nan


def ratio(numerator: float, denominator: float) -> float:
    """Return numerator / denominator; NaN where the holes of pyradiomics' mesh make a volume 0.

    Examples
    --------
    >>> ratio(1.0, 2.0)
    0.5
    """
    return numerator / denominator if denominator else np.nan


class Body:
    """A region and what several shape features need of it.

    Parameters
    ----------
    region : Region
    ibsi : bool
        A closed mesh, and axes from sample variances.
    """

    def __init__(self, region: Region, *, ibsi: bool) -> None:
        self.region = region
        self._ibsi = ibsi

    @cached_property
    def _mesh(self) -> tuple[float, float]:
        return mesh_area_and_volume(self.region.mask, self.region.spacing_mm, closed=self._ibsi)

    @property
    def area(self) -> float:
        """Area of the mesh in mm^2 (IBSI C0JK)."""
        return self._mesh[0]

    @property
    def volume(self) -> float:
        """Volume of the mesh in mm^3 (IBSI RNU0)."""
        return self._mesh[1]

    @cached_property
    def diameters(self) -> np.ndarray:
        """Largest distances in mm: across z, y, x and in space (IBSI L0JK)."""
        return diameters(self.region.mask, self.region.spacing_mm)

    @cached_property
    def variances(self) -> np.ndarray:
        """Principal variances in mm^2, ascending; IBSI's reference values are those of a sample (n - 1)."""
        variances = principal_variances(self.region.mask, self.region.spacing_mm)
        n_voxels = self.region.n_voxels
        return variances * (n_voxels / (n_voxels - 1)) if self._ibsi and n_voxels > 1 else variances

    def voxel_volume(self) -> float:
        """Voxels counted, in mm^3 (IBSI YEKZ)."""
        z, y, x = self.region.spacing_mm
        return self.region.n_voxels * (z * x * y)

    def sphericity(self) -> float:
        """Area of the sphere of the same volume over the area (IBSI QCFX)."""
        return (36 * np.pi * self.volume**2) ** (1.0 / 3.0) / self.area


FORMULAS = {
    "Elongation": lambda of: axis_ratio(of.variances[1], of.variances[2]),
    "Flatness": lambda of: axis_ratio(of.variances[0], of.variances[2]),
    "LeastAxisLength": lambda of: axis_length(of.variances[0]),
    "MajorAxisLength": lambda of: axis_length(of.variances[2]),
    "Maximum2DDiameterColumn": lambda of: of.diameters[1],
    "Maximum2DDiameterRow": lambda of: of.diameters[2],
    "Maximum2DDiameterSlice": lambda of: of.diameters[0],
    "Maximum3DDiameter": lambda of: of.diameters[3],
    "MeshVolume": lambda of: of.volume,
    "MinorAxisLength": lambda of: axis_length(of.variances[1]),
    "Sphericity": Body.sphericity,
    "SurfaceArea": lambda of: of.area,
    "SurfaceVolumeRatio": lambda of: ratio(of.area, of.volume),  # IBSI 2PR5
    "VoxelVolume": Body.voxel_volume,
}
# Functions of sphericity alone, which pyradiomics gives when they are asked for by name (IBSI SKGS, BQWJ, KRCK).
DEPRECATED_FORMULAS = {
    "Compactness1": lambda of: of.volume / (of.area**1.5 * np.sqrt(np.pi)),
    "Compactness2": lambda of: 36 * np.pi * of.volume**2 / of.area**3,
    "SphericalDisproportion": lambda of: ratio(1, of.sphericity()),
}
FEATURES = tuple(FORMULAS)
DEPRECATED = tuple(DEPRECATED_FORMULAS)


def features(region: Region, names: Sequence[str], *, ibsi: bool = False) -> dict[str, float]:
    """Return shape features of a region.

    Parameters
    ----------
    region : Region
    names : sequence of str
        Of ``FEATURES`` and ``DEPRECATED``.
    ibsi : bool
        Area, volume and what follows from them of a closed mesh (pyradiomics 3.0.1's has holes where voxels touch
        diagonally, and depends on the direction in which the volume is stored), and axis lengths of sample variances.

    Notes
    -----
    NaN, as pyradiomics, are elongation and flatness of a region of one voxel, and without ``ibsi`` the area over the
    volume where scattered voxels leave the open mesh no volume.

    References
    ----------
    IBSI section 3.1 (HCUG), Zwanenburg et al. (2016), arXiv:1612.07003.

    Examples
    --------
    >>> region = Region.of(np.ones((2, 2, 2)), (1.0, 1.0, 3.0))
    >>> features(region, ["VoxelVolume", "Maximum2DDiameterSlice"])
    {'VoxelVolume': 24.0, 'Maximum2DDiameterSlice': 6.082762530298219}
    """
    body = Body(region, ibsi=ibsi)
    formulas = FORMULAS | DEPRECATED_FORMULAS
    return {name: float(formulas[name](body)) for name in names}
