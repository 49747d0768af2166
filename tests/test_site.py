"""The site of docs/ has every page in its navigation, and its check of links finds a link that leads nowhere."""

from __future__ import annotations

import importlib.util
import re

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
