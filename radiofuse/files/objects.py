"""Files of an object store by their URL, with those methods of a path that the feature store asks for.

An object store shows an upload once it is complete, so nothing is written aside and renamed there. Folders are the
beginnings of names, and are neither made nor removed.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import total_ordering
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from radiofuse.errors import RequestError, StoreError

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "memory": "fsspec"}  # what fsspec needs for each scheme
# What libraries of object stores raise beside errors of the operating system and, of an endpoint that is no URL,
# ValueError; looked up in those that are loaded.
_RAISED = {
    "botocore.exceptions": ("BotoCoreError", "ClientError"),
    "aiohttp": ("ClientError",),
    "gcsfs.retry": ("HttpError",),
    "google.auth.exceptions": ("GoogleAuthError",),
}


class ObjectStoreError(StoreError, OSError):
    """An object store did not answer, or answered that it will not."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be used ({self.strerror}). {remedy(self).capitalize()}."


@total_ordering
class ObjectPath:
    """A file of an object store, or all that begins with its name.

    Parameters
    ----------
    url : str
        ``s3://bucket/…``, ``gs://bucket/…``, or ``memory://…``, which ends with the process.

    Raises
    ------
    RequestError
        If the URL has another scheme, names no bucket, or the extra ``cloud`` is not installed.

    Examples
    --------
    >>> place = ObjectPath("memory://trial") / "blocks" / "block.json"
    >>> place.write_bytes(b"{}")
    >>> str(place), place.is_file(), [path.name for path in ObjectPath("memory://trial").glob("*/*.json")]
    ('memory://trial/blocks/block.json', True, ['block.json'])
    """

    def __init__(self, url: str) -> None:
        scheme, _, rest = url.partition("://")
        self.scheme, self._parts = scheme, tuple(part for part in rest.split("/") if part)
        _require_usable(url, scheme, self._parts)

    def __str__(self) -> str:
        return f"{self.scheme}://{'/'.join(self._parts)}"

    def __repr__(self) -> str:
        return f"ObjectPath({str(self)!r})"

    def __hash__(self) -> int:
        return hash(str(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and str(self) == str(other)

    def __lt__(self, other: ObjectPath) -> bool:
        return self._parts < other._parts

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(f"{self}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self._parts[-1]

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return Path(self.name).stem

    @property
    def parent(self) -> ObjectPath:
        """What the name lies in."""
        return ObjectPath(f"{self.scheme}://{'/'.join(self._parts[:-1])}")

    def with_name(self, name: str) -> ObjectPath:
        """Return another name beside this one."""
        return self.parent / name

    def exists(self) -> bool:
        """Return whether there is such a file, or one whose name begins so."""
        return self._kind() is not None

    def is_file(self) -> bool:
        """Return whether there is such a file."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Return whether there are files in it."""
        return self._kind() == "directory"

    def iterdir(self) -> Iterator[ObjectPath]:
        """Yield what lies in it.

        Raises
        ------
        FileNotFoundError
            If nothing does.
        """
        with _one_kind_of_error(self):
            listed = self._files.ls(self._key, detail=False)
        names = [str(path).rstrip("/").rpartition("/")[2] for path in listed]
        yield from (self / name for name in sorted({*names} - {self.name, ""}))

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        """Yield what fits a pattern, part by part; nothing where there is no such folder."""
        first, _, rest = pattern.partition("/")
        try:
            fitting = [path for path in self.iterdir() if fnmatchcase(path.name, first)]
        except FileNotFoundError:
            return
        for path in fitting:
            if rest:
                yield from path.glob(rest)
            else:
                yield path

    def read_bytes(self) -> bytes:
        """Return all bytes.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        """
        with _one_kind_of_error(self):
            return bytes(self._files.cat_file(self._key))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return all text."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: Literal["rb"] = "rb") -> BytesIO:
        """Return a file of all bytes, fetched at once."""
        return BytesIO(self.read_bytes())

    def write_bytes(self, content: bytes) -> None:
        """Write a file: others see all of it or nothing."""
        try:
            with _one_kind_of_error(self):
                self._files.pipe_file(self._key, content)
        except FileNotFoundError as error:
            raise ObjectStoreError(errno.ENOENT, f"there is no bucket {self._parts[0]}", str(self)) from error

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        try:
            with _one_kind_of_error(self):
                self._files.rm_file(self._key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def replace(self, target: ObjectPath) -> None:
        """Move the file: copied, then removed, so that a crash between the two leaves it twice and never none."""
        with _one_kind_of_error(self):
            self._files.cp_file(self._key, target._key)
        self.unlink(missing_ok=True)

    def mkdir(self, **options: Any) -> None:
        """Do nothing: names need no folder."""

    def _kind(self) -> str | None:
        try:
            with _one_kind_of_error(self):
                return str(self._files.info(self._key)["type"])
        except FileNotFoundError:
            return None

    @property
    def _key(self) -> str:
        return f"/{'/'.join(self._parts)}" if self.scheme == "memory" else "/".join(self._parts)

    @property
    def _files(self) -> Any:
        """What speaks to the store: looked up anew, since it stays in the process that made it; fsspec keeps one."""
        import fsspec

        return fsspec.filesystem(self.scheme, use_listings_cache=False)  # others write at the same time


def read_together(paths: Sequence[ObjectPath]) -> list[tuple[ObjectPath, bytes]]:
    """Read files of one object store at the same time; those that cannot be read are left out."""
    if not paths:
        return []
    try:
        with _one_kind_of_error(paths[0]):
            told = paths[0]._files.cat_ranges([path._key for path in paths], None, None, on_error="return")
    except OSError:  # whoever reads them one by one is told
        return []
    return [(path, bytes(content)) for path, content in zip(paths, told, strict=True) if isinstance(content, bytes)]


def remedy(error: OSError) -> str:
    """Return what to do about a place that refused, without the first letter's capital."""
    if isinstance(error, ObjectStoreError):
        return "check its address, the credentials and the network"
    return "make room, check the rights, or name another folder"


def _require_usable(url: str, scheme: str, parts: tuple[str, ...]) -> None:
    if scheme not in LIBRARIES:
        raise RequestError(f"{url} begins with {scheme}://; a folder, s3://… or gs://… was expected. Correct it.")
    if not parts or ".." in parts:
        raise RequestError(f"{url} was expected to name a bucket and a folder in it, as {scheme}://bucket/store.")
    if parts[0] != "".join(parts[0].split()):
        raise RequestError(f"{url!r} names a bucket with a space in it, and no bucket has one. Correct it.")
    lacking = [name for name in ("fsspec", LIBRARIES[scheme]) if find_spec(name) is None]
    if lacking:
        what = "'gcsfs'" if lacking == ["gcsfs"] else "'radiofuse[cloud]'"
        raise RequestError(f"{url} needs {' and '.join(dict.fromkeys(lacking))}; install with: pip install {what}.")


@contextmanager
def _one_kind_of_error(path: ObjectPath) -> Iterator[None]:
    """Turn whatever a library says into an error of the operating system; what is not there stays that."""
    try:
        yield
    except FileNotFoundError:
        raise
    except _raised() as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ObjectStoreError(errno.EIO, " ".join(reason.split()).rstrip("."), str(path)) from error


def _raised() -> tuple[type[Exception], ...]:
    loaded = [(sys.modules[name], classes) for name, classes in _RAISED.items() if name in sys.modules]
    return (OSError, ValueError, *(getattr(module, one) for module, classes in loaded for one in classes))
