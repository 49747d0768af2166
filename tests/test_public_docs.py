"""What editors show of public names: options of a closed set by their values, and neighbors that exist."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from sklearn.utils._param_validation import StrOptions

import radiofuse
from radiofuse.names import names_of_stub

PACKAGE = Path(radiofuse.__file__).parent
METRIC = "metric"  # one of a table that grows; any text to an editor


def public_objects() -> Iterator[tuple[str, Any]]:
    """Yield every class and function that a room offers, with where it stands."""
    for stub in sorted(PACKAGE.rglob("*.pyi")):
        room = ".".join(stub.parent.relative_to(PACKAGE.parent).parts)
        for name in names_of_stub(str(stub)):
            found = getattr(import_module(room), name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"{room}.{name}", found


OBJECTS = dict(public_objects())


def literals_of(found: Any, parameter: str) -> set[str]:
    called = inspect.unwrap(found.__init__ if inspect.isclass(found) else found)
    annotation = inspect.signature(called).parameters[parameter].annotation
    hint = eval(annotation, called.__globals__)  # this one alone: others may be known to type checkers only
    return {inside for part in (hint, *get_args(hint)) for inside in get_args(part) if isinstance(inside, str)}


def rules_of(found: Any) -> dict[str, Any]:
    rules = getattr(found, "_skl_parameter_constraints", None) or getattr(found, "_parameter_constraints", None)
    return rules if isinstance(rules, dict) else {}


def test_a_closed_set_of_options_is_typed_by_its_values():
    checked = 0
    for where, found in OBJECTS.items():
        for parameter, kinds in rules_of(found).items():
            options = {one for kind in kinds if isinstance(kind, StrOptions) for one in kind.options}
            if options and parameter != METRIC:
                assert literals_of(found, parameter) == options, f"{where}: {parameter}"
                checked += 1
    assert checked > 40


def neighbors_of(found: Any) -> list[str]:
    """Return the names that a docstring lists under See Also."""
    section = re.search(r"\nSee Also\n-+\n(.*?)(?=\n\n|\Z)", inspect.getdoc(found) or "", re.DOTALL)
    lines = section[1].splitlines() if section else []
    assert all(re.fullmatch(r"[\w.]+ : .+\.", line) for line in lines), lines
    return [line.partition(" : ")[0] for line in lines]


def resolved(name: str) -> Any:
    room, _, own = name.rpartition(".")
    return getattr(import_module(room), own)


def test_what_a_docstring_says_to_see_also_is_there():
    """A name without its room is of the same room."""
    rooms = {where: where.rpartition(".")[0] for where in OBJECTS if where.count(".") > 1}
    listed = {where: neighbors_of(OBJECTS[where]) for where in rooms}
    names = {
        f"{rooms[where]}.{one}" if one in import_module(rooms[where]).__all__ else one
        for where, neighbors in listed.items()
        for one in neighbors
    }
    assert len(names) > 40
    assert [name for name in sorted(names) if not callable(resolved(name))] == []
