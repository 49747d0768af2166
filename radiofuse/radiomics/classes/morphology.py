"""What IBSI adds to shape: how densely the region fills bodies round it, and where its intensities lie."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.spatial import ConvexHull

from radiofuse.radiomics.classes import enclosing
from radiofuse.radiomics.classes.autocorrelation import moran_and_geary
from radiofuse.radiomics.classes.shape import Body, axis_length, ratio
from radiofuse.radiomics.region import Region

FLAT = 1e-12  # of the largest variance; a slice's own is a rounding of its place, not its thickness


class Morphology(Body):
    """A region's form and the intensities in it.

    Parameters
    ----------
    shape_region : Region
        The morphological mask.
    region : Region
        The intensity mask, which lacks the voxels that were resegmented away.
    volume : ndarray, shape (z, y, x)
        The image.
    """

    def __init__(self, shape_region: Region, region: Region, volume: np.ndarray) -> None:
        super().__init__(shape_region, ibsi=True)
        self.intensity_region = region
        self.values = volume[region.box].astype(float)
        self.inside = region.mask.view(bool)

    def filling(self, size: float) -> float:
        """Volume of the mesh over that of a body round it."""
        return ratio(self.volume, size)

    def covering(self, size: float) -> float:
        """Area of the mesh over that of a body round it."""
        return ratio(self.area, size)

    @cached_property
    def hull(self) -> ConvexHull:
        return enclosing.hull_of(enclosing.surface_points(self.region.mask, self.region.spacing_mm))

    @property
    def box(self) -> np.ndarray:
        """Sides in mm of the box along the axes."""
        return np.array(self.region.shape) * self.region.spacing_mm

    @cached_property
    def oriented_box(self) -> np.ndarray:
        return enclosing.smallest_box(self.hull)

    @property
    def principal_ellipsoid(self) -> np.ndarray:
        """Semi-axes in mm of the ellipsoid of the principal axes; of a flat region the least is 0, not a rounding."""
        variances = np.where(np.abs(self.variances) < FLAT * np.max(self.variances), 0, self.variances)
        return np.array([axis_length(variance) / 2 for variance in variances])

    @cached_property
    def ellipsoid(self) -> np.ndarray:
        return enclosing.smallest_ellipsoid(self.hull.points[self.hull.vertices])

    def center_shift(self) -> float:
        """Distance in mm of the center of the form from the center of the intensities."""
        of_form = _places(self.region).mean(axis=0)
        values = self.values[self.inside]
        total = values.sum()
        if not total:
            return float("nan")
        return float(np.linalg.norm(of_form - values @ _places(self.intensity_region) / total))

    def integrated_intensity(self) -> float:
        """Mean intensity times volume of the mesh."""
        return float(self.values[self.inside].mean() * self.volume)

    @cached_property
    def autocorrelations(self) -> tuple[float, float]:
        return moran_and_geary(self.values, self.inside, self.intensity_region.spacing_mm)


def _places(region: Region) -> np.ndarray:
    """Return the places in mm of a region's voxels, shape (n, 3)."""
    return (np.argwhere(region.mask) + region.start) * region.spacing_mm


FORMULAS = {
    "Asphericity": lambda of: np.cbrt(of.area**3 / (36 * np.pi * of.volume**2)) - 1,
    "CenterOfMassShift": Morphology.center_shift,
    "VolumeDensityAABB": lambda of: of.filling(np.prod(of.box)),
    "AreaDensityAABB": lambda of: of.covering(enclosing.box_area(of.box)),
    "VolumeDensityOMBB": lambda of: of.filling(np.prod(of.oriented_box)),
    "AreaDensityOMBB": lambda of: of.covering(enclosing.box_area(of.oriented_box)),
    "VolumeDensityAEE": lambda of: of.filling(enclosing.ellipsoid_volume(of.principal_ellipsoid)),
    "AreaDensityAEE": lambda of: of.covering(enclosing.ellipsoid_area(of.principal_ellipsoid)),
    "VolumeDensityMVEE": lambda of: of.filling(enclosing.ellipsoid_volume(of.ellipsoid)),
    "AreaDensityMVEE": lambda of: of.covering(enclosing.ellipsoid_area(of.ellipsoid)),
    "VolumeDensityConvexHull": lambda of: of.filling(of.hull.volume),
    "AreaDensityConvexHull": lambda of: of.covering(of.hull.area),
    "IntegratedIntensity": Morphology.integrated_intensity,
    "MoransI": lambda of: of.autocorrelations[0],
    "GearysC": lambda of: of.autocorrelations[1],
}


def features(shape_region: Region, region: Region, volume: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return morphological features.

    Parameters
    ----------
    shape_region, region : Region
        The morphological and the intensity mask; without resegmentation they are the same.
    volume : ndarray, shape (z, y, x)
        The image.
    names : sequence of str
        Of ``FORMULAS``.

    Notes
    -----
    NaN are the volume's density in the ellipsoid of the principal axes where the region is flat, the center's shift
    where intensities sum to 0, and both autocorrelations where all are equal.

    References
    ----------
    IBSI section 3.1 (HCUG).

    Examples
    --------
    >>> cube = np.ones((2, 2, 2)); region = Region.of(cube, (1.0, 1.0, 1.0))
    >>> features(region, region, cube, ["CenterOfMassShift"])
    {'CenterOfMassShift': 0.0}
    """
    morphology = Morphology(shape_region, region, volume)
    return {name: float(FORMULAS[name](morphology)) for name in names}
