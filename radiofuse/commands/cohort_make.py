"""``radiofuse cohort make``: a folder of images becomes a cohort table, and what is missing is listed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.cohort_dicom import found_in_dicom, images_beside
from radiofuse.commands.terminal import say
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_file

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.imaging.layouts.make import MadeCohort
    from radiofuse.imaging.layouts.volume import Found

Jobs = Annotated[int | None, typer.Option(min=1, help="How many at a time; left out, one per core.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of images.")]
Out = Annotated[Path, typer.Option(help="The cohort table to write.")]
Layout = Annotated[
    str,
    typer.Option(
        help="auto, ucsf-pdgm, upenn-gbm, mu-glioma-post, brats, bids, pattern, dicom, or package.module:function."
    ),
]
Patterns = Annotated[
    list[str] | None,
    typer.Option(help="Paths of images: '{patient}/{patient}_{modality}.nii.gz', 't1={patient}/a.nii'; repeat."),
]
MaskPatterns = Annotated[list[str] | None, typer.Option(help="Paths of masks, likewise.")]
Modalities = Annotated[
    str | None, typer.Option(help="With a pattern: what to keep and what it becomes, as T1,T1C=t1ce,T2,FLAIR.")
]
Nifti = Annotated[
    Path | None, typer.Option(help="With dicom: the folder for the volumes; left out, one beside the table.")
]
Sequences = Annotated[Path | None, typer.Option(help="With dicom: a CSV of rules that say which sequence a series is.")]
Roi = Annotated[str | None, typer.Option(help="With dicom: which region is the mask, a name or a pattern as 'GTV*'.")]
ByRegion = Annotated[
    bool, typer.Option("--by-region", help="With dicom: regions keep their names in one mask, and are not united.")
]
KeepIds = Annotated[bool, typer.Option("--keep-ids", help="With dicom: call patients by their ids, not by pseudonyms.")]
ByFolder = Annotated[bool, typer.Option("--by-folder", help="With dicom: patients are the folders that lie in FOLDER.")]
Labels = Annotated[Path | None, typer.Option(help="A table of labels and clinical columns: CSV, TSV, Parquet, Excel.")]
Sheet = Annotated[str | None, typer.Option(help="Of a workbook, the sheet; left out, the first one.")]
IdColumn = Annotated[str | None, typer.Option("--id", help="Its column of ids; left out, it is found.")]
Kept = Annotated[list[str] | None, typer.Option(help="A column to keep, NAME or NAME=new; repeat.")]
KeptClinical = Annotated[list[str] | None, typer.Option(help="A clinical column to keep, likewise.")]
FollowUps = Annotated[bool, typer.Option("--follow-ups", help="Keep scans of patients who came again.")]
KeepUnmasked = Annotated[bool, typer.Option("--keep-unmasked", help="Keep samples without a mask.")]


@terminal.answers
def make(
    folder: Folder,
    out: Out = Path("cohort.csv"),
    layout: Layout = "auto",
    pattern: Patterns = None,
    mask_pattern: MaskPatterns = None,
    modalities: Modalities = None,
    nifti: Nifti = None,
    sequences: Sequences = None,
    roi: Roi = None,
    by_region: ByRegion = False,
    keep_ids: KeepIds = False,
    by_folder: ByFolder = False,
    labels: Labels = None,
    sheet: Sheet = None,
    id_column: IdColumn = None,
    label: Kept = None,
    clinical: KeptClinical = None,
    follow_ups: FollowUps = False,
    keep_unmasked: KeepUnmasked = False,
    jobs: Jobs = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the cohort table of a folder of images, and list what is missing."""
    from radiofuse.imaging.layouts.make import make_cohort

    if out.suffix.lower() != ".csv":  # nor may --overwrite replace one of the images that are read
        raise RequestError(f"--out {out}: a cohort table is a CSV file. Name one that ends in .csv.")
    require_file(out, "--out", [labels], overwrite=overwrite)  # every cohort table begins alike: it may be anybody's
    if (label or clinical or id_column or sheet) and labels is None:
        raise RequestError("--sheet, --id, --label and --clinical are of the table that --labels names. Name it.")
    found = _found_by_pattern(folder, layout, pattern or [], mask_pattern or [], modalities)
    of_dicom = {"sequences": sequences, "roi": roi, "by_region": by_region}
    of_dicom |= {"keep_ids": keep_ids, "by_folder": by_folder}
    if layout == "dicom":
        found = found_in_dicom(folder, nifti or images_beside(out), follow_ups=follow_ups, jobs=jobs, **of_dicom)
    elif nifti is not None or any(of_dicom.values()):
        options = "--nifti, --sequences, --roi, --by-region, --keep-ids and --by-folder"
        raise RequestError(f"{options} go with --layout dicom. Add it.")
    with terminal.progress("Reading masks", "masks") as on_done:
        made = make_cohort(
            folder,
            layout,
            found=found,
            labels=labels,
            sheet=sheet,
            id_column=id_column,
            label_columns=label or (),
            clinical=clinical or (),
            follow_ups=follow_ups,
            keep_unmasked=keep_unmasked,
            n_jobs=jobs or os.cpu_count() or 1,
            on_done=on_done,
        )
    write_rows(made.rows.reset_index(), out)
    _summarize(made, out)


def _found_by_pattern(
    folder: Path, layout: str, patterns: list[str], mask_patterns: list[str], modalities: str | None
) -> Found | None:
    """Return what patterns find; None where another layout was asked for."""
    from radiofuse.imaging.layouts.pattern import find

    if layout != "pattern":
        if patterns or mask_patterns or modalities:
            raise RequestError("--pattern, --mask-pattern and --modalities go with --layout pattern. Add it.")
        return None
    if not patterns:
        raise RequestError("--layout pattern needs --pattern, as '{patient}/{patient}_{modality}.nii.gz'.")
    return find(folder, patterns, mask_patterns=mask_patterns, modalities=_named_modalities(modalities))


def _named_modalities(text: str | None) -> dict[str, str] | None:
    from radiofuse.imaging.layouts.pattern import modality_of

    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {name.strip(): called.strip() or modality_of(name) for name, _, called in pairs}


def write_rows(rows: pd.DataFrame, out: Path) -> None:
    """Write a cohort table whose paths begin at its folder, where the files lie below it."""
    from radiofuse.imaging.layouts.table import relative_to
    from radiofuse.tables.spreadsheet import write_csv

    write_file(out, partial(write_csv, relative_to(rows, out.absolute().parent)))


def _summarize(made: MadeCohort, out: Path) -> None:
    from radiofuse.imaging.layouts.labels import class_counts
    from radiofuse.wording import counted

    for note in made.notes:
        say(note)
    for name, counts in class_counts(made.rows, made.labels).items():
        say(f"{name}: {counts}.")
    n_images = sum(int((made.rows[name] != "").sum()) for name in made.rows if name.endswith("__image"))
    patients = counted(made.rows["patient_id"].nunique(), "patient")
    print(f"{out}: {counted(len(made.rows), 'sample')} of {patients}, {counted(n_images, 'image')}")
