"""``radiofuse forms``: the reporting checklists, filled from a run's files."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal

app = terminal.command_app(__doc__)

Form = StrEnum("Form", ["clear", "metrics", "tripod_ai", "claim_2024"])


@app.command()
@terminal.answers
def forms(
    run: Annotated[Path, typer.Argument(metavar="OUT", help="The output folder of a run, or its bundle.")],
    form: Annotated[list[Form] | None, typer.Option(help="One form; repeat it. Default: all.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write; default: forms, or NAME_forms of a bundle NAME, beside it."),
    ] = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Fill CLEAR, METRICS, TRIPOD+AI and CLAIM from a run: what its files say, where, and what needs a human."""
    from radiofuse.report import write_forms

    names = [str(one) for one in form or Form]
    print(write_forms(run, out, forms=names, overwrite=overwrite))
