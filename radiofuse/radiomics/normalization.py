"""z-scores of an image's intensities, bit-equal to SimpleITK's and pyradiomics'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.placed import Box, as_simple, moments, placed
from radiofuse.names import on_first_use
from radiofuse.radiomics.parameters import Preprocessing

if TYPE_CHECKING:
    import SimpleITK as sitk

    from radiofuse.imaging.placed import Image
else:
    sitk = on_first_use("SimpleITK")

EXACT = 2.0**53  # float64 holds every whole number up to here
CONSTANT_BELOW = 1e-7  # of the mean: what rounding leaves of the standard deviation of a constant image


def normalized(image: Image, steps: Preprocessing, *, within: Box | None = None) -> np.ndarray:
    """Return (x - mean) / standard deviation of all voxels, clipped and scaled as asked for.

    Parameters
    ----------
    image : SimpleITK.Image or PlacedVoxels
    steps : Preprocessing
    within : tuple of slice, optional
        Where the result is computed, by the mean and standard deviation of the whole image; elsewhere it holds
        whatever the memory held.

    Returns
    -------
    ndarray of float64, shape (z, y, x)
        Bit-equal to ``SimpleITK.Normalize``, which also takes the sample's standard deviation (n - 1), and to
        pyradiomics' clipping and scaling after it.

    Raises
    ------
    ImageError
        ``degenerate_intensity`` if all voxels are equal.
    """
    voxels = placed(image).array
    mean, deviation = _exact_moments(voxels) or _itk_moments(as_simple(image))
    if not deviation > CONSTANT_BELOW * abs(mean):
        raise ImageError(
            "degenerate_intensity", f"All voxels of the image are {mean:g}: it cannot be normalized. Check the file."
        )
    scores = np.empty(voxels.shape)
    box = within or (slice(None),) * 3
    for plane, score in zip(voxels[box], scores[box], strict=True):  # plane by plane all steps stay in the cache
        np.add(plane, -mean, out=score, dtype=np.float64)
        score *= 1 / deviation
        if steps.remove_outliers is not None:
            np.clip(score, -steps.remove_outliers, steps.remove_outliers, out=score)
        if steps.normalize_scale != 1:
            score *= steps.normalize_scale
    return scores


def _itk_moments(image: sitk.Image) -> tuple[float, float]:
    statistics = sitk.StatisticsImageFilter()
    statistics.SetNumberOfWorkUnits(1)  # the sums of several parts depend on how many there are
    statistics.Execute(image)
    return statistics.GetMean(), statistics.GetSigma()


def _exact_moments(voxels: np.ndarray) -> tuple[float, float] | None:
    """Return mean and sample standard deviation of whole numbers, None for others.

    Scanners write whole numbers. Their sums are exact in float64 below 2^53, hence the same in any order, and ITK's
    compensated sums, which follow one another six times slower, are not needed.
    """
    are_whole, total, squares = moments(voxels)
    if not are_whole or not squares < EXACT:
        return None
    n_voxels = voxels.size
    spread = max(squares - total * total / n_voxels, 0.0)  # rounding takes a constant image's below 0
    return total / n_voxels, math.sqrt(spread / max(n_voxels - 1, 1))
