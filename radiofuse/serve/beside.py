"""The fields of a contact sheet for what models read beside images, and what a form says in them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from radiofuse.serve.names import shown_name
from radiofuse.serve.refusal import RefusedError
from radiofuse.tables.sex import SEX
from radiofuse.wording import listed

SEXES = ("F", "M")
LONGEST = 100  # characters of a field


def fields_of(bundles: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields for what the bundles read beside images, each once: name in the form, title, kind, choices.

    Examples
    --------
    >>> age = {"column": "clinical__age", "name": "age", "low": 21.0, "high": 84.0, "sites": None}
    >>> (field,) = fields_of([{"title": "A", "beside": [age]}])
    >>> field["field"], field["title"], field["kind"], field["hint"]
    ('clinical__age', 'age', 'number', '21 to 84 in training')
    """
    found: dict[str, dict[str, Any]] = {}
    for one in (one for bundle in bundles for one in bundle["beside"]):
        field = {"field": one["column"], "title": one["name"], "kind": _kind(one), "choices": _choices(one)}
        hint = "" if one["low"] is None or one["column"] == SEX else f"{one['low']:g} to {one['high']:g} in training"
        before = found.setdefault(one["column"], field | {"hint": hint})
        before["hint"] = hint if before["hint"] == hint else ""  # models that were trained on others
        before["choices"] = sorted({*before["choices"], *field["choices"]})
    return list(found.values())


def beside_of(bundle: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, str]:
    """Return the cells of what a bundle reads beside images, by column; an empty one is not known.

    Raises
    ------
    RefusedError
        If something is no number, or no sex that the tables know.
    """
    given = {one["column"]: form.get(one["column"], "").strip() for one in bundle["beside"]}
    for one in bundle["beside"]:
        for trouble in _troubles(one, given[one["column"]]):
            raise RefusedError(422, f"{one['name']}: {trouble} Or leave it empty where it is not known.")
    return given


def _kind(one: Mapping[str, Any]) -> str:
    if one["sites"] is not None:
        return "site"
    return "choice" if one["column"] == SEX else "number"


def _choices(one: Mapping[str, Any]) -> Sequence[str]:
    return one["sites"] or () if one["column"] != SEX else SEXES


def _troubles(one: Mapping[str, Any], text: str) -> Iterator[str]:
    """Yield what is wrong with a field that is not empty."""
    if len(text) > LONGEST or not text.isprintable():
        yield f"at most {LONGEST} characters that print were expected."
    elif text and _kind(one) == "choice" and text not in SEXES:
        yield f"{listed(SEXES)} were expected, got {shown_name(text)!r}."
    elif text and _kind(one) == "number" and _number(text) is None:
        yield f"a number was expected, such as {_example(one)}, got {shown_name(text)!r}."


def _number(text: str) -> float | None:
    with suppress(ValueError):
        value = float(text)
        return value if math.isfinite(value) else None
    return None


def _example(one: Mapping[str, Any]) -> str:
    return "1.5" if one["low"] is None else f"{one['low']:g}"
