"""DICOM files that tests write: series of slices in any orientation, enhanced objects, contours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

SOP_CLASSES = {
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
}
ENHANCED_MR, CONTOURS = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.481.3"
NAME, BIRTH_DATE, PATIENT = "Doe^Jane", "19500417", "MRN-4711007"


def turned(degrees: Sequence[float]) -> np.ndarray:
    """Return a rotation about x, y and z."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = [other for other in range(3) if other != axis]
        one = np.eye(3)
        one[[i, i, j, j], [i, j, i, j]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        matrix = one @ matrix
    return matrix


@dataclass(frozen=True)
class Grid:
    """Where a volume lies: origin and spacing in mm, axes as columns, as SimpleITK has them."""

    size: tuple[int, int, int] = (14, 12, 6)
    spacing_mm: tuple[float, float, float] = (0.9, 1.1, 2.5)
    origin_mm: tuple[float, float, float] = (-31.0, 17.5, 40.25)
    axes: np.ndarray = field(default_factory=lambda: turned((12.0, -8.0, 21.0)))

    def position(self, k: float) -> np.ndarray:
        return np.array(self.origin_mm) + self.axes[:, 2] * self.spacing_mm[2] * k

    def points(self, indices: np.ndarray) -> np.ndarray:
        """Return voxel indices (x, y, z) in mm."""
        return np.array(self.origin_mm) + (np.asarray(indices) * self.spacing_mm) @ self.axes.T


OBLIQUE = Grid()


@dataclass
class Ids:
    """Whose a series is; a new study and series unless said."""

    patient: str = PATIENT
    name: str = NAME
    birth_date: str = BIRTH_DATE
    study: str = field(default_factory=generate_uid)
    series: str = field(default_factory=generate_uid)
    space: str = field(default_factory=generate_uid)
    date: str = "20200102"

    def another(self, **changed: Any) -> Ids:
        """Return another series of the same study."""
        return Ids(**{**vars(self), "series": generate_uid(), **changed})


def voxels_of(grid: Grid, seed: int = 0, low: int = 0, high: int = 3000) -> np.ndarray:
    """Return voxels (z, y, x) that no two slices share."""
    return np.random.default_rng(seed).integers(low, high, grid.size[::-1]).astype(np.int16)


def numbers(values: Iterable[float]) -> list[float]:
    """Return numbers with as many digits as a decimal string holds."""
    return [float(f"{value:.10g}"[:16]) for value in values]


def base(sop_class: str, ids: Ids, modality: str) -> Dataset:
    """Return what every file begins with."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = ids.study, ids.series
    dataset.FrameOfReferenceUID, dataset.Modality = ids.space, modality
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = ids.patient, ids.name, ids.birth_date
    dataset.PatientSex, dataset.AccessionNumber, dataset.StudyID = "F", "", "1"
    dataset.StudyDate, dataset.StudyTime, dataset.ReferringPhysicianName = ids.date, "101500", "House^Gregory"
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.Manufacturer = 1, 1, "Acme"
    return dataset


def put(dataset: Dataset, elements: dict[str, Any]) -> Dataset:
    """Set elements; None takes one away."""
    for keyword, value in elements.items():
        if value is None:
            dataset.__delattr__(keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def put_pixels(dataset: Dataset, stored: np.ndarray) -> Dataset:
    """Set pixel data of 16 bits."""
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, int(stored.dtype.kind == "i")
    dataset.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    return dataset


def slices(stored: np.ndarray, grid: Grid, ids: Ids, modality: str = "MR", **elements: Any) -> list[Dataset]:
    """Return a file per slice of stored numbers (z, y, x)."""
    made = []
    for k, plane in enumerate(stored):
        dataset = base(SOP_CLASSES[modality], ids, modality)
        dataset.ImageType, dataset.InstanceNumber = ["ORIGINAL", "PRIMARY", "M"], k + 1
        dataset.ImagePositionPatient = numbers(grid.position(k))
        dataset.ImageOrientationPatient = numbers([*grid.axes[:, 0], *grid.axes[:, 1]])
        dataset.PixelSpacing = [grid.spacing_mm[1], grid.spacing_mm[0]]
        dataset.SliceThickness = grid.spacing_mm[2]
        made.append(put(put_pixels(dataset, plane), elements))
    return made


def save(datasets: Iterable[Dataset], folder: Path, *, seed: int = 0, stem: str = "IM") -> list[Path]:
    """Write files without an extension, in an order of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    datasets = list(datasets)
    order = np.random.default_rng(seed).permutation(len(datasets))
    paths = [folder / f"{stem}{number:04d}" for number in order]
    for path, dataset in zip(paths, datasets, strict=True):
        dataset.save_as(path, enforce_file_format=True)
    return paths


def write_series(
    folder: Path, stored: np.ndarray, grid: Grid = OBLIQUE, ids: Ids | None = None, **elements: Any
) -> Ids:
    """Write a series; return whose it is."""
    ids = ids or Ids()
    save(slices(stored, grid, ids, elements.pop("modality", "MR"), **elements), folder)
    return ids


def group(**elements: Any) -> Dataset:
    return put(Dataset(), elements)


def enhanced(stored: np.ndarray, grid: Grid, ids: Ids, order: Sequence[int], **of_frames: Sequence[Any]) -> Dataset:
    """Return one multi-frame file whose frames come in an order of their own.

    ``of_frames`` may hold ``echo`` and ``position`` (slice) per frame of ``stored``.
    """
    dataset = base(ENHANCED_MR, ids, "MR")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "NONE"]
    put_pixels(dataset, stored[list(order)])
    dataset.NumberOfFrames = len(stored)
    measures = group(PixelSpacing=[grid.spacing_mm[1], grid.spacing_mm[0]], SliceThickness=grid.spacing_mm[2])
    axes = group(ImageOrientationPatient=numbers([*grid.axes[:, 0], *grid.axes[:, 1]]))
    timing = group(RepetitionTime=600.0, FlipAngle=90.0)
    scaling = group(RescaleSlope=2.0, RescaleIntercept=-7.0)
    dataset.SharedFunctionalGroupsSequence = Items(
        [
            group(
                PixelMeasuresSequence=Items([measures]),
                PlaneOrientationSequence=Items([axes]),
                MRTimingAndRelatedParametersSequence=Items([timing]),
                PixelValueTransformationSequence=Items([scaling]),
            )
        ]
    )
    frames = []
    for k in order:
        place = group(ImagePositionPatient=numbers(grid.position(of_frames.get("position", range(len(stored)))[k])))
        echo = group(EffectiveEchoTime=float(of_frames.get("echo", [10.0] * len(stored))[k]))
        frames.append(group(PlanePositionSequence=Items([place]), MREchoSequence=Items([echo])))
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    return dataset


def directory(names: Iterable[str]) -> Dataset:
    """Return a DICOMDIR that lists files."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    records = [group(DirectoryRecordType="IMAGE", ReferencedFileID=name.split("/")) for name in names]
    dataset.DirectoryRecordSequence = Items(records)
    return dataset


def contours(
    rois: dict[str, list[np.ndarray]], ids: Ids, image: Ids, kind: str = "CLOSED_PLANAR", **elements: Any
) -> Dataset:
    """Return an RTSTRUCT of contours in mm, shape (n, 3), by name."""
    dataset = base(CONTOURS, ids, "RTSTRUCT")
    dataset.StructureSetLabel = "regions"
    dataset.StructureSetROISequence = Items(
        [group(ROINumber=n, ROIName=name, ROIGenerationAlgorithm="") for n, name in enumerate(rois, 5)]
    )
    drawn = []
    for number, outlines in enumerate(rois.values(), 5):
        items = [
            group(
                ContourGeometricType=kind,
                NumberOfContourPoints=len(points),
                ContourData=numbers(points.ravel()),
            )
            for points in outlines
        ]
        drawn.append(group(ReferencedROINumber=number, ContourSequence=Items(items)))
    dataset.ROIContourSequence = Items(drawn)
    series = group(SeriesInstanceUID=image.series)
    study = group(
        ReferencedSOPInstanceUID=image.study,
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        RTReferencedSeriesSequence=Items([series]),
    )
    space = group(FrameOfReferenceUID=image.space, RTReferencedStudySequence=Items([study]))
    dataset.ReferencedFrameOfReferenceSequence = Items([space])
    return put(dataset, elements)
