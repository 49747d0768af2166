"""Reads a report back the way a browser would: tables by caption, images, headings, visible text."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

VOID = {"meta", "img", "wbr"}


class Page(HTMLParser):
    """A parsed report.

    Attributes
    ----------
    tables : dict of str to list of list of str
        Caption to rows of cell texts, the header first.
    tags : list of (str, dict)
        Every opening tag with its attributes.
    text : str
        What a reader sees, without style.
    """

    def __init__(self, html: str):
        super().__init__()
        self.tables, self.tags, self._texts = {}, [], []
        self._open, self._rows, self._caption = [], [], ""
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self._texts).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"</{tag}> closes another element"
        if tag == "table":
            self.tables[self._caption] = [[" ".join(cell.split()) for cell in row] for row in self._rows]

    def handle_data(self, data):
        if "style" in self._open:
            return
        self._texts.append(data)
        if "caption" in self._open:
            self._caption += data
        if "td" in self._open or "th" in self._open:
            self._rows[-1][-1] += data

    def pictures(self) -> list[str]:
        """Return the SVG source of every image."""
        head = "data:image/svg+xml;base64,"
        sources = [attributes["src"] for tag, attributes in self.tags if tag == "img"]
        assert all(source.startswith(head) for source in sources)
        return [base64.b64decode(source.removeprefix(head)).decode() for source in sources]
