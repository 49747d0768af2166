"""Before any filter: normalize and resample the image, carry the mask along, cut, resegment, check the region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.radiomics.parameters import Plan, Preprocessing
from radiofuse.radiomics.region import Region

ITK_TOLERANCE = 1e-6  # of the first spacing for places in mm, absolute for direction cosines
EDGE_TOLERANCE_VOX = 1e-3  # how far a region may reach over the image's edge: rounding of the geometry
SMALLEST_REGION = 2
EXACT = 2.0**53  # float64 holds every whole number up to here


CONSTANT_BELOW = 1e-7  # of the mean: what rounding leaves of the standard deviation of a constant image


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
    grid : SimpleITK.Image
        An image on the grid of ``array``. Its voxels need not be those of ``array``; where they are, it owns them.
    corrected, resampled, resegmented : bool
        What was done to the mask.
    roi : SimpleITK.Image
        The mask on ``grid`` before resegmentation.
    """

    array: np.ndarray
    spacing_mm: tuple[float, float, float]
    region: Region
    shape_region: Region
    grid: sitk.Image = field(repr=False)
    roi: sitk.Image = field(repr=False)
    corrected: bool = False
    resampled: bool = False
    resegmented: bool = False


def prepare(image: sitk.Image, roi: sitk.Image, plan: Plan) -> Prepared:
    """Return image and region as features read them.

    In pyradiomics' order: normalize, resample (or cut to the region's surroundings), check, resegment, check.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, one finite number per voxel.
    roi : SimpleITK.Image
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


def prepare_each(image: sitk.Image, rois: Sequence[sitk.Image], plan: Plan) -> list[Prepared]:
    """Return several regions of one image as `prepare` would one by one; the image is normalized once.

    Without resampling and ``pre_crop`` all of them share one array.
    """
    steps = plan.preprocessing
    voxels = normalized(image, steps) if steps.normalize else sitk.GetArrayViewFromImage(image)
    if steps.resampled_spacing_mm is not None:
        source = _as_image(voxels, image) if steps.normalize else image
        placed = [_of(*resampled(source, _channel(roi, steps), steps), resampled=True) for roi in rois]
    else:
        placed = [_of(image, *_on_grid_of(image, _channel(roi, steps), steps), array=voxels) for roi in rois]
    return [_finished(one, plan) for one in placed]


def _finished(placed: Prepared, plan: Plan) -> Prepared:
    steps = plan.preprocessing
    check_size(placed.region, steps)
    if steps.pre_crop and not placed.resampled:
        placed = _cut(placed, steps.pad_distance)
    return placed if steps.resegment_range is None else _resegmented(placed, plan)


def normalized(image: sitk.Image, steps: Preprocessing) -> np.ndarray:
    """Return (x - mean) / standard deviation of all voxels, clipped and scaled as asked for.

    Parameters
    ----------
    image : SimpleITK.Image
    steps : Preprocessing

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
    voxels = sitk.GetArrayViewFromImage(image)
    mean, deviation = _exact_moments(voxels) or _itk_moments(image)
    if not deviation > CONSTANT_BELOW * abs(mean):
        raise ImageError(
            "degenerate_intensity", f"All voxels of the image are {mean:g}: it cannot be normalized. Check the file."
        )
    scores = np.empty(voxels.shape)
    for plane, score in zip(voxels, scores, strict=True):  # plane by plane all steps stay in the cache
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
    total = squares = 0.0
    plane = np.empty(voxels.shape[1:])
    for stored in voxels:
        plane[...] = stored
        if stored.dtype.kind == "f" and not np.array_equal(np.rint(plane), plane):
            return None
        total += plane.sum()
        squares += np.square(plane, out=plane).sum()
    if not squares < EXACT:
        return None
    n_voxels = voxels.size
    spread = max(squares - total * total / n_voxels, 0.0)  # rounding takes a constant image's below 0
    return total / n_voxels, math.sqrt(spread / max(n_voxels - 1, 1))


def resampled(image: sitk.Image, roi: sitk.Image, steps: Preprocessing) -> tuple[sitk.Image, sitk.Image]:
    """Return image and mask at another spacing, cut to the region and ``pad_distance`` voxels round it.

    Parameters
    ----------
    image, roi : SimpleITK.Image
        They may lie on different grids; the new one follows the mask's axes.
    steps : Preprocessing

    Returns
    -------
    tuple of SimpleITK.Image
        Image and mask on one grid, in their pixel types.

    Raises
    ------
    ImageError
        ``empty_roi``, ``geometry_mismatch`` if the region reaches over the image's edge,
        ``empty_after_resampling`` if it is too thin for the new spacing, or ``image_too_small`` for B-splines.

    Notes
    -----
    pyradiomics' grid starts at the mask's corner, not its center, and ends in voxels that may lie half outside.
    Along an axis on which the region is one voxel thick nothing is resampled.
    """
    box = _box_xyz(roi)
    _check_inside(image, roi, box)
    own, wanted = np.array(roi.GetSpacing()), np.array(steps.resampled_spacing_mm, dtype=float)
    spacing = np.where((wanted == 0) | (box[1] == 1), own, wanted)
    if np.allclose(image.GetSpacing(), spacing):
        roi = roi if _is_exactly_on(image, roi) else _nearest_on(image, roi)
        return _cut_images(image, roi, _box_xyz(roi, _lost(spacing)), steps.pad_distance)
    start, size = _new_grid(box, own, spacing, np.array(roi.GetSize()), steps.pad_distance)
    origin = roi.TransformContinuousIndexToPhysicalPoint(0.5 * (spacing - own) / own + start / (own / spacing))
    on_grid = sitk.ResampleImageFilter()
    on_grid.SetNumberOfThreads(1)
    on_grid.SetOutputSpacing(spacing)
    on_grid.SetOutputDirection(roi.GetDirection())
    on_grid.SetOutputOrigin(origin)
    on_grid.SetSize(size)
    on_grid.SetInterpolator(_interpolator(steps.interpolator))
    _check_splines(image, steps)
    new_image = on_grid.Execute(image)
    on_grid.SetInterpolator(sitk.sitkNearestNeighbor)
    new_roi = on_grid.Execute(roi)
    _box_xyz(new_roi, _lost(spacing))
    return new_image, new_roi


def _check_splines(image: sitk.Image, steps: Preprocessing) -> None:
    """Refuse B-splines on an axis of two voxels: ITK then reads beside its memory, another value on every run."""
    if steps.interpolator in ("sitkBSpline", sitk.sitkBSpline) and 2 in image.GetSize():
        raise ImageError(
            "image_too_small",
            f"The image ({_by(image.GetSize())} voxels) has an axis of two voxels, on which B-splines cannot be "
            "interpolated. Set interpolator: sitkLinear, or do not resample.",
        )


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
        spacing = _by(region.spacing_mm[::-1])
        raise ImageError(
            "roi_too_small",
            f"The region of interest is a single voxel of {spacing} mm; features need at least two. Correct the mask, "
            "or resample less coarsely.",
        )
    if n_axes < steps.minimum_roi_dimensions:
        raise ImageError(
            "roi_too_small",
            f"The region of interest ({_by(region.shape[::-1])} voxels) extends along {n_axes} of the "
            f"{steps.minimum_roi_dimensions} axes that minimumROIDimensions asks for. Correct the mask or lower it.",
        )
    if steps.minimum_roi_size is not None and n_voxels <= steps.minimum_roi_size:
        raise ImageError(
            "roi_too_small",
            f"The region of interest has {n_voxels:,} voxels; more than minimumROISize = "
            f"{steps.minimum_roi_size:,} were expected. Correct the mask or lower it.",
        )


def _of(
    grid: sitk.Image,
    roi: sitk.Image,
    corrected: bool = False,
    *,
    array: np.ndarray | None = None,
    resampled: bool = False,
) -> Prepared:
    spacing_mm = grid.GetSpacing()[::-1]
    region = Region.of(sitk.GetArrayViewFromImage(roi), spacing_mm)
    voxels = sitk.GetArrayViewFromImage(grid) if array is None else array
    return Prepared(voxels, spacing_mm, region, region, grid, roi, corrected, resampled)


# ---------------------------------------------------------------- grids


def _channel(roi: sitk.Image, steps: Preprocessing) -> sitk.Image:
    n_channels, channel = roi.GetNumberOfComponentsPerPixel(), steps.label_channel
    if n_channels == 1:
        return roi
    if channel >= n_channels:
        raise ImageError(
            "label_not_found", f"The mask has {n_channels} channels and label_channel asks for number {channel} from 0."
        )
    return sitk.VectorIndexSelectionCast(roi, channel)


def _on_grid_of(image: sitk.Image, roi: sitk.Image, steps: Preprocessing) -> tuple[sitk.Image, bool]:
    """Return the mask on the image's grid, and whether it had to be carried there."""
    if _shares_grid(image, roi, steps.geometry_tolerance or ITK_TOLERANCE):
        return roi, False
    if not steps.correct_mask:
        raise ImageError(
            "geometry_mismatch",
            f"Image and mask lie on different grids ({_place(image)} and {_place(roi)}). Raise geometryTolerance if "
            "they differ by rounding, or set correctMask to carry the mask to the image's grid.",
        )
    _check_inside(image, roi, _box_xyz(roi))
    return _nearest_on(image, roi), True


def _shares_grid(image: sitk.Image, roi: sitk.Image, tolerance: float) -> bool:
    """Return whether ITK's filters would take both images together."""
    tolerance_mm = tolerance * image.GetSpacing()[0]
    return (
        image.GetSize() == roi.GetSize()
        and np.allclose(image.GetOrigin(), roi.GetOrigin(), rtol=0, atol=tolerance_mm)
        and np.allclose(image.GetSpacing(), roi.GetSpacing(), rtol=0, atol=tolerance_mm)
        and np.allclose(image.GetDirection(), roi.GetDirection(), rtol=0, atol=tolerance)
    )


def _is_exactly_on(image: sitk.Image, roi: sitk.Image) -> bool:
    return _shares_grid(image, roi, 0.0)


def _nearest_on(image: sitk.Image, roi: sitk.Image) -> sitk.Image:
    onto = sitk.ResampleImageFilter()
    onto.SetReferenceImage(image)
    onto.SetInterpolator(sitk.sitkNearestNeighbor)
    return onto.Execute(roi)


def _box_xyz(roi: sitk.Image, empty: ImageError | None = None) -> np.ndarray:
    """Return first index and size of the region's box along x, y, z; shape (2, 3)."""
    mask = sitk.GetArrayViewFromImage(roi)
    if empty is not None and not mask.any():
        raise empty
    region = Region.of(mask, (1.0, 1.0, 1.0))
    return np.array([region.start[::-1], region.shape[::-1]])


def _check_inside(image: sitk.Image, roi: sitk.Image, box: np.ndarray) -> None:
    """Refuse a region of which a corner lies outside the image."""
    corners = box[0] - 0.5, box[0] + box[1] - 0.5
    in_image = [
        image.TransformPhysicalPointToContinuousIndex(roi.TransformContinuousIndexToPhysicalPoint(corner))
        for corner in corners
    ]
    low, high = np.min(in_image, axis=0), np.max(in_image, axis=0)
    last = np.array(image.GetSize()) - 0.5
    if (low < -0.5 - EDGE_TOLERANCE_VOX).any() or (high > last + EDGE_TOLERANCE_VOX).any():
        raise ImageError(
            "geometry_mismatch",
            f"The region of interest reaches from {_by(low, ', ')} to {_by(high, ', ')} in the image's voxels, the "
            f"image from -0.5 to {_by(last, ', ')}. Check that image and mask belong together.",
        )


def _new_grid(
    box: np.ndarray, own: np.ndarray, spacing: np.ndarray, size: np.ndarray, pad_distance: int
) -> tuple[np.ndarray, list[int]]:
    """Return first index and size along x, y, z, in voxels of the new spacing."""
    ratio = own / spacing
    first = np.floor((box[0] - 0.5) * ratio - pad_distance)
    last = np.ceil((box[0] + box[1] - 0.5) * ratio + pad_distance)
    first, last = np.maximum(first, 0), np.minimum(last, np.ceil(size * ratio) - 1)
    return first, (last - first + 1).astype(int).tolist()


def _interpolator(name: str | int) -> int:
    return getattr(sitk, name) if isinstance(name, str) else name


def _lost(spacing: np.ndarray) -> ImageError:
    return ImageError(
        "empty_after_resampling",
        f"No voxel of the region is left at a spacing of {_by(spacing)} mm. Choose a finer resampledPixelSpacing.",
    )


def _as_image(voxels: np.ndarray, grid: sitk.Image) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    image.CopyInformation(grid)
    return image


def _place(image: sitk.Image) -> str:
    return (
        f"{_by(image.GetSize())} voxels of {_by(image.GetSpacing())} mm from {_by(image.GetOrigin(), ', ')} mm along "
        f"{_by(image.GetDirection(), ' ')}"
    )


def _by(numbers: np.ndarray | tuple, between: str = " x ") -> str:
    return between.join(f"{number:.7g}" for number in numbers)


# ---------------------------------------------------------------- cutting and resegmentation


def _cut_images(image: sitk.Image, roi: sitk.Image, box: np.ndarray, pad: int) -> tuple[sitk.Image, sitk.Image]:
    """Return both images cut to a box and ``pad`` voxels round it, where there are any."""
    first = np.maximum(box[0] - pad, 0)
    last = np.minimum(box[0] + box[1] + pad, roi.GetSize())
    around = tuple(slice(int(low), int(high)) for low, high in zip(first, last, strict=True))
    return image[around], roi[around]


def _cut(prepared: Prepared, pad: int) -> Prepared:
    """Return the surroundings of the region only: filters then see no more of the image."""
    region = prepared.region
    grid, roi = _cut_images(prepared.grid, prepared.roi, np.array([region.start[::-1], region.shape[::-1]]), pad)
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
    kept = _in_range(values, steps)
    if np.count_nonzero(kept) < SMALLEST_REGION:
        raise ImageError(
            "empty_after_resegmentation",
            f"resegmentRange {list(steps.resegment_range)} ({steps.resegment_mode}) leaves {np.count_nonzero(kept)} of "
            f"the region's {len(values):,} voxels, whose intensities lie from {values.min():g} to {values.max():g}. "
            "Widen the range.",
        )
    mask = np.zeros_like(inside)
    mask[inside] = kept
    region = _within(whole, mask, mask)
    check_size(region, steps)
    bare = whole if plan.ibsi else _within(whole, mask, inside)
    shape_region = region if steps.resegment_shape else bare
    return replace(prepared, region=region, shape_region=shape_region, resegmented=True)


def _in_range(values: np.ndarray, steps: Preprocessing) -> np.ndarray:
    """Return which values lie within the closed range.

    The bounds keep the type of a floating image, as pyradiomics' do. Whole numbers are compared as float64: twice the
    highest intensity of an 8-bit image would wrap around in its own type.
    """
    values = values.astype(float) if values.dtype.kind in "iu" else values
    bounds = steps.resegment_range
    if steps.resegment_mode == "relative":
        highest = values.max()
        bounds = [highest * bound for bound in bounds]
    elif steps.resegment_mode == "sigma":
        mean, deviation = values.mean(), values.std()
        bounds = [mean + deviation * bound for bound in bounds]
    kept = values >= bounds[0]
    return kept if len(bounds) == 1 else kept & (values <= bounds[1])


def _within(whole: Region, decides: np.ndarray, mask: np.ndarray) -> Region:
    """Return a mask of the whole region's box, cut to the box of the voxels that decide."""
    box = Region.of(decides, whole.spacing_mm).box
    start = tuple(first + side.start for first, side in zip(whole.start, box, strict=True))
    return replace(whole, mask=np.ascontiguousarray(mask[box]).view(np.uint8), start=start)
