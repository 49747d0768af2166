"""DICOM-SEG: frames of segments, each with a place of its own, onto the grid of an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError
from radiofuse.imaging.dicom.elements import functional_group, many, number, plane, text
from radiofuse.imaging.dicom.pixels import read_dataset, stored_frames
from radiofuse.imaging.dicom.regions import Region, on_grid_of
from radiofuse.imaging.dicom.stacks import WHOLE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

HALF = 0.5  # of the largest value of a fractional segmentation, from which on a voxel belongs to it
PARALLEL = 0.999  # cosine between the planes of a segmentation and an axis of its image


def read_segmentation(path: Path, image: sitk.Image) -> tuple[list[Region], list[str]]:
    """Read the segments of a DICOM-SEG file onto an image's grid, and sentences on those that cannot be.

    Parameters
    ----------
    path : Path
    image : SimpleITK.Image
        That it was drawn on, or any other of its frame of reference.

    Raises
    ------
    ImageError
        ``file_truncated`` or ``header_invalid``, if the file as a whole cannot be read.

    Notes
    -----
    A voxel of a fractional segmentation belongs to a segment from half of the largest value on. Frames
    that hold nothing are often left out of a file; what has no frame is empty.
    """
    dataset = read_dataset(path)
    pixels = stored_frames(path)
    names = segment_names(dataset)
    of_segments = _frames_of_segments(dataset, pixels)
    regions: list[Region] = []
    problems = [f"{name}: no frame holds it" for segment, name in names.items() if segment not in of_segments]
    for segment, frames in sorted(of_segments.items()):
        name = names.get(segment, f"segment {segment}")
        try:
            mask, notes = _volume(dataset, frames, image)
            voxels, more = on_grid_of(image, mask)
        except ImageError as error:
            problems.append(f"{name}: {error}")
            continue
        regions.append(Region(name, voxels, notes + more))
    return regions, problems


def segment_names(dataset: Dataset) -> dict[int, str]:
    """Return the label of every segment by its number."""
    segments = many(dataset, "SegmentSequence")
    return {int(one.SegmentNumber): text(one, "SegmentLabel") or f"segment {one.SegmentNumber}" for one in segments}


def _frames_of_segments(dataset: Dataset, pixels: np.ndarray) -> dict[int, list[tuple[int, np.ndarray]]]:
    """Return (frame, 0 or 1 per pixel) of each segment."""
    frames: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for index, (segment, inside) in enumerate(_labeled(dataset, pixels)):
        if segment is not None:
            frames[segment].append((index, inside))
            continue
        for label in np.unique(inside[inside > 0]):
            frames[int(label)].append((index, (inside == label).astype(np.uint8)))
    return frames


def _labeled(dataset: Dataset, pixels: np.ndarray) -> Iterator[tuple[int | None, np.ndarray]]:
    kind = text(dataset, "SegmentationType").upper()
    largest = number(dataset, "MaximumFractionalValue") or 255.0
    for index, frame in enumerate(pixels):
        if kind == "LABELMAP":
            yield None, frame
            continue
        threshold = HALF * largest if kind == "FRACTIONAL" else 1
        yield _segment(dataset, index), (frame >= threshold).astype(np.uint8)


def _segment(dataset: Dataset, index: int) -> int:
    shared = many(dataset, "SharedFunctionalGroupsSequence")
    for groups in (dataset.PerFrameFunctionalGroupsSequence[index], *shared):
        if found := many(groups, "SegmentIdentificationSequence"):
            return int(found[0].ReferencedSegmentNumber)
    raise ImageError("header_invalid", f"frame {index + 1} names no segment. Export it again.")


def _volume(
    dataset: Dataset, frames: list[tuple[int, np.ndarray]], image: sitk.Image
) -> tuple[sitk.Image, tuple[str, ...]]:
    """Put the frames of one segment at their places, as a volume whose planes are one step apart."""
    planes = [found for index, _ in frames if (found := plane(dataset, index)) is not None]
    if len(planes) < len(frames) or len({each[1:] for each in planes}) > 1:
        raise ImageError("header_invalid", "its frames have no place, or several orientations. Export it again.")
    position, row, column, (x_mm, y_mm) = planes[0]
    axes = np.stack([row, column, np.cross(row, column)], axis=1)
    along = np.array([each[0] for each in planes]) @ axes[:, 2]
    step, note = _step(dataset, frames[0][0], along, axes[:, 2], image)
    places = np.rint((along - along.min()) / step).astype(int)
    voxels = np.zeros((int(places.max()) + 1, *frames[0][1].shape), np.uint8)
    for place, (_, inside) in zip(places, frames, strict=True):
        voxels[place] |= inside
    mask = sitk.GetImageFromArray(voxels)
    mask.SetOrigin(planes[int(along.argmin())][0])
    mask.SetSpacing((x_mm, y_mm, step))
    mask.SetDirection(axes.ravel().tolist())
    return mask, note


def _step(
    dataset: Dataset, index: int, along: np.ndarray, normal: np.ndarray, image: sitk.Image
) -> tuple[float, tuple[str, ...]]:
    """Return the distance of planes: the image's where all fit it, else what the file or its frames say."""
    axes = np.reshape(image.GetDirection(), (3, 3))
    cosines = np.abs(normal @ axes)
    axis = int(cosines.argmax())
    offsets = np.unique(np.round(along - along.min(), 3))
    if cosines[axis] > PARALLEL and _fits(offsets, image.GetSpacing()[axis]):
        return image.GetSpacing()[axis], ()
    group = functional_group(dataset, index, "PixelSpacing")
    told = None if group is None else number(group, "SpacingBetweenSlices") or number(group, "SliceThickness")
    gaps = np.diff(offsets)
    step = next((value for value in (told, *gaps[:1], 1.0) if value and _fits(offsets, value)), None)
    if step is None:
        raise ImageError("spacing_varies", f"its planes are {gaps.min():.2f} to {gaps.max():.2f} mm apart.")
    return float(step), ()


def _fits(offsets: np.ndarray, step: float) -> bool:
    """Whether every plane lies a whole number of steps from the first."""
    places = offsets / step
    return bool(np.abs(places - np.rint(places)).max() <= WHOLE)
