"""What may be written: decided in one place, before any work begins."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from radiofuse.errors import RequestError


def is_stream(path: Path) -> bool:
    """Return whether a path is a device or a pipe, which is written through and never replaced.

    >>> is_stream(Path("/dev/null"))
    True
    """
    return path.exists() and not path.is_file() and not path.is_dir()


def require_file(path: Path, option: str, inputs: Iterable[Path | None] = ()) -> None:
    """Refuse an output that is a folder, cannot be made, or is one of the inputs.

    Parameters
    ----------
    path : Path
        Where a file shall be written.
    option : str
        What the user wrote before it, as ``--out``.
    inputs : iterable of Path
        Files that are read; None stands for one not given.

    Raises
    ------
    RequestError
        With one sentence that names the option.

    Examples
    --------
    >>> require_file(Path("."), "--out")
    Traceback (most recent call last):
    radiofuse.errors.RequestError: --out takes the name of a file; . is a folder. Name a file in it.
    """
    if path.is_dir():
        raise RequestError(f"{option} takes the name of a file; {path} is a folder. Name a file in it.")
    for source in inputs:
        if source is not None and _same(path, source):
            raise RequestError(f"{option} {path} is the input {source}, which it would replace. Name another file.")
    there = next(one for one in path.absolute().parents if one.exists())
    if not there.is_dir():
        raise RequestError(f"{option} {path} cannot be written: {there} is no folder. Choose another place.")


def require_own_tables(folder: Path, names: Iterable[str], record: str, key: str) -> None:
    """Refuse to replace files of these names in a folder where no earlier record of ours stands beside them."""
    try:
        earlier = json.loads((folder / record).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        earlier = None
    foreign = sorted(name for name in {*names, record} if (folder / name).exists())
    if foreign and not (isinstance(earlier, dict) and key in earlier):
        raise RequestError(
            f"--out {folder} already holds {', '.join(foreign)}, which no earlier selection wrote. "
            "Move it elsewhere, or name another folder."
        )


def _same(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
