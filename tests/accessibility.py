"""What WCAG 2.1 AA asks of a page and can be counted: contrast, names, headings in order, tables with headers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise, product

TEXT, GRAPHICS = 4.5, 3.0  # success criteria 1.4.3 and 1.4.11
_COLOR = r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b|var\(--[\w-]+\)"
_NAMED = ("a", "button", "summary", "th", "caption", "figcaption", "title", "h1", "h2", "h3", "h4")
_LABELED = ("input", "select", "textarea")


class _Tags(HTMLParser):
    """Every opening tag with its attributes; a field inside of a label has that for a name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._in_label = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.tags.append((tag, told | ({"aria-label": "its label"} if self._in_label and tag in _LABELED else {})))
        self._in_label = self._in_label or tag == "label"

    def handle_endtag(self, tag: str) -> None:
        self._in_label = self._in_label and tag != "label"


def luminance(color: str) -> float:
    """Return the relative luminance of a color, as WCAG 2.1 defines it."""
    digits = color.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors, from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def pale_pairs(css: str) -> list[str]:
    """Return every color of text that is too pale on some background of the style sheet, whatever meets where."""
    tokens = dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]+)", css))
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.S)

    def of(what: str) -> set[str]:
        found = re.findall(rf"(?<![\w-]){what}:\s*({_COLOR})\s*[;}}]", css)
        return {tokens.get(color[4:-1], color) if color.startswith("var") else color for color in found}

    texts, backgrounds = of("color"), of("background") | {"#ffffff"}
    pairs = product(sorted(texts - backgrounds), sorted(backgrounds))
    return [f"{text} on {back}: {contrast(text, back):.2f}" for text, back in pairs if contrast(text, back) < TEXT]


def faults(html: str) -> list[str]:
    """Return what on a page somebody could not read who sees, hears or steers it otherwise."""
    page = _Tags(html)
    return [*_of_headings(page), *_without_names(page), *_of_links(page), *_missing(html, page), *_empty(html)]


def _of_headings(page: _Tags) -> Iterator[str]:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    yield from (f"h{after} follows h{before}" for before, after in pairwise(levels) if after > before + 1)
    if levels.count(1) != 1 or levels[0] != 1:
        yield f"{levels.count(1)} h1"


def _without_names(page: _Tags) -> Iterator[str]:
    labeled = {one["for"] for tag, one in page.tags if tag == "label" and "for" in one}
    for tag, one in page.tags:
        if tag == "img" and not one.get("alt"):
            yield f"an image without words: {one.get('src', '')[:40]}"
        if tag == "th" and not one.get("scope"):
            yield f"a th without scope: {one}"
        if tag == "nav" and not _name(one):
            yield f"a nav without a name: {one}"
        if "scroll" in one.get("class", "").split() and (one.get("tabindex") != "0" or not _name(one)):
            yield f"a place to scroll that no key reaches: {one}"
        if tag in _LABELED and one.get("type") != "hidden" and not _name(one) and one.get("id") not in labeled:
            yield f"a field without a label: {one}"


def _of_links(page: _Tags) -> Iterator[str]:
    ids = Counter(one["id"] for _, one in page.tags if "id" in one)
    yield from (f"two elements are called {name}" for name, n in ids.items() if n > 1)
    linked = [one["href"][1:] for tag, one in page.tags if tag == "a" and one.get("href", "").startswith("#")]
    yield from (f"a link to #{name}, which is not there" for name in linked if name not in ids)


def _empty(html: str) -> Iterator[str]:
    yield from (f"an empty {tag}" for tag in _NAMED for _ in re.findall(rf"<{tag}\b[^>]*>\s*</{tag}>", html))


def _missing(html: str, page: _Tags) -> Iterator[str]:
    attributes = dict(page.tags)  # of the last of each kind, which there is one of here
    needed = {
        "language": bool(attributes.get("html", {}).get("lang")),
        "title": bool(re.search(r"<title>\s*\S", html)),
        "main": "main" in attributes,
        "width of the device": "width=device-width" in html and "user-scalable=no" not in html,
        "caption of every table": html.count("<table") == html.count("<caption"),
        "style of what has the focus": ":focus" in html,
    }
    yield from (f"no {name}" for name, there in needed.items() if not there)


def _name(attributes: dict[str, str]) -> str:
    return attributes.get("aria-label") or attributes.get("aria-labelledby") or ""
