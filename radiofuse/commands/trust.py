"""The option by which one says what of a bundle may run."""

from __future__ import annotations

from typing import Annotated

import typer

Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="NAME",
        help="What of the bundle may run that is not radiofuse's, as its refusal names it: package.module:Class, "
        "joblib, brain_command, torchscript. Once for each.",
    ),
]
