"""What may be written, asked before the work begins."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from radiofuse.aside import write_aside
from radiofuse.errors import RequestError
from radiofuse.extract.__main__ import app as extract
from radiofuse.outputs import require_file, require_own_tables
from radiofuse.predict import app as predict


def test_an_input_is_no_output_under_any_of_its_names(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("kept")
    (tmp_path / "link.csv").symlink_to(table)
    os.link(table, tmp_path / "hard.csv")
    for name in ("mine.csv", "link.csv", "hard.csv", f"../{tmp_path.name}/mine.csv"):
        with pytest.raises(RequestError, match="is the input"):
            require_file(tmp_path / name, "--out", [None, table])
    require_file(tmp_path / "new" / "other.csv", "--out", [table])


@pytest.mark.parametrize("name", ["", ".", "mine.csv", "mine.csv/below"])
def test_commands_refuse_before_they_work(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text("kept")
    for app, words in ((predict, ["b", "mine.csv", "--out", name]), (extract, ["mine.csv", "--failures", name])):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert words[-2] in result.stderr
        assert Path("mine.csv").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_devices_are_written_through():
    with write_aside(Path("/dev/null")) as file:
        file.write(b"gone")
    assert Path("/dev/null").is_char_device()


def test_tables_of_others_are_not_replaced(tmp_path):
    names, own = ["predictions.csv", "report.html"], ("selection.json", "folds_planned")
    require_own_tables(tmp_path / "new", names, *own)
    (tmp_path / "predictions.csv").write_text("mine")
    with pytest.raises(RequestError, match=r"holds predictions\.csv,"):
        require_own_tables(tmp_path, names, *own)
    (tmp_path / "selection.json").write_text("[]")
    with pytest.raises(RequestError, match=r"selection\.json"):
        require_own_tables(tmp_path, names, *own)
    (tmp_path / "selection.json").write_text('{"folds_planned": 5}')
    require_own_tables(tmp_path, names, *own)
