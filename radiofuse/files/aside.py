"""Files that appear whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from radiofuse.errors import RequestError
from radiofuse.files.objects import ObjectPath
from radiofuse.files.outputs import is_stdout, is_stream


@contextmanager
def write_aside(path: Path | ObjectPath) -> Iterator[BinaryIO]:
    """Yield a file that takes the name ``path`` once the block ends without an exception.

    The temporary file lies in the same folder, ``.<uuid>.tmp``; bytes and folder are synced, so the
    file survives a loss of power too. A link is followed. Devices and pipes are written through; ``-`` is
    the standard output. On any exception the temporary file is removed. To an object store all is sent at the end.
    """
    with _writer(path)(path) as file:
        yield file


def _writer(path: Path | ObjectPath) -> Callable[[Any], AbstractContextManager[BinaryIO]]:
    if isinstance(path, ObjectPath):
        return _sent_at_the_end
    if is_stdout(path):
        return _to_stdout
    return _written_through if is_stream(path) else _renamed_at_the_end


@contextmanager
def _sent_at_the_end(path: ObjectPath) -> Iterator[BinaryIO]:
    held = BytesIO()
    yield held
    path.write_bytes(held.getvalue())


@contextmanager
def _to_stdout(_: Path) -> Iterator[BinaryIO]:
    sys.stdout.flush()  # what was printed before comes before
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def _written_through(path: Path) -> Iterator[BinaryIO]:
    with path.open("ab") as file:  # a rename would put a file in the place of the device
        yield file


@contextmanager
def _renamed_at_the_end(path: Path) -> Iterator[BinaryIO]:
    if path.is_symlink():  # what it leads to is replaced, and the link stays
        path = Path(os.path.realpath(path))
    aside = path.with_name(f".{uuid4().hex}.tmp")
    try:
        with aside.open("wb") as file:
            with suppress(OSError):  # who may read a file that is replaced may read the new one, and nobody else
                aside.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            aside.unlink(missing_ok=True)
        raise


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a file that then takes the name ``path``, in folders made for it: never half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as file:
            write(file)
    except BrokenPipeError:  # of `--out - | head`, which has read enough
        raise
    except OSError as error:
        reason = f"{path.parent} is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise RequestError(f"{path} cannot be written: {reason}. Choose another place.") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network folders refuse; the file itself is synced and in its place
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
