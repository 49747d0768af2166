"""``python -m radiofuse.report``: write a bundle's report again, or that of a table of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.report_patient import patient
from radiofuse.errors import RequestError
from radiofuse.files.outputs import is_page, is_page_json, is_stream, require_apart, require_file, starts_with
from radiofuse.report import write_predictions_report, write_report

if TYPE_CHECKING:
    from radiofuse.report.experiment.misclassified import Portraits

app = terminal.app_with_default(
    "BUNDLE",
    "Write the HTML report of a bundle, or of a table of predictions: scores, curves and calibration in one file; or "
    "the page of one patient.",
)
app.command(name="patient")(patient)

IS_SCORES = ("outcome,model,class,metric,value,low,high", "model,metric,value,low,high")


@app.command(name="BUNDLE")
@terminal.answers
def report(
    bundle: Annotated[
        Path, typer.Argument(help="A bundle folder, the output folder of a run, or a table of predictions.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write, - is the screen. Default: report.html beside the bundle, or NAME_report.html and "
            "NAME_report_scores.csv beside the table NAME."
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Of a table: the column of the true class; idh=mutant says which is positive.")
    ] = None,
    probability: Annotated[
        list[str] | None, typer.Option(help="Of a table: a column of probabilities, a model by that name.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Of a table: the model that the others are compared with; default: the first.")
    ] = None,
    misclassified: Annotated[
        bool, typer.Option("--misclassified", help="Of a bundle: name the samples that are called wrongly.")
    ] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="With --misclassified: the cohort table whose images are shown of them.")
    ] = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the HTML report of a bundle whose files are as they were written, or of predictions; print its path."""
    if pictures and not misclassified:
        raise RequestError("--pictures shows the samples that --misclassified names; add it.")
    if bundle.is_file():
        if misclassified:
            raise RequestError("--misclassified is of a bundle, which says which answer counts.")
        _of_predictions(bundle, out, label or "label", probability or [], model, overwrite=overwrite)
        return
    if label or probability or model:
        raise RequestError("--label, --probability and --model are of a table of predictions; a bundle says its own.")
    from radiofuse.bundle.verify import find_bundle, verify_bundle

    folder = find_bundle(bundle)
    verify_bundle(folder)
    out = out or folder.resolve().parent / "report.html"
    require_file(out, "The report", ours=is_page, overwrite=overwrite)
    if not is_stream(out):
        require_file(out.with_suffix(".json"), "The report's numbers", ours=is_page_json, overwrite=overwrite)
    portraits = _portraits_of(folder, pictures) if misclassified else None
    written = write_report(folder, out, overwrite=overwrite, portraits=portraits)
    if not is_stream(out):
        print(written)


def _portraits_of(folder: Path, cohort: Path | None) -> Portraits:
    """Return the pictures of the samples that are called wrongly; none without a cohort table."""
    if cohort is None:
        return {}
    from radiofuse.extract.portraits import portrait_cohort
    from radiofuse.report.experiment.contents import read_contents
    from radiofuse.report.experiment.misclassified import MOST_SHOWN, wrongly_called
    from radiofuse.tables.cohort import read_cohort

    contents = read_contents(folder)
    named = {
        name
        for outcome in contents.outcomes
        for name in wrongly_called(contents.of(outcome))["sample_id"].head(MOST_SHOWN)
    }
    table = read_cohort(cohort, missing_files="keep", need_masks=False)
    portraits, failures = portrait_cohort(table[table["sample_id"].isin(named)].reset_index(drop=True))
    for failure in failures.itertuples():
        terminal.say(f"{failure.sample_id} ({failure.modality}): {failure.message}")
    return portraits


def _of_predictions(
    table: Path, out: Path | None, label: str, probability: list[str], model: str | None, *, overwrite: bool
) -> None:
    page = out or table.with_name(f"{table.stem}_report.html")
    scores = None if is_stream(page) else page.with_name(f"{page.stem}_scores.csv")
    require_file(page, "The report", [table], ours=is_page, overwrite=overwrite)
    if scores:
        require_file(scores, "The table of scores", [table], ours=_is_scores, overwrite=overwrite)
        require_apart({"--out": page, "the table of scores": scores})
    from radiofuse.tables.prediction_file import read_predictions

    predictions, said = read_predictions(table, label=label, probabilities=probability)
    for words in said:
        terminal.say(words)
    write_predictions_report(predictions, page, model=model, scores=scores, overwrite=overwrite)
    if scores:
        print(f"{page}\n{scores}")


def _is_scores(path: Path) -> bool:
    return any(starts_with(header)(path) for header in IS_SCORES)
