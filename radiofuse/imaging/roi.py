"""The gate for an image and a mask in memory: is there a region that features can describe?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import find_objects, label

from radiofuse.errors import ImageError
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.header import in_words, not_3d, not_scalar
from radiofuse.imaging.labels import MaskLabel, labeled
from radiofuse.imaging.padding import padding
from radiofuse.wording import counted

MIN_ROI_VOXELS = 8  # 2 x 2 x 2, the smallest solid; a few voxels fewer and texture is one pair or none
FILLED_SHARE = 0.95  # of the nonzero voxels: masks of a brain are drawn a little smaller or larger than it
FLAT_RANGE = 1e-6  # of the largest magnitude: about ten steps of float32, rounding and not tissue
FILLS = "Share of the image's nonzero voxels that the region covers: "  # a note that the run tells of its regions
INVERTED = "The region holds every corner of the image; share of all voxels: "  # likewise told
CONSTANT = "The image is constant within the region of interest: "  # likewise told
LONG = 10.0  # times as long as wide: neighbors along one axis are other tissue than along the others
ELONGATED = "Voxels far longer along one axis than along another: "  # likewise told
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


def check_pair(
    image: sitk.Image, mask: sitk.Image, *, label: MaskLabel = "any", outside_is_read: bool = True
) -> RoiPair:
    """Check an image and a mask in memory and return the region that ``label`` selects.

    Parameters
    ----------
    image : SimpleITK.Image
        3-D, one finite number per voxel.
    mask : SimpleITK.Image
        On the same grid, whole numbers; 0 is background.
    label : "any", int or list of int, default="any"
        Every non-zero mask value, one, or the union of several.
    outside_is_read : bool, default=True
        Whether anything reads voxels outside the region, so that NaN is refused there too.

    Returns
    -------
    RoiPair
        Its SHA-256 are None.

    Raises
    ------
    ImageError
        ``wrong_dimensions``, ``not_scalar``, ``mask_not_integer``, ``geometry_mismatch``,
        ``empty_roi``, ``label_not_found``, ``labels_implausible``, ``roi_is_whole_image``, ``roi_too_small``,
        ``roi_fragmented`` or ``not_finite``.
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
    return paired(image, mask, label, (), outside_is_read=outside_is_read)


def paired(
    image: sitk.Image, mask: sitk.Image, label: MaskLabel, choices: tuple[str, ...], *, outside_is_read: bool
) -> RoiPair:
    """Do what ``check_pair`` does; ``choices`` say where the two files left their place to the reader."""
    if image.GetDimension() == mask.GetDimension() == 2:
        image, mask = sitk.JoinSeries([image]), sitk.JoinSeries([mask])
    image, mask = _one_volume(image, "The image"), _one_volume(mask, "The mask")
    check_integer(mask, "The mask")
    values, notes = mask_on_grid(sitk.GetArrayViewFromImage(mask), mask, image, choices)
    region, united = labeled(values, label, float(np.prod(image.GetSpacing())))
    notes += united + _check_region(region)
    intensities = sitk.GetArrayViewFromImage(image)
    notes += _fills(intensities, region)
    if outside_is_read or not np.isfinite(intensities[region]).all():
        check_finite(image, "The image", region)
    else:
        notes += _not_finite_outside(intensities)
    notes += (
        _elongated(image)
        + _constant(intensities[region])
        + padding(intensities, region, outside_is_read=outside_is_read)
    )
    roi = sitk.GetImageFromArray(region.view(np.uint8))
    roi.CopyInformation(image)
    return RoiPair(image, roi, notes=notes)


def check_finite(image: sitk.Image, name: str, region: np.ndarray | None = None) -> None:
    """Refuse NaN and infinite voxels anywhere, and say how many lie in ``region``.

    Outside the region they matter as well: normalization, resampling and filters spread them.
    """
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


def _elongated(image: sitk.Image) -> tuple[str, ...]:
    sides = [step for step, n in zip(image.GetSpacing(), image.GetSize(), strict=True) if n > 1]
    is_long = len(sides) > 1 and max(sides) >= LONG * min(sides)
    return (f"{ELONGATED}{in_words(image.GetSpacing())} mm.",) if is_long else ()


def _not_finite_outside(intensities: np.ndarray) -> tuple[str, ...]:
    n_bad = int((~np.isfinite(intensities)).sum())
    what = counted(n_bad, "NaN or infinite voxel")
    return (f"The image has {what} outside the region, which no setting reads.",) if n_bad else ()


def check_integer(mask: sitk.Image, name: str) -> None:
    """Refuse a mask with values that are not whole numbers; 0.0 and 1.0 are."""
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


def check_not_whole(region: np.ndarray) -> None:
    """Refuse a region without anything around it."""
    if region.all():
        raise ImageError(
            "roi_is_whole_image",
            "The mask selects every voxel of the image. Name the tumor's label, or the uncropped image.",
        )


def _check_region(region: np.ndarray) -> tuple[str, ...]:
    """Refuse a region of no use to texture; return notes on its shape."""
    check_not_whole(region)
    n_voxels = int(region.sum())
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


def _fills(intensities: np.ndarray, region: np.ndarray) -> tuple[str, ...]:
    """Note a region that covers all that the image shows (the mask of a brain), or all corners (all but the tumor)."""
    shown = intensities != 0
    share = np.count_nonzero(shown & region) / max(np.count_nonzero(shown), 1)
    if share >= FILLED_SHARE:
        return (f"{FILLS}{share:.1%}.",)
    return (f"{INVERTED}{region.mean():.1%}.",) if region[np.ix_((0, -1), (0, -1), (0, -1))].all() else ()


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


def is_constant(intensities: np.ndarray) -> bool:
    """Return whether nothing but rounding tells the intensities apart.

    Examples
    --------
    >>> is_constant(np.float32([1000, 1000.0001])), is_constant(np.float32([1000, 1000.1]))
    (True, False)
    """
    low, high = float(intensities.min()), float(intensities.max())
    return high - low <= FLAT_RANGE * max(abs(low), abs(high))


def _constant(intensities: np.ndarray) -> tuple[str, ...]:
    """Note a region of one intensity: it has features, as in pyradiomics, but is seldom what was meant."""
    return (f"{CONSTANT}{float(intensities[0]):g}.",) if is_constant(intensities) else ()
