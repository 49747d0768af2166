"""Features of the gray level size zone matrix."""

from __future__ import annotations

from collections.abc import Sequence

from radiofuse.radiomics.classes.runs_and_zones import LengthStatistics, Zones

FORMULAS = {
    "GrayLevelNonUniformity": LengthStatistics.level_non_uniformity,
    "GrayLevelNonUniformityNormalized": lambda zones: zones.level_non_uniformity() / zones.n_groups,
    "GrayLevelVariance": LengthStatistics.level_variance,
    "HighGrayLevelZoneEmphasis": lambda zones: zones.emphasis(2, 0),
    "LargeAreaEmphasis": lambda zones: zones.emphasis(0, 2),
    "LargeAreaHighGrayLevelEmphasis": lambda zones: zones.emphasis(2, 2),
    "LargeAreaLowGrayLevelEmphasis": lambda zones: zones.emphasis(-2, 2),
    "LowGrayLevelZoneEmphasis": lambda zones: zones.emphasis(-2, 0),
    "SizeZoneNonUniformity": LengthStatistics.length_non_uniformity,
    "SizeZoneNonUniformityNormalized": lambda zones: zones.length_non_uniformity() / zones.n_groups,
    "SmallAreaEmphasis": lambda zones: zones.emphasis(0, -2),
    "SmallAreaHighGrayLevelEmphasis": lambda zones: zones.emphasis(2, -2),
    "SmallAreaLowGrayLevelEmphasis": lambda zones: zones.emphasis(-2, -2),
    "ZoneEntropy": LengthStatistics.entropy,
    "ZonePercentage": LengthStatistics.percentage,
    "ZoneVariance": LengthStatistics.length_variance,
}
FEATURES = tuple(FORMULAS)


def features(zones: Zones, names: Sequence[str], *, n_voxels: int, ibsi: bool = False) -> dict[str, float]:
    """Return features of zone sizes.

    Parameters
    ----------
    zones : Zones
        From `zone_sizes`.
    names : sequence of str
        Of ``FEATURES``.
    n_voxels : int
        Number of voxels of the region.
    ibsi : bool
        Entropy of the exact probabilities.

    References
    ----------
    Thibault et al. 2009, PRIP: 140-145; IBSI section 3.8 (9SAK).

    Examples
    --------
    >>> import numpy as np
    >>> features(Zones(np.array([[1, 1]]), np.array([1, 3])), ["ZonePercentage", "LargeAreaEmphasis"], n_voxels=4)
    {'ZonePercentage': 0.5, 'LargeAreaEmphasis': 5.0}
    """
    statistics = LengthStatistics(zones.counts[None], zones.sizes, n_voxels=n_voxels, ibsi=ibsi)
    return {name: float(FORMULAS[name](statistics)[0]) for name in names}
