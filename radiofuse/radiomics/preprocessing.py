"""Before any filter: normalize and resample the image, carry the mask along, cut, resegment, check the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.placed import PlacedVoxels, as_simple, placed
from radiofuse.names import on_first_use
from radiofuse.radiomics.grids import as_image, channel, cut_images, joined, on_grid_of, resampled
from radiofuse.radiomics.ibsi_grids import interpolated_image, interpolated_mask
from radiofuse.radiomics.normalization import normalized
from radiofuse.radiomics.parameters import Plan, Preprocessing
from radiofuse.radiomics.region import Region

if TYPE_CHECKING:
    import SimpleITK as sitk

    from radiofuse.imaging.placed import Image
else:
    sitk = on_first_use("SimpleITK")

SMALLEST_REGION = 2  # voxels, below which pyradiomics describes nothing


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image and its region, ready for filters and features.

    Attributes
    ----------
    array : ndarray, shape (z, y, x)
        Intensities, C-contiguous; float64 after normalization, else of the image's type. It may be read-only.
    spacing_mm : tuple of float
        Along z, y, x.
    region : Region
        The voxels whose intensities and textures are described.
    shape_region : Region
        The voxels whose shape is described: without resegmentation the same.
    grid : PlacedVoxels
        An image on the grid of ``array``. Its voxels need not be those of ``array``; where they are, it owns them.
    corrected, resampled, resegmented : bool
        What was done to the mask.
    roi : PlacedVoxels
        The mask on ``grid`` before resegmentation.
    """

    array: np.ndarray
    spacing_mm: tuple[float, float, float]
    region: Region
    shape_region: Region
    grid: PlacedVoxels = field(repr=False)
    roi: PlacedVoxels = field(repr=False)
    corrected: bool = False
    resampled: bool = False
    resegmented: bool = False


def prepare(image: Image, roi: Image, plan: Plan) -> Prepared:
    """Return image and region as features read them.

    In pyradiomics' order: normalize, resample (or cut to the region's surroundings), check, resegment, check.

    Parameters
    ----------
    image : SimpleITK.Image or PlacedVoxels
        3-D, one finite number per voxel.
    roi : SimpleITK.Image or PlacedVoxels
        Not 0 in the region. A vector image holds one region per component: ``label_channel`` chooses.
    plan : Plan
        Of which ``preprocessing`` is read, and ``ibsi``.

    Returns
    -------
    Prepared

    Raises
    ------
    ImageError
        ``geometry_mismatch``, ``label_not_found``, ``empty_roi``, ``roi_too_small``, ``degenerate_intensity``,
        ``empty_after_resampling`` or ``empty_after_resegmentation``.

    Notes
    -----
    Shape is described within the box of the resegmented region, as in pyradiomics: what the range cut off beyond
    that box is missing. With ``ibsi`` the whole region's shape is described, for IBSI resegments the intensity mask
    alone (section 2.4, IFTN).

    Examples
    --------
    >>> from radiofuse.radiomics import read_settings
    >>> from radiofuse.radiomics.parameters import resolve
    >>> image = sitk.GetImageFromArray(np.arange(1000.0).reshape(10, 10, 10))
    >>> plan = resolve(read_settings({"setting": {"resegmentRange": [500]}}))
    >>> prepare(image, image >= 300, plan).region.n_voxels
    500
    """
    return prepare_each(image, [roi], plan)[0]


def prepare_each(image: Image, rois: Sequence[Image], plan: Plan, *, outside_is_read: bool = True) -> list[Prepared]:
    """Return several regions of one image as `prepare` would one by one; the image is normalized once.

    Without resampling and ``pre_crop`` all of them share one array. Where nothing reads what lies outside the regions'
    boxes (``outside_is_read``), an image that is normalized holds anything there: of the whole image the mean and the
    standard deviation are needed alone.
    """
    steps, volume = plan.preprocessing, placed(image)
    if steps.resampled_spacing_mm is not None:
        return [_finished(pair, plan) for pair in _resampled(volume, rois, plan)]
    pairs = [_of(volume, *on_grid_of(volume, channel(roi, steps), steps), array=volume.array) for roi in rois]
    if steps.normalize:
        around = None if outside_is_read or not pairs else Region.around([pair.region for pair in pairs]).box
        scores = normalized(volume, steps, within=around)
        pairs = [replace(pair, array=scores) for pair in pairs]
    return [_finished(pair, plan) for pair in pairs]


def _resampled(volume: PlacedVoxels, rois: Sequence[Image], plan: Plan) -> list[Prepared]:
    steps = plan.preprocessing
    source = as_image(normalized(volume, steps), volume) if steps.normalize else volume.image
    masks = [as_simple(roi) for roi in rois]
    if plan.ibsi:
        return _interpolated(source, masks, steps)
    each = (resampled(source, as_simple(channel(roi, steps)), steps) for roi in masks)
    return [_of(placed(grid), placed(roi), resampled=True) for grid, roi in each]


def _interpolated(image: sitk.Image, rois: Sequence[sitk.Image], steps: Preprocessing) -> list[Prepared]:
    """Return image and regions on IBSI's grid; the image is interpolated once, whole, and shared."""
    on_image = [on_grid_of(placed(image), channel(roi, steps), steps) for roi in rois]
    grid = placed(interpolated_image(image, steps))
    return [
        _of(grid, placed(interpolated_mask(roi.image, steps)), corrected, array=grid.array, resampled=True)
        for roi, corrected in on_image
    ]


def _of(
    grid: PlacedVoxels,
    roi: PlacedVoxels,
    corrected: bool = False,
    *,
    array: np.ndarray | None = None,
    resampled: bool = False,
) -> Prepared:
    spacing_mm = grid.GetSpacing()[::-1]
    region = Region.of(roi.array, spacing_mm, box=roi.region_box)
    voxels = grid.array if array is None else array
    return Prepared(voxels, spacing_mm, region, region, grid, roi, corrected, resampled)


def _finished(placed: Prepared, plan: Plan) -> Prepared:
    steps = plan.preprocessing
    check_size(placed.region, steps)
    if steps.pre_crop and not placed.resampled:  # resampling has cut the image already
        placed = _cut(placed, steps.pad_distance)
    if steps.resegment_range is None and steps.outlier_sigma is None:
        return placed
    return _resegmented(placed, plan)


def check_finite(prepared: Prepared) -> None:
    """Refuse NaN and infinite intensities in the region, which some filters would turn into numbers."""
    inside = prepared.array[prepared.region.box][prepared.region.mask.view(bool)]
    n_bad = int((~np.isfinite(inside)).sum())
    if n_bad:
        raise ImageError(
            "not_finite",
            f"{n_bad} of {len(inside)} voxels in the region are NaN or infinite after preprocessing. Repair the image.",
        )


def check_size(region: Region, steps: Preprocessing) -> None:
    """Refuse a region that extends along too few axes or has too few voxels.

    As in pyradiomics one voxel is never enough, and a region must have more voxels than ``minimum_roi_size``.

    Raises
    ------
    ImageError
        ``roi_too_small``.
    """
    n_axes = sum(size > 1 for size in region.shape)
    n_voxels = region.n_voxels
    if n_axes == 0:
        spacing = joined(region.spacing_mm[::-1])
        raise ImageError(
            "roi_too_small",
            f"The region of interest is a single voxel of {spacing} mm; features need at least two. Correct the mask, "
            "or resample less coarsely.",
        )
    if n_axes < steps.minimum_roi_dimensions:
        raise ImageError(
            "roi_too_small",
            f"The region of interest ({joined(region.shape[::-1])} voxels) extends along {n_axes} of the "
            f"{steps.minimum_roi_dimensions} axes that minimumROIDimensions asks for. Correct the mask or lower it.",
        )
    if steps.minimum_roi_size is not None and n_voxels <= steps.minimum_roi_size:
        raise ImageError(
            "roi_too_small",
            f"The region of interest has {n_voxels:,} voxels; more than minimumROISize = "
            f"{steps.minimum_roi_size:,} were expected. Correct the mask or lower it.",
        )


def _cut(prepared: Prepared, pad: int) -> Prepared:
    """Return the surroundings of the region only: filters then see no more of the image."""
    region = prepared.region
    box = np.array([region.start[::-1], region.shape[::-1]])
    grid, roi = (placed(cut) for cut in cut_images(prepared.grid.image, prepared.roi.image, box, pad))
    around = tuple(
        slice(max(side.start - pad, 0), min(side.stop + pad, size))
        for side, size in zip(region.box, region.volume_shape, strict=True)
    )
    array = np.ascontiguousarray(prepared.array[around])
    start = tuple(side.start - cut.start for side, cut in zip(region.box, around, strict=True))
    inner = replace(region, start=start, volume_shape=array.shape)
    return replace(prepared, array=array, region=inner, shape_region=inner, grid=grid, roi=roi)


def _resegmented(prepared: Prepared, plan: Plan) -> Prepared:
    steps, whole = plan.preprocessing, prepared.region
    inside = whole.mask.view(bool)
    values = prepared.array[whole.box][inside]
    in_range = _in_range(values, steps)
    n_left = np.count_nonzero(in_range)
    if n_left < SMALLEST_REGION:
        raise ImageError(
            "empty_after_resegmentation",
            f"{_said(steps)} leaves {n_left} of the region's {len(values):,} voxels, whose intensities lie from "
            f"{values.min():g} to {values.max():g}. Widen the range.",
        )
    mask = np.zeros_like(inside)
    mask[inside] = in_range
    region = _within(whole, mask, mask)
    check_size(region, steps)
    bare = whole if plan.ibsi else _within(whole, mask, inside)
    # Unless resegmentShape asks for it, the range restricts intensities and textures, not the shape.
    shape_region = region if steps.resegment_shape else bare
    return replace(prepared, region=region, shape_region=shape_region, resegmented=True)


def _in_range(values: np.ndarray, steps: Preprocessing) -> np.ndarray:
    """Return which values lie within the closed range and, of these, are no outliers.

    The bounds keep the type of a floating image, as pyradiomics' do. Whole numbers are compared as float64: twice the
    highest intensity of an 8-bit image would wrap around in its own type.
    """
    values = values.astype(float) if values.dtype.kind in "iu" else values
    inside = np.ones(len(values), bool)
    if steps.resegment_range is not None:
        bounds = _bounds(values, steps)
        inside = values >= bounds[0]
        inside = inside if len(bounds) == 1 else inside & (values <= bounds[1])
    if steps.outlier_sigma is not None and inside.any():
        kept = values[inside]  # IBSI's configuration E: outliers are those of the intensities that the range leaves
        inside &= np.abs(values - kept.mean()) <= steps.outlier_sigma * kept.std()
    return inside


def _bounds(values: np.ndarray, steps: Preprocessing) -> Sequence[float]:
    if steps.resegment_mode == "relative":
        highest = values.max()
        return [highest * bound for bound in steps.resegment_range]
    if steps.resegment_mode == "sigma":
        mean, deviation = values.mean(), values.std()
        return [mean + deviation * bound for bound in steps.resegment_range]
    return steps.resegment_range


def _said(steps: Preprocessing) -> str:
    asked = [f"resegmentRange {list(steps.resegment_range)} ({steps.resegment_mode})"] if steps.resegment_range else []
    asked += [f"outlier_sigma {steps.outlier_sigma:g}"] if steps.outlier_sigma is not None else []
    return " and ".join(asked)


def _within(whole: Region, decides: np.ndarray, mask: np.ndarray) -> Region:
    """Return a mask of the whole region's box, cut to the box of the voxels that decide."""
    box = Region.of(decides, whole.spacing_mm).box
    start = tuple(first + side.start for first, side in zip(whole.start, box, strict=True))
    return replace(whole, mask=np.ascontiguousarray(mask[box]).view(np.uint8), start=start)
