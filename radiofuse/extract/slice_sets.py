"""A cohort's volumes as a slice set: one sample per child process, failures named, the rest goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.files.aside import write_file
from radiofuse.imaging.slice_reading import METADATA
from radiofuse.imaging.slice_set import PLANES, RECORDS, Scan, WrittenSlices, metadata_rows, number_of, write_slices
from radiofuse.names import did_you_mean
from radiofuse.progress import Progress
from radiofuse.tables.cells import plain_number
from radiofuse.tables.columns import CLINICAL, join
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import BRAIN_MASK, SAMPLE
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.tables.text import read_file

COLUMNS = ["ID", "slice_name", "sex", "age", "WHO_grade"]


@dataclass(frozen=True)
class SlicedCohort:
    """What came of a cohort.

    Attributes
    ----------
    written : dict of str to WrittenSlices
        By sample.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    """

    written: dict[str, WrittenSlices]
    failures: pd.DataFrame


def slice_cohort(
    cohort: pd.DataFrame,
    folder: str | Path,
    *,
    plane: str = "Axial",
    grade: str | None = None,
    n_jobs: int = 1,
    cluster: str | None = None,
    on_done: Progress | None = None,
) -> SlicedCohort:
    """Write the slice set of a cohort, and the table of the slices with tumor.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it without labels; ``brain_mask`` where it is known.
    folder : path
        Made if absent. Samples whose files have not changed are left as they are.
    plane : {"Axial", "Coronal", "Sagittal"}
    grade : str, optional
        The column of the WHO grade; left out, ``who_grade``, and grades are empty where there is none.
    n_jobs : int, default=1
        Child processes.
    cluster : str, optional
        Address of a Dask scheduler; its workers, which see the same files, do it in place of children here.
    on_done : callable, optional
        Called with (done, total) samples.

    Returns
    -------
    SlicedCohort

    Raises
    ------
    RequestError
        If the cohort names no images, has no such column, or the folder holds slices of another plane.
    """
    if grade is not None and grade not in cohort:
        raise RequestError(f"The cohort has no column {grade!r}.{did_you_mean(grade, cohort)} Name that of the grade.")
    scans = _scans(cohort)
    folder = Path(folder).absolute()
    _refuse_other_planes(folder, plane)
    if (folder / METADATA).exists() and not (folder / RECORDS).is_dir():
        raise RequestError(f"{folder / METADATA} exists, and this command did not write it. Name another folder.")
    (folder / RECORDS).mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "into": folder, "on_done": on_done}
    work = run_each(partial(_write_one, plane=plane), folder, scans, **options)
    found = {scan.sample_id: one for scan, one in work}
    written = {scan.sample_id: one for scan in scans if isinstance(one := found[scan.sample_id], WrittenSlices)}
    _write_metadata(cohort, written, folder, grade or "who_grade")
    failed = [(name, "", one.code, str(one)) for name, one in found.items() if isinstance(one, ImageError)]
    return SlicedCohort(written, pd.DataFrame(sorted(failed), columns=FAILURE_COLUMNS))


def _scans(cohort: pd.DataFrame) -> list[Scan]:
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to slice.")
    scans = []
    for row in cohort.to_dict("records"):
        images = {name: row[join(name, "image")] for name in modalities if row[join(name, "image")]}
        masks = {row[join(name, "mask")] for name in images} - {""}
        if len(masks) > 1:
            raise RequestError(f"{row[SAMPLE]} has a mask for each modality; a slice set has one of the tumor.")
        if images:
            scans.append(Scan(row[SAMPLE], images, row.get(BRAIN_MASK, ""), next(iter(masks), "")))
    return scans


def _refuse_other_planes(folder: Path, plane: str) -> None:
    others = [other for other in PLANES if other != plane and any(folder.glob(f"*/{other}"))]
    if others:
        raise RequestError(
            f"{folder} holds {others[0]} slices, and the numbers in {METADATA} are of one plane. Name another folder."
        )


def _write_one(folder: Path, scan: Scan, *, plane: str) -> WrittenSlices:
    """Write one sample's slices; runs in a child process."""
    return write_slices(scan, folder, plane)


def _write_metadata(cohort: pd.DataFrame, written: Mapping[str, WrittenSlices], folder: Path, grade: str) -> None:
    rows: list[dict[str, str]] = []
    for row in cohort.to_dict("records"):
        if row[SAMPLE] in written:
            told = {"sex": _cell(row, join(CLINICAL, "sex")), "age": _cell(row, join(CLINICAL, "age"))}
            told["WHO_grade"] = _cell(row, grade)
            rows += metadata_rows(row[SAMPLE], written[row[SAMPLE]].tumor_slices, told)
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_file(folder / METADATA, partial(write_csv, pd.concat([_rows_of_others(folder, written), table])))


def _rows_of_others(folder: Path, written: Mapping[str, WrittenSlices]) -> pd.DataFrame:
    """Return the rows of samples that an earlier call wrote and this one did not."""
    path = folder / METADATA
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    before = read_file(path, lambda name: True).rows
    return before[~before["ID"].isin({number_of(sample) for sample in written})]


def _cell(row: Mapping[Any, Any], name: str) -> str:
    value = row.get(name, "")
    return "" if pd.isna(value) else plain_number(str(value))
