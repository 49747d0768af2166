"""The intensity-volume histogram: which share of the region has at least an intensity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.radiomics.discretization import gray_levels

MAX_STEPS = 10_000_000  # of intensity, from the lowest to the highest


@dataclass(frozen=True)
class Steps:
    """How intensities become steps of the histogram.

    Attributes
    ----------
    bin_width : float or None
        Width of a step; a bin's center stands for it.
    bin_count : int or None
        This many steps between minimum and maximum; the number of the step stands for it.
    bounds : tuple of float or None
        The lower end of the range that the region was resegmented to, and its upper end where it has one.

    Notes
    -----
    With neither width nor count intensities must be whole numbers, as those of CT are, and every number is a step.
    """

    bin_width: float | None = None
    bin_count: int | None = None
    bounds: tuple[float, float | None] | None = None


class VolumeHistogram:
    """Steps of intensity from ``low`` on, and the share of the region at or above each."""

    def __init__(self, values: np.ndarray, steps: Steps) -> None:
        index, self.low, self.width, n_steps = _indices(values, steps)
        counts = np.bincount(index, minlength=n_steps)
        self.share = counts[::-1].cumsum()[::-1] / len(values)
        self.fraction = np.linspace(0, 1, n_steps) if n_steps > 1 else np.zeros(1)

    def volume_at(self, fraction: float) -> float:
        """Return the share of the region at or above a fraction of the range of intensities."""
        above = self.fraction >= fraction - 1e-12
        return float(self.share[above.argmax()]) if above.any() else 0.0

    def intensity_at(self, share: float) -> float:
        """Return the lowest intensity that at most this share of the region reaches."""
        return float(self.low + np.count_nonzero(self.share > share) * self.width)

    def area(self) -> float:
        """Return the area below the curve of share over fraction; 0 for a single intensity."""
        return float(np.trapezoid(self.share, self.fraction))


def _indices(values: np.ndarray, steps: Steps) -> tuple[np.ndarray, float, float, int]:
    """Return the step of every voxel from 0, the intensity of step 0, a step's width and the number of steps."""
    if steps.bin_count is not None and not np.ptp(values):
        return np.zeros(len(values), np.int64), 1.0, 1.0, 1
    if steps.bin_count is not None:
        levels, n_steps = gray_levels(values, bin_count=steps.bin_count)
        return levels - 1, 1.0, 1.0, n_steps
    values = values.astype(float)
    low, end = (values.min(), None) if steps.bounds is None else steps.bounds
    high = values.max() if end is None else end
    if steps.bin_width is not None:
        width, first = steps.bin_width, low + steps.bin_width / 2
        index, n_steps = np.floor((values - low) / width), int(np.ceil((high - low) / width - 1e-9))
    else:
        _check_whole(values)
        width, first = 1.0, np.ceil(low)
        index, n_steps = values - first, int(np.floor(high) - first) + 1
    n_steps = max(n_steps, 1)
    if n_steps > MAX_STEPS:
        raise ImageError(
            "too_many_grey_levels",
            f"The intensity-volume histogram has {n_steps:,} steps of {width:g}; at most {MAX_STEPS:,} are computed. "
            "Raise ivh_bin_width, or set ivh_bin_count.",
        )
    return np.minimum(index.astype(np.int64), n_steps - 1), float(first), width, n_steps  # the last step has its end


def _check_whole(values: np.ndarray) -> None:
    if not np.array_equal(values, np.rint(values)):
        raise ImageError(
            "not_whole_numbers",
            "The intensity-volume histogram needs steps, and the region's intensities are not whole numbers. Give "
            "ivh_bin_count: 1000 (intensities without a unit) or ivh_bin_width under radiofuse, or round_intensities.",
        )


FORMULAS = {
    "VolumeAt10Intensity": lambda of: of.volume_at(0.1),
    "VolumeAt90Intensity": lambda of: of.volume_at(0.9),
    "IntensityAt10Volume": lambda of: of.intensity_at(0.1),
    "IntensityAt90Volume": lambda of: of.intensity_at(0.9),
    "VolumeDifference": lambda of: of.volume_at(0.1) - of.volume_at(0.9),
    "IntensityDifference": lambda of: of.intensity_at(0.1) - of.intensity_at(0.9),
    "AreaUnderCurve": VolumeHistogram.area,
}


def features(values: np.ndarray, names: Sequence[str], steps: Steps) -> dict[str, float]:
    """Return features of the intensity-volume histogram.

    Parameters
    ----------
    values : ndarray, shape (n_voxels,)
        Intensities of the region, finite.
    names : sequence of str
        Of ``FORMULAS``.
    steps : Steps

    Raises
    ------
    ImageError
        ``not_whole_numbers`` without bins, ``too_many_grey_levels``.

    References
    ----------
    IBSI section 3.5 (P88C).

    Examples
    --------
    >>> features(np.array([1, 1, 1, 6]), ["VolumeAt10Intensity", "IntensityAt90Volume"], Steps())
    {'VolumeAt10Intensity': 0.25, 'IntensityAt90Volume': 2.0}
    """
    histogram = VolumeHistogram(values, steps)
    return {name: float(FORMULAS[name](histogram)) for name in names}
