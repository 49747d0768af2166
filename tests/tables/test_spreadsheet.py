"""Text that a spreadsheet would run: written inert, and read back as it was by every reader of ours."""

from __future__ import annotations

import ast
import csv
import io
import re

import numpy as np
import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table
from radiofuse.bundle.write import save_bundle
from radiofuse.commands.select import app
from radiofuse.select import ReproducibilitySelector
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.spreadsheet import as_meant, inert, write_csv
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of
from tests.test_house import SOURCES, TREES

NASTY = [
    "=1+1",
    "@x",
    "+x",
    "-x",
    "\tx",
    "\rx",
    "\nx",
    "'=x",
    "''@",
    "-",
    "+",
    "--1",
    "=",
    "-1e5x",
    "=cmd|' /C calc'!A0",
]
PLAIN = ["x", "", "-5", "+1.5e-3", "-.5", "5", "'a'", "'-5", "don't", " =1", "1-2", "a\rb", "007", "NA"]


def cells_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def runs(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula: by its first character, unless it is a number."""
    try:
        float(cell)
    except ValueError:
        return cell[:1] in tuple("=+-@\t\r\n")
    return False


def test_no_cell_or_name_is_a_formula_and_all_come_back():
    texts = [*NASTY, *PLAIN]
    table = pd.DataFrame({**dict.fromkeys(NASTY, texts), "number": np.linspace(-1, 1, len(texts))})
    write_csv(table, file := io.BytesIO())
    written = cells_of(file.getvalue())
    assert len(written) == len(texts) + 1
    assert not [cell for row in written for cell in row if runs(cell)]
    assert [row[0] for row in written[1 + len(NASTY) :]] == PLAIN
    back = pd.read_csv(
        io.BytesIO(file.getvalue()), dtype=dict.fromkeys(inert(table).columns[:-1], str), keep_default_na=False
    )
    pd.testing.assert_frame_equal(as_meant(back), table)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(alphabet="'=+-@\t\r\n1.ex", max_size=6), min_size=1, max_size=8))
@example(["''=1", "'=1", "=1"])
def test_any_text_comes_back(texts):
    table = pd.DataFrame({"text": texts}, dtype="str")
    guarded = inert(table)
    assert not any(map(runs, guarded["text"]))
    pd.testing.assert_frame_equal(as_meant(guarded), table)


def test_columns_of_any_type_stay_as_they_are():
    table = pd.DataFrame(
        {
            "absent": pd.Series([None, None], dtype="str"),
            "mixed": pd.Series(["=1", 2], dtype=object),
            "class": pd.Categorical(["-wt", "mut"]),
            "date": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "count": pd.array([1, None], dtype="Int64"),
            "flag": [True, None],
        }
    )
    pd.testing.assert_frame_equal(as_meant(inert(table)), table)
    pd.testing.assert_frame_equal(as_meant(inert(table[:0])), table[:0])


def test_every_table_of_a_bundle_is_inert_and_is_read_as_it_was(tmp_path):
    tables = tables_of(NASTY)
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    bundle = save_bundle(
        tmp_path / "b", models={"idh": {"fusion": model}}, recipe="", description=DESCRIPTION, tables=tables
    )
    for name in TABLES:
        written = cells_of((bundle / f"{name}.csv").read_bytes())
        assert not [cell for row in written for cell in row if runs(cell)]
        pd.testing.assert_frame_equal(read_table(bundle, name), tables[name], check_exact=True)


def test_every_file_of_a_selection_is_inert_and_its_names_are_found_again(tmp_path):
    classes = np.arange(40) % 2
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"sample_id": [f"-s{at:02d}" for at in range(40)], "idh": np.where(classes, "+", "-")})
    for name in ("=1+1", "@x", "-x", "plain"):
        table[name] = rng.normal(size=40) + 2 * classes
    write_csv(table, file := io.BytesIO())
    (tmp_path / "t.csv").write_bytes(file.getvalue())
    options = ["--label", "idh=+", "--folds", "2", "--repeats", "1", "--inner", "3", "--out", str(tmp_path / "s")]
    done = CliRunner().invoke(app, [str(tmp_path / "t.csv"), *options, "--format", "csv"])
    assert done.exit_code == 0, done.stderr
    files = {path.name: cells_of(path.read_bytes()) for path in (tmp_path / "s").glob("*.csv")}
    files["the screen"] = cells_of(done.stdout.encode())
    assert not [(name, cell) for name, rows in files.items() for row in rows for cell in row if runs(cell)]
    selection = as_meant(pd.read_csv(tmp_path / "s" / "selection.csv"))
    assert set(selection["feature"]) == {"=1+1", "@x", "-x", "plain"}


def test_ids_of_an_export_are_those_of_the_cohort_again(tmp_path):
    table = pd.DataFrame({"sample_id": ["-a", "b"], "idh": [0, 1], "t1__f": [1.5, 2.5]})
    write_csv(table, file := io.BytesIO())
    assert b"'-a" in file.getvalue()
    (tmp_path / "features.csv").write_bytes(file.getvalue())
    assert list(read_cohort(tmp_path / "features.csv", labels="idh")["sample_id"]) == ["-a", "b"]


def test_a_table_of_reproducibility_names_its_features(tmp_path):
    write_csv(pd.DataFrame({"modality": ["t1"] * 2, "feature": ["a", "b"], "icc": [0.9, 0.1]}), file := io.BytesIO())
    guarded = file.getvalue().replace(b"t1,a", b"'-t1,a").replace(b"t1,b", b"'-t1,b")
    (tmp_path / "icc.csv").write_bytes(guarded)
    X = pd.DataFrame({"-t1__a": [1.0, 2.0, 3.0], "-t1__b": [2.0, 1.0, 3.0]})
    chosen = ReproducibilitySelector(tmp_path / "icc.csv", threshold=0.75, bound="icc").fit(X)
    assert chosen.get_support().tolist() == [True, False]


def test_one_place_writes_csv():
    calls = {
        (path.name, node.func.attr)
        for path in SOURCES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    writing = {call for call in calls if re.fullmatch(r"to_csv|writerows?|DictWriter", call[1])}
    # the phantom's texts are its own; a workbook's cells go to the CSV door in memory, and no spreadsheet opens them
    assert writing == {("spreadsheet.py", "to_csv"), ("phantom.py", "to_csv"), ("workbook.py", "writerows")}
