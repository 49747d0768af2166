"""Tables in LaTeX are whole: as many cells as columns, everything that opens closes, and no name is a command."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from bundle_fixture import make_bundle

from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.paper.latex import as_latex
from radiofuse.report.paper.tables import paper_tables
from radiofuse.report.tables import Table

HOSTILE = ["[2cm] & x", "*", "\\input{/etc/passwd}", "50% $x^2_1$ #1 ~a", 'a--b "q" `c` <d> |e|', "{}}{", "µ ≥ 1 −2"]
COMMANDS = re.compile(r"\\(?:[a-zA-Z]+\*?|[&%$#_{}\\])")
LATEX = next((path for name in ("pdflatex", "tectonic", "xelatex") if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[str, str]:
    """Every table of a pack in LaTeX, and one of names that LaTeX would read as something else."""
    bundle = make_bundle(
        tmp_path_factory.mktemp("latex") / "bundle", n_patients=40, n_repeats=1, modalities=("t1", "t2")
    )
    rows = (tuple(HOSTILE[3:6]), tuple(HOSTILE[4:]))
    hostile = Table(HOSTILE[2], tuple(HOSTILE[:3]), (("", ()), (HOSTILE[3], rows)), 1)
    found = {**paper_tables(read_contents(bundle)), "hostile": hostile}
    return {name: as_latex(table, name) for name, table in found.items()}


def split_cells(row: str) -> list[str]:
    return re.split(r"(?<!\\)&", row)


def test_every_row_has_as_many_cells_as_the_table_has_columns(tables):
    for name, text in tables.items():
        n_columns = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1])
        body = text.partition("\\toprule\n")[2].partition("\\bottomrule")[0]
        rows = [line for line in body.splitlines() if line not in ("\\midrule", "\\addlinespace")]
        assert len(rows) > 1, name
        for row in rows:
            assert row.endswith(" \\\\"), (name, row)
            spanned = re.match(r"\\multicolumn\{(\d+)\}", row)
            assert (int(spanned[1]) if spanned else len(split_cells(row))) == n_columns, (name, row)
            assert not row.startswith(("[", "*")), (name, row)  # an option of the line break before it


def test_what_opens_closes(tables):
    for name, text in tables.items():
        braces = re.findall(r"[{}]", re.sub(r"\\\\|\\[{}]", "", text))
        depths = [0]
        for brace in braces:
            depths.append(depths[-1] + (1 if brace == "{" else -1))
        assert min(depths) == depths[-1] == 0, name
        opened, closed = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
        assert opened == closed[::-1] == ["table", "tabular"], name


def test_no_sign_of_a_name_is_read_as_latex(tables):
    for name, text in tables.items():
        told = [line for line in text.splitlines() if not line.startswith(("% needs", "\\label"))]  # our own
        plain = COMMANDS.sub("", "\n".join(told))
        plain = plain.replace("$$", "")  # of signs that stand in mathematics
        assert not re.findall(r"[#%^~_\\\"`<>|]", plain), (name, plain)
        assert plain.isascii() or "µ" in plain, name
    assert "\\input" not in tables["hostile"] and "\\textbackslash{}input" in tables["hostile"]


@pytest.mark.skipif(LATEX is None, reason="needs pdflatex, xelatex or tectonic")
def test_latex_prints_the_tables(tables, tmp_path):
    head = "\\documentclass{article}\\usepackage{booktabs}\\usepackage[T1]{fontenc}\\usepackage{textcomp}"
    parts = "\n\\clearpage\n".join(text for name, text in tables.items())
    (tmp_path / "all.tex").write_text(f"{head}\\begin{{document}}{parts}\\end{{document}}")
    options = [] if "tectonic" in str(LATEX) else ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    done = subprocess.run([str(LATEX), *options, "all.tex"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
