"""Voxel-wise features: an image of every feature, each voxel described by the small window round it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.names import kernel
from radiofuse.radiomics.classes import firstorder, glcm, ngtdm
from radiofuse.radiomics.region import Region
from radiofuse.radiomics.windows import Windows

if TYPE_CHECKING:
    from radiofuse.radiomics.parameters import TextureSetting

MAPPED_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
KERNELS = {name: kernel(f"radiomics.classes._{name}_maps") for name in MAPPED_CLASSES}


def voxel_maps(
    values: np.ndarray,
    region: Region,
    classes: Mapping[str, Sequence[str]],
    *,
    setting: TextureSetting,
    kernel_radius: int = 1,
    masked: bool = True,
    init_value: float = 0.0,
    image_type: str = "original",
) -> dict[str, np.ndarray]:
    """Return maps of features: at every voxel of the region, the feature of the window round it.

    Parameters
    ----------
    values : ndarray, shape (z, y, x)
        One filtered image in the box of ``with_margin(region, kernel_radius)``.
    region : Region
        The voxels to describe.
    classes : mapping of str to sequence of str
        Names of features by class; shape has no maps, nor have features that pyradiomics has withdrawn.
    setting : TextureSetting
        Bins, distances, weighting.
    kernel_radius : int
        A window is a cube of 2 ``kernel_radius`` + 1 voxels, flat along ``setting.flat_axis``, cut where ``values``
        end.
    masked : bool
        Whether a window holds voxels of the region only, which then alone decide the bins.
    init_value : float
        Value outside the region.
    image_type : str
        Name of the image, for messages.

    Returns
    -------
    dict of str to ndarray of float64, shape of ``values``
        By ``<class>_<feature>``.

    Raises
    ------
    RequestError
        If the radius is below 1 or ``values`` do not fill the box with margin.
    ImageError
        ``too_many_grey_levels``.

    Notes
    -----
    Equal to pyradiomics' voxel-based extraction of all voxels in one batch, with its conventions:

    - A direction without pairs or runs in a window is left out of that voxel's mean. Only GLCM's JointAverage is NaN
      there, unless the direction is empty in every window; half of SumAverage is the value meant.
    - Co-occurrence and run features are NaN at a voxel that has no neighbor in its window.
    - A window of one level has MCC 0, Imc1 0, Imc2 0 and Correlation 1. A region of one level has MCC 1 and
      InverseVariance 0 everywhere, at voxels without a neighbor, too, unless none has one.

    What differs:

    - pyradiomics gives no MCC at all (``init_value`` everywhere) where a direction is empty in some window but not in
      all. Here the other directions' mean stands.
    - Where the levels of a direction are independent, MCC is 0. pyradiomics takes the root of a rounding error there:
      2e-8 or less. Imc2 is such a root in both, or NaN where the error is negative and left out of the mean.
    - With a weighting whose weights are all tiny (voxels of several mm), pyradiomics' guard of 2e-16 against division
      by 0 outweighs the probabilities in MCC, and rounding decides whether Correlation is 1 in a matrix of one row.
    - With a weighting and no two voxels in line, pyradiomics gives 0 instead of NaN for InverseVariance, and for
      RunVariance and RunEntropy, at voxels without a neighbor.

    References
    ----------
    van Griethuysen et al. 2017, doi:10.1158/0008-5472.CAN-17-0339.
    """
    windows = Windows.of(values, region, setting, kernel_radius, masked, image_type)
    maps = {}
    for feature_class in (name for name in classes if name in ROWS):
        rows, names = ROWS[feature_class], classes[feature_class]
        described = np.empty((len(rows), len(windows.centers)))
        DESCRIBE[feature_class](windows, names, described)
        for name in (name for name in names if name in rows):
            maps[f"{feature_class}_{name}"] = windows.placed(described[rows.index(name)], init_value)
    return maps


def _firstorder(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    """Describe intensities; pyradiomics bins them as 64-bit numbers here, and in the image's type for textures."""
    values = windows.values.astype(float)
    grid, n_levels = windows.levels(values)
    # pyradiomics' order of positions, on which the last bit of a mean depends: backwards, then the center.
    extent = windows.values.shape if windows.present.all() else np.ptp(np.argwhere(windows.inside), axis=0) + 1
    around = windows.steps[::-1]
    around = around[(np.abs(around) < extent).all(axis=1) & around.any(axis=1)]
    positions = np.append(around @ windows.strides, 0)
    shift, voxel_volume_mm3 = windows.setting.voxel_array_shift, float(np.multiply.reduce(windows.spacing_mm[::-1]))
    shared = grid.ravel(), windows.centers, positions, out, n_levels
    KERNELS["firstorder"].describe(*shared, windows.with_margin(values).ravel(), shift, voxel_volume_mm3)


def _glcm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    distances = windows.setting.distances
    norms_mm = windows.norms(distances)
    # The square of a root, as these maps have always had it: the squared norm itself differs in the last digit.
    weights = None if norms_mm is None else np.exp(-(norms_mm**2))
    wants_entropies, wants_mcc = not ENTROPIES.isdisjoint(names), "MCC" in names
    shared, pairs = windows.shared(out), windows.pairs(distances)
    KERNELS["glcm"].describe(*shared, *pairs, weights, windows.setting.symmetrical, wants_entropies, wants_mcc)
    levels, _ = windows.textured
    if len(np.unique(levels[levels > 0])) < 2:  # a flat region, for which pyradiomics does not look at the matrices
        out[ROWS["glcm"].index("MCC")] = 1
        variance = out[ROWS["glcm"].index("InverseVariance")]
        variance[:] = np.nan if np.isnan(variance).all() else 0


def _gldm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    pairs = windows.pairs(windows.setting.distances)
    KERNELS["gldm"].describe(*windows.shared(out), *pairs, windows.setting.gldm_a)


def _glrlm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    KERNELS["glrlm"].describe(*windows.shared(out), *windows.lines(), windows.norms((1,)))


def _glszm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    KERNELS["glszm"].describe(*windows.shared(out), *windows.pairs((1,)))


def _ngtdm(windows: Windows, names: Sequence[str], out: np.ndarray) -> None:
    KERNELS["ngtdm"].describe(*windows.shared(out), *windows.pairs(windows.setting.distances))


DESCRIBE = {
    "firstorder": _firstorder,
    "glcm": _glcm,
    "gldm": _gldm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "ngtdm": _ngtdm,
}
ENTROPIES = frozenset({"JointEntropy", "Imc1", "Imc2"})

# What the kernels fill, row by row, in the order of their enums; "-" is a statistic that pyradiomics has withdrawn
# from the class.
ROWS = {
    "firstorder": tuple(firstorder.FORMULAS),
    "glcm": glcm.FEATURES,
    "gldm": (
        "SmallDependenceEmphasis LargeDependenceEmphasis GrayLevelNonUniformity - DependenceNonUniformity "
        "DependenceNonUniformityNormalized - GrayLevelVariance DependenceVariance DependenceEntropy "
        "LowGrayLevelEmphasis HighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis "
        "SmallDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis "
        "LargeDependenceHighGrayLevelEmphasis"
    ).split(),
    "glrlm": (
        "ShortRunEmphasis LongRunEmphasis GrayLevelNonUniformity GrayLevelNonUniformityNormalized "
        "RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage GrayLevelVariance RunVariance "
        "RunEntropy LowGrayLevelRunEmphasis HighGrayLevelRunEmphasis ShortRunLowGrayLevelEmphasis "
        "ShortRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LongRunHighGrayLevelEmphasis"
    ).split(),
    "glszm": (
        "SmallAreaEmphasis LargeAreaEmphasis GrayLevelNonUniformity GrayLevelNonUniformityNormalized "
        "SizeZoneNonUniformity SizeZoneNonUniformityNormalized ZonePercentage GrayLevelVariance ZoneVariance "
        "ZoneEntropy LowGrayLevelZoneEmphasis HighGrayLevelZoneEmphasis SmallAreaLowGrayLevelEmphasis "
        "SmallAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LargeAreaHighGrayLevelEmphasis"
    ).split(),
    "ngtdm": ngtdm.FEATURES,
}
