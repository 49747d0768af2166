"""The JSON files of a bundle, their shape checked once for all who read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radiofuse.errors import BundleError

SCHEMA = 1
ANY_NAME = "*"  # in a shape: entries of whatever name


class _Whole(dict):
    """Entries that must all be there."""


_ENCODER = _Whole(
    encoder=str,
    join=("columns", "members"),
    output=("embedding", "logit"),
    protocol=("crossfit", "as_published"),
    folds=int,
    training={},
)
_RADIOMICS = {
    "name": str,
    "backend": str,
    "parameters": {"imageType": {ANY_NAME: (None, {})}, "featureClass": {ANY_NAME: (None, [str])}, "setting": {}},
    "wavelet_subbands": (None, [str]),
    "ibsi": bool,
}
DESCRIPTION = {  # a type, a list of one shape, entries by name, or alternatives; None and text stand for themselves
    "name": str,
    "title": str,
    "radiofuse_version": str,
    "label": str,
    "positive": str,
    "modalities": [str],
    "modality_pattern": (None, str),
    "clinical": [str],
    "columns": [str],
    "settings": {
        "radiomics": (None, _RADIOMICS),
        "block": (None, str),
        "crops": (None, {"size": int, "slices": (int, "all"), "max_slices": int}),
        "ready_made": [str],
    },
    "protocol": {
        "folds": int,
        "repeats": int,
        "inner_folds": int,
        "resamples": int,
        "selector": str,
        "selector_options": {},
        "classifier": str,
        "classifier_options": {},
        "fusions": [str],
        "primary": str,
        "seed": int,
        "constrained": [str],
        "arms": [str],
        "deep": (None, _ENCODER),
    },
    "n_features": {ANY_NAME: int},
    "training_rows": {ANY_NAME: str},
    "synthetic": bool,
    "as_published": [str],
    "warnings": [str],
}
ENVIRONMENT = {"python": str, "platform": str, "packages": {ANY_NAME: str}}
CHECKSUMS = {ANY_NAME: str}


def read_description(path: Path, needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return ``bundle.json``.

    Parameters
    ----------
    path : Path
    needed : iterable of str
        Entries that must be there; ``protocol.primary`` is the entry primary of the entry protocol.

    Raises
    ------
    BundleError
        If the file is no JSON, of another schema or shape, or lacks an entry.
    """
    about = read_shape(path, {})
    if about.get("schema") != SCHEMA:
        raise BundleError(
            f"{path.name} has schema {about.get('schema')!r}; this version of radiofuse reads schema {SCHEMA}. "
            "Use the version that wrote the bundle."
        )
    require_entries(path, about, needed)
    _refuse(path, about, DESCRIPTION)
    return about


def require_entries(path: Path, about: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Raise a BundleError if a description lacks an entry; at the top, null is none."""
    wanted: dict[str, list[str]] = {}
    for name in needed:
        above, _, own = name.rpartition(".")
        wanted.setdefault(above, []).append(own)
    for above, names in wanted.items():
        inside = about.get(above) if above else {name: one for name, one in about.items() if one is not None}
        missing = [name for name in names if not isinstance(inside, Mapping) or name not in inside]
        if missing:
            where = f"{above} in {path.name}" if above else path.name
            raise BundleError(f"{where} lacks the entry {', '.join(missing)}. Write the bundle again with a run.")


def read_shape(path: Path, shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON file that holds entries of a shape, or raise a BundleError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{path} is not there. Pass the folder that a run has written.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path.name} is not JSON ({error}). Write the bundle again with a run.") from error
    _refuse(path, content, shape)
    return content


def _refuse(path: Path, content: Any, shape: Mapping[str, Any]) -> None:
    problem = next(misshapen(content, shape, path.name), None)
    if problem:
        raise BundleError(f"{problem}. Write the bundle again with a run.")


def misshapen(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield a sentence for each part of a value that is of another shape; entries of other names are left alone.

    >>> list(misshapen({"folds": "5"}, {"folds": int, "label": str}, "bundle.json"))
    ["bundle.json, folds: a whole number was expected, got '5'"]
    """
    if isinstance(shape, tuple):
        if all(any(misshapen(value, one, where)) for one in shape):
            yield _expected(value, shape, where)
    elif isinstance(shape, Mapping) and isinstance(value, Mapping):
        if isinstance(shape, _Whole):
            yield from (f"{where} lacks the entry {name}" for name in shape if name not in value)
        for name, inside in value.items():
            yield from misshapen(inside, shape.get(name, shape.get(ANY_NAME, object)), f"{where}, {name}")
    elif isinstance(shape, list) and isinstance(value, list):
        for place, inside in enumerate(value, start=1):
            yield from misshapen(inside, shape[0], f"{where}, item {place}")
    elif not _fits(value, shape):
        yield _expected(value, shape, where)


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
