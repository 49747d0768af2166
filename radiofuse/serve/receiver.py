"""An upload as it comes in: every file goes to the disk piece by piece, under a name of ours, and is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from radiofuse.serve.limits import MEGABYTE, Limits
from radiofuse.serve.names import OwnNames, shown_name
from radiofuse.serve.refusal import RefusedError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

TOKEN = "token"  # noqa: S105 - the name of a field, which stands before the files
AROUND_FILES = 2_000_000  # bytes of an upload that are no file's
BROKEN_OFF = "The upload broke off or is not a whole form. Send it again."
LONGEST_FIELD, MOST_FIELDS = 1000, 10


class Receiver:
    """A form of fields and files, read as it arrives.

    Parameters
    ----------
    folder : Path
        Where the files go; it is there and empty.
    limits : Limits
    check_token : callable
        Called with the token of the form, before the first file is written; raises where it is another.

    Attributes
    ----------
    files : dict of str to str
        By our path below the folder, what the client called the file.
    n_bytes : int
        Of all files.
    """

    def __init__(self, folder: Path, limits: Limits, check_token: Callable[[str], None]) -> None:
        self.files: dict[str, str] = {}
        self.n_bytes = 0
        self._folder, self._limits, self._check = folder, limits, check_token
        self._names, self._fields, self._received = OwnNames(), 0, 0
        self._is_checked = self._is_whole = False
        self._file: BinaryIO | None = None
        self._header, self._disposition = (b"", b""), b""
        self._field: tuple[str, bytes] | None = None

    async def receive(self, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        """Read the whole form.

        Raises
        ------
        RefusedError
            If it is no form, its token is another, a limit is passed, or the disk is full.
        """
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise RefusedError(400, "An upload was expected as a form with files. Use the page of the start.")
        try:
            parser = MultipartParser(options[b"boundary"], self._callbacks())
            async for piece in pieces:
                self._count(len(piece))
                parser.write(piece)
        except FormParserError:
            raise RefusedError(400, BROKEN_OFF) from None
        except OSError as error:
            reason = error.strerror or "unknown"
            raise RefusedError(507, f"The server could not keep the files ({reason}). Tell who runs it.") from None
        finally:
            self._close()
        if not self._is_checked:
            self._check("")
        if not self._is_whole:
            raise RefusedError(400, BROKEN_OFF)

    def _count(self, n_bytes: int) -> None:
        """Count what comes, that of parts without a name too."""
        self._received += n_bytes
        if self._received > self._limits.upload_bytes + AROUND_FILES:
            raise RefusedError(413, too_large(self._limits))

    def _callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers,
            "on_part_data": self._on_data,
            "on_part_end": self._end,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        self._header, self._disposition, self._field = (b"", b""), b"", None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end], self._header[1])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end])

    def _on_header_end(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        self._header = (b"", b"")

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode(errors="replace")
        if b"filename" not in options:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise RefusedError(400, f"The form has more than {MOST_FIELDS} fields. Use the page of the start.")
            self._field = (name, b"")
        elif options[b"filename"]:  # a form in which no file was chosen has one without a name
            self._open(options[b"filename"].decode(errors="replace"))

    def _open(self, given: str) -> None:
        if not self._is_checked:
            self._check("")
        if len(self.files) == self._limits.files:
            raise RefusedError(413, f"An upload may have {self._limits.files} files. Send one patient at a time.")
        own = self._names.add(given)
        self.files[own] = shown_name(given)
        path = self._folder / own
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self.n_bytes += end - start
            if self.n_bytes > self._limits.upload_bytes:
                raise RefusedError(413, too_large(self._limits))
            self._file.write(data[start:end])
        elif self._field is not None:
            name, value = self._field
            if len(value) + end - start > LONGEST_FIELD:
                raise RefusedError(400, f"A field of the form is longer than {LONGEST_FIELD} bytes.")
            self._field = (name, value + data[start:end])

    def _end(self) -> None:
        self._close()
        if self._field is not None and self._field[0] == TOKEN:
            self._check(self._field[1].decode(errors="replace"))
            self._is_checked = True
        self._field = None

    def _on_end(self) -> None:
        self._is_whole = True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def too_large(limits: Limits) -> str:
    """Say how much an upload may hold."""
    most = limits.upload_bytes // MEGABYTE
    return f"An upload may have {most} MB in all. Send one patient at a time, only the sequences that the model reads."
