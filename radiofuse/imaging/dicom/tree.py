"""A tree of files: which are DICOM, whatever they are called, and what their headers say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from radiofuse.imaging.dicom.elements import many
from radiofuse.imaging.dicom.instances import SINGLE, Instance, instance_of
from radiofuse.imaging.dicom.library import pydicom, quiet, unreadable
from radiofuse.imaging.layouts.walk import folders_below
from radiofuse.progress import Progress
from radiofuse.wording import counted, some
from radiofuse.work.jobs import finish_calls

DICOMDIR = "1.2.840.10008.1.3.10"  # the media storage class of a directory of files
if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAGIC = b"DICM"
SLICER = (".seg.nrrd",)
CHUNK = 200  # files that one call reads


@dataclass(frozen=True)
class Tree:
    """What lies in a tree: headers, Slicer's segmentations, and notes on the rest."""

    instances: list[Instance]
    slicer_files: list[Path]
    notes: list[str]


@dataclass(frozen=True)
class _Read:
    """What one file turned out to be: at most one of the three."""

    instance: Instance | None = None
    listed: tuple[str, ...] | None = None  # files that a DICOMDIR lists
    problem: str = ""


def holds_dicom(folder: Path) -> bool:
    """Whether one of the first files below a folder begins as DICOM does; none is read further."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return any(_head(path)[128:] == MAGIC for path in islice(files, CHUNK) if os.access(path, os.R_OK))


def read_tree(folder: Path, *, n_jobs: int | None = 1, on_read: Progress | None = None) -> Tree:
    """Read the header of every DICOM file below a folder.

    Parameters
    ----------
    folder : Path
    n_jobs : int or None, default=1
        Processes.
    on_read : callable, optional
        Called with (done, total) files.
    """
    from joblib import delayed

    paths, notes = _files(folder)
    slicer = [path for path in paths if path.name.lower().endswith(SLICER)]
    paths = [path for path in paths if not path.name.lower().endswith(SLICER)]
    starts = range(0, len(paths), CHUNK)
    calls = [delayed(_read_all)(paths[start : start + CHUNK], folder) for start in starts]
    names = [f"the headers from file {start + 1} on" for start in starts]
    read: dict[int, list[_Read]] = {}
    for number, chunk in finish_calls(calls, names, n_jobs=n_jobs if len(calls) > 1 else 1):
        read[number] = chunk
        if on_read is not None:
            on_read(sum(map(len, read.values())), len(paths))
    files = [file for number in range(len(calls)) for file in read[number]]
    instances = [file.instance for file in files if file.instance is not None]
    return Tree(instances, slicer, [*notes, *_notes(paths, files)])


def _files(folder: Path) -> tuple[list[Path], list[str]]:
    """Return all regular files, and a note on folders that cannot be read."""
    closed: list[str] = []
    paths = []
    for parent, _, names in folders_below(folder, lambda error: closed.append(error.strerror or "no reason given")):
        paths += [path for name in sorted(names) if (path := Path(parent, name)).is_file()]
    told = f"{counted(len(closed), 'folder')} cannot be read ({some(sorted(set(closed)))}); check the permissions."
    return paths, [told] if closed else []


def _read_all(paths: list[Path], folder: Path) -> list[_Read]:
    with quiet():
        return [_read(path, folder) for path in paths]


def _read(path: Path, folder: Path) -> _Read:
    library = pydicom()
    try:
        head = _head(path)
        if not _may_be_dicom(head):
            return _Read()
        dataset = library.dcmread(path, stop_before_pixels=True, specific_tags=SINGLE, force=True)
        if dataset.file_meta.get("MediaStorageSOPClassUID") == DICOMDIR:
            return _Read(listed=tuple(_listed(dataset, path.parent)))
        if "SOPClassUID" not in dataset:
            is_cut = head[128:] == MAGIC
            return _Read(problem=f"{path.name} cannot be read (it ends within its header)" if is_cut else "")
        parts = path.relative_to(folder).parts
        return _Read(instance_of(path, parts[0] if len(parts) > 1 else "", dataset))
    except unreadable() as error:
        return _Read(problem=f"{path.name} cannot be read ({_first_line(error)})")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(128 + len(MAGIC))


def _may_be_dicom(head: bytes) -> bool:
    """Whether a file begins as DICOM does: after a preamble, or, in old exports, at once with group 2 or 8."""
    return head[128:] == MAGIC or head[:2] in (b"\x08\x00", b"\x02\x00")


def _listed(directory: Dataset, folder: Path) -> Iterator[str]:
    """Yield the names of files that a DICOMDIR lists, in capitals, and that are not there, in any case."""
    there = {path.relative_to(folder).as_posix().upper() for path in folder.rglob("*")}
    for record in many(directory, "DirectoryRecordSequence"):
        parts = many(record, "ReferencedFileID")
        if parts and "/".join(map(str, parts)).upper() not in there:
            yield "/".join(map(str, parts))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:120]


def _notes(paths: list[Path], files: list[_Read]) -> Iterator[str]:
    problems = [file.problem for file in files if file.problem]
    missing = [name for file in files for name in file.listed or ()]
    nothing = [
        path.name for path, file in zip(paths, files, strict=True) if file == _Read() and path.name != "DICOMDIR"
    ]
    if nothing:
        yield f"{counted(len(nothing), 'file')} of the tree are not DICOM and were passed over: {some(nothing)}."
    if not any(file.instance for file in files):
        yield "No file of the tree is DICOM. Name the folder that the export was written to."
    for problem in problems:
        yield f"{problem}; copy or export it again."
    if missing:
        yield (
            f"DICOMDIR lists {counted(len(missing), 'file')} that {'are' if len(missing) > 1 else 'is'} not there: "
            f"{some(missing)}; copy the whole medium."
        )
