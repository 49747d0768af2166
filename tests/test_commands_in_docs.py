"""Every command and option that the documents name is one that is there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib import import_module

import pytest
import typer

from radiofuse.__main__ import COMMANDS
from tests.conftest import REPOSITORY

PAGES = [
    *(
        REPOSITORY / name
        for name in ("README.md", "CONTRIBUTING.md", "feature_store/README.md", "feature_store/samples/README.md")
    ),
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.md")),
]
FIELDS = [["keys"], ["folder"]]  # `radiofuse keys` is a field of a stored file, no command
OF_THE_LIST = {"--version", "--help"}  # known to `radiofuse` itself and to every command
COMPLETION = {"--install-completion", "--show-completion"}  # known to `radiofuse` itself


@cache
def command(name: str):
    """Return a command as typer parses it."""
    return typer.main.get_command(import_module(f"radiofuse.commands.{name}").app)


def options(of) -> set[str]:
    handed_on = options(command("select")) if of.context_settings.get("ignore_unknown_options") else set()
    own = {word for parameter in of.params for word in (*parameter.opts, *parameter.secondary_opts)}
    return own | handed_on | OF_THE_LIST


def all_options() -> set[str]:
    groups = [command(name) for name in COMMANDS]
    leaves = [leaf for group in groups for leaf in getattr(group, "commands", {"": group}).values()]
    return set().union(*map(options, leaves))


def code_lines(text: str) -> Iterator[str]:
    """Yield the lines of blocks without a language, and the code between single backticks."""
    yield from (line for block in re.findall(r"^ *```\n(.*?)```", text, re.M | re.S) for line in block.splitlines())
    yield from re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


def called(text: str) -> Iterator[list[str]]:
    """Yield the words after ``radiofuse`` of every call in a document, an option's value apart from its name."""
    for line in code_lines(text):
        match = re.match(r"(?:\$ )?(?:\w+=\S+ )*(?:radiofuse |python -m radiofuse[. ])(?=[a-z-])(.*)", line.strip())
        if match:
            words = shlex.split(re.sub(r"[\[\]]", " ", match[1]), comments=True)
            yield [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]


def unknown_words(words: list[str]) -> set[str]:
    """Return the words of a call that its command does not know."""
    name, *rest = words
    if name not in COMMANDS:
        return set() if words in FIELDS else {name} - OF_THE_LIST - COMPLETION
    parsed = command(name)
    if hasattr(parsed, "commands") and rest:
        parsed = parsed.commands.get(rest[0]) or parsed.commands.get("BUNDLE", parsed)  # meant where none is named
        if parsed is command(name) and rest[0] not in options(parsed):
            return {rest[0]}
    return {word for word in rest if word.startswith("-") and word != "-"} - options(parsed)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_call_names_a_command_and_options_that_are_there(page):
    unknown = {" ".join(words): found for words in called(page.read_text()) if (found := unknown_words(words))}
    assert not unknown


def test_calls_are_found_and_wrong_ones_are_noticed():
    calls = list(called("`radiofuse fly`\n```\n$ X=1 python -m radiofuse.run a.toml --jbos=2  # comment --x\n```"))
    assert sorted(map(unknown_words, calls), key=str) == [{"--jbos"}, {"fly"}]
    n_calls = [len(list(called(page.read_text()))) for page in PAGES]
    assert sum(n_calls) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_option_named_alone_is_one_of_some_command(page):
    spans = re.findall(r"`(-[^`]+)`", page.read_text())
    named = {span.split()[0].split("=")[0] for span in spans if span.startswith("--")}
    scripts = " ".join(path.read_text() for path in (REPOSITORY / "benchmarks").glob("*.py"))
    assert {name for name in named - all_options() if f'"{name}"' not in scripts} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_script_and_target_of_make_is_there(page):
    makefile = (REPOSITORY / "Makefile").read_text()
    for line in code_lines(page.read_text()):
        for script in re.findall(r"\bpython (\S+\.py)", line):
            assert (REPOSITORY / script).is_file(), script
        for target in re.findall(r"^make ([\w-]+)", line.strip()):
            assert f"\n{target}:" in makefile, target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_command_within_a_command_is_there(page):
    groups = {name: command(name).commands for name in COMMANDS if hasattr(command(name), "commands")}
    assert groups
    for name, within in re.findall(rf"`({'|'.join(groups)}) (\w+)", page.read_text()):
        assert within in groups[name]
