"""``radiofuse schema``: the JSON Schema of a recipe, so that an editor completes and checks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import is_stream, require_file, starts_with

app = terminal.command_app(__doc__)


@app.command()
@terminal.answers
def main(
    out: Annotated[Path, typer.Option(help="The file to write; - is the screen.")] = Path("-"),
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the JSON Schema of a recipe.

    An editor that knows TOML completes keys from it when the recipe begins with `#:schema recipe.schema.json`.
    """
    from radiofuse.experiment.recipe.schema import DIALECT, recipe_schema

    require_file(out, "--out", ours=starts_with(f"{{\n  $schema: {DIALECT}"), overwrite=overwrite)
    text = json.dumps(recipe_schema(), indent=2) + "\n"
    write_file(out, lambda file: file.write(text.encode()))
    if not is_stream(out):
        print(f"Schema of recipes: {out}")
