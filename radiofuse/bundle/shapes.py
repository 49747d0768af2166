"""JSON of a given shape: what is misshapen, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ANY_NAME = "*"  # in a shape: entries of whatever name


class Whole(dict):
    """Entries that must all be there."""


def misshapen(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield a sentence for each part of a value that is of another shape; entries of other names are left alone.

    >>> list(misshapen({"folds": "5"}, {"folds": int, "label": str}, "bundle.json"))
    ["bundle.json, folds: a whole number was expected, got '5'"]
    """
    if isinstance(shape, tuple):
        if all(any(misshapen(value, one, where)) for one in shape):
            yield _expected(value, shape, where)
    elif isinstance(shape, Mapping) and isinstance(value, Mapping):
        if isinstance(shape, Whole):
            yield from (f"{where} lacks the entry {name}" for name in shape if name not in value)
        for name, inside in value.items():
            yield from misshapen(inside, shape.get(name, shape.get(ANY_NAME, object)), f"{where}, {name}")
    elif isinstance(shape, list) and isinstance(value, list):
        for place, inside in enumerate(value, start=1):
            yield from misshapen(inside, shape[0], f"{where}, item {place}")
    elif not _fits(value, shape):
        yield _expected(value, shape, where)


def unnamed(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield the place of each entry that a shape does not name; an empty shape leaves the names open.

    >>> list(unnamed({"label": "idh", "folds": 5, "options": {"C": 1}}, {"label": str, "options": {}}, "bundle.json"))
    ['bundle.json, folds']
    """
    if isinstance(shape, tuple):
        shape = next(
            (one for one in shape if isinstance(one, Mapping | list) and not any(misshapen(value, one, ""))), None
        )
    if isinstance(shape, Mapping) and isinstance(value, Mapping) and shape:
        for name, inside in value.items():
            if name in shape or ANY_NAME in shape:
                yield from unnamed(inside, shape.get(name, shape.get(ANY_NAME)), f"{where}, {name}")
            else:
                yield f"{where}, {name}"
    elif isinstance(shape, list) and isinstance(value, list):
        for inside in value:
            yield from unnamed(inside, shape[0], where)


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, type):
        return isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return not isinstance(shape, Mapping | list) and value == shape


def _expected(value: Any, shape: Any, where: str) -> str:
    shown = repr(value)
    return f"{where}: {_in_words(shape)} was expected, got {shown[:60]}{'…' * (len(shown) > 60)}"


def _in_words(shape: Any) -> str:
    if isinstance(shape, tuple):
        return " or ".join(map(_in_words, shape))
    if isinstance(shape, Mapping):
        return "entries by name"
    if isinstance(shape, list):
        return "a list"
    return {str: "text", int: "a whole number", bool: "true or false", None: "null"}.get(shape, repr(shape))
