"""``radiofuse predict``: a bundle and new patients in, probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.maps import DropoutPasses, MapClass, MapKinds, Maps, MapsWanted, make_maps, maps_sentences
from radiofuse.commands.one_patient import predict_one
from radiofuse.commands.other_cohort import ModalityPattern, Participants
from radiofuse.commands.sign import SignedBy
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import (
    is_failures,
    is_stream,
    refuse_inputs,
    require_apart,
    require_file,
    require_folder,
    starts_with,
)
from radiofuse.wording import some

if TYPE_CHECKING:
    from radiofuse.tables.outcomes import Outcome

app = terminal.command_app(__doc__)


def _describe_trained(predictions: Any) -> str:
    """Return a sentence about the rows that the model was fitted on, or nothing."""
    trained = predictions.loc[predictions["note"].str.startswith("trained on"), "sample_id"].unique()
    if not len(trained):
        return ""
    n_samples = predictions["sample_id"].nunique()
    return (
        f"Warning: the model was fitted on {len(trained)} of these {n_samples} samples ({some(trained)}): their "
        "probabilities look better than those of new patients and say nothing of how good the model is. The column "
        "note says why; predictions.csv in the bundle has their out-of-fold probabilities."
    )


def _with_note(predictions: Any, words: str) -> Any:
    """Return the samples whose note says so."""
    return predictions.loc[predictions["note"].str.contains(words, regex=False), "sample_id"].unique()


def _describe_clinical(predictions: Any, outside: str) -> str:
    """Return a sentence about the samples with an age or another clinical number that training had not, or nothing."""
    found = _with_note(predictions, outside)
    if not len(found):
        return ""
    return (
        f"Warning: {len(found)} of these {predictions['sample_id'].nunique()} samples have an age or another clinical "
        f"number outside those of training ({some(found)}): the model has seen no such patient. The column note says "
        "which number and the range."
    )


def _describe_far(predictions: Any, outside: str) -> str:
    """Return a sentence about the samples with numbers far outside those of training, or nothing."""
    far = _with_note(predictions, outside)
    if not len(far):
        return ""
    return (
        f"Warning: {len(far)} of these {predictions['sample_id'].nunique()} samples have columns {outside} "
        f"({some(far)}): what the model says there rests on nothing that it has seen. The column note counts them and "
        "names the furthest; look for another unit, sequence or scale of intensities."
    )


def _describe_calls(predictions: Any, outcomes: list[Outcome]) -> Iterator[str]:
    """Yield by what the column call says which class, for each outcome."""
    for outcome in outcomes:
        if outcome.is_binary:
            threshold = predictions.loc[predictions["outcome"] == outcome.name, "threshold"].iloc[0]
            yield (
                f"Called {outcome.phrase} from a probability of {threshold:.3g} on, else {outcome.classes[0]}: the "
                "operating point of the run, chosen on its out-of-fold predictions."
            )
        else:
            yield f"{outcome.name}: the most probable class is called."


def _describe_contributions(explained: Any, path: Path) -> str:
    """Return a sentence on the table of contributions."""
    if not len(explained):
        return f"{path} has no rows: only the answer of a late fusion is a sum over modalities."
    return f"What each modality adds to the answers of {explained['sample_id'].nunique()} samples, in log-odds: {path}"


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    cohort: Annotated[Path | None, typer.Argument(help="The table of new patients.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where the probabilities go, a CSV file (of --patient a JSON file); - is the screen."),
    ] = None,
    patient: Annotated[
        Path | None, typer.Option(metavar="DIR", help="In place of a table: the folder of one patient's images.")
    ] = None,
    layout: Annotated[
        str,
        typer.Option(
            help="Of --patient: auto, plain (flair.nii.gz), brats, bids and so on, as in `radiofuse cohort make`."
        ),
    ] = "auto",
    contributions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A CSV file of what each modality adds to a late fusion, in log-odds."),
    ] = None,
    participants: Participants = None,
    modality_pattern: ModalityPattern = None,
    maps: Maps = None,
    map_kinds: MapKinds = "",
    map_class: MapClass = "",
    dropout_passes: DropoutPasses = 0,
    signed_by: SignedBy = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the extraction.")] = 1,
    store: Annotated[Path, typer.Option(help="Feature store for extracted vectors.")] = Path("feature_store"),
    retry_failed: terminal.RetryFailed = False,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Apply a bundle to new patients: images in, probabilities out."""
    with terminal.quick_imports():
        from radiofuse.bundle.card import TRUST
        from radiofuse.bundle.contributions import contributions_of
        from radiofuse.bundle.load import load_bundle
        from radiofuse.bundle.new_rows import collect_rows
        from radiofuse.bundle.other_cohort import OtherCohort
        from radiofuse.bundle.predict import modalities_of_model, predictions_of, read_new_patients
        from radiofuse.bundle.training_ranges import CLINICAL_OUTSIDE, OUTSIDE
        from radiofuse.commands.run_words import AS_PUBLISHED
        from radiofuse.evaluate.findings import list_failures
        from radiofuse.extract import has_images
        from radiofuse.tables.images import named_files
        from radiofuse.tables.spreadsheet import write_csv

    options: dict[str, Any] = {"n_jobs": jobs, "retry_failed": retry_failed}
    wanted = MapsWanted.of(maps, map_kinds, map_class, dropout_passes)
    if patient is not None and cohort is None:
        written = OtherCohort(participants, modality_pattern)
        if contributions is not None:
            raise RequestError("--contributions goes with a table; the answer of --patient holds them. Leave it out.")
        options |= {"store": store, "overwrite": overwrite, "signers": signed_by}
        is_answered = predict_one(bundle, patient, out, layout, written, wanted, **options)
        raise typer.Exit(terminal.DONE if is_answered else terminal.INPUT)
    if cohort is None or patient is not None:
        raise RequestError("Give the table of new patients, or --patient and the folder of one, and not both.")
    if out is None:
        raise RequestError("--out is missing: name the CSV file for the probabilities, or - for the screen.")
    if layout != "auto":
        raise RequestError("--layout goes with --patient: a table names its images itself. Leave it out.")
    inputs = [path for path in (cohort, participants) if path is not None]
    written_to = {"--out": out} | ({} if contributions is None else {"--contributions": contributions})
    _require_outputs(written_to, inputs, store, overwrite=overwrite)
    terminal.say(TRUST)
    with terminal.warnings_as_sentences():
        loaded = load_bundle(bundle, signers=signed_by)
        if wanted is not None:
            wanted.check(loaded)
        written = OtherCohort(participants, modality_pattern)
        rows = read_new_patients(loaded, cohort, written, missing_files="tell")
        _refuse_images(written_to, named_files(rows))
        if wanted is not None:
            wanted.require([*inputs, *named_files(rows)], overwrite=overwrite)
        rows = modalities_of_model(rows, loaded)
        read = collect_rows(loaded, rows, store=store, progress=terminal.progress, **options)
        predictions, failures = predictions_of(read), read.failures
        told_of_maps = None if wanted is None else make_maps(read, predictions, wanted)
    write_file(out, partial(write_csv, predictions))
    if contributions is not None:
        explained = contributions_of(loaded, predictions)
        write_file(contributions, partial(write_csv, explained))
        terminal.say(_describe_contributions(explained, contributions))
    table = _table_of_failures(out)
    told = {} if table else {"shown": len(failures)}
    terminal.say(list_failures(failures, with_images=has_images(rows), **told))
    if len(failures) and table:
        write_file(table, partial(write_csv, failures))
        terminal.say(f"Table of failures: {table}")
    unusable = predictions.loc[predictions["probability"].isna(), "sample_id"].unique()
    if len(unusable):
        terminal.say(f"Without a probability, for the reason in the column note: {some(unusable)}.")
    for words in _describe_calls(predictions, loaded.outcomes):
        terminal.say(words)
    for sentence in loaded.description["as_published"]:
        terminal.say(f"{AS_PUBLISHED}: {sentence}")
    clinical = _describe_clinical(predictions, CLINICAL_OUTSIDE)
    for words in filter(None, (_describe_trained(predictions), clinical, _describe_far(predictions, OUTSIDE))):
        terminal.say(words)
    for words in maps_sentences(told_of_maps) if told_of_maps else ():
        terminal.say(words)
    if table:
        said, n_samples = "; ".join(outcome.phrase for outcome in loaded.outcomes), predictions["sample_id"].nunique()
        print(f"Probabilities of {said}, {n_samples} samples: {out}")
    raise typer.Exit(terminal.INPUT if len(failures) or len(unusable) else terminal.DONE)


def _table_of_failures(out: Path) -> Path | None:
    """Return where failures go; None where the probabilities go through a stream, which names no place."""
    return None if is_stream(out) else out.with_name(f"{out.stem}_failures.csv")


FIRST_COLUMNS = {
    "--out": "sample_id,patient_id,outcome,class,probability,",
    "--contributions": "sample_id,outcome,class,member,log_odds",
}


def _require_outputs(written_to: Mapping[str, Path], inputs: list[Path], store: Path, *, overwrite: bool) -> None:
    """Refuse what may not be written, before anything is read."""
    for option, path in written_to.items():
        require_file(path, option, inputs, ours=starts_with(FIRST_COLUMNS[option]), overwrite=overwrite)
    if failures := _table_of_failures(written_to["--out"]):
        require_file(failures, "The table of failures", inputs, ours=is_failures, overwrite=overwrite)
    require_folder(store, "--store")
    require_apart({**written_to, "--store": store})


def _refuse_images(written_to: Mapping[str, Path], images: list[Path]) -> None:
    for option, path in written_to.items():
        refuse_inputs(path, option, images)
    if failures := _table_of_failures(written_to["--out"]):
        refuse_inputs(failures, "The table of failures", images)
