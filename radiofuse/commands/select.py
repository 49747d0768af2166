"""``python -m radiofuse.select``: which features of a table carry the label, how stably, and what they are worth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.errors import RequestError
from radiofuse.files.places import place_of
from radiofuse.selection_run.request import CORRECTIONS, PUBLISHED, SelectionRequest

if TYPE_CHECKING:
    from radiofuse.selection_run.tables import SelectionTables
    from radiofuse.tables.features import FeatureTable

WHY_NO_TABLE = (
    "No reduced table is written: its columns would have been chosen with the labels of all samples, so a model "
    "cross-validated on it would be tested on patients that helped to choose, and score too well even on noise. "
    "Put the selector into the model instead, where every training fold selects for itself."
)

app = terminal.command_app(__doc__)

Adjust = StrEnum("Adjust", list(CORRECTIONS))
Test = StrEnum("Test", ["asymptotic", "exact", "auto"])
Order = StrEnum("Order", ["effect", "first", "random", "caret"])
Family = StrEnum("Family", ["gaussian", "binomial", "multinomial"])
Rule = StrEnum("Rule", {"min": "min", "one_se": "1se"})
Unseen = StrEnum("Unseen", ["error", "pass", "reference"])
LabelPer = StrEnum("LabelPer", ["patient", "sample"])
Format = StrEnum("Format", ["table", "csv", "json"])


@app.command(
    help="Find the features of a table that carry a label, repeat the selection in every outer training fold, and "
    f"test each selection on patients that it did not see.\n\n{WHY_NO_TABLE}"
)
@terminal.answers
def select(
    label: Annotated[
        str, typer.Option(help="Column with the classes; COLUMN=VALUE sets one, the positive class, against the rest.")
    ],
    table: Annotated[
        str | None,  # a Path would drop a slash of a store's URL
        typer.Argument(help="CSV, TSV, semicolons, .gz or Parquet, one row per sample; or a feature store."),
    ] = None,
    features: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE: one file per modality instead of TABLE; repeat it.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="File with the ids and the labels, if elsewhere.")] = None,
    sample_id: Annotated[str | None, typer.Option("--id", help="Column that names the sample: sample_id.")] = None,
    groups: Annotated[str | None, typer.Option(help="Column that names the patient: patient_id, if there.")] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="A value of the label that means unknown; repeat it.")
    ] = None,
    label_per: Annotated[
        LabelPer, typer.Option(help="Whose the label is: a patient has one, or each lesion or scan its own.")
    ] = LabelPer.patient,
    intersect: Annotated[bool, typer.Option("--intersect", help="Keep the samples that all files have.")] = False,
    cohort: Annotated[Path | None, typer.Option(help="Cohort table with the labels, for a store.")] = None,
    block: Annotated[str | None, typer.Option(help="Which block of a store.")] = None,
    modality: Annotated[str, typer.Option(help="Name for columns without <modality>__.")] = "features",
    modality_prefixes: Annotated[
        bool | None,
        typer.Option(help="Columns are <modality>__<feature>, or all of one modality. Default: as they look."),
    ] = None,
    modality_pattern: Annotated[
        str | None,
        typer.Option(help="Finds the modality in names of columns: '^(?P<modality>T[12])_' in T1_x, T2_x."),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="A column that is no feature; repeat it.")] = None,
    covariates: Annotated[
        list[str] | None, typer.Option(help="A column never pruned, which joins the selected ones in the model.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Column with the site: ComBat, fitted in the training rows, evens sites out.")
    ] = None,
    unseen_site: Annotated[Unseen, typer.Option(help="Test rows of a site without training rows.")] = Unseen.error,
    steps: Annotated[
        str | None,
        typer.Option(help=f"Selectors, in this order: {PUBLISHED['steps']}, with kruskal first of more classes."),
    ] = None,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Test: keep p below this.")] = 0.05,
    adjust: Annotated[Adjust, typer.Option(help="Test: correct p for the number of features.")] = Adjust.none,
    mann_whitney: Annotated[
        Test, typer.Option("--mann-whitney", "--mwu", help="Mann-Whitney: how p is computed.")
    ] = Test.asymptotic,
    r: Annotated[float, typer.Option(min=0, max=1, help="Pearson: drop |r| above this.")] = 0.9,
    prune_order: Annotated[Order, typer.Option(help="Which of two correlated features stays.")] = Order.effect,
    family: Annotated[
        Family | None,
        typer.Option(help="LASSO: error of the published chain, gaussian, or of a class; of several multinomial."),
    ] = None,
    rule: Annotated[Rule, typer.Option(help="LASSO: least error, or within one standard error.")] = Rule.min,
    full_path: Annotated[bool, typer.Option("--full-path", help="LASSO: run the path to its end.")] = False,
    icc: Annotated[
        Path | None, typer.Option(help="Reproducibility: table of ICCs, as `radiofuse extract --perturb` writes it.")
    ] = None,
    inner: Annotated[int, typer.Option(min=2, help="Folds that choose the LASSO penalty.")] = 10,
    folds: Annotated[int, typer.Option(min=2, help="Outer folds, of whole patients.")] = 5,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="How often the outer folds are dealt: 10, without nesting once.")
    ] = None,
    nested: Annotated[bool, typer.Option(help="Select again in every outer fold.")] = True,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="How the folds are dealt.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes; the answer does not depend on it.")] = 1,
    dask: terminal.DaskFolds = None,
    out: Annotated[Path | None, typer.Option(help="Folder for all tables, selection.json and report.html.")] = None,
    report: Annotated[bool, typer.Option(help="Write report.html beside the tables.")] = True,
    overwrite: terminal.Overwrite = False,
    output_format: Annotated[Format, typer.Option("--format", help="What is printed.")] = Format.table,
) -> None:
    """Run the command line; what it says of itself is the ``help`` above."""
    run_request(as_request(**locals()))


def as_request(**options: Any) -> SelectionRequest:
    """Return the request of a command line; what was not given keeps its default."""
    given = {
        name: place_of(value) if name == "table" else value for name, value in options.items() if value is not None
    }
    return SelectionRequest(**{name: str(one) if isinstance(one, StrEnum) else one for name, one in given.items()})


def run_request(request: SelectionRequest) -> None:
    """Run, write, print; leave with the exit code."""
    with terminal.quick_imports():
        from radiofuse.commands.selection_words import describe
        from radiofuse.selection_run.run import find_kept, run_selection

    try:
        table = read_aloud(request)
        kept = find_kept(table, request)
        tables = run_selection(table, request, kept, progress=terminal.progress)
    except KeyboardInterrupt:
        terminal.say("Interrupted before an outer fold was finished: nothing is written.")
        raise typer.Exit(terminal.INTERRUPTED) from None
    if request.out is not None:
        _write(tables, request.out, with_page=request.report)
        if tables.record["complete"]:
            kept.remove()
    print(describe(tables, request.output_format), flush=True)  # last: a reader such as `| head` may end it
    for sentence in tables.record["warnings"]:
        terminal.say(f"Warning: {sentence}")
    if request.out is not None:
        page = " and report.html" if request.report else ""
        terminal.say(f"All tables{page} are in {request.out}. {WHY_NO_TABLE}")
    if not tables.record["complete"]:
        finished, planned = tables.record["folds_finished"], tables.record["folds_planned"]
        terminal.say(
            f"Interrupted: {finished} of {planned} outer folds are finished, and only they are in the tables. "
            "Run the same command again for the rest."
        )
        raise typer.Exit(terminal.INTERRUPTED)
    if not tables.selection["selected"].any():
        terminal.say("Nothing was selected from all samples: at these settings no feature passed every step.")
        raise typer.Exit(terminal.NOTHING_SELECTED)


def read_aloud(request: SelectionRequest) -> FeatureTable:
    """Read and check the table of a request, and say what it holds."""
    from radiofuse.selection_run.run import describe_read, read_table

    table = read_table(request)
    for line in describe_read(table):
        terminal.say(line)
    return table


def _write(tables: SelectionTables, folder: Path, *, with_page: bool) -> None:
    from radiofuse.selection_run.tables import PAGE, file_names, listed_while_written

    names, interrupted = file_names(page=with_page), False
    with listed_while_written(folder, names):
        tables.write(folder)
        try:
            if with_page:
                _write_report(tables, folder / PAGE)
        except KeyboardInterrupt:
            interrupted = True
        tables.write_record(folder, names)
    if interrupted:
        terminal.say("Interrupted while the page was drawn; the tables are written.")
        raise typer.Exit(terminal.INTERRUPTED)


def _write_report(tables: SelectionTables, path: Path) -> None:
    from radiofuse.report import write_selection_report

    shown = ("selection", "cv_curve", "path", "predictions", "performance", "correlation")
    try:
        write_selection_report({name: getattr(tables, name) for name in shown}, tables.record, path)
    except RequestError as error:  # the tables are there and whole
        terminal.say(f"Warning: {error} The tables are written.")
