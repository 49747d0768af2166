"""Segmentations by 3D Slicer (.seg.nrrd): several segments in several layers, by name."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.files.outputs import require_file
from radiofuse.imaging.dicom.regions import Region, distinct, on_grid_of
from radiofuse.imaging.stream import open_file
from radiofuse.imaging.write_like import write_like

_KEY = re.compile(r"Segment(\d+)_Name")


def read_segments(path: str | PathLike[str]) -> dict[str, sitk.Image]:
    """Read the segments of a ``.seg.nrrd`` file, each as an image of 0 and 1, by name.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    ImageError
        ``file_missing``, ``file_unreadable``, ``not_an_image``, ``wrong_dimensions`` or ``header_invalid``.

    Notes
    -----
    A segment is a label value within a layer; files by Slicer before 4.11 hold one layer per segment.
    """
    path = Path(path)
    open_file(path).close()
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        raise ImageError("not_an_image", f"{path.name} is not accepted by SimpleITK. Export it again.") from None
    if image.GetDimension() != 3:
        raise ImageError("wrong_dimensions", f"{path.name} is {image.GetDimension()}-D, 3-D was expected. Export it.")
    layers = sitk.GetArrayFromImage(image)
    layers = layers if layers.ndim == 4 else layers[..., None]
    segments = {}
    for name, layer, label in _segments(path.name, image, layers.shape[-1]):
        mask = sitk.GetImageFromArray((layers[..., layer] == label).astype(np.uint8))
        mask.CopyInformation(image)
        segments[name] = mask
    return segments


def write_segments(path: str | PathLike[str], folder: str | PathLike[str]) -> dict[str, Path]:
    """Write the segments of a ``.seg.nrrd`` file as masks of 0 and 1, ``NAME.nii.gz``, and return their paths by name.

    Parameters
    ----------
    path : str or path-like
    folder : str or path-like
        Made if it is not there; what lies in it is never replaced.

    Raises
    ------
    ImageError
        As for `read_segments`.
    RequestError
        If one of the files is there already.

    Notes
    -----
    A mask lies where the segment does, often on a part of the image's grid; the gate puts it in its place.
    """
    segments = read_segments(path)
    named = zip(segments, distinct(Region(name, np.empty(0)) for name in segments), strict=True)
    paths = {name: Path(folder, f"{region.word}.nii.gz") for name, region in named}
    for target in paths.values():
        require_file(target, "The mask")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, target in paths.items():
        write_like(target, sitk.GetArrayFromImage(segments[name]), segments[name])
    return paths


def read_segment_regions(path: Path, image: sitk.Image) -> list[Region]:
    """Return the segments of a file on an image's grid."""
    return [Region(name, *on_grid_of(image, mask)) for name, mask in read_segments(path).items()]


def _segments(name: str, image: sitk.Image, n_layers: int) -> list[tuple[str, int, int]]:
    """Return name, layer and label value of every segment."""
    numbers = sorted(int(found[1]) for key in image.GetMetaDataKeys() if (found := _KEY.fullmatch(key)))
    if not numbers:
        raise ImageError("header_invalid", f"{name} names no segment in its header. Export it from Slicer again.")
    one_each = n_layers == len(numbers)
    segments = []
    for place, segment in enumerate(numbers):
        layer = _told(name, image, f"Segment{segment}_Layer", place if one_each else 0)
        label = _told(name, image, f"Segment{segment}_LabelValue", 1)
        if layer >= n_layers:
            told = f"{name} puts a segment into layer {layer} of {n_layers}. Export it again."
            raise ImageError("header_invalid", told)
        segments.append((image.GetMetaData(f"Segment{segment}_Name").strip(), layer, label))
    names = [segment[0] for segment in segments]
    if len(set(names)) < len(names):
        raise ImageError("header_invalid", f"{name} gives two segments one name. Rename one in Slicer.")
    return segments


def _told(name: str, image: sitk.Image, key: str, otherwise: int) -> int:
    """Return a whole number of the header."""
    told = image.GetMetaData(key).strip() if image.HasMetaDataKey(key) else str(otherwise)
    if not told.isdecimal():
        what = key.partition("_")[2].lower()
        raise ImageError("header_invalid", f"{name} gives a segment the {what} {told!r}. Export it from Slicer again.")
    return int(told)
