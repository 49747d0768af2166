"""``radiofuse report patient BUNDLE PATIENT``: one patient's answer as a page for a doctor or for the patient."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.naming import Key, Naming, Pseudonymize
from radiofuse.commands.one_patient import refuse_inside
from radiofuse.commands.other_cohort import ModalityPattern, Participants
from radiofuse.commands.rewriting import Writer
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust
from radiofuse.errors import RequestError
from radiofuse.files.outputs import is_page, is_stream, require_file, require_folder, sha256_of
from radiofuse.wording import listed

if TYPE_CHECKING:
    from radiofuse.bundle.load import Bundle
    from radiofuse.bundle.one_patient import PatientFolder
    from radiofuse.bundle.patient_view import PatientView

READERS = ("doctor", "patient")


@terminal.answers
def patient(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    folder: Annotated[
        Path, typer.Argument(metavar="PATIENT", help="The folder of one patient's images, as of predict --patient.")
    ],
    reader: Annotated[str, typer.Option("--for", help="doctor or patient: wording and detail, the same values.")] = (
        "doctor"
    ),
    out: Annotated[
        Path | None,
        typer.Option(help="The page to write, - is the screen. Default: SAMPLE_doctor.html or SAMPLE_patient.html."),
    ] = None,
    answer: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The patient's answer as predict --patient wrote it: nothing is computed."),
    ] = None,
    layout: Annotated[str, typer.Option(help="As of predict --patient.")] = "auto",
    dropout_passes: Annotated[
        int, typer.Option(min=0, help="Passes with dropout of networks, whose spread is told; 0 is none.")
    ] = 0,
    survival: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Survival of groups from publications: outcome, class, median_months (or horizon_months, survival), "
            "low, high, source.",
        ),
    ] = None,
    rewrite: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A language model that puts the answer into words beside the page's own (as https://host/v1); its "
            "key from RADIOFUSE_REWRITE_KEY. It is sent numbers and names of classes, no id and no picture.",
        ),
    ] = None,
    rewrite_model: Annotated[str | None, typer.Option(metavar="NAME", help="Of --rewrite: which model.")] = None,
    participants: Participants = None,
    modality_pattern: ModalityPattern = None,
    signed_by: SignedBy = None,
    key: Key = None,
    pseudonymize: Pseudonymize = None,
    trust: Trust = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the extraction.")] = 1,
    store: terminal.Store = terminal.STORE,
    retry_failed: terminal.RetryFailed = False,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the page of one patient: pictures to scroll through, probabilities, how far to trust them. Print its path.

    Research use only. A bundle folder that is called patient is written ./patient.
    """
    from radiofuse.bundle.one_patient import read_patient
    from radiofuse.bundle.other_cohort import OtherCohort
    from radiofuse.report import write_patient_page
    from radiofuse.report.patient.survival import rows_that_apply
    from radiofuse.tables.survival_groups import read_survival

    if reader not in READERS:
        raise RequestError(f"--for is {reader!r}; doctor or patient was expected.")
    writer, groups = Writer.of(rewrite, rewrite_model), [] if survival is None else read_survival(survival)
    _require_places(folder, out, store, answer, overwrite=overwrite)
    written, naming = OtherCohort(participants, modality_pattern), Naming(key, pseudonymize)
    with terminal.warnings_as_sentences():
        loaded = naming.load(bundle, signed_by, trust or ())
        read = read_patient(loaded, folder, layout, written)
        options: dict[str, Any] = {"n_jobs": jobs, "retry_failed": retry_failed}
        if answer is None:
            found = _computed(loaded, read, store, naming, dropout_passes, **options)
        else:
            found = _saved(loaded, read, answer, naming)
    page = out or Path(f"{_file_name(found.told['sample_id'])}_{reader}.html")
    _require_places(folder, page, store, answer, overwrite=overwrite)
    told = found.told | {"survival": rows_that_apply(found.told, groups)}
    machine = None if writer is None else writer.write(told, reader)
    options = {"reader": reader, "machine": machine, "overwrite": overwrite}
    written_to = write_patient_page(told, found.pictures, page, **options)
    if machine is not None and machine.refused:
        terminal.say(f"The text of {machine.model} is not shown: {machine.refused}")
    if not is_stream(page):
        print(written_to)
    raise typer.Exit(terminal.DONE if found.is_answered else terminal.INPUT)


def _require_places(folder: Path, out: Path | None, store: str, answer: Path | None, *, overwrite: bool) -> None:
    """Refuse outputs that may not be written, those in the patient's folder among them."""
    refuse_inside(folder, {"--store": store} | ({} if out is None else {"--out": out}))
    if out is not None:
        require_file(out, "--out", [answer], ours=is_page, overwrite=overwrite)
    require_folder(store, "--store")


def _computed(
    bundle: Bundle, read: PatientFolder, store: str, naming: Naming, passes: int, **options: Any
) -> PatientView:
    from radiofuse.bundle.naming import rows_of_patient
    from radiofuse.bundle.patient_view import view_patient

    rows, named = rows_of_patient(bundle, read, naming, store=store, progress=terminal.progress, **options)
    return view_patient(rows, named, passes=passes, progress=terminal.progress)


def _saved(bundle: Bundle, read: PatientFolder, answer: Path, naming: Naming) -> PatientView:
    from radiofuse.bundle.format import MANIFEST
    from radiofuse.bundle.patient_view import view_saved
    from radiofuse.report.patient.shape import refuse_misshapen

    if naming.pseudonymize is not None:
        raise RequestError("--pseudonymize replaces names while an answer is computed: leave --answer out.")
    told = _read_answer(answer, bundle)
    if told.get("sample_id") != read.sample_id:
        raise RequestError(
            f"--answer {answer.name} is of {told.get('sample_id')!r}, the folder of {read.sample_id!r}: pictures of "
            "the one would stand beside the answer about the other. Give answer and folder of one patient, under "
            "one name."
        )
    if told.get("manifest_sha256") != sha256_of(bundle.folder / MANIFEST):
        raise RequestError(
            f"--answer {answer.name} was given by another bundle, or by this one before it was made anew: "
            "manifest_sha256 is not that of its manifest.json. Name the bundle that gave it, or leave --answer out."
        )
    refuse_misshapen(told)
    _refuse_other_images(answer.name, told, read)
    return view_saved(bundle, read, told)


def _refuse_other_images(name: str, told: dict[str, Any], read: PatientFolder) -> None:
    """Refuse an answer about other images than those in the folder, by their bytes."""
    answered = told.get("images_sha256") or {}
    if not answered:
        raise RequestError(
            f"--answer {name} does not tell of which images it is (images_sha256). Predict anew with this version, or "
            "leave --answer out."
        )
    there = read.sha256
    other = [one for one in {**answered, **there} if answered.get(one) != there.get(one)]
    if other:
        raise RequestError(
            f"--answer {name} is about other images than those in the folder: {listed(other)}, by their bytes, or "
            "because one of the two lacks it. Name the folder that was answered, or leave --answer out."
        )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _read_answer(path: Path, bundle: Bundle) -> dict[str, Any]:
    """Return a saved answer; refuse what is none, or is of other outcomes."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"--answer {path.name} cannot be read as JSON ({error}).") from None
    own = sorted(one.name for one in bundle.outcomes)
    if not isinstance(told, dict) or not isinstance(told.get("outcomes"), dict) or sorted(told["outcomes"]) != own:
        raise RequestError(
            f"--answer {path.name} is no answer of this bundle, whose outcomes are {', '.join(own)}. Give the file "
            "that radiofuse predict BUNDLE --patient wrote."
        )
    return told


def _file_name(sample_id: str) -> str:
    """Return a sample's name as that of a file.

    >>> _file_name("../P 7")
    'P_7'
    """
    return re.sub(r"[^\w-]+", "_", sample_id).strip("_") or "patient"
