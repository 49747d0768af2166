"""The notebooks among the examples run, and print what stands in them."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "examples").glob("*.ipynb"))


def code_cells(notebook: Path) -> list[dict]:
    cells = json.loads(notebook.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def printed(cell: dict) -> str:
    """Return what a cell printed when the notebook was saved."""
    streams = [output for output in cell["outputs"] if output.get("name") == "stdout"]
    return "".join(line for output in streams for line in output["text"])


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_print_what_stands_below_them(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    for number, cell in enumerate(code_cells(notebook), 1):
        source = re.sub(r"^%.*$", "", "".join(cell["source"]), flags=re.MULTILINE)  # a word to the notebook alone
        with redirect_stdout(io.StringIO()) as screen:
            exec(compile(source, f"{notebook.name}, cell {number}", "exec"), namespace)
        assert screen.getvalue() == printed(cell)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_holds_no_path_of_the_machine_it_ran_on(notebook):
    text = notebook.read_text()
    assert len(text) < 150_000
    assert not re.search(r"/(home|Users|tmp|work)/", text)
    assert any(printed(cell) for cell in code_cells(notebook))
    assert json.loads(text)["nbformat"] == 4
