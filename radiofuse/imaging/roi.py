"""The gate for an image and a mask in memory: is there a region that features can describe?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radiofuse.errors import ImageError
from radiofuse.imaging.geometry import mask_on_grid
from radiofuse.imaging.header import in_words, not_3d, not_scalar
from radiofuse.imaging.labels import MaskLabel, labeled
from radiofuse.imaging.padding import HIGHEST_PADDING, padding
from radiofuse.imaging.placed import PlacedVoxels, as_simple, labels_in, placed
from radiofuse.names import kernel, on_first_use
from radiofuse.wording import counted

if TYPE_CHECKING:
    import SimpleITK as sitk

    from radiofuse.imaging.placed import Box, Image
else:
    sitk = on_first_use("SimpleITK")

_pieces = kernel("imaging._pieces")

MIN_ROI_VOXELS = 8  # 2 x 2 x 2, the smallest solid; a few voxels fewer and texture is one pair or none
FILLED_SHARE = 0.95  # of the nonzero voxels: masks of a brain are drawn a little smaller or larger than it
FLAT_RANGE = 1e-6  # of the largest magnitude: about ten steps of float32, rounding and not tissue
FILLS = "Share of the image's nonzero voxels that the region covers: "  # a note that the run tells of its regions
INVERTED = "The region holds every corner of the image; share of all voxels: "  # likewise told
CONSTANT = "The image is constant within the region of interest: "  # likewise told
LONG = 10.0  # times as long as wide: neighbors along one axis are other tissue than along the others
ELONGATED = "Voxels far longer along one axis than along another: "  # likewise told


@dataclass(frozen=True)
class RoiPair:
    """An image and its region of interest on one grid, both checked.

    ``image`` is 3-D with one number per voxel; ``roi`` is uint8, 0 or 1: both as SimpleITK's images, made of
    ``volume`` and ``region`` when they are asked for. The SHA-256 are of the files' raw bytes, None for images that
    came from memory; ``notes`` are sentences about what was reconciled or is worth knowing.
    """

    volume: Image
    region: Image
    image_sha256: str | None = None
    mask_sha256: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def image(self) -> sitk.Image:
        return as_simple(self.volume)

    @property
    def roi(self) -> sitk.Image:
        return as_simple(self.region)


def check_pair(image: Image, mask: Image, *, label: MaskLabel = "any", outside_is_read: bool = True) -> RoiPair:
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


def paired(image: Image, mask: Image, label: MaskLabel, choices: tuple[str, ...], *, outside_is_read: bool) -> RoiPair:
    """Do what ``check_pair`` does; ``choices`` say where the two files left their place to the reader."""
    if image.GetDimension() == mask.GetDimension() == 2:
        image, mask = sitk.JoinSeries([image]), sitk.JoinSeries([mask])
    volume, drawn = _one_volume(image, "The image"), _one_volume(mask, "The mask")
    check_integer(drawn, "The mask")
    values, notes = mask_on_grid(drawn.array, drawn, volume, choices)
    labels = drawn.labels if values is drawn.array else labels_in(values)
    region, box, united = _region(values, labels.box, label, float(np.prod(volume.GetSpacing())))
    inside = region[box]
    notes += united + _check_region(inside, region.size) + _fills(volume, inside, box)
    intensities = volume.array[box][inside]
    if outside_is_read or not np.isfinite(intensities).all():
        check_finite(volume, "The image", region)
    else:
        notes += _not_finite_outside(volume)
    notes += _elongated(volume) + _constant(intensities)
    if volume.intensities.lowest <= HIGHEST_PADDING:
        notes += padding(volume.array, region, outside_is_read=outside_is_read)
    place = (volume.spacing_mm, volume.origin, volume.direction)
    return RoiPair(volume, PlacedVoxels(region.view(np.uint8), *place, box), notes=notes)


def _region(
    values: np.ndarray, labels_box: Box, label: MaskLabel, voxel_mm3: float
) -> tuple[np.ndarray, Box, tuple[str, ...]]:
    """Return the region as booleans, its box, and a note; what lies outside the labels' box is not read again."""
    within, notes = labeled(values[labels_box], label, voxel_mm3)
    box = labels_box
    if label != "any":
        tight = labels_in(within.view(np.uint8)).box
        within = within[tight]
        starts = (whole.start for whole in labels_box)
        z, y, x = (slice(start + side.start, start + side.stop) for start, side in zip(starts, tight, strict=True))
        box = (z, y, x)
    region = np.zeros(values.shape, bool)
    region[box] = within
    return region, box, notes


def check_finite(image: PlacedVoxels, name: str, region: np.ndarray | None = None) -> None:
    """Refuse NaN and infinite voxels anywhere, and say how many lie in ``region``.

    Outside the region they matter as well: normalization, resampling and filters spread them.
    """
    n_bad = image.intensities.n_bad
    if not n_bad:
        return
    where = "" if region is None else f", {int((~np.isfinite(image.array[region])).sum())} in the region of interest"
    raise ImageError(
        "not_finite",
        f"{name} has {counted(n_bad, 'NaN or infinite voxel')}{where}. Repair or export it again; "
        "readers would silently turn such voxels into 0.",
    )


def _elongated(image: PlacedVoxels) -> tuple[str, ...]:
    sides = [step for step, n in zip(image.GetSpacing(), image.GetSize(), strict=True) if n > 1]
    is_long = len(sides) > 1 and max(sides) >= LONG * min(sides)
    return (f"{ELONGATED}{in_words(image.GetSpacing())} mm.",) if is_long else ()


def _not_finite_outside(image: PlacedVoxels) -> tuple[str, ...]:
    n_bad = image.intensities.n_bad
    what = counted(n_bad, "NaN or infinite voxel")
    return (f"The image has {what} outside the region, which no setting reads.",) if n_bad else ()


def check_integer(mask: PlacedVoxels, name: str) -> None:
    """Refuse a mask with values that are not whole numbers; 0.0 and 1.0 are."""
    if mask.labels.n_bad:
        check_finite(mask, name)
    if not mask.labels.are_whole:
        raise ImageError(
            "mask_not_integer",
            f"{name} holds fractions from {mask.array.min():g} to {mask.array.max():g}, whole-number labels were "
            "expected. "
            "Threshold a probability map first; resample a mask by nearest neighbor.",
        )


def _one_volume(image: Image, name: str) -> PlacedVoxels:
    if isinstance(image, PlacedVoxels):
        return image
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise not_scalar(name, image.GetPixelIDTypeAsString())
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        return placed(image[:, :, :, 0])
    if image.GetDimension() != 3:
        raise not_3d(name, f"a {image.GetDimension()}-D image ({in_words(image.GetSize())})")
    return placed(image)


def check_not_whole(inside: np.ndarray, n_voxels: int) -> None:
    """Refuse a region, as booleans in its box, without anything around it in an image of ``n_voxels``."""
    if inside.size == n_voxels and inside.all():
        raise ImageError(
            "roi_is_whole_image",
            "The mask selects every voxel of the image. Name the tumor's label, or the uncropped image.",
        )


def _check_region(inside: np.ndarray, n_image_voxels: int) -> tuple[str, ...]:
    """Refuse a region, as booleans in its box, of no use to texture; return notes on its shape."""
    check_not_whole(inside, n_image_voxels)
    n_voxels, extent = int(np.count_nonzero(inside)), inside.shape[::-1]
    if n_voxels < MIN_ROI_VOXELS or extent.count(1) > 1:
        raise ImageError(
            "roi_too_small",
            f"The region of interest has {counted(n_voxels, 'voxel')} within {in_words(extent)}; at least "
            f"{MIN_ROI_VOXELS} voxels that extend along two axes were expected. "
            "Correct the mask, or empty the image cell.",
        )
    return _check_pieces(*pieces(inside), n_voxels) + _check_thickness(extent)


def pieces(mask: np.ndarray) -> tuple[int, int]:
    """Return how many connected pieces a mask (z, y, x) of booleans has, and how many voxels the largest.

    Texture counts all 26 neighbors, so pieces touch diagonally too.

    >>> pieces(np.array([[[True, False, False], [False, True, True]], [[False] * 3, [False] * 3]]))
    (1, 3)
    """
    n_rows = mask.shape[0] * mask.shape[1]
    runs = np.empty((4, n_rows * ((mask.shape[2] + 1) // 2)), np.int32)
    return _pieces.count(np.ascontiguousarray(mask).view(np.uint8), runs, np.empty(n_rows + 1, np.int32))


def _fills(image: PlacedVoxels, inside: np.ndarray, box: Box) -> tuple[str, ...]:
    """Note a region that covers all that the image shows (the mask of a brain), or all corners (all but the tumor)."""
    n_shown = np.count_nonzero((image.array[box] != 0) & inside)
    share = n_shown / max(image.intensities.n_shown, 1)
    if share >= FILLED_SHARE:
        return (f"{FILLS}{share:.1%}.",)
    holds_corners = inside.size == image.array.size and inside[np.ix_((0, -1), (0, -1), (0, -1))].all()
    return (f"{INVERTED}{inside.mean():.1%}.",) if holds_corners else ()


def _check_pieces(n_pieces: int, largest: int, n_voxels: int) -> tuple[str, ...]:
    """Judge connected pieces by their voxel counts: without neighbors there is no texture."""
    if largest < MIN_ROI_VOXELS:
        raise ImageError(
            "roi_fragmented",
            f"The region of interest falls into {n_pieces} pieces of at most {counted(largest, 'voxel')}; "
            f"one of {MIN_ROI_VOXELS} or more was expected. The mask may have been resampled badly.",
        )
    if n_pieces == 1:
        return ()
    share = largest / n_voxels
    return (f"The region of interest has {n_pieces} separate pieces; the largest holds {share:.1%}.",)


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
