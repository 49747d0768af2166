"""``radiofuse predict``: a bundle and new patients in, probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from radiofuse.commands import terminal
from radiofuse.commands.further_outputs import FurtherOutputs
from radiofuse.commands.maps import DropoutPasses, MapClass, MapKinds, Maps, MapsWanted
from radiofuse.commands.naming import Key, Naming, Pseudonymize
from radiofuse.commands.one_patient import predict_one
from radiofuse.commands.other_cohort import ModalityPattern, Participants
from radiofuse.commands.predict_table import TableOutputs, predict_table
from radiofuse.commands.region_masks import Masks, MasksWanted
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust
from radiofuse.errors import RequestError

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    cohort: Annotated[Path | None, typer.Argument(help="The table of new patients.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where the answers go, a CSV file or answers.json (of --patient a JSON file); - is the screen."
        ),
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
    masks: Masks = None,
    signed_by: SignedBy = None,
    key: Key = None,
    pseudonymize: Pseudonymize = None,
    trust: Trust = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes for the extraction.")] = 1,
    store: terminal.Store = terminal.STORE,
    retry_failed: terminal.RetryFailed = False,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Apply a bundle to new patients: images in, probabilities out."""
    with terminal.quick_imports():
        from radiofuse.bundle.other_cohort import OtherCohort

    maps_wanted = MapsWanted.of(maps, map_kinds, map_class, dropout_passes)
    further = FurtherOutputs(maps_wanted, None if masks is None else MasksWanted(masks), dropout_passes)
    written = OtherCohort(participants, modality_pattern)
    options: dict[str, Any] = {
        "n_jobs": jobs,
        "retry_failed": retry_failed,
        "signers": signed_by,
        "naming": Naming(key, pseudonymize),
        "trust": trust or (),
    }
    if patient is not None and cohort is None:
        if contributions is not None:
            raise RequestError("--contributions goes with a table; the answer of --patient holds them. Leave it out.")
        options |= {"store": store, "overwrite": overwrite}
        is_answered = predict_one(bundle, patient, out, layout, written, further, **options)
    elif cohort is None or patient is not None:
        raise RequestError("Give the table of new patients, or --patient and the folder of one, and not both.")
    else:
        outputs = _of_table(out, layout, contributions, store, further, overwrite=overwrite)
        is_answered = predict_table(bundle, cohort, written, outputs, **options)
    raise typer.Exit(terminal.DONE if is_answered else terminal.INPUT)


def _of_table(
    out: Path | None,
    layout: str,
    contributions: Path | None,
    store: str,
    further: FurtherOutputs,
    *,
    overwrite: bool,
) -> TableOutputs:
    """Return where the answers of a table go; refuse options that go with one patient."""
    if out is None:
        raise RequestError("--out is missing: name the CSV file for the probabilities, or - for the screen.")
    if layout != "auto":
        raise RequestError("--layout goes with --patient: a table names its images itself. Leave it out.")
    return TableOutputs(out, contributions, store, further, overwrite)
