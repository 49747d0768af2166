"""What somebody's own Python files do, as a digest: their code without comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import cache, lru_cache
from importlib.metadata import distribution, packages_distributions, version
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

_STANDARD = Path(sysconfig.get_path("stdlib"))
_PACKAGE = Path(__file__).parents[1]
_INSTALLED = {"site-packages", "dist-packages"}
_NAMED = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):[A-Za-z_]\w*")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def modules_named_in(value: Any) -> set[str]:
    """Return the modules of every ``package.module:Class`` in texts, lists and mappings, at any depth.

    Examples
    --------
    >>> modules_named_in({"method": "lasso", "options": {"inner": ["fractions:Fraction"]}, "title": "note: one"})
    {'fractions'}
    """
    if isinstance(value, str):
        named = _NAMED.fullmatch(value)
        return {named[1]} if named and _path_of(named[1]) else set()
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable):
        return {name for item in value for name in modules_named_in(item)}
    return set()


def digest_of_own_code(modules: Iterable[str]) -> str:
    """Return 16 hex digits that change with the code of modules, or of those they import that no installer put there.

    Parameters
    ----------
    modules : iterable of str
        Names of modules that can be imported.

    Raises
    ------
    OSError
        If the source of one of ``modules`` cannot be read.

    Examples
    --------
    >>> digest_of_own_code(["fractions"]) == digest_of_own_code(["colorsys"])
    False
    """
    code, _ = _closure(modules, _read)
    return _hash(code)


def digest_with_libraries(modules: Iterable[str]) -> str:
    """Return 16 hex digits that change with `digest_of_own_code`, or the version of a library that the code imports.

    Raises
    ------
    OSError
        If the source of one of ``modules`` cannot be read.
    """
    return _hash(_closure(modules, _read))


@cache
def digest_of_first_read(module: str) -> str:
    """Return `digest_with_libraries` of a module by what this process read first: later changes are not imported.

    Raises
    ------
    FileNotFoundError
        If the module is not here.
    """
    return _hash(_closure([module], _first_read))


def _closure(
    modules: Iterable[str], read: Callable[[str], tuple[str, Set[str]]]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the code of modules and of their own imports, and the versions of the libraries that these come from."""
    todo, code, libraries = sorted(set(modules)), {}, {}
    while todo:
        name = todo.pop()
        code[name], imported = read(name)
        known = {*code, *todo}
        todo += sorted(other for other in imported - known if is_own(other))
        for top in {other.partition(".")[0] for other in {name, *imported}}:
            libraries |= {library: version(library) for library in _libraries().get(top, ())}
    return sorted(code.items()), sorted(libraries.items())


def _hash(told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _path_of(name: str) -> Path | None:
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
        return Path(file) if file else None
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):  # a name inside a module, or a module that is not here
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def is_own(name: str) -> bool:
    """Return whether a module has a file that neither Python nor radiofuse brought, nor an installer from an index.

    What was installed from a folder or a repository may change and keep its version.
    """
    path = _path_of(name)
    if path is None or path.is_relative_to(_STANDARD) or path.is_relative_to(_PACKAGE):
        return False
    return not _INSTALLED & set(path.parts) or not _is_from_an_index(name.partition(".")[0])


@cache
def _libraries() -> Mapping[str, list[str]]:
    """Return the installed distributions that bring each package at the top."""
    return {top: sorted(set(names)) for top, names in packages_distributions().items()}


@cache
def _is_from_an_index(top: str) -> bool:
    """Return whether a package came from an index: from elsewhere, installers note the place in direct_url.json."""
    found = [distribution(name) for name in _libraries().get(top, ())]
    return bool(found) and all(one.read_text("direct_url.json") is None for one in found)


def _read(name: str) -> tuple[str, Set[str]]:
    """Return a module's code, and the names that it may import; of a compiled one the digest of its bytes."""
    path = _path_of(name)
    if path is None:
        raise FileNotFoundError(f"{name} has no file")
    content = path.read_bytes()
    if path.suffix != ".py":
        return hashlib.sha256(content).hexdigest(), set()
    return _parsed(content, name if path.name == "__init__.py" else name.rpartition(".")[0])


_first_read = cache(_read)


@lru_cache(maxsize=256)  # asked for at every fit, while the file, which is read each time, hardly ever changes
def _parsed(content: bytes, package: str) -> tuple[str, frozenset[str]]:
    tree = ast.parse(content)
    imported = frozenset(parent for full in _imports(tree, package) for parent in _with_parents(full))
    return _without_words(tree), imported


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = resolve_name(relative, package) if node.level else relative
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _without_words(tree: ast.Module) -> str:
    """Return the code as Python writes it, which has neither comments nor layout, without docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)
