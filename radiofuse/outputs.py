"""What may be written: decided in one place, before any work begins."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from radiofuse.errors import RequestError

OTHERWISE = "Move it, name another file, or pass --overwrite."
_STDOUT = re.compile(r"-|/dev/stdout|(/dev|/proc/self)/fd/1")
_DESCRIPTOR = re.compile(r"/dev/std\w+|(/dev|/proc/\w+)/fd/\d+")
_IN_A_BUNDLE = ("bundle.json", "checksums.json")


def is_stdout(path: Path) -> bool:
    """Return whether a path stands for the standard output: ``-``, or its name under ``/dev``.

    >>> is_stdout(Path("-"))
    True
    """
    return _STDOUT.fullmatch(str(path)) is not None


def is_stream(path: Path) -> bool:
    """Return whether a path is written through and never replaced: a device, a pipe or an open file.

    >>> is_stream(Path("/dev/null"))
    True
    """
    if is_stdout(path) or _DESCRIPTOR.fullmatch(str(path)):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def starts_with(start: str) -> Callable[[Path], bool]:
    """Return a test of files: whether one begins with a text, as the header of a table of ours."""
    head = start.encode()

    def begins(path: Path) -> bool:
        with path.open("rb") as file:
            return file.read(len(head)) == head

    return begins


is_failures = starts_with("sample_id,modality,code,message")


def is_page(path: Path) -> bool:
    """Return whether a file is a report of ours, which says so in its head."""
    with path.open("rb") as file:
        return b'<meta name="generator" content="radiofuse">' in file.read(1000)


def require_file(
    path: Path,
    option: str,
    inputs: Iterable[Path | None] = (),
    *,
    ours: Callable[[Path], bool] = lambda path: False,
    overwrite: bool = False,
) -> None:
    """Refuse an output that is a folder, cannot be made, is an input, or would replace what is not ours.

    Parameters
    ----------
    path : Path
        Where a file shall be written; ``-`` is the standard output.
    option : str
        What the user wrote before it, as ``--out``.
    inputs : iterable of Path
        Files that are read; None stands for one not given.
    ours : callable
        Whether a file that is there already is one that an earlier run wrote. Left out, none is.
    overwrite : bool, default=False
        Whether the user allows to replace any file but an input.

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
    if is_stream(path):
        return
    if path.is_dir():
        raise RequestError(f"{option} takes the name of a file; {path} is a folder. Name a file in it.")
    _require_place(path.absolute().parent, option, path)
    if not path.exists():
        return
    refuse_inputs(path, option, inputs)
    if not overwrite and not _read_by(ours, path):
        raise RequestError(f"{option} {path} exists, and this command did not write it. {OTHERWISE}")


def require_folder(path: Path, option: str) -> None:
    """Refuse a folder for output that cannot be made or written, or lies in a bundle."""
    _require_place(path.absolute(), option, path)


def refuse_inputs(path: Path, option: str, inputs: Iterable[Path | None]) -> None:
    """Refuse an output that is one of the inputs, under whatever name."""
    for source in inputs:
        if source is not None and source.exists() and path.exists() and path.samefile(source):
            raise RequestError(f"{option} {path} is the input {source}, which it would replace. Name another file.")


def _require_place(folder: Path, option: str, path: Path) -> None:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        reason = f"{there} may not be written to" if there.is_dir() else f"{there} is no folder"
        raise RequestError(f"{option} cannot be written to {path}: {reason}. Choose another place.")
    for parent in (there.resolve(), *there.resolve().parents):
        if all((parent / name).is_file() for name in _IN_A_BUNDLE):
            raise RequestError(
                f"{option} {path} lies inside the bundle {parent}: a bundle with a file that is not its own is "
                "refused ever after. Choose another place."
            )


def _read_by(ours: Callable[[Path], bool], path: Path) -> bool:
    try:
        return ours(path)
    except (OSError, ValueError):  # unreadable: not written by us
        return False


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
