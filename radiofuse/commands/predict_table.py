"""``radiofuse predict BUNDLE TABLE``: what a model says of the patients of a table, as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiofuse.commands import terminal
from radiofuse.commands.answer_files import is_answers, write_json
from radiofuse.commands.further_outputs import FurtherOutputs, further_sentences, of_sample, with_further
from radiofuse.commands.naming import AS_THEY_ARE, Naming
from radiofuse.commands.predict_words import sentences_of
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

if TYPE_CHECKING:
    import pandas as pd

    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.new_rows import NewRows
    from radiofuse.bundle.other_cohort import OtherCohort

FIRST_COLUMNS = {
    "--out": "sample_id,patient_id,outcome,class,probability,",
    "--contributions": "sample_id,outcome,class,member,log_odds",
}


@dataclass(frozen=True)
class TableOutputs:
    """Where what is said of a table goes; ``overwrite`` allows to replace files of others."""

    out: Path
    contributions: Path | None
    store: str
    further: FurtherOutputs
    overwrite: bool

    @property
    def files(self) -> dict[str, Path]:
        """The tables by their options."""
        return {"--out": self.out} | ({} if self.contributions is None else {"--contributions": self.contributions})

    @property
    def as_json(self) -> bool:
        """Whether the answers are written as JSON, each as of one patient."""
        return self.out.suffix.lower() == ".json"

    @property
    def failures(self) -> Path | None:
        """Where failures go; None where the probabilities go through a stream, which names no place."""
        return None if is_stream(self.out) else self.out.with_name(f"{self.out.stem}_failures.csv")

    def require(self, inputs: list[Path]) -> None:
        """Refuse what may not be written, before anything is read."""
        for option, path in self.files.items():
            ours = is_answers if option == "--out" and self.as_json else starts_with(FIRST_COLUMNS[option])
            require_file(path, option, inputs, ours=ours, overwrite=self.overwrite)
        if self.failures:
            require_file(self.failures, "The table of failures", inputs, ours=is_failures, overwrite=self.overwrite)
        require_folder(self.store, "--store")
        require_apart({**self.files, **self.further.places(), "--store": self.store})

    def require_images(self, inputs: list[Path], images: list[Path]) -> None:
        """Refuse outputs that would replace an image, and folders that hold one."""
        for option, path in self.files.items():
            refuse_inputs(path, option, images)
        if self.failures:
            refuse_inputs(self.failures, "The table of failures", images)
        self.further.require([*inputs, *images], overwrite=self.overwrite)


def predict_table(
    bundle: Path,
    cohort: Path,
    written: OtherCohort,
    outputs: TableOutputs,
    *,
    signers: Path | None = None,
    naming: Naming = AS_THEY_ARE,
    trust: Sequence[str] = (),
    **options: Any,
) -> bool:
    """Write what a bundle says of a table's patients, and say whether every image and every sample has an answer."""
    with terminal.quick_imports():
        from radiofuse.bundle.new_rows import collect_rows
        from radiofuse.bundle.predict import predictions_of
        from radiofuse.extract import has_images

    inputs = [path for path in (cohort, written.participants) if path is not None]
    outputs.require(inputs)
    with terminal.warnings_as_sentences():
        loaded = naming.load(bundle, signers, trust)
        outputs.further.check(loaded)
        table = _new_patients(loaded, cohort, written, outputs, inputs)
        rows = collect_rows(loaded, naming.renamed(table), store=outputs.store, progress=terminal.progress, **options)
        rows = naming.told(rows, table)
        predictions = predictions_of(rows)
        told = outputs.further.make(rows, predictions)
    if outputs.as_json:
        _write_answers(rows, predictions, told, outputs.out, with_files=naming.pseudonymize is None)
    _write(loaded, with_further(predictions, told), outputs)
    _tell_failures(rows.failures, outputs.failures, with_images=has_images(table))
    for words in (*sentences_of(loaded, predictions), *further_sentences(told)):
        terminal.say(words)
    if outputs.failures:
        said, n_samples = "; ".join(outcome.phrase for outcome in loaded.outcomes), predictions["sample_id"].nunique()
        print(f"Probabilities of {said}, {n_samples} samples: {outputs.out}")
    return rows.failures.empty and bool(predictions["probability"].notna().all())


def _new_patients(
    bundle: Bundle, cohort: Path, written: OtherCohort, outputs: TableOutputs, inputs: list[Path]
) -> pd.DataFrame:
    """Return the rows of a table with the modalities that the models read; refuse outputs among its images."""
    from radiofuse.bundle.predict import modalities_of_model, read_new_patients
    from radiofuse.tables.images import named_files

    rows = read_new_patients(bundle, cohort, written, missing_files="tell")
    outputs.require_images(inputs, named_files(rows))
    return modalities_of_model(rows, bundle)


def _write_answers(
    rows: NewRows, predictions: pd.DataFrame, told: dict[str, Any], out: Path, *, with_files: bool
) -> None:
    """Write the answer of each sample, with what was made of it beside."""
    from radiofuse.bundle.answer import answers

    each = [one | of_sample(told, one["sample_id"]) for one in answers(rows, predictions, with_files=with_files)]
    write_file(out, partial(write_json, each))


def _write(bundle: Bundle, predictions: pd.DataFrame, outputs: TableOutputs) -> None:
    """Write the probabilities, and what each modality adds to them where that was asked for."""
    from radiofuse.bundle.contributions import contributions_of
    from radiofuse.tables.spreadsheet import write_csv

    if not outputs.as_json:
        write_file(outputs.out, partial(write_csv, predictions))
    if outputs.contributions is not None:
        explained = contributions_of(bundle, predictions)
        write_file(outputs.contributions, partial(write_csv, explained))
        terminal.say(_describe_contributions(explained, outputs.contributions))


def _tell_failures(failures: pd.DataFrame, path: Path | None, *, with_images: bool) -> None:
    """Say what could not be used, and write it where there is a place for it."""
    from radiofuse.evaluate.findings import list_failures
    from radiofuse.tables.spreadsheet import write_csv

    told = {} if path else {"shown": len(failures)}
    terminal.say(list_failures(failures, with_images=with_images, **told))
    if len(failures) and path:
        write_file(path, partial(write_csv, failures))
        terminal.say(f"Table of failures: {path}")


def _describe_contributions(explained: Any, path: Path) -> str:
    """Return a sentence on the table of contributions."""
    if not len(explained):
        return f"{path} has no rows: only the answer of a late fusion is a sum over modalities."
    return f"What each modality adds to the answers of {explained['sample_id'].nunique()} samples, in log-odds: {path}"
