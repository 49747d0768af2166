"""Text of anybody's in a page of Markdown: one line, no markup of its own, no HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MARKUP = re.compile(r"([\\`*\[\]|<>&#~$])")


def line(text: object) -> str:
    r"""Return a text as one line of Markdown in which nothing is markup.

    Examples
    --------
    >>> print(line("a|b\n# <script>"))
    a\|b \# \<script\>
    """
    return MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def cell(text: object) -> str:
    """Return a text inside backticks, which cannot hold backticks."""
    return " ".join(str(text).replace("`", "'").replace("|", "/").split())


def points(texts: Iterable[str]) -> str:
    """Return a list of points; nothing where there is none."""
    return "\n".join(f"- {text}" for text in texts)


def table_of(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; nothing where it has no row."""
    lines = [f"| {' | '.join(map(line, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]) if lines else ""
