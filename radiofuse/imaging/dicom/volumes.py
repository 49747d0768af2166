"""One stack of slices, read, written as NIfTI, and described in a JSON beside it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import SimpleITK as sitk

from radiofuse.errors import ImageError, RequestError
from radiofuse.files.aside import write_file
from radiofuse.imaging.dicom.instances import Facts, Instance
from radiofuse.imaging.dicom.pixels import drop_copies, read_voxels
from radiofuse.imaging.dicom.sequences import Named
from radiofuse.imaging.dicom.series import Series, Stack, facts_of
from radiofuse.imaging.dicom.stacks import Placed, place_stack
from radiofuse.imaging.geometry import affine_ras
from radiofuse.imaging.header import MAX_VOXELS
from radiofuse.imaging.write_like import write_like

WRITTEN_BY = "radiofuse.imaging.dicom"
CONVERSION = 1  # raised by hand where other bytes would be written for the same files


@dataclass(frozen=True)
class Job:
    """A stack to be written as ``path`` (.nii.gz)."""

    series: Series
    stack: Stack
    sequence: Named
    path: Path
    patient: str
    session: str
    keep_ids: bool

    @property
    def title(self) -> str:
        """What sentences call it; no folder and no name of a person."""
        of_stack = f" ({self.stack.title})" if self.stack.title else ""
        return f"{self.series.title}{of_stack} of {self.patient}, session {self.session}"


@dataclass(frozen=True)
class Written:
    """What became of a job: the record beside the volume, or the reason why there is none."""

    record: Mapping[str, Any]
    code: str = ""
    problem: str = ""


def write_stack(job: Job) -> Written:
    """Write a stack and its record, unless both are there and the files are those that they were made of."""
    source = source_digest(job.series.instances, job.sequence.name, job.stack.title, str(job.keep_ids))
    record_path = record_path_of(job.path)
    try:
        earlier = own_record(job.path)
        if earlier.get("source") == source and job.path.exists():
            return Written(earlier)
        record = {**_write(job), "source": source}
        write_record(record_path, record)
    except (ImageError, RequestError) as error:
        return Written({}, getattr(error, "code", "file_unreadable"), str(error))
    return Written(record)


def _write(job: Job) -> dict[str, Any]:
    facts = facts_of(job.series, job.stack)
    frames, notes = drop_copies(job.stack.frames)
    placed = place_stack(frames, facts.slice_thickness_mm)
    n_voxels = math.prod(placed.frames[0].size) * len(frames)
    if n_voxels > MAX_VOXELS:
        raise ImageError("too_many_voxels", f"It announces {n_voxels:,} voxels, the limit is {MAX_VOXELS:,} in all.")
    voxels = read_voxels(placed.frames)
    image = placed.image(voxels)
    claim(job.path)
    write_like(job.path, voxels, image)
    return {**_record(job, facts, placed, image), "notes": [*notes, *_doubts_of_ends(job)]}


def _doubts_of_ends(job: Job) -> tuple[str, ...]:
    """Tell of numbers that begin late or have gaps: places alone do not say whether slices at an end are missing."""
    files = job.series.instances
    numbers = {int(each.number) for each in files if each.number.isdecimal()}
    if len(numbers) < len(files) or len(job.stack.frames) != len(files):  # repeated, of echoes, or without
        return ()
    first, last = min(numbers), max(numbers)
    if first <= 1 and last - first + 1 == len(numbers):
        return ()
    return ("The numbers of its files begin late or have gaps: slices at an end may be missing.",)


def _record(job: Job, facts: Facts, placed: Placed, image: sitk.Image) -> dict[str, Any]:
    """Return what was read; nothing of it is about a person unless ids are kept."""
    first = job.series.first
    slopes, intercepts = ({getattr(frame, name) for frame in placed.frames} for name in ("slope", "intercept"))
    ids = {
        "patient_id": first.person.patient_id,
        "study_uid": first.study_uid,
        "series_uid": first.series_uid,
        "study_date": first.when[:8],
    }
    return {
        "written_by": WRITTEN_BY,
        "modality": job.sequence.name,
        "because": job.sequence.reason,
        "dicom_modality": first.dicom_modality,
        "series_number": first.series_number,
        "series_description": first.description,
        "protocol": first.protocol,
        "image_type": list(first.image_type),
        "stack": dict(job.stack.traits),
        "acquisition": asdict(facts),
        "n_files": len({frame.path for frame in placed.frames}),
        "file_numbers": _range({int(each.number) for each in job.series.instances if each.number.isdecimal()}),
        "size": list(image.GetSize()),
        "spacing_mm": [round(value, 6) for value in image.GetSpacing()],
        "axes": "".join(nib.aff2axcodes(affine_ras(image))),
        "rescale_slope": _range(slopes),
        "rescale_intercept": _range(intercepts),
        **({"ids": ids} if job.keep_ids else {}),
    }


def _range(values: Collection[float]) -> float | list[float] | None:
    """Return one value, or the lowest and highest of several: PET scales every slice by itself."""
    if not values:
        return None
    return min(values) if len(values) == 1 else [min(values), max(values)]


def source_digest(instances: tuple[Instance, ...], *words: str) -> str:
    """Return a digest of the files that a volume is made of, and of what was asked."""
    parts = sorted((each.uid, *each.state) for each in instances)
    return hashlib.sha256(repr((CONVERSION, parts, words)).encode()).hexdigest()


def record_path_of(path: Path) -> Path:
    """Return where the JSON of a volume lies.

    >>> record_path_of(Path("t1-3.nii.gz")).name
    't1-3.json'
    """
    return path.with_name(path.name.removesuffix(".nii.gz") + ".json")


def own_record(path: Path) -> dict[str, Any]:
    """Return the record beside a volume, {} if there is neither; a volume that is not ours is refused."""
    try:
        record = json.loads(record_path_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = {}
    is_ours = isinstance(record, dict) and record.get("written_by") == WRITTEN_BY
    if path.exists() and not is_ours:
        raise RequestError(f"{path.name} exists and was not written from DICOM by radiofuse. Choose another folder.")
    return record if is_ours else {}


def claim(path: Path) -> None:
    """Say that a volume about to be written is ours: killed before its record, it can be written again.

    Raises
    ------
    RequestError
        If there is a volume that is not ours.
    """
    own_record(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(record_path_of(path), {"written_by": WRITTEN_BY})


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON."""
    text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
    write_file(path, lambda file: file.write(text.encode()))


def grid_of(path: Path) -> sitk.Image:
    """Return an empty image with the grid of a NIfTI file."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    image = sitk.Image(reader.GetSize(), sitk.sitkUInt8)
    image.SetSpacing(reader.GetSpacing())
    image.SetOrigin(reader.GetOrigin())
    image.SetDirection(reader.GetDirection())
    return image
