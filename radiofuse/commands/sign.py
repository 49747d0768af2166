"""``radiofuse sign``: a bundle signed with a key of OpenSSH, so that others can tell who made it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal

app = terminal.command_app(__doc__)

SignedBy = Annotated[
    Path | None,
    typer.Option(
        "--signed-by",
        metavar="FILE",
        help="Refuse a bundle that no key in this file signed (allowed_signers of ssh-keygen: NAME KEYTYPE KEY).",
    ),
]


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    key: Annotated[Path, typer.Option(metavar="KEYFILE", help="A private key of OpenSSH, as ssh-keygen makes one.")],
) -> None:
    """Sign a bundle's list of checksums, and with it every file of the bundle; print where the signature is."""
    with terminal.quick_imports():
        from radiofuse.bundle.signature import sign_bundle

    print(sign_bundle(bundle, key))
