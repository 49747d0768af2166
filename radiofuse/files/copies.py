"""Copies on this machine of files in an object store: several are fetched at once, and only their owner reads them.

They may be deleted at any time, also while they are read: whoever finds none fetches the file again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from radiofuse.files.objects import ObjectPath, read_together
from radiofuse.files.places import Place, on_this_machine

AT_ONCE = 8  # files in flight, each held in memory until it is here
IDLE_AFTER_S = 3600.0  # a copy that was not asked for so long is no longer mapped by whoever asked
log = logging.getLogger(__name__)


def fetched(place: Place) -> Path:
    """Return a file that can be mapped into memory: itself, or a copy on this machine of one in an object store.

    A copy is named by the content that the store tells of the file, so a file that was written anew is fetched anew.
    """
    if isinstance(place, Path):
        return place
    copy = copy_of(place).with_name(f"{place.content_tag()}-{place.name}")
    try:
        os.utime(copy)
    except FileNotFoundError:
        _keep(copy, place.read_bytes())
    return copy


def fetched_ahead(places: Sequence[Place]) -> Iterator[Place]:
    """Yield files in order, those of an object store once they were fetched, several at once.

    For files whose name is that of their content: `copy_of` says where the copy lies. One that could not be fetched
    or kept has no copy.
    """
    for start in range(0, len(places), AT_ONCE):
        group = places[start : start + AT_ONCE]
        lacking = [path for path in group if isinstance(path, ObjectPath) and not copy_of(path).is_file()]
        for path, content in read_together(lacking):
            try:
                _keep(copy_of(path), content)
            except OSError as error:
                log.info("No copy of %s is kept (%s).", path, error.strerror)
        yield from group


def copy_of(place: ObjectPath) -> Path:
    """Return where the copy lies of a file of a store, ``<store>/<what>/<block>/<name>``."""
    block = place.parent
    return _folder_of(block.parent.parent) / block.parent.name / block.name / place.name


def drop_copies(folder: Place, but: Collection[str] = ()) -> None:
    """Delete the copies of files in one folder of a store, but for some names."""
    if isinstance(folder, ObjectPath):
        for copy in copy_of(folder / "any").parent.glob("*"):
            if copy.name not in but and not copy.name.startswith("."):
                with suppress(OSError):  # somebody else's
                    copy.unlink()


def drop_idle_copies(root: Place) -> int:
    """Delete the copies of a store's files for which nobody asked lately; return how many."""
    if isinstance(root, Path):
        return 0
    idle = [copy for copy in _folder_of(root).rglob("*") if _is_idle(copy)]
    for copy in idle:
        copy.unlink(missing_ok=True)
    return len(idle)


def _folder_of(root: ObjectPath) -> Path:
    return on_this_machine(root) / "copies"


def _is_idle(copy: Path) -> bool:
    try:
        return copy.is_file() and time.time() - copy.stat().st_mtime > IDLE_AFTER_S
    except FileNotFoundError:
        return False


def _keep(copy: Path, content: bytes) -> None:
    aside = copy.with_name(f".{uuid4().hex}.tmp")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        aside.replace(copy)
    except OSError:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
