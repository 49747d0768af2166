"""Pages of the site that are made from the code, from the examples, and from pages that lie elsewhere."""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import radiofuse

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
EXAMPLES_PAGE = "examples.md"
FROM_ELSEWHERE = {  # pages that lie beside what they are about
    "How the code is laid out": ("contributing.md", "CONTRIBUTING.md"),
    "What changed": ("changes.md", "CHANGELOG.md"),
    "How features are stored": ("store_format.md", "feature_store/README.md"),
}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put examples, reference and the project's own pages into the navigation."""
    config.nav[-1]["Explanation and results"].append({"Examples": EXAMPLES_PAGE})
    config.nav.append({"Reference": [{room.__name__: page_name(room)} for room in public_rooms()]})
    config.nav.append({"Project": [{title: page} for title, (page, _) in FROM_ELSEWHERE.items()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add one page per room, one of all examples, and those that lie elsewhere."""
    from mkdocs.structure.files import File

    for room in public_rooms():
        files.append(File.generated(config, page_name(room), content=reference_page(room)))
    files.append(File.generated(config, EXAMPLES_PAGE, content=examples_page()))
    for page, source in FROM_ELSEWHERE.values():
        files.append(File.generated(config, page, content=(REPOSITORY / source).read_text()))
    return files


@cache
def public_rooms() -> list[ModuleType]:
    """Return the package and its rooms that name something in ``__all__``."""
    names = [m.name for m in pkgutil.iter_modules(radiofuse.__path__) if not m.name.startswith("_")]
    rooms = [radiofuse, *(import_module(f"radiofuse.{name}") for name in names)]
    return [room for room in rooms if getattr(room, "__all__", ())]


def page_name(room: ModuleType) -> str:
    return f"reference/{room.__name__}.md"


def reference_page(room: ModuleType) -> str:
    """Return a room's page: its docstring, then every public name with its own."""
    return "\n\n".join([f"# {room.__name__}", inspect.getdoc(room), *entries(room)]) + "\n"


def entries(room: ModuleType) -> Iterator[str]:
    for name in sorted(room.__all__):
        value = getattr(room, name)
        if not hasattr(value, "__qualname__"):
            yield "\n".join([f"## {name}\n", *constant(value)])
        elif room is radiofuse and in_a_room(name):
            yield f"- [`{name}`][{identifier(value)}]: {inspect.getdoc(value).splitlines()[0]}"
        else:
            yield f"::: {identifier(value)}"


def constant(value: Any) -> Iterator[str]:
    """Yield the lines of a list of what a table or a tuple of the code holds."""
    for key in value:
        meaning = value[key] if isinstance(value, Mapping) else ""
        yield f"- `{key}`" + (f": {meaning}" if isinstance(meaning, str) and meaning else "")


def in_a_room(name: str) -> bool:
    return any(name in room.__all__ for room in public_rooms() if room is not radiofuse)


def identifier(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def examples_page() -> str:
    """Return a page with every example in whole; its first line is what it shows."""
    scripts = [*sorted(EXAMPLES.glob("*.py")), *sorted(EXAMPLES.glob("gallery/*.py"))]
    opening = "Each runs as it stands, on generated data; those of the gallery draw from a bundle."
    notebooks = map(notebook_section, sorted(EXAMPLES.glob("*.ipynb")))
    return "\n\n".join(["# Examples", opening, *notebooks, *map(script_section, scripts)]) + "\n"


def script_section(script: Path) -> str:
    name = script.relative_to(EXAMPLES).as_posix()
    return f"## `examples/{name}`\n\n{fenced(script.read_text(), 'python')}"


def notebook_section(notebook: Path) -> str:
    """Return a notebook's words, code, and what it printed and drew."""
    parts = [f"## `examples/{notebook.name}`"]
    for cell in json.loads(notebook.read_text())["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            parts += [fenced(text, "python"), *map(shown, cell["outputs"])]
        else:
            parts.append(re.sub(r"^#+", "###", text))  # below the notebook's own name
    return "\n\n".join(parts)


def shown(output: dict) -> str:
    """Return a cell's output as Markdown: the picture where it has one, else the text."""
    if output["output_type"] == "stream":
        return fenced("".join(output["text"]), "")
    if "image/png" in output["data"]:
        return f"![What the cell above draws](data:image/png;base64,{output['data']['image/png'].strip()})"
    return fenced("".join(output["data"]["text/plain"]), "")


def fenced(text: str, language: str) -> str:
    return f"```{language}\n{text.strip(chr(10))}\n```"
