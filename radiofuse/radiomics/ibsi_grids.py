"""Interpolation as IBSI has it: a grid centered on the image's, masks by their share of a voxel, rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.placed import placed
from radiofuse.names import on_first_use
from radiofuse.radiomics.grids import as_image, check_splines, interpolator, joined
from radiofuse.radiomics.parameters import Preprocessing

if TYPE_CHECKING:
    import SimpleITK as sitk
else:
    sitk = on_first_use("SimpleITK")

ROUNDING = 1e-6  # voxels, and shares of a voxel: a sum of spacings or a share of one half may miss it by rounding


def centered_grid(size: Sequence[int], own_mm: Sequence[float], wanted_mm: Sequence[float]) -> tuple[list[int], list]:
    """Return the new grid's size and its first voxel in the old one's indices, along x, y, z.

    Parameters
    ----------
    size : sequence of int
        Voxels of the image.
    own_mm, wanted_mm : sequence of float
        Spacing of the image and of the new grid.

    Notes
    -----
    Both grids have one center; the new one covers the old one, so that its outermost voxels may reach over the edge.

    References
    ----------
    IBSI section 2.3, "align grid centers": Zwanenburg et al. 2016, arXiv:1612.07003.

    Examples
    --------
    >>> centered_grid([204], [0.5], [1.5])
    ([68], [1.0])
    """
    ratio = np.array(wanted_mm, float) / np.array(own_mm, float)
    new_size = np.maximum(np.ceil(np.array(size) / ratio - ROUNDING), 1).astype(int)
    first = (np.array(size) - 1) / 2 - (new_size - 1) / 2 * ratio
    return new_size.tolist(), first.tolist()


def interpolated_image(image: sitk.Image, steps: Preprocessing) -> sitk.Image:
    """Return the whole image on a centered grid, as float64; whole numbers where the settings ask for them.

    Raises
    ------
    ImageError
        ``image_too_small`` for cubic splines on an axis of two voxels.
    """
    check_splines(image, steps)
    on_grid = _on_centered_grid(image, steps, interpolator(steps.interpolator))
    return (
        as_image(np.rint(sitk.GetArrayViewFromImage(on_grid)), placed(on_grid)) if steps.round_intensities else on_grid
    )


def interpolated_mask(roi: sitk.Image, steps: Preprocessing) -> sitk.Image:
    """Return the mask on the same grid, interpolated linearly: voxels of which it covers ``mask_threshold`` or more.

    Raises
    ------
    ImageError
        ``empty_after_resampling`` if no voxel is left.
    """
    share = _on_centered_grid(roi != 0, steps, sitk.sitkLinear)
    inside = sitk.GetArrayViewFromImage(share) >= steps.mask_threshold - ROUNDING
    if not inside.any():
        raise ImageError(
            "empty_after_resampling",
            f"The region covers {steps.mask_threshold:g} of no voxel at a spacing of {joined(share.GetSpacing())} mm. "
            "Choose a finer resampledPixelSpacing, or lower mask_threshold.",
        )
    return as_image(inside.astype(np.uint8), placed(share))


def _on_centered_grid(image: sitk.Image, steps: Preprocessing, by: int) -> sitk.Image:
    own, wanted = np.array(image.GetSpacing()), np.array(steps.resampled_spacing_mm, float)
    spacing = np.where(wanted == 0, own, wanted)
    size, first = centered_grid(image.GetSize(), own, spacing)
    origin = image.TransformContinuousIndexToPhysicalPoint(first)
    voxels = sitk.Cast(image, sitk.sitkFloat64)
    # In indices, where places between voxels are not rounded by an origin far away or an oblique direction.
    voxels.SetSpacing([1.0] * 3)
    voxels.SetOrigin([0.0] * 3)
    voxels.SetDirection(np.eye(3).ravel().tolist())
    onto = sitk.ResampleImageFilter()
    onto.SetNumberOfThreads(1)  # patients run side by side in processes, which share the cores
    onto.SetOutputSpacing((spacing / own).tolist())
    onto.SetOutputOrigin(first)
    onto.SetSize(size)
    onto.SetInterpolator(by)
    on_grid = _exact_on_voxels(onto.Execute(voxels), voxels, np.array(first), spacing / own)
    on_grid.SetSpacing(spacing.tolist())
    on_grid.SetOrigin(origin)
    on_grid.SetDirection(image.GetDirection())
    return on_grid


def _exact_on_voxels(on_grid: sitk.Image, voxels: sitk.Image, first: np.ndarray, ratio: np.ndarray) -> sitk.Image:
    """Put an old voxel's own value where a new one has its center on it: splines miss it by rounding, and 0 by 1e-13
    is below a range that begins at 0."""
    new, old = [], []
    for axis in (2, 1, 0):
        places = first[axis] + np.arange(on_grid.GetSize()[axis]) * ratio[axis]
        nearest = np.rint(places).astype(int)
        meets = (np.abs(places - nearest) < ROUNDING) & (nearest >= 0) & (nearest < voxels.GetSize()[axis])
        new.append(np.flatnonzero(meets))
        old.append(nearest[meets])
    values = sitk.GetArrayFromImage(on_grid)
    values[np.ix_(*new)] = sitk.GetArrayViewFromImage(voxels)[np.ix_(*old)]
    return as_image(values, placed(on_grid))
