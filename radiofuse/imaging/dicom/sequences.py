"""Which sequence a series is: the first rule of a table that holds for its header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path

from radiofuse.errors import RequestError
from radiofuse.files.paths import describe_absent

BUILT_IN = Path(__file__).with_name("sequences.csv")
TEXT = (
    "description",
    "without",
    "scanning_sequence",
    "image_type",
)  # regular expressions, upper or lower case
RANGES = ("te_ms", "tr_ms", "ti_ms")  # 60- or -35 or 400-1400
COLUMNS = ("name", "dicom", *TEXT, "agent", *RANGES, "series_number", "reason")
_RANGE = re.compile(r"(\d+\.?\d*)?-(\d+\.?\d*)?|(\d+\.?\d*)")
_NAME = re.compile(r"[a-z0-9]*")


@dataclass(frozen=True)
class Words:
    """What a rule looks at.

    ``description`` is the protocol's name where a series has none of its own; a time of None is
    not given in the file.
    """

    dicom: str
    description: str
    image_type: str
    series_number: str
    agent: str
    times_ms: Mapping[str, float | None]
    scanning_sequence: str = ""


@dataclass(frozen=True)
class Rule:
    """A row of the table: every cell that is not empty must hold; no name leaves the series out."""

    name: str
    conditions: Mapping[str, str]
    reason: str

    def holds(self, words: Words) -> bool:
        """Whether every condition holds."""
        return all(_holds(column, condition, words) for column, condition in self.conditions.items())


@dataclass(frozen=True)
class Named:
    """What a series is called, "" if it is left out, and why."""

    name: str
    reason: str
    is_of_user: bool = False


def read_rules(path: str | PathLike[str]) -> list[Rule]:
    """Read a table of rules, a CSV with the columns ``name`` and any of the others.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    RequestError
        If it cannot be read, or a cell is none of what its column takes.

    Examples
    --------
    >>> [rule.reason for rule in read_rules(BUILT_IN)][:1]
    ['a localizer']
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise RequestError(describe_absent(path, "table of sequences")) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path} cannot be read as a CSV ({error}). Save it as UTF-8 text.") from None
    if any(None in row for row in rows):  # what csv calls cells beyond the header
        raise RequestError(f"A row of {path} has more cells than columns. Put text with a comma between quotes.")
    unknown = {name for row in rows for name in row} - set(COLUMNS)
    if not rows or unknown or "name" not in rows[0]:
        raise RequestError(
            f"{path} must have rows and a column name, and beside it any of {', '.join(COLUMNS[1:])}"
            f"{'; it has ' + ', '.join(sorted(unknown)) if unknown else ''}."
        )
    return [_rule(path, line, row) for line, row in enumerate(rows, start=2)]


def name_sequence(words: Words, rules: Iterable[Rule] = ()) -> Named:
    """Return what a series is, by the rules of the user first and the built-in ones then.

    Parameters
    ----------
    words : Words
    rules : iterable of Rule, default=()
        Of the user.

    Examples
    --------
    >>> words = Words("MR", "AX T1 POST GAD", "ORIGINAL", "7", "", {"te_ms": 9.0})
    >>> name_sequence(words)
    Named(name='t1ce', reason='the description', is_of_user=False)
    """
    for is_of_user, table in ((True, rules), (False, _built_in())):
        for rule in table:
            if rule.holds(words):
                return Named(rule.name, rule.reason, is_of_user)
    return Named("", "no rule of the table of sequences holds for it")


@cache
def _built_in() -> tuple[Rule, ...]:
    return tuple(read_rules(BUILT_IN))


def _rule(path: Path, line: int, row: Mapping[str, str | None]) -> Rule:
    cells = {column: (value or "").strip() for column, value in row.items()}
    conditions = {column: cell for column, cell in cells.items() if cell and column not in ("name", "reason")}
    name = cells["name"].lower()
    if not _NAME.fullmatch(name):
        raise _refused(path, line, "name", name, "lower-case letters and digits, or nothing to leave a series out")
    if not conditions:
        raise RequestError(f"{path}, line {line}: no condition is given, so the rule would hold for every series.")
    for column, cell in conditions.items():
        if expected := _expected(column, cell):
            raise _refused(path, line, column, cell, expected)
    return Rule(name, conditions, cells.get("reason") or f"line {line} of {path.name}")


def _expected(column: str, cell: str) -> str:
    """Return what a column takes where a cell is something else."""
    if column in RANGES and not _RANGE.fullmatch(cell):
        return "a range as 60-, -35 or 400-1400"
    if column == "agent" and cell not in ("yes", "no"):
        return "yes or no"
    if column in TEXT:
        try:
            re.compile(cell)
        except re.error as error:
            return f"a regular expression ({error})"
    return ""


def _refused(path: Path, line: int, column: str, cell: str, expected: str) -> RequestError:
    return RequestError(f"{path}, line {line}: {column} is {cell!r}; {expected} was expected.")


def _holds(column: str, condition: str, words: Words) -> bool:
    if column in RANGES:
        return _within(words.times_ms.get(column), condition)
    if column == "agent":
        return bool(words.agent) == (condition == "yes")
    if column in ("dicom", "series_number"):
        return getattr(words, column).upper() == condition.upper()
    looked_at = words.description if column == "without" else getattr(words, column)
    found = re.search(condition, looked_at, re.IGNORECASE)
    return (found is None) == (column == "without")


def _within(value: float | None, condition: str) -> bool:
    """Whether a time lies in a range; one that the file does not give is 0 for ``-0``, else in none."""
    if condition == "-0":
        return not value
    low, high, exact = _RANGE.fullmatch(condition).groups()
    if value is None:
        return False
    return float(exact or low or 0) <= value <= float(exact or high or "inf")
