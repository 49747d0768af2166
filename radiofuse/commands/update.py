"""``radiofuse update``: a bundle recalibrated on a site's own labeled patients, with both versions of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from radiofuse.files.outputs import refuse_inputs, require_apart, require_folder
from radiofuse.wording import counted, interval, listed, number, p_value, some

if TYPE_CHECKING:
    from radiofuse.bundle.update import Update

app = terminal.command_app("Recalibrate a bundle on labeled patients of another site.")

SHOWN = {"slope": "slope", "intercept": "intercept", "brier": "Brier score", "log_loss": "log loss"}
METHODS = {
    "none": "nothing was changed: the tests find no miscalibration in these patients",
    "intercept": "the intercept was changed",
    "slope": "intercept and slope were changed",
    "unmended": "nothing was changed, though the tests find miscalibration in these patients that no update may mend",
}
NO_SLOPE = {
    "reversed": "a slope would turn the order of the patients around: the model tells them apart the wrong way round",
    "apart": "the answers tell these patients apart without error, so that no slope has the most likelihood",
    "few": "a slope is called for, and takes 20 patients of each class",
}
ERRORS = ("brier", "log_loss")
ALPHA = 0.05  # of the tests that choose what is changed


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    cohort: Annotated[Path, typer.Argument(help="The table of the site's patients, with their labels.")],
    out: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
    whose: Annotated[str, typer.Option(help="What the new bundle calls these patients, as 'Hospital B, 2024'.")] = "",
    outcome: Annotated[
        list[str] | None, typer.Option(help="An outcome to update; may be given again. Default: all of the bundle.")
    ] = None,
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
    store: terminal.Store = terminal.STORE,
    retry_failed: terminal.RetryFailed = False,
) -> None:
    """Recalibrate a bundle's answer on a site's own labeled patients, and write a bundle with both versions."""
    with terminal.quick_imports():
        from radiofuse.bundle.update import ELSEWHERE, update_bundle
        from radiofuse.bundle.verify import check_target

    check_target(out)
    for path in (cohort, participants):
        if path is not None:
            refuse_inputs(out, "--out", [path])
    require_folder(store, "--store")
    require_apart({"--out": out, "--store": store})
    options: dict[str, Any] = {"store": store, "n_jobs": jobs, "retry_failed": retry_failed, "outcomes": outcome}
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
        update = update_bundle(
            loaded, cohort, out, whose=whose or ELSEWHERE, written=written, progress=terminal.progress, **options
        )
    for name, told in update.told.items():
        print("\n".join(lines_of(name, told)))
    for words in _sentences(update):
        terminal.say(words)
    print(f"Bundle: {update.folder}")
    raise typer.Exit(terminal.INPUT if len(update.failures) else terminal.DONE)


def lines_of(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was learned for an outcome, and a table of what it made of the answer."""
    from radiofuse.commands.screen import sentence_lines, table_lines

    events = ", ".join(f"{of} {n}" for of, n in told["events"].items())
    yield from sentence_lines(
        f"{name}: {told['of']} updated on {counted(told['n_patients'], 'patient')} ({events}): "
        f"{METHODS[told['method']]}{_tests(told)}. {_numbers(told)}{_slope(told)}"
    )
    several = len({row["class"] for row in told["measures"]}) > 1
    rows = [
        (SHOWN[row["metric"]] + (f" of {row['class']}" if several else ""), *_cells(row))
        for row in told["measures"]
        if row["metric"] in SHOWN
    ]
    yield from table_lines(("", "before", "after", "difference"), rows)
    yield from sentence_lines("after: by updates learned without the patient, in five folds, dealt five times")
    yield from sentence_lines(_whether_it_helped(told))


def _slope(told: Mapping[str, Any]) -> str:
    """Return what a reader must know of a slope that was not taken or not tested."""
    if told["no_slope"] == "alike":
        return " No slope was tested: all these patients have one answer."
    called_for = told["p_values"].get("slope", 1.0) < ALPHA and told["method"] != "slope"
    return f" Of the slope: {NO_SLOPE[told['no_slope']]}." if called_for else ""


def _whether_it_helped(told: Mapping[str, Any]) -> str:
    """Return whether the errors of patients who had no part in the update became smaller, as far as can be told."""
    rows = [row for row in told["measures"] if row["metric"] in ERRORS and row["difference_low"] is not None]
    if told["method"] in ("none", "unmended") or not rows:
        return ""
    if any(row["difference_low"] > 0 for row in rows):
        return "Warning: out of fold the update made the answer worse: use the bundle before it."
    if any(row["difference_high"] < 0 for row in rows):
        return ""
    return (
        "It cannot be told that the update helped: the interval of no difference, of Brier score or log loss, lies "
        "below 0."
    )


def _tests(told: Mapping[str, Any]) -> str:
    said = {"any": "any change", "slope": "slope"}
    tests = [f"{said[name]} p {_p(value)}" for name, value in told["p_values"].items()]
    return f" ({', '.join(tests)})" if tests else ""


def _p(value: float) -> str:
    written = p_value(value)
    if written == f"{ALPHA:g}":  # on which side of the rule it lies
        written = next(text for digits in range(3, 17) if (text := f"{value:.{digits}g}") != written)
    return written if written.startswith("<") else f"= {written}"


def _numbers(told: Mapping[str, Any]) -> str:
    if told["method"] == "none":
        return ""
    named = dict(zip(told["events"], told["step"]["intercepts"], strict=True))
    intercepts = listed([f"{value:+.2f} of {name}" for name, value in list(named.items())[1:]])
    return (
        f"Slope {told['step']['slope']:.2f}, intercept {intercepts}, drawn in toward no change by the factor "
        f"{told['shrinkage']:.2f}."
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    def cell(name: str) -> str:
        value, low, high = (row[one] for one in (name, f"{name}_low", f"{name}_high"))
        if value is None:
            return "-"
        return " ".join(filter(None, (number(value), "" if low is None or high is None else interval(low, high))))

    return cell("before"), cell("after"), cell("difference")


def _sentences(update: Update) -> Iterator[str]:
    from radiofuse.evaluate.findings import list_failures

    if update.left_out:
        yield (
            f"Left out, since the model was trained on their patients: {some(update.left_out)} "
            f"({counted(len(update.left_out), 'sample')})."
        )
    if len(update.failures):
        yield list_failures(update.failures)
    if update.names_patients:
        yield (
            "Warning: the bundle goes by pseudonyms and its key was not given (--key), so that the new one holds ids "
            "and digests of the patients of the update as they are: do not hand it on."
        )
    yield (
        "The new bundle knows the patients of the update as seen: score it on others. It has no signature: "
        "`radiofuse sign` makes one."
    )
