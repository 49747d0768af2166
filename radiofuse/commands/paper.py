"""``radiofuse paper``: what a manuscript needs of a run or of a selection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def paper(
    run: Annotated[Path, typer.Argument(metavar="OUT", help="The output folder of a run or of `select`, or a bundle.")],
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write; default: paper, or NAME_paper of a bundle NAME, beside it."),
    ] = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write methods with references, tables and figures of a run or selection as files; print the folder."""
    from radiofuse.report import write_paper

    print(write_paper(run, out, overwrite=overwrite))
