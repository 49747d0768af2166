"""The shell is told how a line goes on, and only the command that is typed is imported for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from radiofuse.__main__ import COMMANDS, main
from radiofuse.commands.completion import application


def completed(line: str, monkeypatch, capsys) -> list[str]:
    """Return what bash is told when Tab is pressed at the end of a line."""
    monkeypatch.setenv("_RADIOFUSE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - (not line.endswith(" "))))
    monkeypatch.setattr(sys, "argv", ["radiofuse"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("radiofuse ", list(COMMANDS)),
        ("radiofuse sel", ["select", "selftest"]),
        ("radiofuse run --re", ["--report", "--retry-failed"]),
        ("radiofuse store ", ["ls", "verify", "gc", "export"]),
        ("radiofuse store gc --emp", ["--empty-quarantine"]),
        ("radiofuse select --modality-p", ["--modality-prefixes", "--modality-pattern"]),
    ],
)
def test_tab_completes(line, answers, monkeypatch, capsys):
    assert completed(line, monkeypatch, capsys) == answers


def test_the_lines_for_the_shell_can_be_seen_and_name_the_program(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["radiofuse", "--show-completion", "bash"])
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")  # the test's own shell does not matter
    with pytest.raises(SystemExit):
        main()
    assert "_RADIOFUSE_COMPLETE=complete_bash" in capsys.readouterr().out


def test_commands_that_are_not_typed_are_not_imported():
    code = (
        "import sys; from radiofuse.__main__ import COMMANDS; from radiofuse.commands.completion import application; "
        "application(COMMANDS, ['radiofuse', 'run']); "
        "print([name for name in COMMANDS if f'radiofuse.commands.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['run']"


def test_every_command_can_be_completed():
    for name in COMMANDS:
        whole = application(COMMANDS, ["radiofuse", name])
        assert len(whole.registered_commands) + len(whole.registered_groups) == len(COMMANDS)
