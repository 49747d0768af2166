"""A folder of files that a later run of the same command may replace: it lists them with their SHA-256."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from radiofuse import __version__
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import UNFINISHED, own_files, require_own_tables, sha256_of


def write_own(folder: Path, files: Mapping[str, bytes], record: str, *, overwrite: bool) -> None:
    """Write files by name, and their list; files of an earlier list that are no longer written are removed.

    Raises
    ------
    RequestError
        If the folder cannot be written, or holds a file of such a name that the list does not know.
    """
    require_own_tables(folder, files, record, overwrite=overwrite)
    known = own_files(folder, record)
    _write(folder / UNFINISHED, json.dumps([*files, record]).encode())
    for name, content in files.items():
        _write(folder / name, content)
    for name, digest in known.items():  # a table of before would stand beside methods that do not know it
        path = folder / name
        if name not in files and digest is not None and path.is_file() and sha256_of(path) == digest:
            path.unlink()
    listed = {name: sha256_of(folder / name) for name in files}
    _write(folder / record, (json.dumps({"radiofuse": __version__, "files": listed}, indent=1) + "\n").encode())
    (folder / UNFINISHED).unlink()


def _write(path: Path, content: bytes) -> None:
    write_file(path, lambda file: file.write(content))
