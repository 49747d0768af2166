"""Names to objects: built-in tables, ``package.module:Class``, names imported on first use, kernels.

No scanning. A room whose ``__init__`` imported scikit-learn or pandas would make a command's ``--help`` wait for them.
"""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from radiofuse.errors import KernelError, RequestError

STUB_LINE = re.compile(r"^from \.([\w.]+) import (\w+) as \2$", re.MULTILINE)


def lookup(name: str, table: Mapping[str, str], kind: str) -> Any:
    """Return the object that a name stands for: of a table of built-in choices, or ``package.module:Class``.

    Parameters
    ----------
    name : str
        A key of ``table`` or a dotted path with a colon before the object.
    table : mapping
        The built-in choices: name to dotted path.
    kind : str
        What is looked up, for the message: "classifier", "selector", ….

    Raises
    ------
    RequestError
        If the name is in neither, or names what cannot be called; the message lists the choices.

    Examples
    --------
    >>> lookup("ratio", {"ratio": "fractions:Fraction"}, "number")
    <class 'fractions.Fraction'>
    """
    path = table.get(name, name)
    module, colon, attribute = path.partition(":")
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


def make(name: str, table: Mapping[str, str], kind: str, options: Mapping[str, Any] | None = None) -> Any:
    """Return what ``name`` stands for, called with those of ``options`` that it cannot do without.

    Parameters
    ----------
    name, table, kind
        As for `lookup`.
    options : mapping of str to object, optional
        Further arguments, by name.

    Raises
    ------
    RequestError
        As by `lookup`, or if an argument without default is not among the options.

    Examples
    --------
    >>> make("fractions:Fraction", {}, "number")
    Fraction(0, 1)
    """
    found, options = lookup(name, table, kind), options or {}
    refuse_lacking(found, kind, name, options)
    return found(**{argument: options[argument] for argument in _without_default(found)})


def refuse_lacking(found: Any, kind: str, name: str, options: Mapping[str, Any]) -> None:
    """Raise a RequestError if an argument without default is not among the options."""
    lacking = [argument for argument in _without_default(found) if argument not in options]
    if lacking:
        raise RequestError(
            f"The {kind} {name!r} needs the argument {lacking[0]!r}, which has no default and is not among its options "
            f"({', '.join(map(str, options)) or 'none are given'}). Give it there, or name a subclass or a function "
            "that needs none."
        )


def _without_default(found: Any) -> list[str]:
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):  # some written in C have no signature
        return []
    return [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


def first_line(documented: object) -> str:
    """Return the first line of an object's own docstring without its "Return"; empty where it has none.

    Examples
    --------
    >>> class Median:
    ...     'The median of the probabilities present.'
    >>> first_line(Median)
    'The median of the probabilities present.'
    """
    text = (documented.__doc__ or "").strip().partition("\n")[0].strip().removeprefix("Return ")
    return text[:1].upper() + text[1:]


def title_of(documented: Any) -> str:
    """Return what a class or function is called in a sentence: its ``title``, or the first line of its docstring.

    Examples
    --------
    >>> def forest():
    ...     "Return a random forest."
    >>> title_of(forest)
    'random forest'
    """
    title = getattr(documented, "title", None)
    if isinstance(title, str):
        return title
    line = (documented.__doc__ or "").strip().partition("\n")[0].strip().rstrip(".")
    return re.sub(r"^Return (an? )?", "", line)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" with the closest of the known names, or nothing."""
    close = closest(name, known)
    return "" if close is None else f" Did you mean {close!r}?"


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like another, whatever the case; None if none is like it.

    Of names that are equally like it, the one of the same letters goes first: glmc is glcm rather than gldm.

    >>> closest("Lasso_", ["lasso", "boruta"]), closest("glmc", ["glcm", "gldm"])
    ('lasso', 'glcm')
    """
    by_lower = {str(one).lower(): str(one) for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3)
    return by_lower[max(close, key=lambda other: _likeness(name.lower(), other))] if close else None


def _likeness(name: str, other: str) -> list[float]:
    pairs = (name, other), (sorted(name), sorted(other))
    return [difflib.SequenceMatcher(None, other, name).ratio() for name, other in pairs]


def names_of_stub(init_file: str) -> dict[str, str]:
    """Return public name to submodule, as the stub beside a package's ``__init__.py`` imports them.

    The stub is what editors and type checkers read; read here too, it cannot say anything else than the package.

    Parameters
    ----------
    init_file : str
        The package's ``__file__``.
    """
    found = STUB_LINE.findall(Path(init_file).with_suffix(".pyi").read_text(encoding="utf-8"))
    return {name: module for module, name in found}


def lazy_names(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    home : mapping
        Public name to the submodule that defines it.

    References
    ----------
    PEP 562, module ``__getattr__`` and ``__dir__``.
    """

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names


class _OnFirstUse(ModuleType):
    """A module that is imported when something of it is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self.__name__), attribute)
        setattr(self, attribute, value)
        return value


def on_first_use(name: str) -> Any:
    """Return a module, by its dotted name, that is imported when something of it is asked for.

    For what one extraction of plain files does not need, and whose import takes longer than the extraction.

    Examples
    --------
    >>> on_first_use("fractions").Fraction(1, 2)
    Fraction(1, 2)
    """
    return _OnFirstUse(name)


def kernel(name: str) -> ModuleType:
    """Import a compiled part of the package.

    Parameters
    ----------
    name : str
        Room and file, such as ``"radiomics.classes._glcm"``.

    Raises
    ------
    KernelError
        If it was never compiled, or for another platform.

    Examples
    --------
    >>> kernel("radiomics._none")
    Traceback (most recent call last):
    radiofuse.errors.KernelError: radiofuse.radiomics._none, a compiled part of radiofuse, cannot be imported ...
    """
    try:
        return import_module(f"radiofuse.{name}")
    except ImportError as error:
        raise KernelError(
            f"radiofuse.{name}, a compiled part of radiofuse, cannot be imported ({error}). {_how_to_compile()}"
        ) from error


def _how_to_compile() -> str:
    clone = Path(__file__).resolve().parents[1]
    if not (clone / "pyproject.toml").exists():
        return "Install radiofuse again, with the Python that is to run it."
    return f"Compile it: python -m pip install -e '{clone}'. That needs a C compiler, and says which one to install."
