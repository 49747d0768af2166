"""``radiofuse evaluate``: a bundle and a labeled cohort of other patients in; scores beside the estimate out."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.naming import Key, Naming
from radiofuse.commands.other_cohort import (
    Columns,
    LabelPer,
    Missing,
    ModalityPattern,
    Participants,
    Spellings,
    written_otherwise,
)
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_apart, require_folder, require_own_tables, sha256_of
from radiofuse.files.places import from_anywhere
from radiofuse.wording import counted, some

if TYPE_CHECKING:
    from radiofuse.bundle.evaluate import Evaluation

app = terminal.command_app("Score a bundle on labeled patients whom it never saw.")

RECORD, PAGE = "evaluation.json", "report.html"
TABLES = {
    "predictions.csv": "every probability of a class, and whether the sample is of it; fold and repeat are 0",
    "scores.csv": "every score of every model, with its interval",
    "comparisons.csv": "the difference of the model's answer from each other model on these patients",
    "against_training.csv": "each score beside the out-of-fold one of the run that made the model",
    "calibration.csv": "slope and intercept with intervals, mean probability and observed share",
    "operating_points.csv": "calls at the thresholds that the run chose, and what they are worth here",
    "confusion.csv": "which classes are called which",
    "cohort_flow.csv": "who came in, who did not, and why",
    "failures.csv": "images that gave no features, and why",
}


Outcomes = Annotated[
    list[str] | None, typer.Option(help="An outcome to evaluate; may be given again. Default: all of the bundle.")
]


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    cohort: Annotated[Path, typer.Argument(help="The table of other patients, with their labels.")],
    out: Annotated[Path, typer.Option(help="Folder for tables and report.html.")],
    outcome: Outcomes = None,
    participants: Participants = None,
    column: Columns = None,
    spelling: Spellings = None,
    missing: Missing = None,
    label_per: LabelPer = None,
    modality_pattern: ModalityPattern = None,
    signed_by: SignedBy = None,
    key: Key = None,
    trust: Trust = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the extraction.")] = 1,
    dask: terminal.Dask = None,
    store: terminal.Store = terminal.STORE,
    report: Annotated[bool, typer.Option(help="Write report.html, which needs the extra report.")] = True,
    retry_failed: terminal.RetryFailed = False,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Score a bundle on a labeled cohort, without the patients that it was trained on."""
    with terminal.quick_imports():
        from radiofuse.bundle.evaluate import evaluate_cohort
        from radiofuse.work.cluster import on_cluster

    names = [*TABLES, *([PAGE] if report else [])]
    inputs = [path for path in (cohort, participants) if path is not None]
    require_own_tables(out, names, RECORD, inputs, overwrite=overwrite)
    require_folder(store, "--store")
    require_apart({"--out": out, "--store": store})
    options: dict[str, Any] = {"n_jobs": jobs, "retry_failed": retry_failed, "outcomes": outcome}
    options["store"] = from_anywhere(store)  # a cluster's workers may be in another folder
    with terminal.warnings_as_sentences():
        loaded = Naming(key).load(bundle, signed_by, trust or ())
        written = written_otherwise(
            outcome or [one.name for one in loaded.outcomes],
            participants=participants,
            modality_pattern=modality_pattern,
            columns=column or (),
            spellings=spelling or (),
            missing=missing or (),
            label_per=label_per,
        )
        with on_cluster(dask, jobs):
            evaluation = evaluate_cohort(loaded, cohort, written=written, progress=terminal.progress, **options)
    _write(evaluation, out, report=report)
    _print_results(evaluation)
    _say_what_else(evaluation)
    print(f"Tables: {out}")
    if report:
        print(f"Report: {out / PAGE}")
    raise typer.Exit(terminal.INPUT if len(evaluation.tables["failures"]) else terminal.DONE)


def _write(evaluation: Evaluation, out: Path, *, report: bool) -> None:
    """Write the tables, the page and last the record, which lists them so that the next evaluation may replace them."""
    from radiofuse import __version__
    from radiofuse.bundle.format import MANIFEST
    from radiofuse.report import write_evaluation_report
    from radiofuse.tables.spreadsheet import write_csv

    for name in TABLES:
        write_file(out / name, partial(write_csv, evaluation.tables[Path(name).stem]))
    if report:
        write_evaluation_report(evaluation, out / PAGE, {**TABLES, RECORD: "what was evaluated, and who was left out"})
    else:
        (out / PAGE).unlink(missing_ok=True)  # of an earlier evaluation: it does not stand beside other tables
    folder, about = evaluation.bundle.folder, evaluation.bundle.description
    record = {
        "radiofuse": __version__,
        "bundle": {"title": about["title"], "manifest_sha256": sha256_of(folder / MANIFEST)},
        "outcomes": [outcome.name for outcome in evaluation.outcomes],
        "left_out": evaluation.left_out,
        "far_outside": evaluation.far,
        "as_published": about["as_published"],
        "files": {name: sha256_of(out / name) for name in [*TABLES, PAGE] if (out / name).is_file()},
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    write_file(out / RECORD, lambda file: file.write(text.encode(errors="backslashreplace")))


def _print_results(evaluation: Evaluation) -> None:
    from radiofuse.commands.run_words import describe_against, describe_models, scoreboard
    from radiofuse.tables.outcomes import outcome_words

    about, scores = evaluation.bundle.description, evaluation.tables["scores"]
    for outcome in evaluation.outcomes:
        print("\n".join(outcome_words([outcome])))
        print(scoreboard(scores[scores["outcome"] == outcome.name], outcome))
    print(describe_models(about, scores["model"].unique()))
    print(describe_against(evaluation.tables["against_training"], about["protocol"]["primary"]))


def _say_what_else(evaluation: Evaluation) -> None:
    """Say how the model departs from good practice, who was left out, and which images gave no features."""
    from radiofuse.commands.run_words import AS_PUBLISHED
    from radiofuse.evaluate.findings import list_failures

    for sentence in evaluation.bundle.description["as_published"]:
        print(f"{AS_PUBLISHED}: {sentence}")
    for words in _warnings(evaluation):
        terminal.say(words)
    if len(evaluation.tables["failures"]):
        terminal.say(list_failures(evaluation.tables["failures"]))


def _warnings(evaluation: Evaluation) -> list[str]:
    said = []
    if evaluation.left_out:
        said.append(
            f"Left out, since the model was trained on their patients: {some(evaluation.left_out)} "
            f"({counted(len(evaluation.left_out), 'sample')})."
        )
    if evaluation.far:
        sample, told = next(iter(evaluation.far.items()))
        said.append(
            f"Warning: {counted(len(evaluation.far), 'sample has', 'samples have')} numbers far outside the training "
            f"range, for example {sample}: {told}. {RECORD} names all."
        )
    return said
