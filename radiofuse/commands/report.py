"""``python -m radiofuse.report``: write a bundle's report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands.terminal import Overwrite, answers, command_app
from radiofuse.files.outputs import is_page, is_stream, require_file
from radiofuse.report import write_report

app = command_app("Write the HTML report of a bundle: scores, curves, features and weights in one file.")


@app.command()
@answers
def report(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write, - is the screen. Default: report.html beside the bundle.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write the HTML report of a bundle whose files are as they were written, and print its path."""
    from radiofuse.bundle.verify import find_bundle, verify_bundle

    folder = find_bundle(bundle)
    verify_bundle(folder)
    out = out or folder.resolve().parent / "report.html"
    require_file(out, "The report", ours=is_page, overwrite=overwrite)
    written = write_report(folder, out, overwrite=overwrite)
    if not is_stream(out):
        print(written)
