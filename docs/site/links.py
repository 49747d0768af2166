"""Every link inside the built site leads to a file, and to an anchor that is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

log = logging.getLogger("mkdocs.hooks.links")  # a warning ends a strict build


class Page(HTMLParser):
    """The anchors and the links of one page."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path.resolve()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors.update(filter(None, (given.get("id"), given.get("name"))))
        self.links.extend(filter(None, (given.get("href"), given.get("src"))))


def broken_links(site: Path) -> Iterator[str]:
    """Yield ``page: link`` for every link inside a folder of pages that leads nowhere."""
    site = site.resolve()
    pages = {page.path: page for page in map(Page, sorted(site.rglob("*.html")))}
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = linked_file(page.path, unquote(parts.path), site)
            anchors = pages[target].anchors if target in pages else {""}
            if not target.exists() or unquote(parts.fragment) not in anchors:
                yield f"{page.path.relative_to(site)}: {link}"


def linked_file(page: Path, link: str, site: Path) -> Path:
    """Return the file that a link of a page names; the page that answers 404 names files from the site's root."""
    if link.startswith("/"):
        return site / link[1:]
    return (page.parent / link).resolve() if link else page


def on_post_build(config: MkDocsConfig) -> None:
    for broken in broken_links(Path(config.site_dir)):
        log.warning("A link leads nowhere: %s", broken)
