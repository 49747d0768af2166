"""What a fusion loses without some of its members: the comparisons with its answers by the others, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiofuse.report.kinds import MEMBER, MODALITY, REFERENCE, SUBSET

_MEMBERS = (MODALITY, MEMBER, REFERENCE)  # of the answer's own model


@dataclass(frozen=True)
class Absence:
    """A fusion without some of its members.

    Attributes
    ----------
    absent, present : tuple of str
        Members.
    model : str
        What answers then.
    comparison : namedtuple
        The row of the comparisons: the fusion minus that answer.
    """

    absent: tuple[str, ...]
    present: tuple[str, ...]
    model: str
    comparison: Any


def absences(comparisons: pd.DataFrame, primary: str, words: Mapping[str, Mapping[str, str]]) -> list[Absence]:
    """Return what the main answer loses without each set of its members; nothing where no combination was evaluated.

    Parameters
    ----------
    comparisons : DataFrame
        Of one outcome, as in ``comparisons.csv``.
    primary : str
        The main answer.
    words : mapping of str to mapping
        By model, its ``kind`` and the ``model`` that it answers for.

    Returns
    -------
    list of Absence
        Fewest absent members first, among as many the largest loss.

    Examples
    --------
    >>> words = {name: {"model": "fusion", "kind": MODALITY} for name in ("t1", "t2", "flair")}
    >>> words["mean"] = {"model": "fusion", "kind": "fusion"}
    >>> subsets = ["mean(t1+t2)", "mean(t1+flair)", "mean(t2+flair)"]
    >>> words |= {name: {"model": "fusion", "kind": SUBSET} for name in subsets}
    >>> table = pd.DataFrame({"a": "mean", "b": [*subsets, "t1"], "difference": [0.01, 0.05, 0.0, 0.1]})
    >>> [found.absent for found in absences(table, "mean", words)]
    [('t2',), ('flair',), ('t1',), ('t2', 'flair')]
    """
    if primary not in words or not _has_subsets(primary, words):
        return []
    prefix, members = members_of(primary, words)
    members = members or _of_subsets(primary, words)
    found = _found(comparisons[comparisons["a"] == primary], primary, prefix, members)
    return sorted(found, key=lambda one: (len(one.absent), -one.comparison.difference))


def members_of(primary: str, words: Mapping[str, Mapping[str, str]]) -> tuple[str, list[str]]:
    """Return the members of the main answer's model, and what stands before their names in tables."""
    own = words[primary]["model"]
    prefix = f"{own}_" if primary.startswith(f"{own}_") else ""
    named = [name for name, said in words.items() if said["model"] == own and said["kind"] in _MEMBERS]
    return prefix, [name.removeprefix(prefix) for name in named]


def _of_subsets(primary: str, words: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the members that a model without answers of single members is asked from, by the names of its answers."""
    own = words[primary]["model"]
    sets = [name for name, said in words.items() if said["model"] == own and said["kind"] == SUBSET]
    named = [name.removeprefix(primary).strip("()").split("+") for name in sets]
    return list(dict.fromkeys(member for one in named for member in one))


def _has_subsets(primary: str, words: Mapping[str, Mapping[str, str]]) -> bool:
    own = words[primary]["model"]
    return any(said["model"] == own and said["kind"] == SUBSET for said in words.values())


def _found(rows: pd.DataFrame, primary: str, prefix: str, members: list[str]) -> Iterator[Absence]:
    for row in rows.itertuples():
        inside = row.b.removeprefix(primary)
        subset = inside != row.b and inside.startswith("(") and inside.endswith(")")
        named = inside[1:-1].split("+") if subset else [row.b.removeprefix(prefix)]
        present = tuple(name for name in members if name in named)
        if len(present) == len(named):
            yield Absence(tuple(name for name in members if name not in present), present, row.b, row)
