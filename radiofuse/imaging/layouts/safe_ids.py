"""Ids that folders and files gave, written so that they can be names of files on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import count

import pandas as pd

from radiofuse.tables.roles import PATIENT
from radiofuse.tables.samples import LONGEST_ID, is_safe_id
from radiofuse.wording import some


def with_safe_ids(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return rows whose samples and patients are called as a cohort table may call them, and a note on those changed.

    Examples
    --------
    >>> rows, notes = with_safe_ids(pd.DataFrame({"patient_id": ["Örs Ü"]}, index=["Örs Ü"]))
    >>> rows.index.tolist(), notes
    (['Ors_U'], ["1 id cannot be the name of a file and is written otherwise: 'Örs Ü' as Ors_U."])
    """
    called = _called(dict.fromkeys([*rows.index, *rows[PATIENT]]))
    changed = [f"{text!r} as {name}" for text, name in called.items() if text != name]
    if not changed:
        return rows, []
    renamed = rows.assign(**{PATIENT: rows[PATIENT].map(called)}).rename(index=called)
    words = "id cannot be the name of a file and is" if len(changed) == 1 else "ids cannot be names of files and are"
    return renamed, [f"{len(changed)} {words} written otherwise: {some(changed)}."]


def _called(ids: Iterable[str]) -> dict[str, str]:
    """Return what each id is called; two that come out alike are numbered."""
    ids = list(ids)
    taken = {text.casefold() for text in ids if is_safe_id(text)}
    called = {}
    for text in ids:
        called[text] = text if is_safe_id(text) else _free(_plain(text), taken)
        taken.add(called[text].casefold())
    return called


def _plain(text: str) -> str:
    """Return a text without accents, with _ for what is no letter, digit, dot, hyphen or underscore."""
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    letters = "".join(one for one in letters if not unicodedata.combining(one))
    return re.sub(r"[^A-Za-z0-9._-]+", "_", letters).lstrip(".")[: LONGEST_ID - 8].strip("_") or "id"


def _free(name: str, taken: set[str]) -> str:
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    return next(one for one in names if is_safe_id(one) and one.casefold() not in taken)
