"""Where a path that somebody wrote leads: home folders, paths of Windows, and where a missing file was looked for."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from radiofuse.files.stand_ins import describe_dangling

HERE = "the folder you are in"
_URL = re.compile(r"(s3|gs|az|https?|ftp|file|memory):/{1,2}(?=[^/])(.+)", re.DOTALL)
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def with_home(text: str) -> str:
    """Return a path with ``~`` at its beginning replaced by the home folder; one of an unknown user stays."""
    return str(Path(text).expanduser()) if _expands(text) else text


def _expands(text: str) -> bool:
    if not text.startswith("~"):
        return False
    try:
        Path(text).expanduser()
    except RuntimeError:  # no such user
        return False
    return True


def in_form_on_disk(text: str, folder: str) -> str:
    """Return a path in the Unicode form that a file there has: macOS takes letters apart that others keep whole.

    Parameters
    ----------
    text : str
        As it was written.
    folder : str
        What it starts from if it is not absolute.
    """
    forms = (text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")))
    return next((form for form in forms if Path(folder, form).exists()), text)


def is_of_windows(text: str) -> bool:
    """Say whether a path is one of Windows and this system is another.

    >>> is_of_windows(r"C:\\scans\\t1.nii.gz"), is_of_windows(r"\\\\server\\share"), is_of_windows("a/b.nii")
    (True, True, False)
    """
    return os.name != "nt" and _WINDOWS.match(text) is not None


def describe_absent(path: Path, what: str, relative_to: str = HERE) -> str:
    """Return a sentence on a path that names nothing: where it was looked for, and what may be wrong with it.

    Parameters
    ----------
    path : Path
        As it was written.
    what : str
        "table", "recipe".
    relative_to : str
        What a path that is not absolute starts from, in words.

    Examples
    --------
    >>> describe_absent(Path("/gone/a.csv"), "table")
    'There is no table at /gone/a.csv. Correct the path.'
    """
    if told := describe_dangling(path):
        return told
    if found := _URL.match(str(path)):  # a Path has dropped one slash
        return (
            f"{found[1]}://{found[2]} is a URL, and only a store may lie at one. Copy the {what} and the images it "
            "names to this machine, or mount the bucket, and write the path."
        )
    if is_of_windows(str(path)):
        return f"{path} is a path of Windows, which this system does not know; write where it is mounted here, with /."
    if str(path).startswith("~"):
        return f"There is no {what} at {path}: the shell left the ~ as it is. Write {with_home(str(path))}."
    if path.is_absolute():
        return f"There is no {what} at {path}. Correct the path."
    return f"There is no {what} at {path.absolute()} ({path} was taken relative to {relative_to}). Correct the path."
