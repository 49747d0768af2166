"""Elements of a DICOM dataset as plain values: of a file, or of one of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Numbers = tuple[float, ...]

GROUPS = {  # keyword: the functional group that holds it in enhanced objects
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FlipAngle": "MRTimingAndRelatedParametersSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "InversionTimes": "MRModifierSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "StackID": "FrameContentSequence",
    "FrameType": "MRImageFrameTypeSequence",
}


def text(dataset: Dataset, keyword: str) -> str:
    """Return an element as one line of text, "" where it is absent or empty."""
    joined = "\\".join(str(value).strip("\0 ") for value in many(dataset, keyword)).strip()
    return "".join(letter if letter.isprintable() else "?" for letter in joined)


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return an element's first number, None where it is absent or empty."""
    values = [value for value in many(dataset, keyword) if value not in (None, "")]
    return float(values[0]) if values else None


def many(dataset: Dataset, keyword: str) -> list:
    """Return all values of an element."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]


def is_enhanced(dataset: Dataset) -> bool:
    """Whether an object holds its frames in functional groups."""
    return "PerFrameFunctionalGroupsSequence" in dataset


def functional_group(dataset: Dataset, index: int, keyword: str) -> Dataset | None:
    """Return the group that holds an element of one frame: the frame's own, else the shared one.

    Of an object without groups, the dataset itself.
    """
    if not is_enhanced(dataset):
        return dataset
    shared = many(dataset, "SharedFunctionalGroupsSequence")
    for groups in (dataset.PerFrameFunctionalGroupsSequence[index], *shared):
        if found := many(groups, GROUPS[keyword]):
            return found[0]
    return None


def of_frame(dataset: Dataset, index: int, keyword: str) -> list:
    """Return all values of an element of one frame."""
    group = functional_group(dataset, index, keyword)
    return [] if group is None else many(group, keyword)


def plane(dataset: Dataset, index: int) -> tuple[Numbers, Numbers, Numbers, tuple[float, float]] | None:
    """Return position, row, column and spacing (x, y) of a frame; None where one of them is not given."""
    position = tuple(map(float, of_frame(dataset, index, "ImagePositionPatient")))
    axes = tuple(map(float, of_frame(dataset, index, "ImageOrientationPatient")))
    spacing = tuple(map(float, of_frame(dataset, index, "PixelSpacing")))
    if (len(position), len(axes), len(spacing)) != (3, 6, 2):
        return None
    return position, axes[:3], axes[3:], (spacing[1], spacing[0])  # DICOM names the distance of rows first
