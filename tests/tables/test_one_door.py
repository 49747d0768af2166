"""One door for tables: a cohort table and a table to select from are read by the same rules, whatever the file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.labels import Label
from radiofuse.tables.outcomes import Outcome
from radiofuse.tables.text import read_file

PLAIN = "sample_id,patient_id,idh,t1__a,t1__b\n007,p1,1,0.25,1e-3\n008,p2,0,,2\nNA,p3,NA,-1.5,\n010,1e3,1.0,3,4\n"


def as_parquet(content: str) -> bytes:
    table = pd.read_csv(io.StringIO(content), dtype={"sample_id": str, "patient_id": str}, keep_default_na=False)
    file = io.BytesIO()
    table.to_parquet(file)
    return file.getvalue()


ODD_FILES = {
    "commas": PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "Parquet": as_parquet(PLAIN),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "lines of DOS": PLAIN.replace("\n", "\r\n").encode(),
    "lines of old Macs": PLAIN.replace("\n", "\r").encode(),
    "blank lines": ("\n \n" + PLAIN.replace("\n", "\n\n  \n")).encode(),
    "rows of bare commas": (PLAIN + ",,,,\n , ,,,\n").encode(),
    "rows of bare commas after quotes": (PLAIN.replace("p1", '"p1"') + ",,,,\n").encode(),
    "everything quoted": "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.splitlines()
    ).encode(),
    "spaces around names": PLAIN.replace(",idh,", ", idh ,").encode(),
    "spaces around cells": PLAIN.replace("-1.5", " -1.5 ").replace(",0.25", ", 0.25").encode(),
    "every word for nothing": PLAIN.replace(",,", ",NULL,").replace("-1.5,\n", "-1.5, n/a\n").encode(),
    "None and #N/A": PLAIN.replace(",,", ",None,").replace("-1.5,\n", "-1.5,#N/A\n").encode(),
    "names and cells that a spreadsheet must not run": PLAIN.replace("p1", "'-x").encode(),
    "quotes inside a cell": PLAIN.replace("p1", '"p""1"').encode(),
    "a separator inside a cell": PLAIN.replace("p1", '"p;1"').encode(),
    "a line break inside a cell": PLAIN.replace("p1", '"p\n1"').encode(),
    "labels in words": PLAIN.replace(",1,0.25", ",mutant,0.25")
    .replace(",1.0,", ",mutant,")
    .replace(",0,,", ",wild,,")
    .encode(),
    "labels True and False": PLAIN.replace(",1,0.25", ",TRUE,0.25")
    .replace(",1.0,", ",TRUE,")
    .replace(",0,,", ",FALSE,,")
    .encode(),
    "labels that doubles cannot tell apart": PLAIN.replace(",1,0.25", ",900000000000207008,0.25")
    .replace(",1.0,", ",900000000000207009,")
    .replace(",0,,", ",900000000000207008,,")
    .encode(),
    "truth values as features": PLAIN.replace("1e-3", "True")
    .replace(",2\n", ",False\n")
    .replace(",4\n", ",True\n")
    .encode(),
}


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    file = tmp_path / "table.csv"
    file.write_bytes(request.param)
    return file


@pytest.mark.parametrize("path", ODD_FILES.values(), ids=ODD_FILES, indirect=True)
def test_a_file_reads_the_same_through_both_doors(path, monkeypatch):
    monkeypatch.setattr("radiofuse.tables.samples._SAFE_ID", ANYTHING)  # ids of a selection name no files
    cohort = read_cohort(path, labels="idh")
    rows = read_raw(SelectionRequest("idh", path)).rows
    for column in ("sample_id", "patient_id"):
        assert cohort[column].tolist() == rows[column].tolist()
    label = Label.of(rows["idh"])
    np.testing.assert_array_equal(cohort["idh"], label.y)
    assert cohort.attrs["outcomes"] == [Outcome("idh", label.classes)]
    features = ["t1__a", "t1__b"]
    np.testing.assert_array_equal(cohort[features].to_numpy(), rows[features].to_numpy(float))
    assert cohort[features].isna().to_numpy().sum() == 2


class ANYTHING:
    fullmatch = staticmethod(lambda text: True)


REFUSED = {
    "nothing": (b"", "It is empty. A header line and one row per sample were expected."),
    "blank lines": (b"\n \n\n", "It is empty."),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "It holds NUL bytes: UTF-16, or not text at all."),
    "Latin 1": ("sample_id,idh,größe\n".encode("latin-1"), "It is not UTF-8 (byte 0xf6 in line 1). Save it as CSV"),
    "a workbook": (b"PK\x03\x04 and the rest", "It is a workbook or an archive, not text."),
    "gzip cut short": (gzip.compress(PLAIN.encode() * 99, mtime=0)[:-30], "It cannot be read as a CSV, TSV or Parquet"),
    "no Parquet": (b"PAR1 and nothing more", "It cannot be read as a CSV, TSV or Parquet table: "),
    "a line for spreadsheets": (b"sep=;\nsample_id;idh\n", "Its first line is 'sep=;', not the names of the columns."),
    "a remark": (b"# made by hand\nidh;sample_id\n1;2\n", "Its first line is '# made by hand', not the names of"),
    "short and long rows": (
        b"sample_id,idh\na,1\nb\n\nc,1,2\n",
        "The header has 2 fields, other lines do not: line 3 has 1, line 5 has 3. Give every column a name",
    ),
    "a quote that does not end": (b'sample_id,idh\n"a,1\n', "Line 2 cannot be read: unexpected end of data."),
    "a name twice": (b"sample_id,idh,t1__a,t1__a\na,0,1,2\n", "Columns that occur more than once: t1__a. Keep one of"),
    "a web page": (b"<!DOCTYPE html>\n<html>\n", "is a web page, such as a login or an error, and not the table."),
}


@pytest.mark.parametrize(("path", "said"), REFUSED.values(), ids=REFUSED, indirect=["path"])
def test_what_cannot_be_read_is_refused_in_the_same_words_at_both_doors(path, said):
    doors: list[Callable] = [lambda: read_cohort(path), lambda: read_raw(SelectionRequest("idh", path))]
    for door in doors:
        with pytest.raises(CohortError) as caught:
            door()
        assert any(said in problem for problem in caught.value.problems), caught.value.problems


def test_a_spreadsheet_is_refused_by_its_name_at_both_doors(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK\x03\x04")
    doors: dict[type, Callable] = {
        CohortError: read_cohort,
        RequestError: lambda file: read_raw(SelectionRequest("idh", file)),
    }
    for error, door in doors.items():
        with pytest.raises(error, match="is a spreadsheet; save its sheet as a CSV file in UTF-8"):
            door(path)


def test_an_empty_site_has_no_spelling(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(PLAIN.replace("idh", "site").replace(",1,", ",NA,").replace(",0,", ",na,"))
    assert len(read_cohort(path)) == 4


def test_cells_of_text_stay_as_they_are_and_numbers_are_doubles(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b,c,,d\n007,NA, 1.5,,inf\n,1e400,NULL,,\n")
    table = read_file(path, lambda name: name == "a")
    assert table.rows["a"].tolist() == ["007", ""]
    assert table.rows["b"].tolist()[1] == "1e400"  # no double: a sentence about it shows what is written
    assert table.rows["c"].tolist()[0] == 1.5
    assert table.rows["c"].isna().tolist() == [False, True]
    assert (table.nameless, table.rows["d"].tolist()[0]) == (["Unnamed: 3"], "inf")
    assert table.rows[["b", "d"]].isna().to_numpy().tolist() == [[True, False], [False, True]]
