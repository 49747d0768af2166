"""A sheet of a workbook is read as the CSV file of the same cells; what is no table is refused in a sentence."""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.tables.text import read_file
from radiofuse.tables.workbook import read_sheet

openpyxl = pytest.importorskip("openpyxl", reason="the extra `excel` is not installed")

CELLS: list[list[Any]] = [
    ["ID", "Age", "WHO grade", "day", "note; really"],
    ["0007", 3.0, 4, datetime.datetime(2024, 1, 31), "a, b; c"],
    [None, None, "  ", None, None],
    ["008", 61.25, None, datetime.datetime(2024, 2, 1, 8, 30), 'two\nlines "quoted"'],
    [9, 0.1, "III", datetime.date(2024, 2, 2), True],
    ["NA", -1e-7, "=x", datetime.time(8, 30), 12345678901234],
]
AS_TEXT = [
    ["ID", "Age", "WHO grade", "day", "note; really"],
    ["0007", "3", "4", "2024-01-31", "a, b; c"],
    ["008", "61.25", "", "2024-02-01 08:30:00", 'two\nlines "quoted"'],
    ["9", "0.1", "III", "2024-02-02", "TRUE"],
    ["NA", "-1e-07", "=x", "08:30:00", "12345678901234"],
]


def every_column(name: str) -> bool:
    return True


def write(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for at, row in enumerate(rows, 1):
            for column, value in enumerate(row, 1):
                cell = sheet.cell(at, column, value)
                if isinstance(value, str) and value.startswith("="):
                    cell.data_type = "s"  # what somebody wrote as text is no formula
    book.save(path)
    return path


def with_values(path: Path, formula: str, value: str) -> None:
    """Write the value that a spreadsheet program keeps beside a formula, which openpyxl leaves out."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    part = "xl/worksheets/sheet1.xml"
    # openpyxl writes an empty element in one way with lxml and in another without
    empty = re.compile(rf"<f>{re.escape(formula)}</f><v ?(/>|></v>)".encode())
    parts[part], n_found = empty.subn(f"<f>{formula}</f><v>{value}</v>".encode(), parts[part])
    assert n_found == 1
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


def test_cells_are_those_of_the_csv_file(tmp_path: Path) -> None:
    found = read_sheet(write(tmp_path / "labels.xlsx", Patients=CELLS), every_column)
    text = io.StringIO()
    csv.writer(text).writerows(AS_TEXT)
    (tmp_path / "labels.csv").write_text(text.getvalue(), newline="")
    by_csv = read_file(tmp_path / "labels.csv", every_column)
    assert [list(found.table.rows), *found.table.rows.to_numpy().tolist()] == AS_TEXT
    assert found.table.rows.equals(by_csv.rows)
    assert found.notes == []


def test_columns_of_numbers_are_numbers_where_text_was_not_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.xlsx", Patients=CELLS[:4])
    rows = read_sheet(path, lambda name: name == "ID").table.rows
    assert rows["Age"].tolist() == [3.0, 61.25]
    assert rows["ID"].tolist() == ["0007", "008"]


def test_a_formula_is_the_value_that_was_saved_and_nothing_where_none_was(tmp_path: Path) -> None:
    path = tmp_path / "labels.xlsx"
    book = openpyxl.Workbook()
    for row in (["ID", "Age"], ["P1", "=60+4"]):
        book.active.append(row)
    book.save(path)
    with pytest.raises(CohortError, match=r"Formulas have no value: B2\. Open it in a spreadsheet program"):
        read_sheet(path, every_column)
    with_values(path, "60+4", "64")
    assert read_sheet(path, every_column).table.rows["Age"].tolist() == ["64"]


def test_of_several_sheets_the_first_that_is_not_empty_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    other = [["ID"], ["P9"]]
    path = write(tmp_path / "labels.xlsx", Cover=[], Patients=CELLS, Old=other, Older=other)
    found = read_sheet(path, every_column)
    assert found.table.rows["ID"].tolist()[0] == "0007"
    assert found.notes == [
        "labels.xlsx: read from its first sheet, Patients; not from Old and Older. Name another with --sheet."
    ]
    named = read_sheet(path, every_column, "Old")
    assert (named.table.rows["ID"].tolist(), named.notes) == (["P9"], [])
    with pytest.raises(RequestError, match=r"no sheet 'Patient'\. Did you mean 'Patients'\?"):
        read_sheet(path, every_column, "Patient")
    book = openpyxl.load_workbook(path)
    book["Patients"].sheet_state = "hidden"
    book.save(path)
    assert read_sheet(path, every_column).table.rows["ID"].tolist() == ["P9"]


def test_errors_of_the_spreadsheet_are_empty_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.xlsx", Patients=[["ID", "Age"], ["P1", "#DIV/0!"], ["P2", "#N/A"], ["P3", 5]])
    found = read_sheet(path, every_column)
    assert found.table.rows["Age"].tolist() == ["", "", "5"]
    assert found.notes == ["Read as empty, for the spreadsheet has 1 error there: B2 (#DIV/0!)."]


def test_merged_cells_titles_and_empty_sheets_are_refused(tmp_path: Path) -> None:
    titled = write(tmp_path / "title.xlsx", S=[["Our patients"], ["ID", "Age", "Sex"], ["P1", 5, "f"]])
    with pytest.raises(CohortError, match=r"first row holds one cell \(A1\), which is a title .* Delete that row"):
        read_sheet(titled, every_column)
    book = openpyxl.load_workbook(titled)
    book.active.merge_cells("A1:C1")
    book.save(titled)
    with pytest.raises(CohortError, match=r"Cells are merged \(A1:C1\), and a table has one row .* Delete titles"):
        read_sheet(titled, every_column)
    with pytest.raises(CohortError, match="It is empty"):
        read_sheet(write(tmp_path / "empty.xlsx", S=[], T=[[None], [" "]]), every_column)
    with pytest.raises(CohortError, match=r"sheet 'T'.*\n.*It is empty"):
        read_sheet(write(tmp_path / "empty.xlsx", S=CELLS, T=[[None]]), every_column, "T")


def test_other_files_are_refused_with_a_next_step(tmp_path: Path) -> None:
    for name, content, said in (
        ("old.xls", b"\xd0\xcf\x11\xe0", r"of a kind that is not read \(\.xls\); save it as \.xlsx, or its sheet as a"),
        ("free.ods", b"PK\x03\x04", r"of a kind that is not read \(\.ods\); save it as \.xlsx"),
        ("secret.xlsx", b"\xd0\xcf\x11\xe0", "has a password, or is an .xls file under another name"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(RequestError, match=said):
            read_sheet(tmp_path / name, every_column)
    for name, content in (("torn.xlsx", b"PK\x03\x04 and the rest"), ("text.xlsx", b"ID,Age\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CohortError, match=r"It cannot be read as a workbook: .*\. Open it in a spreadsheet"):
            read_sheet(tmp_path / name, every_column)
    with zipfile.ZipFile(tmp_path / "zip.xlsx", "w") as book:
        book.writestr("a.txt", "no workbook")
    with pytest.raises(CohortError, match="It cannot be read as a workbook"):
        read_sheet(tmp_path / "zip.xlsx", every_column)
    with pytest.raises(RequestError, match=r"absent\.xlsx"):
        read_sheet(tmp_path / "absent.xlsx", every_column)


def test_without_openpyxl_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "labels.xlsx", S=CELLS)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(RequestError, match=r"pip install 'radiofuse\[excel\]', or save its sheet as a CSV file"):
        read_sheet(path, every_column)
