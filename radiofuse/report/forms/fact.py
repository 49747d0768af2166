"""What a run says of one thing that forms ask for: an answer, where it stands in the files, and the sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.read import read_table

YES, NO, NOT_APPLICABLE, HUMAN = "yes", "no", "not applicable", "needs a human"
ANSWERS = (YES, NO, NOT_APPLICABLE, HUMAN)


@dataclass(frozen=True)
class Pointer:
    """A file of the bundle, and what of it: a column or ``column=value`` of a table, names joined by dots in JSON.

    No entry is the file as a whole.
    """

    file: str
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.entry}" if self.entry else self.file


@dataclass(frozen=True)
class Fact:
    """An answer with its pointers, and a sentence for the manuscript or for whoever must write it."""

    answer: str
    sentence: str
    pointers: tuple[Pointer, ...] = ()

    def __post_init__(self) -> None:
        if self.answer == YES and not self.pointers:
            raise ValueError(f"yes without a pointer: {self.sentence}")


def told(sentence: str, **entries: str) -> Fact:
    """Return what the files hold; entries by the stem of their file, several of a file apart by a space."""
    return Fact(YES, sentence, _pointers(entries))


def not_done(sentence: str, **entries: str) -> Fact:
    """Return what the files show not to be part of the run."""
    return Fact(NO, sentence, _pointers(entries))


def not_asked(sentence: str) -> Fact:
    """Return what has no place in such a run."""
    return Fact(NOT_APPLICABLE, sentence)


def for_human(sentence: str = "Nothing in the run's files says it.", **entries: str) -> Fact:
    """Return what a human must write, with what the files hold toward it."""
    return Fact(HUMAN, sentence, _pointers(entries))


def _pointers(entries: dict[str, str]) -> tuple[Pointer, ...]:
    return tuple(Pointer(_file(stem), entry) for stem, said in entries.items() for entry in (said.split() or [""]))


def _file(stem: str) -> str:
    if stem in TABLES:
        return f"{stem}.csv"
    return {"bundle": "bundle.json", "manifest": "manifest.json", "recipe": "recipe.toml", "card": "card.md"}[stem]


def is_there(bundle: Path, pointer: Pointer) -> bool:
    """Return whether a bundle holds what a pointer says: of a table a row with a value there."""
    path = bundle / pointer.file
    if not path.is_file():
        return False
    if not pointer.entry:
        return path.stat().st_size > 0
    if path.suffix == ".csv":
        return _in_table(read_table(bundle, path.stem), pointer.entry)
    return path.suffix == ".json" and _in_json(json.loads(path.read_text(encoding="utf-8")), pointer.entry.split("."))


def checked(fact: Fact, bundle: Path) -> Fact:
    """Return a fact with the pointers that lead somewhere; a yes with one that does not needs a human.

    The tables of single patients of a bundle for handing on are empty, for instance.
    """
    there = tuple(pointer for pointer in fact.pointers if is_there(bundle, pointer))
    if fact.answer == YES and there != fact.pointers:
        return Fact(HUMAN, "What would say it is not in this bundle: fill the form from the run itself.", there)
    return replace(fact, pointers=there)


def _in_table(table: pd.DataFrame, entry: str) -> bool:
    column, _, value = entry.partition("=")
    if column not in table:
        return False
    return bool((table[column].astype(str) == value).any() if value else table[column].notna().any())


def _in_json(value: Any, names: list[str]) -> bool:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return value is not None
