"""``radiofuse share``: a bundle for handing on, without a table that has a row per patient."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust

if TYPE_CHECKING:
    from radiofuse.bundle.load import Bundle

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    out: Annotated[Path, typer.Option(help="Folder of the bundle for handing on.")],
    key: Annotated[
        Path, typer.Option(metavar="FILE", help="Your key, which you keep; a new one is made where there is no file.")
    ],
    signed_by: SignedBy = None,
    trust: Trust = None,
) -> None:
    """Write a bundle for handing on: the same models and scores, training patients as keyed hashes."""
    with terminal.quick_imports():
        from radiofuse.bundle.load import load_bundle
        from radiofuse.bundle.verify import check_target

    check_target(out)
    with terminal.warnings_as_sentences():
        print(share(load_bundle(bundle, signers=signed_by, trust=trust or ()), out, key, apart_from=[out, bundle]))


def share(loaded: Bundle, out: Path, key: Path, *, apart_from: Sequence[Path]) -> Path:
    """Write a bundle for handing on, with a new key where there is none, and say what stays in it."""
    from radiofuse.bundle.share import share_bundle
    from radiofuse.patients.pseudonyms import read_pseudonyms

    with ExitStack() as undo:
        if not key.exists():  # a key of a bundle that was refused is of no use
            undo.callback(key.unlink, missing_ok=True)
        pseudonyms = read_pseudonyms(key, make=True, apart_from=apart_from)
        written = share_bundle(loaded, out, pseudonyms)
        undo.pop_all()
    terminal.say(
        "It has no table with a row per patient, and cells of fewer than ten patients are empty. The lowest and the "
        "highest number of each column stay, and what trees split at: in a small cohort they may tell of one patient. "
        f"Keep {key}: with it `radiofuse predict --key` tells training patients, without it nobody can. It is not in "
        "the bundle."
    )
    return written
