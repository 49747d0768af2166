"""Grids of image and mask: the mask on the image's, or both on a new one that follows the mask's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.placed import PlacedVoxels, placed
from radiofuse.names import on_first_use
from radiofuse.radiomics.parameters import Preprocessing
from radiofuse.radiomics.region import Region

if TYPE_CHECKING:
    import SimpleITK as sitk

    from radiofuse.imaging.placed import Image
else:
    sitk = on_first_use("SimpleITK")

ITK_TOLERANCE = 1e-6  # of the first spacing for places in mm, absolute for direction cosines
EDGE_TOLERANCE_VOX = 1e-3  # how far a region may reach over the image's edge: rounding of the geometry


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
    box = box_xyz(roi)
    _check_inside(image, roi, box)
    own, wanted = np.array(roi.GetSpacing()), np.array(steps.resampled_spacing_mm, dtype=float)
    spacing = np.where((wanted == 0) | (box[1] == 1), own, wanted)
    if np.allclose(image.GetSpacing(), spacing):
        roi = roi if _is_exactly_on(image, roi) else _nearest_on(image, roi)
        return cut_images(image, roi, box_xyz(roi, _lost(spacing)), steps.pad_distance)
    start, size = _new_grid(box, own, spacing, np.array(roi.GetSize()), steps.pad_distance)
    # Corners coincide, not centers: the first center moves by half the difference of the spacings.
    origin = roi.TransformContinuousIndexToPhysicalPoint(0.5 * (spacing - own) / own + start / (own / spacing))
    on_grid = sitk.ResampleImageFilter()
    on_grid.SetNumberOfThreads(1)  # patients run side by side in processes, which share the cores
    on_grid.SetOutputSpacing(spacing)
    on_grid.SetOutputDirection(roi.GetDirection())
    on_grid.SetOutputOrigin(origin)
    on_grid.SetSize(size)
    on_grid.SetInterpolator(interpolator(steps.interpolator))
    check_splines(image, steps)
    # One filter for both, so that image and mask cannot come to lie on two grids.
    new_image = on_grid.Execute(image)
    on_grid.SetInterpolator(sitk.sitkNearestNeighbor)
    new_roi = on_grid.Execute(roi)
    box_xyz(new_roi, _lost(spacing))  # refuses a region of which no voxel is left
    return new_image, new_roi


def _new_grid(
    box: np.ndarray, own: np.ndarray, spacing: np.ndarray, size: np.ndarray, pad_distance: int
) -> tuple[np.ndarray, list[int]]:
    """Return first index and size along x, y, z, in voxels of the new spacing."""
    ratio = own / spacing  # voxels of the new grid to one of the old
    first = np.floor((box[0] - 0.5) * ratio - pad_distance)
    last = np.ceil((box[0] + box[1] - 0.5) * ratio + pad_distance)
    first, last = np.maximum(first, 0), np.minimum(last, np.ceil(size * ratio) - 1)
    return first, (last - first + 1).astype(int).tolist()


def interpolator(name: str | int) -> int:
    """Return SimpleITK's number of an interpolator that a file names."""
    return getattr(sitk, name) if isinstance(name, str) else name


def check_splines(image: sitk.Image, steps: Preprocessing) -> None:
    """Refuse B-splines on an axis of two voxels: ITK then reads beside its memory, another value on every run."""
    if steps.interpolator in ("sitkBSpline", sitk.sitkBSpline) and 2 in image.GetSize():
        raise ImageError(
            "image_too_small",
            f"The image ({joined(image.GetSize())} voxels) has an axis of two voxels, on which B-splines cannot be "
            "interpolated. Set interpolator: sitkLinear, or do not resample.",
        )


def _lost(spacing: np.ndarray) -> ImageError:
    return ImageError(
        "empty_after_resampling",
        f"No voxel of the region is left at a spacing of {joined(spacing)} mm. Choose a finer resampledPixelSpacing.",
    )


def channel(roi: Image, steps: Preprocessing) -> PlacedVoxels:
    """Return the channel of a vector mask that the settings name; a plain mask as it is."""
    n_channels, channel = roi.GetNumberOfComponentsPerPixel(), steps.label_channel
    if n_channels == 1:
        return placed(roi)
    if channel >= n_channels:
        raise ImageError(
            "label_not_found", f"The mask has {n_channels} channels and label_channel asks for number {channel} from 0."
        )
    return placed(sitk.VectorIndexSelectionCast(roi, channel))


def on_grid_of(image: PlacedVoxels, roi: PlacedVoxels, steps: Preprocessing) -> tuple[PlacedVoxels, bool]:
    """Return the mask on the image's grid, and whether it had to be carried there."""
    if _shares_grid(image, roi, steps.geometry_tolerance or ITK_TOLERANCE):
        return roi, False
    if not steps.correct_mask:
        raise ImageError(
            "geometry_mismatch",
            f"Image and mask lie on different grids ({_place(image)} and {_place(roi)}). Raise geometryTolerance if "
            "they differ by rounding, or set correctMask to carry the mask to the image's grid.",
        )
    _check_inside(image.image, roi.image, box_xyz(roi.image))
    return placed(_nearest_on(image.image, roi.image)), True


def _shares_grid(image: Image, roi: Image, tolerance: float) -> bool:
    """Return whether ITK's filters would take both images together."""
    if (image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()) == (
        roi.GetSize(),
        roi.GetSpacing(),
        roi.GetOrigin(),
        roi.GetDirection(),
    ):
        return True
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


def box_xyz(roi: sitk.Image, empty: ImageError | None = None) -> np.ndarray:
    """Return first index and size of the region's box along x, y, z; shape (2, 3)."""
    mask = sitk.GetArrayViewFromImage(roi)
    if empty is not None and not mask.any():
        raise empty
    region = Region.of(mask, (1.0, 1.0, 1.0))
    return np.array([region.start[::-1], region.shape[::-1]])


def _check_inside(image: sitk.Image, roi: sitk.Image, box: np.ndarray) -> None:
    """Refuse a region of which a corner lies outside the image."""
    corners = box[0] - 0.5, box[0] + box[1] - 0.5  # indices are those of centers: a voxel reaches half one further
    in_image = [
        image.TransformPhysicalPointToContinuousIndex(roi.TransformContinuousIndexToPhysicalPoint(corner))
        for corner in corners
    ]
    low, high = np.min(in_image, axis=0), np.max(in_image, axis=0)
    last = np.array(image.GetSize()) - 0.5
    if (low < -0.5 - EDGE_TOLERANCE_VOX).any() or (high > last + EDGE_TOLERANCE_VOX).any():
        raise ImageError(
            "geometry_mismatch",
            f"The region of interest reaches from {joined(low, ', ')} to {joined(high, ', ')} in the image's voxels, "
            f"the image from -0.5 to {joined(last, ', ')}. Check that image and mask belong together.",
        )


def cut_images(image: sitk.Image, roi: sitk.Image, box: np.ndarray, pad: int) -> tuple[sitk.Image, sitk.Image]:
    """Return both images cut to a box and ``pad`` voxels round it, where there are any."""
    first = np.maximum(box[0] - pad, 0)
    last = np.minimum(box[0] + box[1] + pad, roi.GetSize())
    around = tuple(slice(int(low), int(high)) for low, high in zip(first, last, strict=True))
    return image[around], roi[around]


def as_image(voxels: np.ndarray, grid: PlacedVoxels) -> sitk.Image:
    """Return voxels as an image that lies where ``grid`` does."""
    return PlacedVoxels(voxels, grid.spacing_mm, grid.origin, grid.direction).image


def _place(image: Image) -> str:
    return (
        f"{joined(image.GetSize())} voxels of {joined(image.GetSpacing())} mm from {joined(image.GetOrigin(), ', ')} "
        f"mm along {joined(image.GetDirection(), ' ')}"
    )


def joined(numbers: np.ndarray | tuple, between: str = " x ") -> str:
    """Return numbers in a sentence, seven digits each."""
    return between.join(f"{number:.7g}" for number in numbers)
