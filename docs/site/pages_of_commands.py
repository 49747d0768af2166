"""A page of the site with every command: what it does, what it takes, and its options with their defaults."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer

from radiofuse.__main__ import COMMANDS

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PAGE = "commands.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the page before the rooms, at the head of the reference."""
    (reference,) = [section["Reference"] for section in config.nav if "Reference" in section]
    reference.insert(0, {"Commands": PAGE})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Return the page in Markdown."""
    opening = (
        "`radiofuse NAME --help` prints the same. [Exit codes](refusals.md#what-a-command-answers) are common to all."
    )
    return "\n\n".join(["# Commands", opening, *(part for name in COMMANDS for part in parts(name))]) + "\n"


def parts(name: str) -> Iterator[str]:
    """Yield the sections of a command, or of each command within it."""
    command = typer.main.get_command(import_module(f"radiofuse.commands.{name}").app)
    for within, leaf in getattr(command, "commands", {"": command}).items():
        yield from section(" ".join(filter(None, (name, within))), leaf)


def section(name: str, command: Any) -> Iterator[str]:
    arguments = [given for given in command.params if given.param_type_name == "argument"]
    options = [given for given in command.params if given.param_type_name == "option"]
    yield f"## radiofuse {name}"
    yield escape(command.help.strip(), quote=False)
    yield "```\n" + " ".join([f"radiofuse {name}", *map(word, arguments), "[OPTIONS]"]) + "\n```"
    rows = [(given.name.upper(), given) for given in arguments]
    rows += [("`, `".join([*given.opts, *given.secondary_opts]), given) for given in options]
    lines = [f"| `{name}` | {default(given)} | {meaning(given)} |" for name, given in rows]
    yield "\n".join(["| | default | |", "|---|---|---|", *lines])


def word(argument: Any) -> str:
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def default(given: Any) -> str:
    """Return what holds where a parameter is not given; a flag that is off says nothing."""
    if given.required:
        return "required"
    if given.default is True:
        return "on"
    return "" if given.default in (None, False, (), []) else f"`{given.default}`"


def meaning(given: Any) -> str:
    return escape(given.help or "", quote=False).replace("|", "\\|")
