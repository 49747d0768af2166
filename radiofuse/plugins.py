"""Names to objects: a built-in table first, then ``package.module:Class``. No scanning."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from radiofuse.errors import RequestError


def lookup(name: str, table: Mapping[str, Any], kind: str) -> Any:
    """Return ``table[name]``, or the object that ``package.module:Class`` names.

    Parameters
    ----------
    name : str
        A key of ``table`` or a dotted path with a colon before the object.
    table : mapping
        The built-in choices.
    kind : str
        What is looked up, for the message: "classifier", "selector", ….

    Raises
    ------
    RequestError
        If the name is in neither, or names what cannot be called; the message lists the choices.
    """
    if name in table:
        return table[name]
    module, colon, attribute = name.partition(":")
    if not colon or not module or module.startswith("."):
        hint = did_you_mean(name, table)
        choices = ", ".join(sorted(table))
        raise RequestError(f"No {kind} is called {name!r}.{hint} Choose from {choices}, or pass package.module:Class.")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RequestError(
            f"The {kind} {name!r} could not be imported ({error}). Check the path package.module:Class."
        ) from error
    if not callable(found):
        raise RequestError(
            f"The {kind} {name!r} is a {type(found).__name__}, a class or a function was expected. "
            "Check the path package.module:Class."
        )
    return found


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" with the closest of the known names, or nothing."""
    by_lower = {str(one).lower(): str(one) for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""
