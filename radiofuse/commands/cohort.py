"""``radiofuse cohort``: a folder of images to a cohort table, and what is wrong with one, told before any work."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.cohort_make import Jobs, make, write_rows
from radiofuse.commands.cohort_prepare import show_registrations, steps_in
from radiofuse.commands.terminal import say
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_failures, require_file

app = terminal.command_app(__doc__)


app.command()(make)


@app.command()
@terminal.answers
def check(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    label: Annotated[str | None, typer.Option(help="Mask label: any, one value, or several as 1,4.")] = None,
    failures: Annotated[Path | None, typer.Option(help="Write what is refused as a table.")] = None,
    jobs: Jobs = None,
    dask: terminal.Dask = None,
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
        options = {"n_jobs": jobs or os.cpu_count() or 1, "cluster": dask, "on_done": on_done}
        checked = check_images(table, parse_label(label), **options)
    for note in checked.notes:
        say(note)
    if len(checked.failures):
        say(list_failures(checked.failures))
    if failures is not None:
        write_file(failures, partial(write_csv, checked.failures))
    print(f"{checked.n_images - len(checked.failures)} of {checked.n_images} images with their masks are usable")
    is_refused = bool(checked.notes) or len(checked.failures) > 0
    raise typer.Exit(terminal.INPUT if is_refused else terminal.DONE)


@app.command()
@terminal.answers
def slices(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    out: Annotated[Path, typer.Option(help="The folder of the slice set.")] = Path("UCSF-PDGM-SLICED"),
    plane: Annotated[str, typer.Option(help="Axial, Coronal or Sagittal; told from the headers.")] = "Axial",
    grade: Annotated[
        str | None, typer.Option(help="The column of the WHO grade; left out, who_grade if there is one.")
    ] = None,
    jobs: Jobs = None,
    dask: terminal.Dask = None,
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
    with terminal.progress("Slicing", "samples") as on_done:
        options = {"n_jobs": jobs or os.cpu_count() or 1, "cluster": dask, "on_done": on_done}
        made = slice_cohort(table, out, plane=plane.capitalize(), grade=grade, **options)
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
    dask: terminal.Dask = None,
) -> None:
    """Register, correct, resample, clean and scale every sample's images; what has not changed stays."""
    import os

    from radiofuse.evaluate.findings import list_failures
    from radiofuse.extract.ready_images import make_ready
    from radiofuse.files.outputs import is_page, require_folder
    from radiofuse.tables.cohort import read_cohort
    from radiofuse.wording import counted

    require_folder(out, "--out")
    steps = steps_in(recipe)
    require_file(out / "cohort.csv", "--out", [cohort], ours=lambda path: any(path.parent.glob("*/record.json")))
    require_file(out / "registrations.html", "--out", [cohort], ours=is_page)
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    with terminal.progress("Preparing", "samples") as on_done:
        options = {"n_jobs": jobs or os.cpu_count() or 1, "cluster": dask, "on_done": on_done}
        made = make_ready(table, steps, out, **options)
    for warning in made.warnings:
        say(warning)
    if label := table.attrs.get("mask_label"):
        told = f"Masks of a pyradiomics batch table mean label {label}, which cohort.csv does not say"
        say(f"{told}: name it where features are computed, --label {label} or mask_label = {label} in a recipe.")
    if len(made.failures):
        say(list_failures(made.failures))
    write_rows(made.rows, out / "cohort.csv")
    show_registrations(made.registered, out)
    print(f"{out / 'cohort.csv'}: {counted(made.n_done, 'sample')} prepared, {made.n_there} were there", end=", ")
    print(f"{len(made.failures)} failed")
    raise typer.Exit(terminal.INPUT if len(made.failures) else terminal.DONE)


@app.command()
@terminal.answers
def sheet(
    cohort: Annotated[Path, typer.Argument(metavar="COHORT", help="The cohort table.")],
    out: Annotated[Path, typer.Option(help="The folder in which sheet.html is written.")] = Path("sheet"),
    jobs: Jobs = None,
    dask: terminal.Dask = None,
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
        options = {"n_jobs": jobs or os.cpu_count() or 1, "cluster": dask, "on_done": on_done}
        portraits, failures = portrait_cohort(table, **options)
    page = contact_sheet(table, portraits, failures, f"Images of {cohort.name}")
    write_file(path, lambda file: file.write(page.encode()))
    print(f"{path}: {counted(len(portraits), 'image')}, {len(failures)} could not be read")
    raise typer.Exit(terminal.INPUT if len(failures) else terminal.DONE)
