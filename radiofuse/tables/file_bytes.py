"""The bytes of a file that may hold a table, and what it is where it cannot."""

from __future__ import annotations

import gzip
import json
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path

from radiofuse.errors import CohortError, RequestError
from radiofuse.files.paths import describe_absent
from radiofuse.files.stand_ins import describe_stand_in
from radiofuse.tables.problems import Problem

SHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
KINDS = "CSV, TSV or Parquet table"


def refusal(source: str, what: str, advice: str, items: Iterable[str] = ()) -> CohortError:
    """Return the error about a file that is no table: nothing more can be said of what it holds."""
    return CohortError(source, [Problem(what, items, advice)])


def bytes_of(path: Path, source: str) -> bytes:
    """Return the bytes of a file, or raise that it is absent, a spreadsheet or a stand-in."""
    if path.suffix.lower() in SHEETS:
        raise RequestError(f"{path} is a spreadsheet; save its sheet as a CSV file in UTF-8, and name that file.")
    return file_bytes(path, source)


def file_bytes(path: Path, source: str) -> bytes:
    """Return the bytes of a file, or raise that it is absent or a stand-in."""
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise RequestError(describe_absent(path, "table")) from None
    except OSError as error:
        raise refusal(source, f"It cannot be read: {error.strerror}", "Check the path.") from None
    if stand_in := describe_stand_in(path.name, raw, "table"):
        raise CohortError(source, [Problem.of(stand_in)])
    return raw


def unreadable(source: str, error: Exception) -> CohortError:
    """Return the error about a file that a reader has given up on."""
    reason = " ".join(str(error).split()).rstrip(".")
    return refusal(source, f"It cannot be read as a {KINDS}: {reason}", "Save it again from the program that made it.")


def unpacked(raw: bytes, source: str) -> bytes:
    """Return the bytes as they were before gzip, if they are packed."""
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(source, error) from None


def checked(raw: bytes, source: str) -> bytes:
    """Return the bytes of a text in UTF-8, without the mark at its beginning."""
    advice = "Save it as CSV, encoded in UTF-8."
    if raw.startswith(b"PK\x03\x04"):
        raise refusal(source, "It is a workbook or an archive, not text", advice)
    if b"\0" in raw:
        raise refusal(source, "It holds NUL bytes: UTF-16, or not text at all", advice)
    raw = raw.removeprefix(BOM_UTF8)
    try:
        raw.isascii() or raw.decode()  # the first is ten times as fast
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refusal(source, f"It is not UTF-8 (byte 0x{raw[error.start]:02x} in line {line})", advice) from None
    if raw.lstrip()[:1] in (b"{", b"[") and _is_json(raw):
        raise refusal(source, "It is JSON, not a table", "Save it as CSV: a header line and one row per sample.")
    if not raw.strip():
        raise refusal(source, "It is empty", "A header line and one row per sample were expected.")
    return raw


def _is_json(raw: bytes) -> bool:
    """Say whether a text is JSON as a whole, or line by line; a header that begins with a bracket is neither."""
    for text in (raw, raw.strip().split(b"\n", 1)[0]):
        try:
            found = json.loads(text)
        except ValueError:
            continue
        return isinstance(found, dict | list)
    return False
