"""Docstrings are numpydoc, whose few marks of reStructuredText become Markdown here."""

from __future__ import annotations

import re

import griffe


class PlainMarkup(griffe.Extension):
    """Turn ``:meth:`read` `` into code, and numbered references and what to see also into lists."""

    def on_object(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring and not obj.is_alias:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Return a docstring without roles and without marks of footnotes.

    >>> as_markdown("See :meth:`read`.")
    'See `read`.'
    >>> as_markdown(".. [2] Pepe 2003")
    '2. Pepe 2003'
    >>> print(as_markdown("See Also\\n--------\\nread : Reads.\\nwrite : Writes.\\n\\nNotes"))
    See Also
    --------
    - `read`: Reads.
    - `write`: Writes.
    <BLANKLINE>
    Notes
    """
    docstring = re.sub(r"(?<=See Also\n--------\n)(?:[\w.]+ : .*\n?)+", _as_list, docstring)
    without_roles = re.sub(r":(?:meth|func|class):(`[^`]+`)", r"\1", docstring)
    return re.sub(r"^( *)\.\. \[(\d+)\] ", r"\1\2. ", without_roles, flags=re.MULTILINE)


def _as_list(lines: re.Match) -> str:
    return re.sub(r"^([\w.]+) : ", r"- `\1`: ", lines[0], flags=re.MULTILINE)
