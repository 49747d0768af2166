"""One sheet of an Excel workbook as a table: cells as a CSV file would hold them, then read by the same door."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables.file_bytes import SHEETS, file_bytes, refusal
from radiofuse.tables.text import FileTable, parse_text
from radiofuse.wording import counted, listed, some

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet.worksheet import Worksheet

READ = (".xlsx", ".xlsm")
_OLE = b"\xd0\xcf\x11\xe0"  # how .xls begins, and a workbook with a password


@dataclass(frozen=True, eq=False)
class SheetTable:
    """What a sheet holds, and sentences on what was not taken from the workbook as it is."""

    table: FileTable
    notes: list[str]


def is_workbook(path: Path) -> bool:
    """Say whether a file's name is that of a spreadsheet program's own files."""
    return path.suffix.lower() in SHEETS


def read_sheet(path: Path, is_text: Callable[[str], bool], sheet: str | None = None) -> SheetTable:
    """Read one sheet of a workbook.

    Text stays as it is written, 0012 too; numbers are written in full whatever the cell shows, whole ones without a
    point; days as 2024-01-31; a formula is its value. Empty rows are left out.

    Parameters
    ----------
    path : Path
        Of an ``.xlsx`` or ``.xlsm`` file.
    is_text : callable
        As for ``read_file``.
    sheet : str, optional
        The name of the sheet; left out, the first one that is not empty, and the others are told.

    Raises
    ------
    RequestError
        If there is no such file or sheet, or openpyxl is not installed.
    CohortError
        If the sheet is no table: empty, with merged cells or a title above the names, or with formulas that nothing
        has computed.
    """
    raw = file_bytes(path, str(path))
    _refuse_other_kinds(path, raw)
    values = _opened(path, raw, data_only=True)
    chosen, notes = _chosen(values, path, sheet)
    cells = _filled(values[chosen])
    source = f"{path}, sheet {chosen!r}"
    _refuse_no_table(values[chosen], _opened(path, raw, data_only=False)[chosen], cells, source)
    rows = [[_text(cell) for cell in row] for row in cells]
    return SheetTable(parse_text(_as_csv(rows), is_text, source, delimiters=","), notes + _told_errors(cells))


def _refuse_other_kinds(path: Path, raw: bytes) -> None:
    advice = f"save it as .xlsx, or its sheet as a CSV file in UTF-8, and name that file: {path.stem}.xlsx."
    if path.suffix.lower() not in READ:
        raise RequestError(f"{path} is a workbook of a kind that is not read ({path.suffix}); {advice}")
    if raw.startswith(_OLE):
        raise RequestError(f"{path} has a password, or is an .xls file under another name; {advice}")


def _opened(path: Path, raw: bytes, *, data_only: bool) -> Workbook:
    """Return a workbook, formulas as their values or as they are written."""
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError:
        raise RequestError(
            f"{path} is a workbook, and openpyxl, which reads it, is not installed: pip install 'radiofuse[excel]', "
            "or save its sheet as a CSV file in UTF-8, and name that file."
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drop-down lists and colors that openpyxl could not write again
            return load_workbook(io.BytesIO(raw), data_only=data_only)
    except (BadZipFile, KeyError, ValueError, TypeError, SyntaxError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or "no workbook"
        advice = "Open it in a spreadsheet program and save it again."
        raise refusal(str(path), f"It cannot be read as a workbook: {reason}", advice) from None


def _chosen(book: Workbook, path: Path, sheet: str | None) -> tuple[str, list[str]]:
    """Return the name of the sheet to read, and what is told of the others."""
    names = [one.title for one in book.worksheets]
    if sheet is not None and sheet not in names:
        raise RequestError(f"{path} has no sheet {sheet!r}.{did_you_mean(sheet, names)} It has {some(names)}.")
    shown = [one.title for one in book.worksheets if one.sheet_state == "visible" and _filled(one)]
    if sheet is None and not shown:
        raise refusal(str(path), "It is empty", "A header line and one row per sample were expected.")
    chosen = sheet if sheet is not None else shown[0]
    others = [name for name in shown if name != chosen]
    if sheet is not None or not others:
        return chosen, []
    return chosen, [
        f"{path.name}: read from its first sheet, {chosen}; not from {listed(others)}. Name another with --sheet."
    ]


def _filled(sheet: Worksheet) -> list[list[Cell]]:
    """Return the rows of a sheet that hold anything, as wide as the widest of them."""
    rows = [list(row) for row in sheet.iter_rows() if any(not _is_blank(cell) for cell in row)]
    width = max((at + 1 for row in rows for at, cell in enumerate(row) if not _is_blank(cell)), default=0)
    return [row[:width] for row in rows]


def _is_blank(cell: Cell) -> bool:
    return cell.value is None or (isinstance(cell.value, str) and not cell.value.strip())


def _refuse_no_table(sheet: Worksheet, as_written: Worksheet, cells: list[list[Cell]], source: str) -> None:
    if not cells:
        raise refusal(source, "It is empty", "A header line and one row per sample were expected.")
    merged = [str(one) for one in sheet.merged_cells.ranges]
    title = cells[0][0].coordinate if _is_title(cells) else ""
    if merged:
        what = f"Cells are merged ({some(merged)}), and a table has one row and one column for each value"
        raise refusal(source, what, "Delete titles above the names of the columns, and split the other cells.")
    if title:
        what = f"Its first row holds one cell ({title}), which is a title and not the names of the columns"
        raise refusal(source, what, "Delete that row.")
    stale = [cell.coordinate for cell in _formulas(as_written) if sheet[cell.coordinate].value is None]
    if stale:
        raise refusal(
            source, f"Formulas have no value: {some(stale)}", "Open it in a spreadsheet program and save it again."
        )


def _is_title(cells: list[list[Cell]]) -> bool:
    """Say whether the first row holds one cell and the second several, as no row of names does."""
    filled = [sum(not _is_blank(cell) for cell in row) for row in cells[:2]]
    return len(filled) == 2 and filled[0] == 1 < filled[1] - 1


def _formulas(sheet: Worksheet) -> Iterator[Cell]:
    return (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f")


def _text(cell: Cell) -> str:
    """Return a cell as a CSV file would hold it."""
    value: Any = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _told_errors(cells: Iterable[list[Cell]]) -> list[str]:
    """Return a sentence on cells with an error of the spreadsheet program."""
    wrong = [f"{cell.coordinate} ({cell.value})" for row in cells for cell in row if cell.data_type == "e"]
    wrong = [place for place in wrong if "#N/A" not in place]  # a way to write that nothing is known
    told = f"Read as empty, for the spreadsheet has {counted(len(wrong), 'error')} there: {some(wrong)}."
    return [told] if wrong else []


def _as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
