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
    from radiofuse.bundle.pictures import reads_pictures
    from radiofuse.bundle.read import outcomes_in, read_description, read_table
    from radiofuse.commands.ledger_words import describe_ledger
    from radiofuse.commands.published_words import describe_published
    from radiofuse.commands.run_words import (
        AS_PUBLISHED,
        describe_absences,
        describe_best,
        describe_collinear,
        describe_comparisons,
        describe_models,
        of_main_models,
        scoreboard,
    )
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.experiment import run_recipe
    from radiofuse.patients.pseudonyms import read_pseudonyms
    from radiofuse.tables.outcomes import outcome_words

    options: dict[str, Any] = {"overwrite": overwrite, "report": report, "retry_failed": retry_failed}
    options["pickled"] = joblib
    if pseudonymize is not None:
        apart = Path("out") if out is None else out
        options["pseudonyms"] = read_pseudonyms(pseudonymize, make=True, apart_from=[apart])
    folder = run_recipe(recipe, out=out, n_jobs=jobs, store=store, progress=terminal.progress, **options)
    about = read_description(folder / "bundle")
    names = ("scores", "comparisons", "learning_intervals", "best_of_models")
    scores, comparisons, learning, best = (read_table(folder / "bundle", name) for name in names)
    for outcome in outcomes_in(about):
        print("\n".join(outcome_words([outcome])))
        scored, learned = (table[table["outcome"] == outcome.name] for table in (scores, learning))
        print(scoreboard(scored, outcome, learned))
    print(describe_models(about, scores["model"].unique()))
    print(describe_comparisons(of_main_models(comparisons, about)))
    if lost := describe_absences(comparisons, about):
        print(lost)
    for warning in describe_collinear(read_table(folder / "bundle", "predictions"), about):
        terminal.say(warning)
    if len(best):
        print(describe_best(best))
    for sentence in about["as_published"]:
        print(f"{AS_PUBLISHED}: {sentence}")
    ledger, published = (read_table(folder / "bundle", name) for name in ("ledger", "published"))
    if len(ledger):
        print(describe_ledger(ledger))
    if len(published):
        print(describe_published(published, of_several=len(outcomes_in(about)) > 1))
    failures = read_table(folder / "bundle", "failures")
    with_images = about["settings"]["radiomics"] is not None or reads_pictures(about)
    terminal.say(list_failures(failures, with_images=with_images))
    print(f"Bundle: {folder / 'bundle'}")
    if report:
        print(f"Report: {folder / 'report.html'}")
    raise typer.Exit(terminal.INPUT if len(failures) else terminal.DONE)
