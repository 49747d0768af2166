"""``radiofuse share``: a bundle for handing on, without a row of any patient."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal

if TYPE_CHECKING:
    from radiofuse.patients.pseudonyms import Pseudonyms

app = terminal.command_app(__doc__)

Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The key of a bundle that knows its training patients by keyed hashes: with it they are told.",
    ),
]


def pseudonyms_of(key: Path | None) -> Pseudonyms | None:
    """Return the pseudonyms of a key that was given."""
    from radiofuse.patients.pseudonyms import read_pseudonyms

    return None if key is None else read_pseudonyms(key)


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle for handing on.")],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Your key, which you keep; a new one is made where there is no file.")
    ],
) -> None:
    """Write a bundle for handing on: the same models and scores, training patients as keyed hashes."""
    with terminal.quick_imports():
        from radiofuse.bundle.card import TRUST
        from radiofuse.bundle.load import load_bundle
        from radiofuse.bundle.share import share_bundle
        from radiofuse.bundle.verify import check_target
        from radiofuse.patients.pseudonyms import read_pseudonyms

    check_target(out)
    terminal.say(TRUST)
    pseudonyms = read_pseudonyms(key, make=True, apart_from=[out, bundle])
    with terminal.warnings_as_sentences():
        loaded = load_bundle(bundle, pseudonyms=pseudonyms)
        written = share_bundle(loaded, out, pseudonyms)
    terminal.say(
        f"It has no row of a patient. Keep {key}: with it `radiofuse predict --key` tells training patients, without "
        "it nobody can. It is not in the bundle."
    )
    print(written)
