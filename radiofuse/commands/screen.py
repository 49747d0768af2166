"""Text tables and sentences that fit the terminal, or 80 columns where there is none."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from functools import partial

NARROWEST = 20  # columns; no terminal is laid out for less
GAP, INDENT = "  ", "    "
_TOGETHER = re.compile(r"\([^()]*\)|p [=<] \S+|AUC \S+")  # not broken over two lines
_HARD_SPACE = "\u00a0"
_LEAD = re.compile(r" *(- )?")  # of an item of a list

Row = Sequence[str]


def screen_width() -> int:
    """Return the columns of the terminal: what ``COLUMNS`` says, else what it has, 80 where there is none."""
    return max(NARROWEST, shutil.get_terminal_size((80, 24)).columns)


def table_lines(header: Row, rows: Sequence[Row], *, n_text: int = 1, stacked: bool = False) -> list[str]:
    """Return a table as lines no longer than the screen is wide; no cell is broken, none left out.

    Parameters
    ----------
    header : sequence of str
        One heading per column.
    rows : sequence of sequence of str
        Cells; the first one of a row is its name.
    n_text : int, default=1
        How many columns from the left are aligned to the left; the others are numbers.
    stacked : bool, default=False
        Whether rows that are too long continue below their name. Otherwise columns that find no room follow as
        a further table of the same rows, unless the names leave no room for a column.

    Returns
    -------
    list of str

    Examples
    --------
    >>> print("\\n".join(table_lines(("model", "auc"), [("mean", "0.84"), ("t1ce", "0.9")])))
    model   auc
    mean   0.84
    t1ce    0.9
    """
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    name, others, width = widths[0], range(1, len(widths)), screen_width()
    cells = [[_aligned(cell, widths[place], place < n_text) for place, cell in enumerate(line)] for line in lines]
    whole = sum(widths) + len(GAP) * len(others)
    if whole > width and (stacked or name + len(GAP) + max(widths[1:], default=0) > width):
        return _stacked(cells, _packed(widths, others, width - len(INDENT)), width)
    groups = _packed(widths, others, width - name - len(GAP)) or [[]]
    blocks = [[_line([line[0], *(line[place] for place in group)]) for line in cells] for group in groups]
    return "\n\n".join("\n".join(block) for block in blocks).split("\n")


def sentence_lines(text: str, indent: str = "  ") -> list[str]:
    """Return a sentence as lines no longer than the screen is wide, intervals and p-values whole.

    Where it is too long, it goes on in a new line after a double space.

    Examples
    --------
    >>> sentence_lines("AUC of mean minus t1: +0.02 (-0.04 to +0.08)")
    ['AUC of mean minus t1: +0.02 (-0.04 to +0.08)']
    """
    width = screen_width()
    if len(text) <= width:
        return [text]
    first, *others = _TOGETHER.sub(lambda found: found[0].replace(" ", _HARD_SPACE), text).split(GAP)
    wrap = partial(textwrap.wrap, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    lines = wrap(first, width)
    for part in others:
        lines += wrap(part, width, initial_indent=indent)
    return [line.replace(_HARD_SPACE, " ") for line in lines]


def wrapped(text: str) -> str:
    """Return words for a person, wrapped between words to the width of the screen; items stay items of their list.

    Examples
    --------
    >>> wrapped("Error: t.csv has 1 problem:\\n  - It is empty.")
    'Error: t.csv has 1 problem:\\n  - It is empty.'
    """
    return "\n".join(_wrapped_line(line) for line in text.split("\n"))


def _wrapped_line(line: str) -> str:
    indent = " " * len(_LEAD.match(line)[0]) or GAP
    return textwrap.fill(line, screen_width(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _aligned(cell: str, width: int, is_text: bool) -> str:
    return cell.ljust(width) if is_text else cell.rjust(width)


def _line(cells: Sequence[str]) -> str:
    return GAP.join(cells).rstrip()


def _packed(widths: Sequence[int], places: Sequence[int], room: int) -> list[list[int]]:
    """Deal columns in order to lines of this room; a column wider than that has a line for itself."""
    groups: list[list[int]] = []
    left = -1
    for place in places:
        if not groups or widths[place] + len(GAP) > left:
            groups.append([])
            left = room + len(GAP)
        groups[-1].append(place)
        left -= widths[place] + len(GAP)
    return groups


def _stacked(cells: Sequence[Sequence[str]], groups: Sequence[Sequence[int]], width: int) -> list[str]:
    """Set the name of each row, and its cells in the lines below it."""
    lines = []
    for line in cells:
        lines += textwrap.wrap(line[0].rstrip(), width, subsequent_indent=INDENT, drop_whitespace=False)
        lines += [INDENT + _line([line[place] for place in group]) for group in groups]
    return lines


def say(text: str) -> None:
    """Print words for the person at the terminal: to stderr, results alone go to stdout."""
    print(fitted(text), file=sys.stderr, flush=True)


def fitted(text: str) -> str:
    """Wrap words for a terminal; in a file, or for a program, a sentence stays one line."""
    return wrapped(text) if sys.stderr.isatty() else text
