"""The site of docs/ has every page in its navigation, and its check of links finds a link that leads nowhere."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import SimpleNamespace

from tests.conftest import REPOSITORY

DOCS = REPOSITORY / "docs"


def site_module(name: str):
    """Return a module of docs/site/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation_once():
    settings = (REPOSITORY / "mkdocs.yml").read_text()
    navigation = settings.split("\nnav:\n")[1].split("\n\n")[0]
    listed = re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))


def test_the_site_fetches_nothing_from_elsewhere():
    assert "highlightjs: false" in (REPOSITORY / "mkdocs.yml").read_text()
    assert "url(" not in (DOCS / "site" / "style.css").read_text()


def test_a_link_or_anchor_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b.html#part">b</a><a href="#top">up</a>')
    (tmp_path / "b.html").write_text(
        '<p id="part"><a href="/a.html">a</a><img src="gone.svg"><a href="a.html#gone">a</a>'
        '<a href="https://example.org/gone">elsewhere</a>'
    )
    broken = site_module("links").broken_links(tmp_path)
    assert list(broken) == ["b.html: gone.svg", "b.html: a.html#gone"]


def test_the_page_of_commands_says_what_every_option_does():
    page = site_module("pages_of_commands").page()
    assert [line for line in page.splitlines() if line.startswith("## ")][:2] == [
        "## radiofuse init",
        "## radiofuse run",
    ]
    rows = re.findall(r"^\| `(.+?)` \| (.*?) \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) > 80
    assert [name for name, _, meaning in rows if not meaning] == []
    assert "<modality>" not in page  # a browser would take it for markup


def test_the_page_of_examples_holds_every_script_and_notebook():
    page = site_module("pages_of_code").examples_page()
    for path in [*(REPOSITORY / "examples").glob("*.*"), *(REPOSITORY / "examples" / "gallery").glob("*.py")]:
        assert f"## `examples/{path.relative_to(REPOSITORY / 'examples')}`" in page


def test_the_reference_has_an_entry_for_every_public_name():
    pages = site_module("pages_of_code")
    for room in pages.public_rooms():
        page = pages.reference_page(room)
        for name in room.__all__:
            assert re.search(rf"^(## {name}|- \[`{name}`\]\[\S+\]: .+|::: \S+\.{name})$", page, re.MULTILINE), name


def test_marks_of_docstrings_become_those_of_pages(monkeypatch):
    monkeypatch.setitem(sys.modules, "griffe", SimpleNamespace(Extension=object, Object=object))
    as_markdown = site_module("plain_markup").as_markdown
    assert as_markdown("As for :meth:`read`.\n\n    .. [2] Pepe 2003") == "As for `read`.\n\n    2. Pepe 2003"
    neighbors = "See Also\n--------\nread : Reads it.\nother.write : Writes it.\n\nNotes\n-----\na : b"
    said = as_markdown(neighbors).splitlines()
    assert said[2:4] == ["- `read`: Reads it.", "- `other.write`: Writes it."] and said[-1] == "a : b"
