"""What keeps a table from being used, in sentences: the problem, the cells it is about, what was probably meant."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from radiofuse.names import closest
from radiofuse.tables.columns import SEPARATOR, is_modality, join
from radiofuse.wording import counted, some

LONGEST_SHOWN = 60
THE_COHORT = "The cohort"  # what problems are of once its table was read
_SAFE = re.compile(r"(?!\.)[A-Za-z0-9._-]+")
_NEAR_MISS = re.compile(r"([A-Za-z0-9]+)[_ .-]+(image|mask)", re.IGNORECASE)


class Problem(str):
    """One sentence about the table; ``items`` keeps every cell it is about."""

    items: tuple[str, ...]

    def __new__(cls, what: str, items: Iterable[str] = (), advice: str = "") -> Problem:
        items = tuple(items)
        named = f": {some(items)}" if items else ""
        problem = super().__new__(cls, f"{what}{named}.{' ' + advice if advice else ''}")
        problem.items = items
        return problem

    @classmethod
    def of(cls, sentence: str) -> Problem:
        """Return a sentence that another room wrote as a problem without cells; a problem as it is."""
        if isinstance(sentence, Problem):
            return sentence
        problem = super().__new__(cls, sentence)
        problem.items = ()
        return problem


def problems_about(what: str, items: Iterable[str], advice: str = "") -> list[Problem]:
    """Return one problem about the items, or none where there are no items.

    >>> problems_about("Columns without a name", ["column 3"], "Name or delete them.")
    ['Columns without a name: column 3. Name or delete them.']
    """
    items = tuple(items)
    return [Problem(what, items, advice)] if items else []


def shown(text: str) -> str:
    """Return ``text`` as a sentence can hold it: quoted unless plain, shortened if long."""
    if _SAFE.fullmatch(text) and len(text) <= LONGEST_SHOWN:
        return text
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…")


def is_near_miss(column: str) -> bool:
    """Say whether a name looks like a slip in ``<modality>__image``.

    >>> is_near_miss("t1_image"), is_near_miss("t1__image ")
    (True, False)
    """
    return _NEAR_MISS.fullmatch(column) is not None


def with_suggestions(names: Iterable[str], known: list[str]) -> list[str]:
    """Return names as sentences hold them, each with what was probably meant."""
    meant = [(name, _suggestion(name, known)) for name in names]
    return [f"{shown(name)} (did you mean {shown(close)}?)" if close else shown(name) for name, close in meant]


def _suggestion(name: str, known: list[str]) -> str | None:
    """Return what ``name`` was probably meant to be: ``T1__image`` and ``t1_image`` are ``t1__image``."""
    parts = _NEAR_MISS.fullmatch(name)
    modality, thing = parts.groups() if parts else name.partition(SEPARATOR)[::2]
    cleaned = re.sub(r"[^a-z0-9]", "", modality.lower())
    if thing and is_modality(cleaned) and (parts or cleaned != modality):
        return join(cleaned, thing)
    return closest(name, known)


def repeated_ids(ids: Iterable[str], what: str = "sample id") -> str:
    """Return a sentence on ids that rows share.

    >>> repeated_ids(["s1"])
    '1 sample id more than once: s1. Keep one row of each, or name another column with --id.'
    """
    ids = list(ids)
    advice = "Keep one row of each, or name another column with --id."
    return f"{counted(len(ids), what)} more than once: {some(ids)}. {advice}"


def spelling_problems(ids: Iterable[str], column: str) -> list[Problem]:
    """Return a problem if ids differ only in case, spaces or Unicode form: one patient, or site, typed twice.

    Examples
    --------
    >>> spelling_problems(["P1", "p1", "P2"], "patient_id")
    ["Values of patient_id that differ in spelling only: 'P1' = 'p1'. Write each in one way."]
    """
    spellings = defaultdict(list)
    for text in pd.unique(pd.Series(ids, dtype="str").dropna()):
        spellings[" ".join(unicodedata.normalize("NFKC", text).casefold().split())].append(text)
    twins = [" = ".join(map(repr, same)) for same in spellings.values() if len(same) > 1]
    return problems_about(f"Values of {column} that differ in spelling only", twins, "Write each in one way.")
