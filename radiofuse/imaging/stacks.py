"""What networks read of a sample: slices with several sequences as channels, or a cube of the volume.

No mask is needed where the method needs none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from radiofuse.errors import ImageError, RequestError
from radiofuse.imaging.crop import as_float32
from radiofuse.imaging.geometry import common_grid
from radiofuse.imaging.placing import PlacedCube, PlacedSlices, Placing, overlap
from radiofuse.imaging.resampling import upright_grid, upright_view, upright_voxels
from radiofuse.imaging.slice_set import PLANES
from radiofuse.imaging.squares import Square, square_around, square_of_all

VERSION = 1  # raised by hand where the same files and options would give other pixels
DROPPED, OF = 50, 155  # first and last axial slices that show no brain in BraTS, of all


@dataclass(frozen=True)
class SliceStack:
    """Slices of a sample, one channel per sequence.

    Attributes
    ----------
    channels : tuple of str
        Modalities, in order: ``("flair", "t1ce", "t2")``.
    size : int
        Pixels along each side.
    plane : {"Axial", "Coronal", "Sagittal"}
    slices : int, "tumor" or "middle"
        The so many with most tumor, all with tumor, or, without a mask, those between the first and the last 50 of
        155: of another number of slices, the same share.
    cut : {"image", "tumor"}
        The whole slice, padded to a square; or the square whose side is the longer edge of the tumor's rectangle.
    """

    channels: tuple[str, ...]
    size: int = 224
    plane: str = "Axial"
    slices: int | str = "tumor"
    cut: str = "image"

    def __post_init__(self) -> None:
        number = isinstance(self.slices, int) and not isinstance(self.slices, bool) and self.slices >= 1
        problems = [
            (not self.channels, "channels names no modality"),
            (self.size < 8, f"size is {self.size}; 8 pixels or more were expected"),
            (self.plane not in PLANES, f"plane is {self.plane!r}; it is one of {', '.join(PLANES)}"),
            (not number and self.slices not in ("tumor", "middle"), 'slices is a number, "tumor" or "middle"'),
            (self.cut not in ("image", "tumor"), 'cut is "image" or "tumor"'),
            (self.slices == "middle" and self.cut == "tumor", 'slices = "middle" asks for no tumor, and cut for one'),
        ]
        sentences = [what for is_wrong, what in problems if is_wrong]
        if sentences:
            raise RequestError(f"Slices for networks: {'; '.join(sentences)}.")

    @property
    def needs_mask(self) -> bool:
        return self.slices != "middle"

    def identity(self) -> dict[str, Any]:
        """Return what the pixels depend on beside the files."""
        return {"stack": asdict(self) | {"channels": list(self.channels)}, "version": VERSION}

    def arrays(self, images: Mapping[str, sitk.Image], region: sitk.Image | None) -> dict[str, np.ndarray]:
        """Return the slices of one sample.

        Parameters
        ----------
        images : mapping of str to SimpleITK.Image
            By modality, on one grid.
        region : SimpleITK.Image or None
            0 and 1, on their grid.

        Returns
        -------
        dict
            ``image`` (n, channels, size, size) float32, ``slices`` (n,) int32, counted as a slice set counts them; with
            a region ``mask`` (n, size, size) uint8.

        Raises
        ------
        ImageError
            If a channel is absent, the grids differ, or there is no tumor where one is needed.

        Examples
        --------
        >>> image = sitk.GetImageFromArray(np.arange(31 * 6 * 4.0).reshape(31, 6, 4))
        >>> found = SliceStack(("t1", "t2"), size=8, slices="middle").arrays({"t1": image, "t2": image}, None)
        >>> found["image"].shape, found["slices"].tolist()
        ((11, 2, 8, 8), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
        """
        volumes, spacing = channels_of(images, self.channels)
        planes = [self._planes(volume) for volume in volumes]  # of each channel (slices, rows, columns)
        drawn = None if region is None else self._planes(upright_voxels(region)) != 0
        cuts = self._cuts(drawn, planes[0].shape, spacing)
        crops = [np.stack([as_float32(square.linear(of[number])) for of in planes]) for number, square in cuts]
        found = {"image": np.stack(crops), "slices": np.array([number for number, _ in cuts], np.int32)}
        if drawn is None:
            return found
        return found | {"mask": np.stack([square.nearest(drawn[number].astype(np.uint8)) for number, square in cuts])}

    def placing(self, grid: sitk.Image, region: sitk.Image | None) -> Placing:
        """Return where the slices of ``arrays`` lie in an image.

        Parameters
        ----------
        grid : SimpleITK.Image
            Of a channel; its voxels are not read.
        region : SimpleITK.Image or None
            As for ``arrays``.
        """

        def view(voxels: np.ndarray) -> np.ndarray:
            return self._planes(upright_view(grid, voxels))

        drawn = None if region is None else self._planes(upright_voxels(region)) != 0
        spacing = upright_grid(grid).GetSpacing()
        return PlacedSlices(grid, view, self._cuts(drawn, view(np.empty(grid.GetSize()[::-1], bool)).shape, spacing))

    def _planes(self, voxels: np.ndarray) -> np.ndarray:
        """Return voxels (x, y, z) as (slices, rows, columns); rows run to the back, of the other planes upward."""
        return np.moveaxis(voxels, PLANES[self.plane], 0).swapaxes(1, 2)

    def _cuts(
        self, drawn: np.ndarray | None, shape: tuple[int, ...], spacing: tuple[float, ...]
    ) -> list[tuple[int, Square]]:
        """Return the number and the square of each slice."""
        columns_mm, rows_mm = (step for at, step in enumerate(spacing) if at != PLANES[self.plane])
        return [
            (number, self._square(shape[1:], None if drawn is None else drawn[number], (rows_mm, columns_mm)))
            for number in self._chosen(drawn, shape[0])
        ]

    def _chosen(self, drawn: np.ndarray | None, n: int) -> list[int]:
        if self.slices == "middle":
            dropped = min(round(n * DROPPED / OF), (n - 1) // 2)  # of two slices both stay
            return list(range(dropped, n - dropped))
        if drawn is None or not drawn.any():
            raise ImageError("empty_roi", f"slices = {self.slices!r} needs a mask of the tumor, and there is none.")
        areas = drawn.sum(axis=(1, 2))
        if self.slices == "tumor":
            return [int(number) for number in np.flatnonzero(areas)]
        largest = np.argsort(-areas, kind="stable")[: int(self.slices)]
        return [int(number) for number in largest if areas[number]]

    def _square(self, shape: tuple[int, ...], inside: np.ndarray | None, pixel_mm: tuple[float, float]) -> Square:
        if self.cut == "tumor" and inside is not None:
            return square_around(inside, pixel_mm, self.size)
        return square_of_all(shape, pixel_mm, self.size)


@dataclass(frozen=True)
class VolumePatch:
    """A cube of the volume in its own voxels, and the whole volume made smaller beside it.

    Attributes
    ----------
    channels : tuple of str
    size : int
        Voxels along each side, around the tumor's box, or the image's middle without a mask; 0 outside.
    whole : int
        Voxels along each side of the whole volume, made smaller; 0 for none.
    parts : bool
        Whether the mask's own labels are kept beside the tumor, and the size of a voxel.
    """

    channels: tuple[str, ...]
    size: int = 128
    whole: int = 0
    parts: bool = False

    def __post_init__(self) -> None:
        if not self.channels or self.size < 1 or self.whole < 0:
            raise RequestError(f"A patch needs channels, a size of 1 or more and a whole of 0 or more, not {self}.")

    @property
    def needs_mask(self) -> bool:
        return False

    def identity(self) -> dict[str, Any]:
        """Return what the voxels depend on beside the files."""
        options = asdict(self) | {"channels": list(self.channels)}
        if not self.parts:  # so that arrays of before there were parts are found
            del options["parts"]
        return {"patch": options, "version": VERSION}

    def arrays(self, images: Mapping[str, sitk.Image], region: sitk.Image | None) -> dict[str, np.ndarray]:
        """Return the cube of one sample.

        Returns
        -------
        dict
            ``image`` (channels, size, size, size) float32, axes from right to left, front to back, upward; ``start``
            (3,) int32, the voxel at which it begins; with a region ``mask`` uint8; ``whole`` where it is asked for,
            and ``voxel_mm`` (3,) float64 where parts are.

        Examples
        --------
        >>> image = sitk.GetImageFromArray(np.arange(6 * 5 * 4.0).reshape(6, 5, 4))
        >>> found = VolumePatch(("t1",), size=4, whole=2).arrays({"t1": image}, None)
        >>> found["image"].shape, found["start"].tolist(), found["whole"].shape
        ((1, 4, 4, 4), [0, 0, 1], (1, 2, 2, 2))
        """
        volumes, spacing_mm = channels_of(images, self.channels)
        drawn = None if region is None else upright_voxels(region)
        start = self._start(volumes.shape[1:], drawn)
        found = {"image": self._cube(volumes, start), "start": start.astype(np.int32)}
        if drawn is not None:
            found["mask"] = self._cube(drawn[None].astype(np.uint8), start)[0]
        if self.whole:
            found["whole"] = np.stack([_smaller(volume, self.whole) for volume in volumes])
        return found | ({"voxel_mm": np.array(spacing_mm)} if self.parts else {})

    def cube_of(self, labels: sitk.Image, region: sitk.Image) -> np.ndarray:
        """Return the cube of a mask's labels, uint8, where ``arrays`` has that of the images."""
        return self._cube(
            upright_voxels(labels)[None], self._start(upright_voxels(labels).shape, upright_voxels(region))
        )[0]

    def placing(self, grid: sitk.Image, region: sitk.Image | None) -> Placing:
        """Return where the cube of ``arrays`` lies in an image, as ``SliceStack.placing``."""
        shape = upright_view(grid, np.empty(grid.GetSize()[::-1], bool)).shape
        return PlacedCube(grid, self._start(shape, None if region is None else upright_voxels(region)), self.size)

    def _start(self, shape: tuple[int, ...], drawn: np.ndarray | None) -> np.ndarray:
        spans = [np.array([0, n - 1]) for n in shape]
        if drawn is not None and drawn.any():
            axes = ({0, 1, 2} - {axis} for axis in range(3))
            spans = [np.flatnonzero(drawn.any(axis=tuple(others)))[[0, -1]] for others in axes]
        return np.array([(first + last + 1 - self.size) // 2 for first, last in spans])

    def _cube(self, volumes: np.ndarray, start: np.ndarray) -> np.ndarray:
        cube = np.zeros((len(volumes), *[self.size] * 3), volumes.dtype)
        of_image, of_cube = overlap(start, self.size, volumes.shape[1:])
        cube[(slice(None), *of_cube)] = volumes[(slice(None), *of_image)]
        return cube


def specs_of(made: Mapping[str, Any], channels: Mapping[str, Sequence[str]]) -> dict[str, SliceStack | VolumePatch]:
    """Return what makes the arrays of several networks alike, by the network.

    Parameters
    ----------
    made : mapping
        ``kind``, "stack" or "patch", and its options.
    channels : mapping of str to sequence of str
        The modalities that each network reads.

    Raises
    ------
    RequestError
        If an option has no such value.

    Examples
    --------
    >>> specs_of({"kind": "patch", "size": 32}, {"stack": ["t1", "t2"]})["stack"].channels
    ('t1', 't2')
    """
    options = {name: value for name, value in made.items() if name != "kind"}
    make = {"stack": SliceStack, "patch": VolumePatch}[made["kind"]]
    return {name: make(channels=tuple(names), **options) for name, names in channels.items()}


def channels_of(images: Mapping[str, sitk.Image], channels: tuple[str, ...]) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return the channels (channels, x, y, z) as float32, and the size of a voxel in mm.

    Raises
    ------
    ImageError
        ``channel_missing`` or ``geometry_mismatch``.
    """
    absent = [name for name in channels if name not in images]
    if absent:
        raise ImageError("channel_missing", f"{', '.join(absent)} absent, and it is a channel of what a network reads.")
    turned = {name: sitk.DICOMOrient(images[name], "LPS") for name in channels}
    spacing_mm = common_grid(turned).GetSpacing()
    return np.stack([as_float32(sitk.GetArrayFromImage(turned[name]).T) for name in channels]), spacing_mm


def _smaller(volume: np.ndarray, size: int) -> np.ndarray:
    steps = [n / size for n in volume.shape]
    smooth = sitk.GetImageFromArray(gaussian_filter(volume, [0.5 * max(step, 1.0) for step in steps]).T)
    grid = sitk.Image([size] * 3, sitk.sitkFloat32)
    grid.SetSpacing(steps)
    grid.SetOrigin([(step - 1) / 2 for step in steps])
    return sitk.GetArrayFromImage(sitk.Resample(smooth, grid)).T.astype(np.float32)
