"""Intensities of one image brought to a common scale, by itself: nothing is learned from other patients.

What learns from several patients (a range per sequence, Nyul's landmarks) belongs inside the folds and is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import SimpleITK as sitk
from scipy.stats import gaussian_kde

from radiofuse.errors import ImageError
from radiofuse.imaging.header import in_words

STRIPE = 0.05  # of the intensities' distribution, to each side of white matter (Shinohara et al. 2014)
GRID_POINTS, SAMPLE = 512, 20000
N4_SHRINK, N4_ITERATIONS = 4, (50, 50, 50, 50)


def z_scores(voxels: np.ndarray, region: np.ndarray, modality: str = "") -> np.ndarray:
    """Return voxels less the mean of a region, over its standard deviation.

    >>> z_scores(np.array([1.0, 3.0, 9.0]), np.array([True, True, False])).tolist()
    [-1.0, 1.0, 7.0]
    """
    inside = voxels[region]
    return (voxels - inside.mean()) / _spread(float(inside.std()))


def white_stripe(voxels: np.ndarray, region: np.ndarray, modality: str = "t1") -> np.ndarray:
    """Return voxels on the scale of normal-appearing white matter.

    White matter is the last peak of the intensities of the region in T1, with contrast or without, and the highest
    elsewhere; their quantiles up to .05 to each side are the stripe, whose mean becomes 0 and whose standard deviation
    1 (Shinohara et al. 2014, NeuroImage Clin 6:9-19).

    >>> rng = np.random.default_rng(0)
    >>> brain = np.concatenate([rng.normal(50, 5, 4000), rng.normal(100, 5, 6000)])
    >>> bool(abs(white_stripe(brain, brain > 0)[4000:].mean()) < 0.3)
    True
    """
    inside = voxels[region]
    peak = _peak(inside, last=modality.startswith("t1"))
    at = float((inside <= peak).mean())
    low, high = np.quantile(inside, [max(at - STRIPE, 0.0), min(at + STRIPE, 1.0)])
    stripe = inside[(inside >= low) & (inside <= high)]
    return (voxels - stripe.mean()) / _spread(float(stripe.std()))


def unit_range(voxels: np.ndarray, region: np.ndarray, modality: str = "") -> np.ndarray:
    """Return voxels from 0 to 1, by the least and the greatest of the region.

    >>> unit_range(np.array([2.0, 4.0, 9.0]), np.array([True, True, False])).tolist()
    [0.0, 1.0, 3.5]
    """
    low, high = voxels[region].min(), voxels[region].max()
    return (voxels - low) / _spread(float(high - low))


SCALES: Mapping[str, Callable[[np.ndarray, np.ndarray, str], np.ndarray]] = {
    "z_score": z_scores,
    "white_stripe": white_stripe,
    "unit_range": unit_range,
}


def clipped(voxels: np.ndarray, region: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    """Return voxels cut at two percentiles of a region.

    >>> clipped(np.arange(101.0), np.ones(101, bool), (1, 99))[[0, 50, 100]].tolist()
    [1.0, 50.0, 99.0]
    """
    return np.clip(voxels, *np.percentile(voxels[region], percentiles))


def without_bias(image: sitk.Image, region: sitk.Image) -> sitk.Image:
    """Return an image without its slow change of intensity, by N4 (Tustison et al. 2010, IEEE TMI 29:1310-1320).

    The field is fitted to every fourth voxel and divides the whole image.
    """
    image = sitk.Cast(image, sitk.sitkFloat32)
    factors = [min(N4_SHRINK, max(1, n // 8)) for n in image.GetSize()]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(N4_ITERATIONS))
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # sums over threads differ in their last bits
    try:
        n4.Execute(sitk.Shrink(image, factors), sitk.Shrink(sitk.Cast(region, sitk.sitkUInt8), factors))
        field = n4.GetLogBiasFieldAsImage(image)
    except RuntimeError:  # its text is of ITK's making
        what = f"N4 finds no bias field in an image of {in_words(image.GetSize())} voxels"
        raise ImageError("bias_field_failed", f"{what}. Leave n4 out, or look at the image.") from None
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    return image / sitk.Exp(field)


def _spread(value: float) -> float:
    if not value > 0:
        raise ImageError("degenerate_intensity", "The intensities in the region are all alike, so they have no scale.")
    return value


def _peak(inside: np.ndarray, *, last: bool) -> float:
    """Return the intensity of the highest peak of the distribution, or of the last one half as high."""
    sample = inside if len(inside) <= SAMPLE else np.random.default_rng(0).choice(inside, SAMPLE, replace=False)
    _spread(float(sample.std()))
    low, high = np.quantile(sample, [0.001, 0.999])
    grid = np.linspace(float(low), float(high), GRID_POINTS)
    height = gaussian_kde(sample)(grid)
    inner = (height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:]) & (height[1:-1] > 0.5 * height.max())
    peaks = np.flatnonzero(inner) + 1
    return float(grid[peaks[-1]] if last and len(peaks) else grid[height.argmax()])
