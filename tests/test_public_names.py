"""What users import is public, and what is public is seen by editors and type checkers."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import radiofuse
from radiofuse.names import STUB_LINE
from tests.conftest import REPOSITORY

PACKAGE = Path(radiofuse.__file__).parent
STUBS = sorted(PACKAGE.rglob("*.pyi"))
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
EXAMPLES = sorted(path for path in (REPOSITORY / "examples").rglob("*") if path.suffix in (".py", ".ipynb"))


def where(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def package_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(PACKAGE.parent).parts)


@pytest.mark.parametrize("stub", STUBS, ids=where)
def test_a_stub_names_what_its_package_offers(stub):
    """Both read it: type checkers, which cannot follow names that are imported on first use, and the package."""
    package = import_module(package_of(stub))
    lines = stub.read_text().splitlines()
    matches = [STUB_LINE.fullmatch(line) for line in lines if line and not line.startswith(('"""', "__version__"))]
    assert all(matches)
    assert sorted(match[2] for match in matches) == package.__all__
    for match in matches:
        module = import_module(f"{package.__name__}.{match[1]}")
        assert getattr(package, match[2]) is getattr(module, match[2])


def names_seen(path: Path) -> set[str]:
    """What a type checker finds in a package, without running it."""
    stub = path.with_suffix(".pyi")
    seen = set()
    for node in ast.walk(ast.parse((stub if stub.exists() else path).read_text())):
        if isinstance(node, ast.ImportFrom):
            seen |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            seen.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            seen.add(node.id)
    return seen


def test_every_public_name_of_a_room_is_seen_without_running_it():
    rooms = [path for path in PACKAGE.rglob("__init__.py") if "__all__" in path.read_text()]
    offered = {path: set(import_module(package_of(path)).__all__) for path in rooms}
    assert sum(map(len, offered.values())) > 150
    assert not {where(path): names - names_seen(path) for path, names in offered.items() if names - names_seen(path)}


def test_type_checkers_are_told_that_the_package_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def code_of(path: Path) -> Iterator[str]:
    """The Python of a page, a script or a notebook."""
    text = path.read_text()
    if path.suffix == ".md":
        yield from re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    elif path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        yield from ("".join(line for line in cell["source"] if not line.startswith("%")) for cell in cells)
    else:
        yield text


def names_taken(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of whatever is imported from the package."""
    for code in code_of(path):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "radiofuse":
                yield from ((node.module, alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names if alias.name.startswith("radiofuse."))


def test_whatever_pages_and_examples_import_is_public():
    taken = {(where(path), *pair) for path in [*PAGES, *EXAMPLES] for pair in names_taken(path)}
    assert len(taken) > 20
    hidden = [
        f"{path}: {name} of {module}"
        for path, module, name in sorted(taken)
        if module.count(".") > 1 or name not in getattr(import_module(module), "__all__", ())
    ]
    assert not hidden
