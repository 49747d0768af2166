"""One sample's sequences as a volume of channels for a network, and masks on their grid."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import find_objects

from radiofuse.errors import ImageError
from radiofuse.imaging.gate import read_image, read_mask
from radiofuse.imaging.geometry import common_grid, mask_on_grid
from radiofuse.imaging.intensities import z_scores
from radiofuse.imaging.write_like import write_like

ORIENTATION = "LPS"  # axes of all volumes alike, however they are stored


@dataclass(frozen=True, eq=False)
class Scan:
    """The sequences of a sample on one grid.

    Attributes
    ----------
    voxels : ndarray of float32, shape (channels, z, y, x)
        NaN where a sequence is absent.
    grid : SimpleITK.Image
        Where they lie.
    stored : SimpleITK.Image
        Where the first of them lies as it is stored.
    digests : dict of str to str
        SHA-256 of each file.
    pixels : dict of str to str
        SHA-256 of the voxels of each, the same in a file that was compressed anew.
    """

    voxels: np.ndarray
    grid: sitk.Image
    stored: sitk.Image
    digests: dict[str, str]
    pixels: dict[str, str]

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Size of a voxel along the axes of ``voxels``."""
        return self.grid.GetSpacing()[::-1]

    @property
    def box_of_head(self) -> tuple[slice, ...]:
        """The box of what is not 0 in some sequence: half of a volume of a whole head is air."""
        head = ((self.voxels != 0) & ~np.isnan(self.voxels)).any(axis=0)
        return find_objects(head.astype(np.uint8))[0] if head.any() else (slice(None),) * 3

    def labels_in(self, path: str) -> np.ndarray:
        """Return a mask's file as labels (z, y, x) on the grid.

        Raises
        ------
        ImageError
            If the file cannot be used, or lies elsewhere.
        """
        return labels_on_grid(path, self.grid)

    def as_stored(self, labels: np.ndarray) -> PlacedLabels:
        """Return labels (z, y, x) of the grid where the first sequence lies as it is stored."""
        values, _ = mask_on_grid(labels, self.grid, self.stored)
        return PlacedLabels(np.ascontiguousarray(values), self.stored)


@dataclass(frozen=True, eq=False)
class PlacedLabels:
    """A mask and where it lies.

    Attributes
    ----------
    labels : ndarray of int, shape (z, y, x)
    grid : SimpleITK.Image
    """

    labels: np.ndarray
    grid: sitk.Image

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Size of a voxel along the axes of ``labels``."""
        return self.grid.GetSpacing()[::-1]

    def beside(self, path: str) -> np.ndarray:
        """Return the labels (z, y, x) of another mask's file on the same grid.

        Raises
        ------
        ImageError
            If the file cannot be used, or lies elsewhere.
        """
        return labels_on_grid(path, self.grid)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the mask as ``.nii.gz``."""
        write_like(path, self.labels, self.grid)


def read_placed(path: str | PathLike[str]) -> PlacedLabels:
    """Read a mask's file; errors as of ``read_mask``."""
    image = read_mask(path).image
    return PlacedLabels(sitk.GetArrayFromImage(image), image)


def labels_on_grid(path: str | PathLike[str], grid: sitk.Image) -> np.ndarray:
    """Return a mask's file as labels (z, y, x) on a grid, turned where it is stored along other axes."""
    placed = read_placed(path)
    return mask_on_grid(placed.labels, placed.grid, grid)[0]


def read_scan(images: Mapping[str, str], channels: Sequence[str], *, scaled: bool) -> Scan:
    """Read the sequences of a sample.

    Parameters
    ----------
    images : mapping of str to str
        Paths by modality; others than the channels are not read.
    channels : sequence of str
        The modalities in order.
    scaled : bool
        Whether each is brought to mean 0 and standard deviation 1 of its voxels that are not 0; those stay 0, as
        around a volume that is smaller than a network's window.

    Raises
    ------
    ImageError
        If a file cannot be used, the sequences do not lie on one grid, or none is there.
    """
    there = [name for name in channels if images.get(name)]
    if not there:
        raise ImageError(
            "channel_missing", f"None of the sequences {', '.join(channels)} is there. Fill one of their columns."
        )
    read = {name: read_image(images[name]) for name in there}
    placed = {name: sitk.DICOMOrient(volume.image, ORIENTATION) for name, volume in read.items()}
    grid = common_grid(placed)
    arrays = {name: sitk.GetArrayFromImage(image).astype(np.float32) for name, image in placed.items()}
    voxels = np.full((len(channels), *grid.GetSize()[::-1]), np.nan, np.float32)
    for name, values in arrays.items():
        voxels[channels.index(name)] = _scaled(values, name) if scaled and values.any() else values
    pixels = {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in arrays.items()}
    digests = {name: volume.sha256 for name, volume in read.items()}
    return Scan(voxels, grid, next(iter(read.values())).image, digests, pixels)


def _scaled(values: np.ndarray, modality: str) -> np.ndarray:
    head = values != 0
    return np.where(head, z_scores(values, head, modality), 0)
