"""``radiofuse cohort``: a folder of images to a cohort table, and what is wrong with one, told before any work."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.cohort_dicom import found_in_dicom, images_beside
from radiofuse.commands.terminal import say
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_failures, require_file

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.imaging.layouts.make import MadeCohort
    from radiofuse.imaging.layouts.volume import Found
    from radiofuse.imaging.step_options import Steps

app = terminal.command_app(__doc__)

Jobs = Annotated[int | None, typer.Option(min=1, help="How many at a time; left out, one per core.")]


@app.command()
@terminal.answers
def make(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of images.")],
    out: Annotated[Path, typer.Option(help="The cohort table to write.")] = Path("cohort.csv"),
    layout: Annotated[
        str,
        typer.Option(
            help="auto, ucsf-pdgm, upenn-gbm, mu-glioma-post, brats, bids, pattern, dicom, or package.module:function."
        ),
    ] = "auto",
    pattern: Annotated[
        list[str] | None,
        typer.Option(help="Paths of images: '{patient}/{patient}_{modality}.nii.gz', 't1={patient}/a.nii'; repeat."),
    ] = None,
    mask_pattern: Annotated[list[str] | None, typer.Option(help="Paths of masks, likewise.")] = None,
    modalities: Annotated[
        str | None, typer.Option(help="With a pattern: what to keep and what it becomes, as T1,T1C=t1ce,T2,FLAIR.")
    ] = None,
    nifti: Annotated[
        Path | None, typer.Option(help="With dicom: the folder for the volumes; left out, one beside the table.")
    ] = None,
    sequences: Annotated[
        Path | None, typer.Option(help="With dicom: a CSV of rules that say which sequence a series is.")
    ] = None,
    roi: Annotated[
        str | None, typer.Option(help="With dicom: which region is the mask, a name or a pattern as 'GTV*'.")
    ] = None,
    keep_ids: Annotated[
        bool, typer.Option("--keep-ids", help="With dicom: call patients by their ids, not by pseudonyms.")
    ] = False,
    by_folder: Annotated[
        bool, typer.Option("--by-folder", help="With dicom: patients are the folders that lie in FOLDER.")
    ] = False,
    labels: Annotated[
        Path | None, typer.Option(help="A table of labels and clinical columns: CSV, TSV, Parquet, Excel.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook, the sheet; left out, the first one.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Its column of ids; left out, it is found.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A column to keep, NAME or NAME=new; repeat.")] = None,
    clinical: Annotated[list[str] | None, typer.Option(help="A clinical column to keep, likewise.")] = None,
    follow_ups: Annotated[bool, typer.Option("--follow-ups", help="Keep scans of patients who came again.")] = False,
    keep_unmasked: Annotated[bool, typer.Option("--keep-unmasked", help="Keep samples without a mask.")] = False,
    jobs: Jobs = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the cohort table of a folder of images, and list what is missing."""
    import os

    from radiofuse.imaging.layouts.make import make_cohort

    require_file(out, "--out", [labels], overwrite=overwrite)  # every cohort table begins alike: it may be anybody's
    if (label or clinical or id_column or sheet) and labels is None:
        raise RequestError("--sheet, --id, --label and --clinical are of the table that --labels names. Name it.")
    found = _found_by_pattern(folder, layout, pattern or [], mask_pattern or [], modalities)
    of_dicom = {"sequences": sequences, "roi": roi, "keep_ids": keep_ids, "by_folder": by_folder}
    if layout == "dicom":
        found = found_in_dicom(folder, nifti or images_beside(out), follow_ups=follow_ups, jobs=jobs, **of_dicom)
    elif nifti is not None or any(of_dicom.values()):
        raise RequestError("--nifti, --sequences, --roi, --keep-ids and --by-folder go with --layout dicom. Add it.")
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
    _write_rows(made.rows.reset_index(), out)
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


def _write_rows(rows: pd.DataFrame, out: Path) -> None:
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


@app.command()
@terminal.answers
def check(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    label: Annotated[str | None, typer.Option(help="Mask label: any, one value, or several as 1,4.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write what is refused as a table.")] = None,
    jobs: Jobs = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Read every image with its mask and say what would be refused; nothing is computed or stored."""
    import os

    from radiofuse.commands.extract import parse_label
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.extract.dry_run import check_images
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.tables.spreadsheet import write_csv

    if failures is not None:
        require_file(failures, "--failures", [cohort], ours=is_failures, overwrite=overwrite)
    table = read_cohort(cohort, missing_files="keep")
    with terminal.progress("Checking", "images") as on_done:
        checked = check_images(table, parse_label(label), n_jobs=jobs or os.cpu_count() or 1, on_done=on_done)
    for note in checked.notes:
        say(note)
    if len(checked.failures):
        say(list_failures(checked.failures))
    if failures is not None:
        write_file(failures, partial(write_csv, checked.failures))
    print(f"{checked.n_images - len(checked.failures)} of {checked.n_images} images with their masks are usable")
    raise typer.Exit(terminal.INPUT if len(checked.failures) else terminal.DONE)


@app.command()
@terminal.answers
def slices(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    out: Annotated[Path, typer.Option(help="The folder of the slice set.")] = Path("UCSF-PDGM-SLICED"),
    plane: Annotated[str, typer.Option(help="Axial, Coronal or Sagittal; told from the headers.")] = "Axial",
    grade: Annotated[str, typer.Option(help="The column of the WHO grade.")] = "who_grade",
    jobs: Jobs = None,
) -> None:
    """Write every slice of the brain as .npz, and the table of those with tumor; unchanged samples stay."""
    import os

    from radiofuse.evaluate.findings import list_failures
    from radiofuse.extract.slice_sets import slice_cohort
    from radiofuse.files.outputs import require_folder
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    require_folder(out, "--out")
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    n_jobs = jobs or os.cpu_count() or 1
    with terminal.progress("Slicing", "samples") as on_done:
        made = slice_cohort(table, out, plane=plane.capitalize(), grade=grade, n_jobs=n_jobs, on_done=on_done)
    if len(made.failures):
        say(list_failures(made.failures))
    new = [one for one in made.written.values() if one.is_new]
    files, tumor = (sum(counts) for counts in ([one.n_files for one in new], [len(one.tumor_slices) for one in new]))
    print(f"{out}: {counted(len(new), 'sample')} written, {files:,} files, {tumor:,} slices with tumor;", end=" ")
    print(f"{len(made.written) - len(new)} were there, {len(made.failures)} failed")
    raise typer.Exit(terminal.INPUT if len(made.failures) else terminal.DONE)


@app.command()
@terminal.answers
def prepare(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    recipe: Annotated[Path, typer.Option(help="A TOML file whose table [images] says what is done.")],
    out: Annotated[Path, typer.Option(help="The folder of the images made ready, and of their cohort.csv.")],
    jobs: Jobs = None,
) -> None:
    """Register, correct, resample, clean and scale every sample's images; what has not changed stays."""
    import os

    from radiofuse.evaluate.findings import list_failures
    from radiofuse.extract.ready_images import make_ready
    from radiofuse.files.outputs import require_folder
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    require_folder(out, "--out")
    steps = _steps(recipe)
    require_file(out / "cohort.csv", "--out", [cohort], ours=lambda path: any(path.parent.glob("*/record.json")))
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    with terminal.progress("Preparing", "samples") as on_done:
        made = make_ready(table, steps, out, n_jobs=jobs or os.cpu_count() or 1, on_done=on_done)
    for warning in made.warnings:
        say(warning)
    if len(made.failures):
        say(list_failures(made.failures))
    _write_rows(made.rows, out / "cohort.csv")
    print(f"{out / 'cohort.csv'}: {counted(made.n_done, 'sample')} prepared, {made.n_there} were there", end=", ")
    print(f"{len(made.failures)} failed")
    raise typer.Exit(terminal.INPUT if len(made.failures) else terminal.DONE)


def _steps(path: Path) -> Steps:
    """Return the steps of a recipe's table ``[images]``."""
    import tomllib

    from radiofuse.imaging.step_options import Steps

    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"{path} is not a readable TOML file: {error}.") from None
    if not isinstance(content.get("images"), dict):
        raise RequestError(f"{path.name} has no table [images], which says what is done to the images.")
    return Steps.of(content["images"])


@app.command()
@terminal.answers
def sheet(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    out: Annotated[Path, typer.Option(help="The folder in which sheet.html is written.")] = Path("sheet"),
    jobs: Jobs = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write one page that shows every sample: its images, the border of its mask, and what looks wrong."""
    import os

    from radiofuse.extract.portraits import portrait_cohort
    from radiofuse.files.outputs import is_page
    from radiofuse.report.sheet.page import contact_sheet
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    path = out / "sheet.html"
    require_file(path, "--out", [cohort], ours=is_page, overwrite=overwrite)
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    with terminal.progress("Looking at", "images") as on_done:
        portraits, failures = portrait_cohort(table, n_jobs=jobs or os.cpu_count() or 1, on_done=on_done)
    page = contact_sheet(table, portraits, failures, f"Images of {cohort.name}")
    write_file(path, lambda file: file.write(page.encode()))
    print(f"{path}: {counted(len(portraits), 'image')}, {len(failures)} could not be read")
    raise typer.Exit(terminal.INPUT if len(failures) else terminal.DONE)
