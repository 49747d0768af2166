"""Completion in the shell: every command with its options, as one application that the shell asks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from importlib import import_module

import typer


def answer(commands: Mapping[str, str]) -> None:
    """Answer a shell that asks how its line goes on, or install what makes it ask.

    Parameters
    ----------
    commands : mapping
        Names of commands to what they do.
    """
    application(commands, typed_words())(prog_name="radiofuse")


def typed_words() -> list[str]:
    """Return the line that is being typed, as bash (first) or zsh and fish (second) hand it over."""
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()


def application(commands: Mapping[str, str], words: list[str]) -> typer.Typer:
    """Return all commands as one; the one that is being typed with its options, the others by name.

    Importing every command for each press of a key would take as long as nine of them.
    """
    whole = typer.Typer(help="Radiomics and deep features, fused and honestly evaluated.")
    for name, purpose in commands.items():
        if name in words[1:2]:
            _add(whole, name, import_module(f"radiofuse.commands.{name}").app)
        else:
            whole.command(name, help=purpose)(_nothing)
    return whole


def _add(whole: typer.Typer, name: str, command: typer.Typer) -> None:
    if len(command.registered_commands) != 1 or command.registered_callback:
        whole.add_typer(command, name=name)
        return
    alone = copy(command.registered_commands[0])  # else its options would follow its own name once more
    alone.name = name
    whole.registered_commands.append(alone)


def _nothing() -> None:
    """Stand for a command that is not being typed."""
