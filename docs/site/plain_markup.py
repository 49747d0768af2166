"""Docstrings are numpydoc, whose few marks of reStructuredText become Markdown here."""

from __future__ import annotations

import re

import griffe


class PlainMarkup(griffe.Extension):
    """Turn ``:meth:`read` `` into code, and numbered references into a list."""

    def on_object(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring and not obj.is_alias:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring without roles and without marks of footnotes.

    >>> as_markdown("See :meth:`read`.")
    'See `read`.'
    >>> as_markdown(".. [2] Pepe 2003")
    '2. Pepe 2003'
    """
    without_roles = re.sub(r":(?:meth|func|class):(`[^`]+`)", r"\1", docstring)
    return re.sub(r"^( *)\.\. \[(\d+)\] ", r"\1\2. ", without_roles, flags=re.MULTILINE)
