"""``radiofuse run``: recipe in; report, scores and bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.naming import Pseudonymize

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; `radiofuse init` writes some.")],
    out: Annotated[Path | None, typer.Option(help="Output folder; default out/<recipe name>.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    store: Annotated[Path, typer.Option(help="Feature store; what it holds is not extracted again.")] = Path(
        "feature_store"
    ),
    report: Annotated[bool, typer.Option(help="Write report.html, which needs the extra report.")] = True,
    joblib: Annotated[
        bool,
        typer.Option(
            "--joblib", help="Pickle the models, for scripts that call joblib.load; the bundle asks for --trust joblib."
        ),
    ] = False,
    retry_failed: terminal.RetryFailed = False,
    pseudonymize: Pseudonymize = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Run a recipe: extract, cross-validate, fit, and write report.html and bundle/."""
    from radiofuse.commands.run_results import print_results
    from radiofuse.experiment import run_recipe
    from radiofuse.patients.pseudonyms import read_pseudonyms

    options: dict[str, Any] = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    options["pickled"] = joblib
    if pseudonymize is not None:
        apart = Path("out") if out is None else out
        options["pseudonyms"] = read_pseudonyms(pseudonymize, make=True, apart_from=[apart])
    folder = run_recipe(recipe, out=out, n_jobs=jobs, store=store, progress=terminal.progress, **options)
    is_whole = print_results(folder / "bundle")
    print(f"Bundle: {folder / 'bundle'}")
    if report:
        print(f"Report: {folder / 'report.html'}")
    raise typer.Exit(terminal.DONE if is_whole else terminal.INPUT)
