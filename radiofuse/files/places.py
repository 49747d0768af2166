"""Where a store lies: a folder or a URL, decided in one place, and what of it belongs to this machine."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import TypeAlias

from radiofuse.errors import RequestError
from radiofuse.files.objects import ObjectPath
from radiofuse.files.paths import with_home

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_COLLAPSED = re.compile(r"(s3|gs|memory|file):/")  # what pathlib, or a slip, leaves of a URL

log = logging.getLogger(__name__)

Place: TypeAlias = Path | ObjectPath


def place_of(place: str | Path | ObjectPath) -> Place:
    """Return a folder's path, or that of an object store where a text is a URL.

    Raises
    ------
    RequestError
        If the URL cannot be used.

    Examples
    --------
    >>> place_of("feature_store").name, place_of("file:///data/store").name, str(place_of("memory://trial/"))
    ('feature_store', 'store', 'memory://trial')
    """
    if isinstance(place, ObjectPath):
        return place
    if isinstance(place, Path):
        if _COLLAPSED.match(str(place)):
            raise RequestError(f"{place} was a URL before it became a Path, which drops a slash. Hand it over as text.")
        return place
    found = _URL.fullmatch(place)
    if found is None and _COLLAPSED.match(place.strip()):
        raise RequestError(f"{place!r} is neither a folder nor a URL, as s3://bucket/store. Correct it.")
    if found is None:
        return Path(with_home(place))
    return Path("/" + found[2].lstrip("/")) if found[1] == "file" else ObjectPath(place)


def from_anywhere(place: str | Path | ObjectPath) -> str:
    """Return how a process in another working folder names a place: by its absolute path, or its URL as it is."""
    there = place_of(place)
    return str(there.absolute() if isinstance(there, Path) else there)


def on_this_machine(place: Place) -> Path:
    """Return the folder for what only this machine can use: the place itself, or for a URL a folder of the user's.

    That lies in the folder that ``RADIOFUSE_CACHE`` names, else in ``~/.cache/radiofuse``, and may be deleted. It is
    made for its owner alone, who is told of it: what patients' images gave lies there.

    Raises
    ------
    RequestError
        If it cannot be made, or is another account's.

    Examples
    --------
    >>> from pathlib import Path
    >>> on_this_machine(Path("feature_store")).name, on_this_machine(ObjectPath("memory://trial")).name
    ('feature_store', 'trial-2f3facf840b6')
    """
    if isinstance(place, Path):
        return place
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    of_all = Path(with_home(os.environ.get("RADIOFUSE_CACHE") or "") or Path(caches) / "radiofuse")
    folder = of_all / f"{place.name}-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        _make_private(folder, place)
    _keep_private(folder)
    return folder


def _make_private(folder: Path, place: ObjectPath) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        if folder.is_dir():  # another process was quicker
            return
        raise RequestError(
            f"{folder}, for what this machine keeps of {place}, cannot be made ({error.strerror}). Name another "
            "folder with the variable RADIOFUSE_CACHE."
        ) from error
    log.warning(
        "This machine keeps copies of what lies in %s, patients' features and images, in %s, which only this account "
        "may read. radiofuse store gc with this store removes copies, and the folder may be deleted.",
        place,
        folder,
    )


def _keep_private(folder: Path) -> None:
    """Shut a folder that an earlier version left open; what another account may have put there is not read."""
    told = folder.stat()
    if os.name == "nt":  # rights of another kind; a home folder there is its owner's alone
        return
    if told.st_uid != os.getuid():
        raise RequestError(
            f"{folder}, for copies of patients' data, belongs to another account. Name a folder of your own with the "
            "variable RADIOFUSE_CACHE."
        )
    if told.st_mode & 0o077:
        folder.chmod(0o700)


def move(source: Place, target: Place) -> None:
    """Give a file another name in the same folder or object store; what bore it is replaced."""
    if isinstance(source, ObjectPath) and isinstance(target, ObjectPath):
        source.replace(target)
    else:
        Path(str(source)).replace(str(target))
