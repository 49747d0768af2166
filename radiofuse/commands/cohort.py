"""``radiofuse cohort``: a folder of images to a cohort table, and what is wrong with one, told before any work."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from radiofuse.commands import terminal
from radiofuse.commands.cohort_make import Jobs, make, write_rows
from radiofuse.commands.cohort_prepare import show_registrations, steps_in
from radiofuse.commands.terminal import say
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_failures, refuse_inputs, require_file

if TYPE_CHECKING:
    import pandas as pd

Result = TypeVar("Result")
Cohort = Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")]

app = terminal.command_app(__doc__)
app.command()(make)


def _over(label: str, unit: str, work: Callable[..., Result], jobs: int | None, dask: str | None) -> Result:
    """Do work over a cohort with a bar of progress, in processes here or on the workers of a cluster."""
    with terminal.progress(label, unit) as on_done:
        return work(n_jobs=jobs or os.cpu_count() or 1, cluster=dask, on_done=on_done)


def _list(failures: pd.DataFrame) -> None:
    from radiofuse.evaluate.findings import list_failures

    if len(failures):
        say(list_failures(failures))


def _end(is_incomplete: bool) -> NoReturn:
    raise typer.Exit(terminal.INPUT if is_incomplete else terminal.DONE)


@app.command()
@terminal.answers
def check(
    cohort: Cohort,
    label: Annotated[str | None, typer.Option(help="Mask label: any, one value, or several as 1,4.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write what is refused as a table.")] = None,
    jobs: Jobs = None,
    dask: terminal.Dask = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Read every image with its mask and say what would be refused; nothing is computed or stored."""
    from radiofuse.commands.mask_options import parse_label
    from radiofuse.extract.dry_run import check_images
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.tables.images import named_files
    from radiofuse.tables.spreadsheet import write_csv

    if failures is not None:
        require_file(failures, "--failures", [cohort], ours=is_failures, overwrite=overwrite)
    table = read_cohort(cohort, missing_files="keep")
    if failures is not None:
        refuse_inputs(failures, "--failures", named_files(table))
    checked = _over("Checking", "images", partial(check_images, table, parse_label(label)), jobs, dask)
    for note in checked.notes:
        say(note)
    _list(checked.failures)
    if failures is not None:
        write_file(failures, partial(write_csv, checked.failures))
    print(f"{checked.n_images - len(checked.failures)} of {checked.n_images} images with their masks are usable")
    _end(bool(checked.notes) or len(checked.failures) > 0)


@app.command()
@terminal.answers
def slices(
    cohort: Cohort,
    out: Annotated[Path, typer.Option(help="The folder of the slice set.")] = Path("UCSF-PDGM-SLICED"),
    plane: Annotated[str, typer.Option(help="Axial, Coronal or Sagittal; told from the headers.")] = "Axial",
    grade: Annotated[
        str | None, typer.Option(help="The column of the WHO grade; left out, who_grade if there is one.")
    ] = None,
    jobs: Jobs = None,
    dask: terminal.Dask = None,
) -> None:
    """Write every slice of the brain as .npz, and the table of those with tumor; unchanged samples stay."""
    from radiofuse.extract.slice_sets import slice_cohort
    from radiofuse.files.outputs import require_folder
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    require_folder(out, "--out")
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    work = partial(slice_cohort, table, out, plane=plane.capitalize(), grade=grade)
    made = _over("Slicing", "samples", work, jobs, dask)
    _list(made.failures)
    new = [one for one in made.written.values() if one.is_new]
    files, tumor = (sum(counts) for counts in ([one.n_files for one in new], [len(one.tumor_slices) for one in new]))
    print(f"{out}: {counted(len(new), 'sample')} written, {files:,} files, {tumor:,} slices with tumor;", end=" ")
    print(f"{len(made.written) - len(new)} were there, {len(made.failures)} failed")
    _end(len(made.failures) > 0)


@app.command()
@terminal.answers
def prepare(
    cohort: Cohort,
    recipe: Annotated[Path, typer.Option(help="A TOML file whose table [images] says what is done.")],
    out: Annotated[Path, typer.Option(help="The folder of the images made ready, and of their cohort.csv.")],
    jobs: Jobs = None,
    dask: terminal.Dask = None,
) -> None:
    """Register, correct, resample, clean and scale every sample's images; what has not changed stays."""
    from radiofuse.extract.ready_images import make_ready
    from radiofuse.files.outputs import is_page, require_folder
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    require_folder(out, "--out")
    steps = steps_in(recipe)
    require_file(out / "cohort.csv", "--out", [cohort], ours=lambda path: any(path.parent.glob("*/record.json")))
    require_file(out / "registrations.html", "--out", [cohort], ours=is_page)
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    made = _over("Preparing", "samples", partial(make_ready, table, steps, out), jobs, dask)
    for warning in made.warnings:
        say(warning)
    if label := table.attrs.get("mask_label"):
        told = f"Masks of a pyradiomics batch table mean label {label}, which cohort.csv does not say"
        say(f"{told}: name it where features are computed, --label {label} or mask_label = {label} in a recipe.")
    _list(made.failures)
    write_rows(made.rows, out / "cohort.csv")
    show_registrations(made.registered, out)
    print(f"{out / 'cohort.csv'}: {counted(made.n_done, 'sample')} prepared, {made.n_there} were there", end=", ")
    print(f"{len(made.failures)} failed")
    _end(len(made.failures) > 0)


@app.command()
@terminal.answers
def sheet(
    cohort: Cohort,
    out: Annotated[Path, typer.Option(help="The folder in which sheet.html is written.")] = Path("sheet"),
    jobs: Jobs = None,
    dask: terminal.Dask = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write one page that shows every sample: its images, the border of its mask, and what looks wrong."""
    from radiofuse.extract.portraits import portrait_cohort
    from radiofuse.files.outputs import is_page
    from radiofuse.report.sheet.page import contact_sheet
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    path = out / "sheet.html"
    require_file(path, "--out", [cohort], ours=is_page, overwrite=overwrite)
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    portraits, failures = _over("Looking at", "images", partial(portrait_cohort, table), jobs, dask)
    page = contact_sheet(table, portraits, failures, f"Images of {cohort.name}")
    write_file(path, lambda file: file.write(page.encode()))
    print(f"{path}: {counted(len(portraits), 'image')}, {len(failures)} could not be read")
    _end(len(failures) > 0)


@app.command()
@terminal.answers
def landmarks(cohort: Cohort, jobs: Jobs = None, dask: terminal.Dask = None) -> None:
    """Print Nyul's landmarks of reference images, as a recipe's table [images] takes them."""
    from radiofuse.extract.reference_scale import reference_scale
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    scale, failures = _over("Measuring", "images", partial(reference_scale, table), jobs, dask)
    _list(failures)
    print(f"# {counted(table['patient_id'].nunique(), 'patient')} of {cohort.name}: evaluate others, not these")
    print('[images]\nscale = "nyul"\n[images.landmarks]')
    for name, places in scale.items():
        print(f"{name} = [{', '.join(f'{place:.6g}' for place in places)}]")
    _end(len(failures) > 0)
