"""``radiofuse init``: the recipes that come along, as files to run and to change."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_folder

app = terminal.command_app(__doc__)

FIRST = "demo.toml"  # needs no data


def shipped_recipes() -> list[Path]:
    """Return the recipes that come along: in the package of a wheel, beside it in a clone.

    Examples
    --------
    >>> "demo.toml" in [path.name for path in shipped_recipes()]
    True
    """
    package = Path(__file__).parents[1]
    inside = sorted((package / "pipelines").glob("*.toml"))
    return inside or sorted((package.parent / "pipelines").glob("*.toml"))


def write_recipes(folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the recipes that come along into a folder.

    Parameters
    ----------
    folder : Path
        Made if absent.
    overwrite : bool, default=False
        Whether files of the same names that hold something else may be replaced.

    Returns
    -------
    list of Path
        One path per recipe; a file that is there already as it came along is left as it is.

    Raises
    ------
    RequestError
        If a file would be replaced; then none is written.
    """
    require_folder(folder, "FOLDER")
    targets = {folder / source.name: source.read_bytes() for source in shipped_recipes()}
    changed = [path for path, content in targets.items() if path.exists() and not _holds(path, content)]
    if any(path.is_dir() for path in changed) or (changed and not overwrite):
        names = ", ".join(path.name for path in changed)
        raise RequestError(
            f"{folder} holds {names} with other content than the recipe that comes along. "
            "Name another folder, or pass --overwrite to replace files."
        )
    for path, content in targets.items():
        if not _holds(path, content):
            write_file(path, lambda file, content=content: file.write(content))
    return list(targets)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


@app.command()
@terminal.answers
def main(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if absent.")] = Path("pipelines"),
    overwrite: terminal.Overwrite = False,
) -> None:
    """Write the recipes that come along into a folder, to run and to change."""
    for path in write_recipes(folder, overwrite=overwrite):
        print(path)
    terminal.say(
        f"Next: python -m radiofuse.run {shlex.quote(str(folder / FIRST))}    (a generated cohort, no data needed)"
    )
