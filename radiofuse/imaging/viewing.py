"""One patient's images as a reader scrolls through them: on one upright grid, cut to the head, in eight bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.portrait import SHOWN
from radiofuse.imaging.regions import CAVITY, COMPOUNDS, ENHANCING, coding_in, labels_of, whole_compounds
from radiofuse.imaging.resampling import box_around, upright_grid

MOST_PIXELS, MOST_SLICES = 256, 160
IS_HEAD = 0.05  # of the range from black to white: what lies below is air with noise
MARGIN_MM = 4.0
PRINTED = 5  # slices of each sequence on paper
WHOLE = "WT"  # of a network that draws one region
READ, DRAWN = "mask", "drawn"  # the region of a mask whose parts have no names: as a model reads it, or all of it


@dataclass(frozen=True, eq=False)
class SeenMap:
    """Where a network looks, on the grid of the images.

    Attributes
    ----------
    title, says : str
        Whose map of what, and in words what high values speak for.
    values : ndarray of float32, shape (slice, row, column)
        From 0 to 1, the highest of the patient.
    """

    title: str
    says: str
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Viewing:
    """Axial slices from the feet up; the front is above, the patient's right on the left.

    Attributes
    ----------
    grid : SimpleITK.Image
        Empty, at the place of the slices.
    sequences : dict of str to ndarray of uint8, shape (slice, row, column)
    regions : dict of str to ndarray of bool, of that shape
    maps : list of SeenMap
    notes : list of str
        What could not be shown, and why.
    drawn : dict of str to dict of str to ndarray of bool
        By network the regions that it drew, which no expert looked at.
    """

    grid: sitk.Image
    sequences: dict[str, np.ndarray]
    regions: dict[str, np.ndarray] = field(default_factory=dict)
    maps: list[SeenMap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    drawn: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    @property
    def n_slices(self) -> int:
        """How many slices there are."""
        return int(self.grid.GetDepth())

    @property
    def first_shown(self) -> int:
        """The slice with most of the first region, without one the middle."""
        region = self._largest
        if region is None or not region.any():
            return self.n_slices // 2
        return int(region.sum(axis=(1, 2)).argmax())

    @property
    def printed(self) -> list[int]:
        """Some slices for paper: through the first region, without one through all."""
        region = self._largest
        there = np.arange(self.n_slices) if region is None else np.flatnonzero(region.any(axis=(1, 2)))
        places = there[np.linspace(0, len(there) - 1, PRINTED + 2).round().astype(int)[1:-1]]
        return sorted({int(one) for one in places})

    @property
    def _largest(self) -> np.ndarray | None:
        """The first region of the segmentation, without one of the first network that drew some."""
        return next((region for own in (self.regions, *self.drawn.values()) for region in own.values()), None)

    def told(self) -> dict[str, Any]:
        """Return what a page says of the pictures, as JSON has it; slices are counted from 1."""
        return {
            "n_slices": self.n_slices,
            "first_shown": self.first_shown + 1,
            "printed": [number + 1 for number in self.printed],
            "maps": [{"title": one.title, "says": one.says} for one in self.maps],
            "notes": self.notes,
        }

    def draw(self, network: str, labels: np.ndarray, grid: sitk.Image, coding: str) -> None:
        """Add the regions that a network drew; nothing where it found none.

        Parameters
        ----------
        network : str
        labels : ndarray of uint8, shape (z, y, x)
        grid : SimpleITK.Image
            On which they lie.
        coding : str
            As of ``view_images``; "" where 1 is the whole tumor.
        """
        placed = self.placed(labels, grid, nearest=True)
        found = {name: np.isin(placed, own) for name, own in (_nested(coding) or {WHOLE: [1]}).items()}
        regions = {name: region for name, region in found.items() if region.any()}
        if regions:
            self.drawn[network] = regions

    def placed(self, voxels: np.ndarray, grid: sitk.Image, *, nearest: bool = False) -> np.ndarray:
        """Return numbers (z, y, x) of another grid on that of the slices, 0 beyond it."""
        image = sitk.GetImageFromArray(voxels)
        image.CopyInformation(grid)
        return _resampled(image, self.grid, nearest=nearest)


def view_images(images: Mapping[str, str], mask: str = "", coding: str = "", label: MaskLabel | None = None) -> Viewing:
    """Return what there is to see of a patient.

    Each image is shown where its header says that it lies: images are not registered to each other.

    Parameters
    ----------
    images : mapping of str to str
        Paths by modality.
    mask : str, optional
        Path of a segmentation.
    coding : str, optional
        Which of its labels is which part, as a cell ``mask_regions`` of a cohort table has it.
    label : "any", int or list of int, optional
        Without coding, which labels a model reads: these are the region "mask". None: no model reads it, and all labels
        are the region "drawn".

    Raises
    ------
    ImageError
        If no image can be read.
    """
    read, errors = _read(images)
    if not read:
        raise next(iter(errors.values()), ImageError("channel_missing", "There is no image to show."))
    notes = [f"{name} cannot be shown, {error.code}." for name, error in errors.items()]
    drawn = _drawn(mask, notes)
    finest = max(read.values(), key=lambda image: image.GetNumberOfPixels())
    grid = _grid(finest, drawn)
    placed = {name: _resampled(image, grid) for name, image in read.items()}
    apart = [name for name, voxels in placed.items() if read[name] is not finest and not voxels.any()]
    notes += [f"{name} shows nothing where the others lie, by their headers, and is left out." for name in apart]
    sequences = {name: _gray(voxels) for name, voxels in placed.items() if name not in apart}
    viewing = Viewing(grid, sequences, notes=notes)
    viewing.regions.update(_regions(drawn, coding, label, grid))
    if drawn is not None and not viewing.regions:
        notes.append("The segmentation outlines nothing where the images lie, by their headers; no outline is shown.")
    return viewing


def _read(images: Mapping[str, str]) -> tuple[dict[str, sitk.Image], dict[str, ImageError]]:
    """Return the images that can be read, and what is wrong with the others."""
    read, errors = {}, {}
    for name, path in images.items():
        try:
            read[name] = sitk.Cast(read_image(path).image, sitk.sitkFloat32)
        except ImageError as error:
            errors[name] = error
    return read, errors


def _drawn(mask: str, notes: list[str]) -> sitk.Image | None:
    try:
        return sitk.Cast(read_mask(mask).image, sitk.sitkInt32) if mask else None
    except ImageError as error:
        notes.append(f"The segmentation cannot be shown, {error.code}.")
        return None


def _grid(image: sitk.Image, drawn: sitk.Image | None) -> sitk.Image:
    """Return the grid of the slices: upright, around the head and the mask, pixels as high as wide."""
    whole = upright_grid(image)
    head = _head(_resampled(image, whole))
    if drawn is not None:
        head |= _resampled(drawn, whole, nearest=True) != 0
    there = sitk.GetImageFromArray(head.astype(np.uint8))
    there.CopyInformation(whole)
    start, size = box_around(there, MARGIN_MM)
    box = sitk.RegionOfInterest(whole, size, start)
    extent = np.array(box.GetSize()) * box.GetSpacing()
    pixel = max(min(box.GetSpacing()[:2]), max(extent[:2]) / MOST_PIXELS)
    step = max(box.GetSpacing()[2], extent[2] / MOST_SLICES)
    return upright_grid(box, (pixel, pixel, step))


def _head(voxels: np.ndarray) -> np.ndarray:
    """Return which voxels are of the head; all, where nothing stands out."""
    low, high = _range(voxels)
    head = voxels > low + IS_HEAD * (high - low)
    return head if head.any() else np.ones_like(head)


def _range(voxels: np.ndarray) -> tuple[float, float]:
    filled = voxels[voxels != 0]
    low, high = np.percentile(filled, SHOWN) if filled.size else (0.0, 1.0)
    return float(min(low, 0.0) if (voxels == 0).any() else low), float(high)


def _gray(voxels: np.ndarray) -> np.ndarray:
    """Return voxels from black to white."""
    low, high = _range(voxels)
    return np.rint(np.clip((voxels - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)


def _regions(drawn: sitk.Image | None, coding: str, label: MaskLabel | None, grid: sitk.Image) -> dict[str, np.ndarray]:
    """Return regions that lie in each other, the largest first: the whole tumor, its core, what enhances."""
    if drawn is None:
        return {}
    labels = _resampled(drawn, grid, nearest=True)
    found = {name: np.isin(labels, own) for name, own in _nested(coding).items()} or _unnamed(labels, label)
    return {name: region for name, region in found.items() if region.any()}


def _unnamed(labels: np.ndarray, label: MaskLabel | None) -> dict[str, np.ndarray]:
    if label is None:
        return {DRAWN: labels != 0}
    return {READ: labels != 0 if label == "any" else np.isin(labels, label)}


def _nested(coding: str) -> dict[str, Sequence[int]]:
    """Return the labels of the regions that a cell names, by their names.

    >>> _nested("NCR=1 ED=2 ET=3 RC=4")
    {'WT': [1, 2, 3], 'TC': [1, 3], 'ET': [3], 'RC': [4]}
    >>> _nested("GTV=7"), _nested("ED=2 ET=3")
    ({'GTV': [7]}, {'ED': [2], 'ET': [3]})
    """
    try:
        parts = coding_in(coding)
    except RequestError:
        return {}
    whole = whole_compounds(parts)
    names = [*whole, ENHANCING, CAVITY] if len(whole) == len(COMPOUNDS) else [*whole, *parts]
    return {name: labels_of(name, coding) for name in dict.fromkeys(names) if name in parts or name in whole}


def _resampled(image: sitk.Image, grid: sitk.Image, *, nearest: bool = False) -> np.ndarray:
    """Return an image's numbers (slice, row, column) on another grid, 0 beyond the image."""
    rule = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    return sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), rule, 0.0))
