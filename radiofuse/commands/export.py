"""``radiofuse export``: the late fusion of a bundle as a graph of ONNX, for programs in which Python is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust
from radiofuse.files.outputs import require_file

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder, or the output folder of a run.")],
    onnx: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")],
    outcome: Annotated[str | None, typer.Option(help="Which outcome; default: the first.")] = None,
    signed_by: SignedBy = None,
    trust: Trust = None,
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the model of a bundle's main answer as ONNX, once it answers as the bundle does; needs the extra onnx."""
    with terminal.quick_imports():
        from radiofuse.bundle.load import load_bundle
        from radiofuse.bundle.onnx_export import export_onnx

    require_file(onnx, "--onnx", [], ours=lambda path: False, overwrite=overwrite)
    with terminal.warnings_as_sentences():
        difference, left_out = export_onnx(
            load_bundle(bundle, signers=signed_by, trust=trust or ()), onnx, outcome=outcome
        )
    for sentence in left_out:
        terminal.say(sentence)
    terminal.say(f"On made-up rows it answers as the bundle does, to within {difference:.1g}.")
    print(onnx)
