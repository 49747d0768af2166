"""What a title, a label or a name holds is text in every file of a paper pack."""

from __future__ import annotations

import csv
import io
import re

import pandas as pd
import pytest
from bundle_fixture import edit_about, make_bundle

from radiofuse.report.paper.latex import as_latex, escaped
from radiofuse.report.paper.pack import pack_of_bundle
from radiofuse.report.tables import Table

HOSTILE = (
    r"\input{/etc/passwd}",
    r"$\frac{a$ 5% of #1 & ~^_{}",
    "<script>alert(1)</script>",
    '=cmd|" /C calc"!A0',
    "[@nobody2000](javascript:x) `rm`",
    "a\nb\t\x07c",
    "# heading",
)
COMMANDS = {  # all that the escape itself may write
    *"textbackslash textasciicircum textasciitilde textless textgreater textbar textquotedbl textasciigrave".split(),
    *"textquotesingle textsuperscript dots infty pm times geq leq cdot rightarrow addlinespace toprule midrule".split(),
    *"bottomrule multicolumn textit begin end caption label centering small usepackage".split(),
}


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> dict[str, bytes]:
    bundle = make_bundle(tmp_path_factory.mktemp("hostile") / "bundle", n_patients=40, n_repeats=1, modalities=("t1",))
    words = " ".join(HOSTILE)
    edit_about(bundle, title=words, warnings=list(HOSTILE), as_published=list(HOSTILE))
    for name, columns in {"cohort_flow": ["step", "note"], "selected_features": ["feature"]}.items():
        rows = pd.concat([pd.read_csv(bundle / f"{name}.csv")] * 5).head(len(HOSTILE))
        rows.assign(**dict.fromkeys(columns, HOSTILE)).to_csv(bundle / f"{name}.csv", index=False)
    return pack_of_bundle(bundle, {})


def test_markdown_holds_no_markup_and_no_citation_of_a_title(pack):
    text = pack["methods.md"].decode()
    assert not re.search(r"(?<!\\)<", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "@nobody2000" in text.replace("\\", "")
    assert b"nobody2000" not in pack["references.bib"]
    headings = re.findall(r"^#+ (\w+)", text, re.MULTILINE)
    assert headings[0] == "Methods"
    assert "heading" not in headings


def test_latex_prints_every_sign_and_runs_none(pack):
    for name in (name for name in pack if name.endswith(".tex")):
        text = pack[name].decode().partition("\\begin{table}")[2]
        assert set(re.findall(r"\\([a-zA-Z]+)", text)) <= COMMANDS, name
        body = re.sub(r"\\[\\{}$&#%_]", "", text)
        assert body.count("{") == body.count("}")
        assert not set("#%~^") & set(body)
        widths = {len(re.split(r"(?<!\\)&", row)) for row in text.splitlines() if row.endswith("\\\\") and "&" in row}
        assert len(widths) == 1, name


def test_csv_holds_no_formula(pack):
    for name in (name for name in pack if name.endswith(".csv")):
        for row in csv.reader(pack[name].decode().splitlines()):
            assert not [cell for cell in row if re.match(r"[=+@]|-[^\d—-]", cell)], name


def test_word_files_open_and_hold_the_words_as_text(pack):
    docx = pytest.importorskip("docx", reason="Word files need the extra paper")
    methods = docx.Document(io.BytesIO(pack["methods.docx"]))
    text = "\n".join(paragraph.text for paragraph in methods.paragraphs)
    assert "<script>alert(1)</script>" in text
    assert "a\nb" in text or "a b" in text
    assert "\x07" not in text
    assert re.search(r"\[\d+(, \d+)*\]\.", text)
    assert "1. " in text.partition("References")[2]
    tables = docx.Document(io.BytesIO(pack["tables.docx"])).tables
    cells = {cell.text for table in tables for row in table.rows for cell in row.cells}
    assert "mean" in cells
    assert HOSTILE[2] in cells


@pytest.mark.parametrize("text", HOSTILE)
def test_the_escape_keeps_groups_whole_and_lines_single(text):
    line = escaped(text)
    plain = re.sub(r"\\[{}]", "", line)
    assert plain.count("{") == plain.count("}")
    assert "\n" not in line
    assert "\x07" not in line


def test_no_cell_is_read_as_an_option_of_the_line_before_and_two_hyphens_stay_two():
    table = Table("c", ("a", "b"), (("", (("[1em]", "a--b"), ("*", "x"))),), n_numbers=1)
    text = as_latex(table, "t")
    assert "\n{[1em]} & a-{}-b \\\\\n{*} & x \\\\" in text
