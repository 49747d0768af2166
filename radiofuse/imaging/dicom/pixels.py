"""Voxels of DICOM files: unpacked, and scaled frame by frame to what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from radiofuse.errors import ImageError, RadiofuseError
from radiofuse.imaging.dicom.elements import text
from radiofuse.imaging.dicom.instances import Frame
from radiofuse.imaging.dicom.library import pydicom, quiet, unreadable
from radiofuse.imaging.dicom.stacks import along_normal, same_places
from radiofuse.wording import counted

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PIXELS = (  # all that a picture needs; names and UIDs stay behind when it is unpacked by way of a file
    "SamplesPerPixel PhotometricInterpretation NumberOfFrames Rows Columns BitsAllocated BitsStored HighBit "
    "PixelRepresentation PixelData"
).split()
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # of which no reader scales the values


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn into one sentence what a damaged file raises wherever it is looked into, and silence what it warns of.

    Raises
    ------
    ImageError
        ``file_truncated``.
    """
    with quiet():
        try:
            yield
        except RadiofuseError:
            raise
        except unreadable():
            raise ImageError(
                "file_truncated", f"{path.name} is cut short or damaged. Copy or export it again."
            ) from None


def read_dataset(path: Path) -> Dataset:
    """Read a whole file; elements are made of it when they are asked for, within `damage_told`."""
    library = pydicom()
    dataset = library.dcmread(path, force=True)
    if "TransferSyntaxUID" not in dataset.file_meta:  # of old exports, which are of the two plain kinds
        is_implicit, _ = dataset.original_encoding
        plain = library.uid.ImplicitVRLittleEndian if is_implicit else library.uid.ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = plain
    return dataset


def stored_frames(path: Path) -> np.ndarray:
    """Return the numbers of a file as stored, (frame, row, column).

    Raises
    ------
    ImageError
        ``not_scalar`` or ``file_truncated``.
    """
    with damage_told(path):
        dataset = read_dataset(path)
        photometric = text(dataset, "PhotometricInterpretation") or "MONOCHROME2"
        if dataset.get("SamplesPerPixel", 1) != 1 or not photometric.startswith("MONOCHROME"):
            told = f"{path.name} holds {photometric} voxels, one number per voxel was expected. Export it gray."
            raise ImageError("not_scalar", told)
        packed = dataset.file_meta.TransferSyntaxUID.is_compressed
        values = _unpacked(dataset) if packed else dataset.pixel_array
        return values.reshape(-1, *values.shape[-2:])


def _unpacked(dataset: Dataset) -> np.ndarray:
    """Unpack JPEG, JPEG 2000, JPEG-LS and RLE by SimpleITK, which knows them all, from a bare copy."""
    library = pydicom()
    bare = library.Dataset()
    for keyword in PIXELS:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    bare.SOPClassUID, bare.SOPInstanceUID = SECONDARY_CAPTURE, library.uid.generate_uid()
    bare.file_meta = library.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with TemporaryDirectory() as folder:
        path = Path(folder, "bare.dcm")
        bare.save_as(path, enforce_file_format=True)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def drop_copies(frames: Sequence[Frame]) -> tuple[list[Frame], tuple[str, ...]]:
    """Return one frame per place where those that lie at one place hold the same voxels, and a note.

    Frames with different voxels all stay: `place_stack` refuses them.
    """
    ordered, along, _ = along_normal(frames)
    repeated = same_places(along)
    copies = {number for group in repeated if _are_equal(ordered[n] for n in group) for number in group[1:]}
    kept = [frame for number, frame in enumerate(ordered) if number not in copies]
    note = f"{counted(len(copies), 'slice')} there twice with the same voxels; the copies were dropped."
    return kept, (note,) if copies else ()


def _are_equal(frames: Iterable[Frame]) -> bool:
    first, *others = (_scaled(stored_frames(frame.path)[frame.index], frame) for frame in frames)
    return all(np.array_equal(first, other) for other in others)


def read_voxels(frames: Sequence[Frame]) -> np.ndarray:
    """Return the voxels of frames, (z, y, x): whole numbers where the scaling leaves them whole, else float32.

    Raises
    ------
    ImageError
        As for `stored_frames`.
    """
    whole = all(frame.slope.is_integer() and frame.intercept.is_integer() for frame in frames)
    shape = (len(frames), frames[0].size[1], frames[0].size[0])
    voxels = np.empty(shape, np.int64 if whole else np.float32)
    held: tuple[Path | None, np.ndarray] = (None, np.empty(0))  # frames of one file come together
    for number, frame in enumerate(frames):
        if held[0] != frame.path:
            held = (frame.path, stored_frames(frame.path))
        with damage_told(frame.path):  # of fewer frames than the header says, or of another size
            voxels[number] = _scaled(held[1][frame.index], frame)
    return _narrow(voxels) if whole else voxels


def _scaled(stored: np.ndarray, frame: Frame) -> np.ndarray:
    return stored.astype(np.float64) * frame.slope + frame.intercept


def _narrow(voxels: np.ndarray) -> np.ndarray:
    low, high = int(voxels.min()), int(voxels.max())
    fits = (kind for kind in (np.int16, np.int32) if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return voxels.astype(next(fits, np.float64))
