"""Copies on this machine of files in an object store: several are fetched at once, and only their owner reads them.

They may be deleted at any time, also while they are read: whoever finds none fetches the file again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from radiofuse.errors import StoreError
from radiofuse.files.aside import write_aside
from radiofuse.files.objects import ObjectPath, read_together
from radiofuse.files.outputs import sha256_of
from radiofuse.files.places import Place, on_this_machine

AT_ONCE = 8  # files in flight, each held in memory until it is here
IDLE_AFTER_S = 3600.0  # a copy that was not asked for so long is no longer mapped by whoever asked
log = logging.getLogger(__name__)
_compared: dict[Path, tuple[int, int]] = {}  # in this process: bytes and time of writing of copies that were whole


def fetched(place: ObjectPath, sha256: str) -> Path:
    """Return a copy on this machine, which can be mapped into memory, of a file whose checksum is known.

    A copy is named by the checksum, so a file that was written anew is fetched anew. Its bytes are compared when it is
    fetched, and again by every process that has not seen it or finds another size or time of writing than it saw.

    Raises
    ------
    StoreError
        If what lies in the object store has another checksum, twice.
    OSError
        If it cannot be fetched, or not be kept.
    """
    copy = copy_of(place).with_name(f"{sha256[:32]}-{place.name}")
    if not _is_whole(copy, sha256):
        _keep(copy, _fetch(place, sha256))
        _compared[copy] = _seen(copy)
    with suppress(OSError):  # asked for now; the time of writing stays, since it tells of changes
        os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))
    return copy


def _is_whole(copy: Path, sha256: str) -> bool:
    try:
        seen = _seen(copy)
        if _compared.get(copy) != seen:
            if sha256_of(copy) != sha256:
                return False
            _compared[copy] = seen
    except FileNotFoundError:
        return False
    return True


def _seen(copy: Path) -> tuple[int, int]:
    told = copy.stat()
    return told.st_size, told.st_mtime_ns


def _fetch(place: ObjectPath, sha256: str) -> bytes:
    for _ in range(2):  # what was cut short or changed on its way is not so twice
        content = place.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    raise StoreError(
        f"{place} is damaged: its bytes do not match the checksum that was noted when it was written. Delete it, and "
        "run again: it is made anew."
    )


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
        told = copy.stat()
        return copy.is_file() and time.time() - max(told.st_atime, told.st_mtime) > IDLE_AFTER_S
    except FileNotFoundError:
        return False


def _keep(copy: Path, content: bytes) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(copy) as file:
        Path(file.name).chmod(0o600)
        file.write(content)
