"""Whether percentages in a text stand beside the class of which the answer tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from radiofuse.report.patient.numbers import LETTER, TOKEN, unknown_numbers

OF_CLASSES = ("probability", "interval", "calibrated")


def of_another_class(text: str, told: Mapping[str, Any]) -> list[str]:
    """Return the shares in a text whose sentence names no class that the answer tells them of, or another one too.

    A sentence may name several classes only where each has a share of its own in it. What the answer tells of no class,
    as thresholds, levels and scores, may stand anywhere.

    Parameters
    ----------
    text : str
    told : mapping
        An answer, or what a language model was told of it.

    Examples
    --------
    >>> told = {"outcomes": {"idh": {"call": "mutant", "probability": {"mutant": 0.7712}, "threshold": 0.4}}}
    >>> told["similar"] = {"n": 10, "shares": {"idh": {"mutant": 0.6, "wildtype": 0.4}}}
    >>> of_another_class("The chance of wildtype is 77.1%.", told)
    ['77.1%']
    >>> of_another_class("The chance of mutant is 77.1%. Of the nearest, wildtype are 40%, mutant 60%.", told)
    []
    """
    of_class: dict[str, list[Any]] = {}
    for name, value in _by_class(told):
        of_class.setdefault(name, []).append(value)
    of_none = _without_classes(told)
    wrong = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", text):
        shares = [found[0].strip() for found in TOKEN.finditer(sentence) if found["percent"] or "." in found["digits"]]
        tied = [one for one in shares if unknown_numbers(one, of_none)]
        named = [name for name in of_class if re.search(rf"(?<!{LETTER}){re.escape(name)}(?!{LETTER})", sentence)]
        owned = {name: [one for one in shares if not unknown_numbers(one, {"": of_class[name]})] for name in named}
        if tied and not all(owned.values()):
            wrong += tied
        else:
            wrong += [one for one in tied if not any(one in own for own in owned.values())]
    return wrong


def _by_class(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each class with each number, or pair of them, that is told of it."""
    tables = [of.get(kind) or {} for of in told["outcomes"].values() for kind in OF_CLASSES]
    tables += (told.get("similar") or {}).get("shares", {}).values()
    for table in tables:
        yield from table.items()
    for row in told.get("dropout_spread", []):
        yield row["class"], [row["mean"], row["sd"]]
    for row in told.get("survival") or []:
        yield row["class"], [value for name, value in row.items() if name not in ("outcome", "class", "source")]


def _without_classes(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of no class."""
    kept = {name: value for name, value in told.items() if name not in ("similar", "dropout_spread", "survival")}
    outcomes = {
        outcome: {name: value for name, value in of.items() if name not in OF_CLASSES}
        for outcome, of in told["outcomes"].items()
    }
    return kept | {"outcomes": outcomes}
