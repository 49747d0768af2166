"""Texts and tables of a run as Word files; needs the extra ``paper``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from radiofuse.report.tables import Table

if TYPE_CHECKING:
    from docx.document import Document

DATE = (1980, 1, 1, 0, 0, 0)  # of every part: equal content gives equal bytes
_SMALL_PT = 8


def has_word() -> bool:
    """Whether Word files can be written here."""
    return find_spec("docx") is not None


def as_word(title: str, parts: Iterable[tuple[str, Sequence[str | Table]]]) -> bytes:
    """Return a document of headings with paragraphs and tables; whatever they hold is text.

    Parameters
    ----------
    title : str
    parts : iterable of (str, sequence of str or Table)
        Heading, and what stands under it.
    """
    from docx import Document as new_document

    document = new_document()
    document.add_heading(_printable(title), 0)
    for heading, inside in parts:
        if heading:
            document.add_heading(_printable(heading), 1)
        for one in inside:
            if isinstance(one, Table):
                _add_table(document, one)
            else:
                document.add_paragraph(_printable(one))
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_dates(buffer.getvalue())


def _add_table(document: Document, table: Table) -> None:
    from docx.shared import Pt

    document.add_paragraph(_printable(table.caption), style="Caption")
    rows = [table.header]
    for heading, own in table.groups:
        rows += [(heading, *[""] * (len(table.header) - 1))] if heading else []
        rows += [tuple(map(str, row)) for row in own]
    grid = document.add_table(len(rows), len(table.header), style="Light List")
    for cells, texts in zip(grid.rows, rows, strict=True):
        for cell, text in zip(cells.cells, texts, strict=True):
            run = cell.paragraphs[0].add_run(_printable(text))
            run.font.size = Pt(_SMALL_PT)


def _printable(text: str) -> str:
    """Return text without the characters that XML has no place for."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)


def _without_dates(document: bytes) -> bytes:
    """Return a document whose parts all have one date."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(zipfile.ZipInfo(part.filename, DATE), old.read(part), zipfile.ZIP_DEFLATED)
    return written.getvalue()
