"""A file as one forward pass of bytes: hashed on the way, unpacked to its very end.

SimpleITK and nibabel stop at the last byte they need, so neither sees a wrong checksum or a
file that is too long; only a reader that goes to the end does.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from radiofuse.errors import ImageError
from radiofuse.files.stand_ins import describe_dangling

MAX_FILE_BYTES = 4 << 30  # the largest clinical volumes, uncompressed, stay below 2 GiB
READ_BYTES = 256 << 10
UNPACK_BYTES = 256 << 10  # stays in the cache until it is copied; a hostile stream too unpacks to no larger pieces
GZIP_OR_ZLIB = 32 + isal_zlib.MAX_WBITS


def file_sha256(path: str | PathLike[str]) -> str:
    """Return the SHA-256 of a file's raw bytes, as hexadecimal text.

    Parameters
    ----------
    path : str or path-like
        The file.

    Raises
    ------
    ImageError
        ``file_missing``, ``file_unreadable``, ``file_empty`` or ``file_too_large``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     written = Path(folder, "abc.nii").write_bytes(b"abc")
    ...     file_sha256(Path(folder, "abc.nii"))[:16]
    'ba7816bf8f01cfea'
    """
    try:
        with open_file(Path(path)) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:  # the disk gives up halfway
        raise _unreadable(Path(path).name, error) from None


def open_file(path: Path) -> BufferedReader:
    """Open a regular file of a sane size, or say in one sentence why not."""
    try:
        refused = _refusal(path.name, path.stat())  # before opening: a named pipe would block there
        if not refused:
            return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the path
        told = describe_dangling(path) or f"{path.name} does not exist. Correct its path in the cohort table."
        refused = ImageError("file_missing", told)
    except OSError as error:
        refused = _unreadable(path.name, error)
    raise refused


def _refusal(name: str, status: os.stat_result) -> ImageError | None:
    if stat.S_ISDIR(status.st_mode):
        return ImageError(
            "file_unreadable",
            f"{name} is a folder, one image file was expected. Convert a DICOM folder: radiofuse cohort make FOLDER "
            "--layout dicom.",
        )
    if not stat.S_ISREG(status.st_mode):
        return ImageError("file_unreadable", f"{name} is not a regular file. Name an image file.")
    if status.st_size == 0:
        return ImageError("file_empty", f"{name} has zero bytes. Copy or export it again.")
    if status.st_size > MAX_FILE_BYTES:
        return ImageError(
            "file_too_large",
            f"{name} has {status.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}. Crop or resample it.",
        )
    return None


def _unreadable(name: str, error: OSError) -> ImageError:
    return ImageError(
        "file_unreadable", f"{name} cannot be read ({error.strerror}). Check its permissions and the disk."
    )


class ByteStream:
    """Bytes that come in chunks and are taken strictly from front to back.

    Parameters
    ----------
    name : str
        What messages call the file.
    chunks : iterator of bytes
        Never an empty chunk.
    """

    def __init__(self, name: str, chunks: Iterator[bytes]):
        self.name = name
        self._chunks = chunks
        self._held = memoryview(b"")

    def peek(self, n_bytes: int) -> bytes:
        """Return the next ``n_bytes``, fewer at the end, and leave them in the stream."""
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        while len(self._held) < n_bytes and (chunk := next(self._chunks, None)):
            self._held = memoryview(bytes(self._held) + chunk)
        return bytes(self._held[:n_bytes])

    def skip(self, n_bytes: int) -> None:
        """Drop the next ``n_bytes``, or what is left."""
        while n_bytes > 0 and (part := self._take(n_bytes)):
            n_bytes -= len(part)

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` and return how many bytes there were for it."""
        filled = 0
        while filled < len(buffer) and (part := self._take(len(buffer) - filled)):
            buffer[filled : filled + len(part)] = part
            filled += len(part)
        return filled

    def unpacked(self) -> ByteStream:
        """Return the rest, decompressed (gzip or zlib), as a stream of its own."""
        return ByteStream(self.name, _inflate(self.name, self._rest()))

    def _take(self, n_bytes: int) -> memoryview:
        if not self._held:
            self._held = memoryview(next(self._chunks, b""))
        part, self._held = self._held[:n_bytes], self._held[n_bytes:]
        return part

    def _rest(self) -> Iterator[bytes]:
        if self._held:
            yield bytes(self._held)
        yield from self._chunks


class HashedFile(ByteStream):
    """A file's raw bytes; ``sha256()`` is that of the whole file once the stream is at its end."""

    def __init__(self, name: str, file: BinaryIO):
        self._digest = hashlib.sha256()
        super().__init__(name, self._read(file))

    def sha256(self) -> str:
        return self._digest.hexdigest()

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        try:
            while chunk := file.read(READ_BYTES):
                self._digest.update(chunk)
                yield chunk
        except OSError as error:
            raise _unreadable(self.name, error) from None


def _inflate(name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content of a gzip or zlib stream, member after member, to its last byte."""
    unpacker = isal_zlib.decompressobj(GZIP_OR_ZLIB)
    for chunk in chunks:
        holds_more = False  # what it has read and not given, when a piece is full
        while chunk or holds_more:
            if unpacker.eof:
                chunk = chunk.lstrip(b"\0")  # tapes and block devices pad with zeros, and gzip accepts that
                if not chunk:
                    break
                unpacker = isal_zlib.decompressobj(GZIP_OR_ZLIB)
            if part := _decompress(name, unpacker, chunk):
                yield part
            holds_more = len(part) == UNPACK_BYTES
            chunk = unpacker.unconsumed_tail or unpacker.unused_data
    if not unpacker.eof:
        raise ImageError(
            "file_truncated",
            f"{name} is cut short: its compressed stream has no end. Copy or download it again.",
        )


def _decompress(name: str, unpacker: isal_zlib.Decompress, chunk: bytes) -> bytes:
    try:
        return unpacker.decompress(chunk, UNPACK_BYTES)  # compares the checksum at a member's end
    except isal_zlib.error as error:  # type: ignore[misc]   # its stub says it is an instance
        raise ImageError(
            "file_corrupted",
            f"{name} is damaged: its compressed stream does not check out ({error}). Copy or export it again.",
        ) from None
