"""The gate for an image and a mask in memory: is there a region that features can describe?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Literal

import numpy as np

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.header import counted, in_words, not_3d, not_scalar

if TYPE_CHECKING:
    import SimpleITK as sitk

Label = Literal["any"] | int | Sequence[int]

MIN_ROI_VOXELS = 8  # 2 x 2 x 2, the smallest solid; a few voxels fewer and texture is one pair or none
MAX_LABELS = 20  # segmentations of tumors hold a few; more distinct values look like intensities
FLAT_RANGE = 1e-6  # of the largest magnitude: about ten steps of float32, rounding and not tissue
EVERY_NEIGHBOR = np.ones((3, 3, 3))  # texture counts all 26 neighbors, so pieces touch diagonally too


@dataclass(frozen=True)
class RoiPair:
    """An image and its region of interest on one grid, both checked.

    ``image`` is 3-D with one number per voxel; ``roi`` is uint8, 0 or 1; the SHA-256 are of the
    files' raw bytes, None for images that came from memory; ``notes`` are sentences about what
    was reconciled or is worth knowing.
    """

    image: sitk.Image
    roi: sitk.Image
    image_sha256: str | None = None
    mask_sha256: str | None = None
    notes: tuple[str, ...] = ()


def check_pair(image: sitk.Image, mask: sitk.Image, *, label: Label = "any") -> RoiPair:
    """Check an image and a mask in memory and return the region that ``label`` selects.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, one finite number per voxel.
    mask : SimpleITK.Image
        On the same grid, whole numbers; 0 is background.
    label : "any", int or list of int, default="any"
        Every non-zero mask value, one, or the union of several.

    Returns
    -------
    RoiPair
        Its SHA-256 are None.

    Raises
    ------
    ImageError
        ``wrong_dimensions``, ``not_scalar``, ``mask_not_integer``, ``geometry_mismatch``,
        ``empty_roi``, ``label_not_found``, ``labels_implausible``, ``roi_is_whole_image``, ``roi_too_small``,
        ``roi_fragmented``, ``not_finite`` or ``degenerate_intensity``.
    RequestError
        If ``label`` is none of the three.

    Examples
    --------
    >>> import numpy as np, SimpleITK as sitk
    >>> image = sitk.GetImageFromArray(np.arange(1000.0).reshape(10, 10, 10))
    >>> mask = sitk.GetImageFromArray(np.pad(np.full((4, 4, 4), 2, dtype=np.uint8), 3))
    >>> check_pair(image, mask, label=1)
    Traceback (most recent call last):
    radiofuse.errors.ImageError: The mask has no voxel with label 1; it holds the labels [2]. ...
    """
    import SimpleITK as sitk

    image, mask = _one_volume(image, "The image"), _one_volume(mask, "The mask")
    check_integer(mask, "The mask")
    values, notes = mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, image)
    region = _labeled(values, label)
    notes += _check_region(region)
    intensities = sitk.GetArrayViewFromImage(image)
    check_finite(image, "The image", region)
    _check_contrast(intensities[region])
    roi = sitk.GetImageFromArray(region.view(np.uint8))
    roi.CopyInformation(image)
    return RoiPair(image, roi, notes=notes)


def check_finite(image: sitk.Image, name: str, region: np.ndarray | None = None) -> None:
    """Refuse NaN and infinite voxels anywhere, and say how many lie in ``region``.

    Outside the region they matter as well: normalization, resampling and filters spread them.
    """
    import SimpleITK as sitk

    voxels = sitk.GetArrayViewFromImage(image)
    if voxels.dtype.kind != "f":
        return
    bad = ~np.isfinite(voxels)
    n_bad = int(bad.sum())
    if not n_bad:
        return
    where = "" if region is None else f", {int((bad & region).sum())} in the region of interest"
    raise ImageError(
        "not_finite",
        f"{name} has {counted(n_bad, 'NaN or infinite voxel')}{where}. Repair or export it again; "
        "readers would silently turn such voxels into 0.",
    )


def check_integer(mask: sitk.Image, name: str) -> None:
    """Refuse a mask with values that are not whole numbers; 0.0 and 1.0 are."""
    import SimpleITK as sitk

    check_finite(mask, name)
    values = sitk.GetArrayViewFromImage(mask)
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        raise ImageError(
            "mask_not_integer",
            f"{name} holds fractions from {values.min():g} to {values.max():g}, whole-number labels were expected. "
            "Threshold a probability map first; resample a mask by nearest neighbor.",
        )


def _one_volume(image: sitk.Image, name: str) -> sitk.Image:
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise not_scalar(name, image.GetPixelIDTypeAsString())
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise not_3d(name, f"a {image.GetDimension()}-D image ({in_words(image.GetSize())})")
    return image


def _labeled(values: np.ndarray, label: Label) -> np.ndarray:
    """Return where the mask holds the wanted labels, as booleans."""
    wanted = _wanted(label)
    if wanted is None:
        _check_united(values)
    region = values != 0 if wanted is None else np.isin(values, wanted)
    if region.any():
        return region
    present = [int(value) for value in np.unique(values) if value != 0]
    if not present:
        raise ImageError("empty_roi", "The mask is zero everywhere. Draw the region, or empty the image cell.")
    named = f"label {wanted[0]}" if len(wanted) == 1 else f"any of the labels {wanted}"
    raise ImageError(
        "label_not_found",
        f"The mask has no voxel with {named}; it holds the labels {present}. "
        f"Choose label {present[0]} (--label {present[0]}, mask_label = {present[0]} in the recipe, "
        f"label={present[0]} in Python), or correct the mask.",
    )


def _check_united(values: np.ndarray) -> None:
    """Refuse to unite values that are no labels: below 0, or so many that they look like intensities."""
    labels, n_voxels = np.unique(values[values != 0], return_counts=True)
    if not labels.size or (labels[0] > 0 and len(labels) <= MAX_LABELS):
        return
    named = ", ".join(f"{value:g} ({n} voxels)" for value, n in zip(labels[:5], n_voxels[:5], strict=True))
    rest = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    raise ImageError(
        "labels_implausible",
        f"The mask holds {counted(len(labels), 'label')}: {named}{rest}; at most {MAX_LABELS}, all above 0, were "
        "expected. Choose the tumor's label (--label), or check that image and mask are not exchanged.",
    )


def _wanted(label: Label) -> list[int] | None:
    if isinstance(label, str) and label == "any":
        return None
    labels = [label] if isinstance(label, Integral) else label
    valid = isinstance(labels, Sequence) and labels and not isinstance(labels, str)
    if not valid or not all(isinstance(one, Integral) and one and not isinstance(one, bool) for one in labels):
        raise RequestError(f'The mask label is {label!r}; expected "any", a non-zero integer, or a list of them.')
    return [int(one) for one in labels]


def _check_region(region: np.ndarray) -> tuple[str, ...]:
    """Refuse a region of no use to texture; return notes on its shape."""
    from scipy.ndimage import find_objects, label

    n_voxels = int(region.sum())
    if n_voxels == region.size:
        raise ImageError(
            "roi_is_whole_image",
            "The mask selects every voxel of the image. Name the tumor's label, or the uncropped image.",
        )
    box = find_objects(region.view(np.uint8))[0]
    extent = region[box].shape[::-1]
    if n_voxels < MIN_ROI_VOXELS or extent.count(1) > 1:
        raise ImageError(
            "roi_too_small",
            f"The region of interest has {counted(n_voxels, 'voxel')} within {in_words(extent)}; at least "
            f"{MIN_ROI_VOXELS} voxels that extend along two axes were expected. "
            "Correct the mask, or empty the image cell.",
        )
    pieces = np.bincount(label(region[box], EVERY_NEIGHBOR)[0].ravel())[1:]
    return _check_pieces(pieces) + _check_thickness(extent)


def _check_pieces(pieces: np.ndarray) -> tuple[str, ...]:
    """Judge connected pieces by their voxel counts: without neighbors there is no texture."""
    if pieces.max() < MIN_ROI_VOXELS:
        raise ImageError(
            "roi_fragmented",
            f"The region of interest falls into {len(pieces)} pieces of at most {counted(pieces.max(), 'voxel')}; "
            f"one of {MIN_ROI_VOXELS} or more was expected. The mask may have been resampled badly.",
        )
    if len(pieces) == 1:
        return ()
    share = pieces.max() / pieces.sum()
    return (f"The region of interest has {len(pieces)} separate pieces; the largest holds {share:.1%}.",)


def _check_thickness(extent: tuple[int, ...]) -> tuple[str, ...]:
    if 1 not in extent:
        return ()
    return (f"The region of interest is flat: {in_words(extent)} voxels; 3-D shape says little of it.",)


def _check_contrast(intensities: np.ndarray) -> None:
    low, high = float(intensities.min()), float(intensities.max())
    if high - low <= FLAT_RANGE * max(abs(low), abs(high)):
        raise ImageError(
            "degenerate_intensity",
            f"The image is constant within the region of interest ({low:g} to {high:g}). Check that image and "
            "mask belong together.",
        )
