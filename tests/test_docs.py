"""The tables of the documents say what the code says, and their links lead somewhere."""

from __future__ import annotations

import ast
import pkgutil
import re
from pathlib import Path

import pytest

import radiofuse
from radiofuse import evaluate, statistics
from radiofuse.bundle.format import ENCODERS, FILES, MANIFEST, TABLES
from radiofuse.bundle.new_rows import SEEN
from radiofuse.commands import terminal
from radiofuse.extract.outcomes import DIED
from radiofuse.imaging import IMAGE_ERROR_CODES
from radiofuse.radiomics import FEATURE_ERROR_CODES

TESTS = Path(__file__).parent
DOCS = TESTS.parent / "docs"
PAGES = [TESTS.parent / "README.md", TESTS.parent / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]


def all_codes() -> dict[str, str | None]:
    """Every code of a refusal, with its meaning where a table of the code says it: those raised, and those in rows."""
    codes: dict[str, str | None] = dict.fromkeys((DIED.code, SEEN))
    for path in sorted(Path(radiofuse.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("ImageError", "BrokenRowError")
            if named and isinstance(node.args[0], ast.Constant):
                codes.setdefault(node.args[0].value)
    return codes | IMAGE_ERROR_CODES | FEATURE_ERROR_CODES


def test_every_code_of_a_refusal_is_listed_with_its_meaning_and_an_example():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", (DOCS / "refusals.md").read_text(), re.MULTILINE)
    codes = all_codes()
    assert sorted(code for code, *_ in rows) == sorted(codes)
    assert not [code for code, meaning, _ in rows if codes[code] not in (None, meaning)]


def test_the_examples_of_refusals_are_what_the_code_says():
    texts = [path.read_text() for path in Path(radiofuse.__file__).parent.rglob("*.py")]
    said = re.sub(r'"\s*f?"', "", "\n".join(texts))  # sentences over several lines
    for code, _, example in re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", (DOCS / "refusals.md").read_text(), re.M):
        words = example.split()
        assert any(" ".join(words[n : n + 3]) in said for n in range(len(words) - 2)), code


def test_the_guide_lists_the_files_of_a_bundle():
    (tree,) = re.findall(r"^  bundle/\n(.*?)```", (DOCS / "bundle.md").read_text(), re.MULTILINE | re.DOTALL)
    listed = [name for line in tree.splitlines() for name in re.findall(r"[\w.]+\.\w+|\w+/", line)]
    assert sorted(listed) == sorted([*FILES, MANIFEST, f"{ENCODERS}/"])
    for name in ("predictions", "scores"):  # those that say their columns
        said = re.search(rf"{name}\.csv +(.*)", tree)[1]
        assert re.findall(r"\w+", said.replace("(out of fold)", "")) == list(TABLES[name].columns)


def test_every_exit_code_is_listed():
    listed = re.findall(r"^\| (\d+) \| ", (DOCS / "refusals.md").read_text(), re.MULTILINE)
    known = [
        terminal.DONE,
        terminal.FAULT,
        terminal.REQUEST,
        terminal.INPUT,
        terminal.NOTHING_SELECTED,
        terminal.INTERRUPTED,
    ]
    assert list(map(int, listed)) == known


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, spelled as code hosts and the site spell them."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_relative_links_and_anchors_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short():
    assert len(PAGES[0].read_text().splitlines()) < 150


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_dotted_names_of_the_package_are_there(page):
    for name in re.findall(r"`(radiofuse(?:\.\w+)+)", page.read_text()):
        assert pkgutil.resolve_name(name)


def test_the_table_of_statistics_names_public_functions():
    section = (DOCS / "selection.md").read_text().split("## Statistics")[1].split("\n## ")[0]
    first_cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert len(named) > 30
    assert named <= {*statistics.__all__, *evaluate.__all__}
