"""Three statistics of intensities that IBSI defines and pyradiomics has not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofuse.radiomics.classes.firstorder import Intensities
from radiofuse.radiomics.classes.shape import ratio


class Spread(Intensities):
    """Intensities, or gray levels, and how they spread round their middle."""

    def median_absolute_deviation(self) -> float:
        """Mean distance from the median."""
        return float(np.abs(self._values - self.median()).mean())

    def coefficient_of_variation(self) -> float:
        """Standard deviation over the mean; NaN where the mean is 0."""
        return ratio(float(np.sqrt(self.variance)), float(self.mean))

    def quartile_coefficient_of_dispersion(self) -> float:
        """Difference of the quartiles over their sum; NaN where the sum is 0."""
        low, high = self.percentile(25), self.percentile(75)
        return ratio(high - low, high + low)


FORMULAS = {
    "MedianAbsoluteDeviation": Spread.median_absolute_deviation,
    "CoefficientOfVariation": Spread.coefficient_of_variation,
    "QuartileCoefficientOfDispersion": Spread.quartile_coefficient_of_dispersion,
}


def features(values: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Return statistics of a region's intensities.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities, finite.
    names : sequence of str
        Of ``FORMULAS``.

    References
    ----------
    IBSI section 3.3 (UHIW): N72L, 7TET and 9S40.

    Examples
    --------
    >>> features(np.array([1, 2, 6]), ["MedianAbsoluteDeviation", "QuartileCoefficientOfDispersion"])
    {'MedianAbsoluteDeviation': 1.6666666666666667, 'QuartileCoefficientOfDispersion': 0.45454545454545453}
    """
    spread = Spread(values, np.zeros(0, int), voxel_volume_mm3=1.0, voxel_array_shift=0, ibsi=True)
    return {name: float(FORMULAS[name](spread)) for name in names}
