"""What the header of one DICOM file says: whose it is, of which series, and where its frames lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radiofuse.imaging.dicom.elements import Numbers, is_enhanced, many, number, of_frame, plane, text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SINGLE = (  # read of every file: keyword
    "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality ImageType "
    "PatientID PatientName PatientBirthDate StudyDate StudyTime SeriesDate SeriesTime "
    "SeriesNumber SeriesDescription ProtocolName SequenceName PulseSequenceName InstanceNumber "
    "Rows Columns NumberOfFrames SamplesPerPixel Units ContentDate ContentTime StructureSetDate StructureSetTime "
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices "
    "RescaleSlope RescaleIntercept GantryDetectorTilt ConvolutionKernel "
    "RepetitionTime EchoTime InversionTime FlipAngle ScanningSequence MagneticFieldStrength Manufacturer "
    "ManufacturerModelName ContrastBolusAgent ContrastBolusAgentSequence DiffusionBValue "
    "TemporalPositionIdentifier AcquisitionNumber "
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence DirectoryRecordSequence"
).split()
NO_AGENT = {"", "no", "none", "n", "0", "-", "no contrast", "without", "n/a"}
TRAITS = {  # what may tell frames at one place apart: keyword
    "echo": "EchoTime",
    "inversion": "InversionTime",
    "b": "DiffusionBValue",
    "time": "TemporalPositionIdentifier",
    "acquisition": "AcquisitionNumber",
    "sequence": "SequenceName",  # of Siemens, with the b-value
    "kernel": "ConvolutionKernel",
    "thickness": "SliceThickness",
    "type": "ImageType",
}
ENHANCED_TRAITS = {
    "stack": "StackID",
    "echo": "EffectiveEchoTime",
    "inversion": "InversionTimes",
    "b": "DiffusionBValue",
    "time": "TemporalPositionIndex",
    "type": "FrameType",
}


@dataclass(frozen=True)
class Facts:
    """What is told of a series beside its images; none of it is about a person."""

    tr_ms: float | None
    te_ms: float | None
    ti_ms: float | None
    flip_deg: float | None
    b_value: float | None
    slice_thickness_mm: float | None
    field_t: float | None
    gantry_tilt_deg: float | None
    scanning_sequence: str
    sequence_name: str
    contrast_agent: str
    manufacturer: str
    model: str
    units: str


@dataclass(frozen=True)
class Frame:
    """One slice: a file, or one frame of it.

    ``position``, ``row`` and ``column`` are in mm along left, posterior and superior; ``row`` is the
    direction in which columns count up, ``column`` that of the rows. ``traits`` tell frames
    apart that lie at one place: echo, b-value, time.
    """

    path: Path
    index: int
    position: Numbers
    row: Numbers
    column: Numbers
    spacing_mm: tuple[float, float]
    size: tuple[int, int]
    slope: float
    intercept: float
    traits: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Person:
    """Whose a file is; only digests of a name leave this room."""

    patient_id: str
    name: str
    birth_date: str
    folder: str


@dataclass(frozen=True)
class Instance:
    """What the header of one file says.

    ``frames`` is empty where the file is no image, or says nothing of its place in space.
    """

    path: Path
    person: Person
    uid: str
    sop_class: str
    study_uid: str
    series_uid: str
    space_uid: str
    dicom_modality: str
    when: str
    series_when: str
    series_number: str
    number: str
    description: str
    protocol: str
    image_type: tuple[str, ...]
    samples: int
    facts: Facts
    frames: tuple[Frame, ...]
    state: tuple[int, int]


def instance_of(path: Path, folder: str, dataset: Dataset) -> Instance:
    """Return what a header says.

    Parameters
    ----------
    path : Path
    folder : str
        The first folder of the tree that the file lies in.
    dataset : pydicom.Dataset
        At least the elements `SINGLE`.

    Raises
    ------
    ValueError or TypeError
        If an element holds what it cannot.
    """
    status = path.stat()
    return Instance(
        path=path,
        person=_person(dataset, folder),
        uid=text(dataset, "SOPInstanceUID"),
        sop_class=text(dataset, "SOPClassUID"),
        study_uid=text(dataset, "StudyInstanceUID"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        space_uid=text(dataset, "FrameOfReferenceUID"),
        dicom_modality=text(dataset, "Modality").upper(),
        when=text(dataset, "StudyDate") + text(dataset, "StudyTime"),
        series_when=_when(dataset),
        series_number=text(dataset, "SeriesNumber"),
        number=text(dataset, "InstanceNumber"),
        description=text(dataset, "SeriesDescription"),
        protocol=text(dataset, "ProtocolName"),
        image_type=tuple(str(word).upper() for word in many(dataset, "ImageType")),
        samples=int(number(dataset, "SamplesPerPixel") or 1),
        facts=_facts(dataset),
        frames=_frames(path, dataset),
        state=(status.st_size, status.st_mtime_ns),
    )


def _frames(path: Path, dataset: Dataset) -> tuple[Frame, ...]:
    """Return all frames; none where the size, or the place of any of them, is not given."""
    n_frames, rows, columns = (number(dataset, name) for name in ("NumberOfFrames", "Rows", "Columns"))
    if not rows or not columns or ((n_frames or 1) > 1 and not is_enhanced(dataset)):
        return ()
    size = int(columns), int(rows)
    frames = [_frame(path, dataset, index, size) for index in range(int(n_frames or 1))]
    placed = tuple(frame for frame in frames if frame is not None)
    return placed if len(placed) == len(frames) else ()


def _frame(path: Path, dataset: Dataset, index: int, size: tuple[int, int]) -> Frame | None:
    place = plane(dataset, index)
    if place is None:
        return None
    slope, intercept = (of_frame(dataset, index, f"Rescale{name}") for name in ("Slope", "Intercept"))
    scale = float(slope[0]) if slope else 1.0, float(intercept[0]) if intercept else 0.0
    return Frame(path, index, *place, size, *scale, _traits(dataset, index))


def _traits(dataset: Dataset, index: int) -> tuple[tuple[str, str], ...]:
    keywords = ENHANCED_TRAITS if is_enhanced(dataset) else TRAITS
    values = {name: of_frame(dataset, index, keyword) for name, keyword in keywords.items()}
    return tuple((name, "\\".join(map(str, value))) for name, value in values.items())


def _facts(dataset: Dataset) -> Facts:
    enhanced = is_enhanced(dataset)

    def first(keyword: str) -> float | None:
        values = [value for value in of_frame(dataset, 0, keyword) if value not in (None, "")]
        return float(values[0]) if values else None

    return Facts(
        tr_ms=first("RepetitionTime"),
        te_ms=first("EffectiveEchoTime" if enhanced else "EchoTime"),
        ti_ms=first("InversionTimes" if enhanced else "InversionTime"),
        flip_deg=first("FlipAngle"),
        b_value=first("DiffusionBValue"),
        slice_thickness_mm=first("SliceThickness"),
        field_t=number(dataset, "MagneticFieldStrength"),
        gantry_tilt_deg=number(dataset, "GantryDetectorTilt"),
        scanning_sequence=text(dataset, "ScanningSequence"),
        sequence_name=text(dataset, "SequenceName") or text(dataset, "PulseSequenceName"),
        contrast_agent=_agent(dataset),
        manufacturer=text(dataset, "Manufacturer"),
        model=text(dataset, "ManufacturerModelName"),
        units=text(dataset, "Units"),
    )


def _agent(dataset: Dataset) -> str:
    """Return the contrast agent, "" where there was none by whatever word."""
    named = text(dataset, "ContrastBolusAgent")
    if not named and many(dataset, "ContrastBolusAgentSequence"):
        named = text(dataset.ContrastBolusAgentSequence[0], "CodeMeaning") or "given"
    return "" if named.lower() in NO_AGENT else named


def _person(dataset: Dataset, folder: str) -> Person:
    patient, name, birth_date = (text(dataset, f"Patient{what}") for what in ("ID", "Name", "BirthDate"))
    return Person(patient, name, birth_date, folder)


def _when(dataset: Dataset) -> str:
    dates = [
        text(dataset, f"{what}Date") + text(dataset, f"{what}Time") for what in ("Content", "StructureSet", "Series")
    ]
    return next((date for date in dates if date), "")
