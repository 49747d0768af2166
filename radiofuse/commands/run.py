"""``radiofuse run``: recipe in; report, scores and bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.naming import Pseudonymize

SHARED = "shared"  # beside bundle/

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; `radiofuse init` writes some.")],
    out: Annotated[Path | None, typer.Option(help="Output folder; default out/<recipe name>.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    store: terminal.Store = terminal.STORE,
    report: Annotated[bool, typer.Option(help="Write report.html, which needs the extra report.")] = True,
    joblib: Annotated[
        bool,
        typer.Option(
            "--joblib", help="Pickle the models, for scripts that call joblib.load; the bundle asks for --trust joblib."
        ),
    ] = False,
    dask: terminal.DaskFolds = None,
    retry_failed: terminal.RetryFailed = False,
    pseudonymize: Pseudonymize = None,
    share: Annotated[
        Path | None,
        typer.Option(
            metavar="KEYFILE",
            help="Write a second bundle, for handing on, into shared/ beside bundle/; the key of `radiofuse share`.",
        ),
    ] = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Run a recipe: extract, cross-validate, fit, and write report.html and bundle/."""
    from radiofuse.commands.run_results import print_results
    from radiofuse.experiment import run_recipe
    from radiofuse.patients.pseudonyms import read_pseudonyms

    options: dict[str, Any] = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    options |= {"pickled": joblib, "cluster": dask}
    if pseudonymize is not None:
        apart = Path("out") if out is None else out
        options["pseudonyms"] = read_pseudonyms(pseudonymize, make=True, apart_from=[apart])
    if share is not None:
        _require_place_to_share(recipe, out, share)
    folder = run_recipe(recipe, out=out, n_jobs=jobs, store=store, progress=terminal.progress, **options)
    is_whole = print_results(folder / "bundle")
    print(f"Bundle: {folder / 'bundle'}")
    if report:
        print(f"Report: {folder / 'report.html'}")
    if share is not None:
        print(f"For handing on: {_shared(folder, share, pickled=joblib)}")
    raise typer.Exit(terminal.DONE if is_whole else terminal.INPUT)


def _require_place_to_share(recipe: Path, out: Path | None, key: Path) -> None:
    """Refuse before the run begins what could not be written behind it: the folder, or a key that others will see."""
    from radiofuse.bundle.verify import check_target
    from radiofuse.experiment import read_recipe
    from radiofuse.patients.pseudonyms import read_pseudonyms

    folder = Path("out") / read_recipe(recipe).name if out is None else out
    check_target(folder / SHARED)
    if key.exists() or key.resolve().is_relative_to(folder.resolve()):
        read_pseudonyms(key, apart_from=[folder])


def _shared(folder: Path, key: Path, *, pickled: bool) -> Path:
    """Write the bundle for handing on beside the one at home, which stays as it is where that is refused."""
    from radiofuse.bundle.load import load_bundle
    from radiofuse.bundle.trust import JOBLIB
    from radiofuse.commands.share import share

    with terminal.warnings_as_sentences():
        loaded = load_bundle(folder / "bundle", trust=[JOBLIB] if pickled else [])  # which this run wrote itself
        return share(loaded, folder / SHARED, key, apart_from=[folder])
