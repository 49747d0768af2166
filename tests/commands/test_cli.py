"""What the commands share: exit codes, sentences instead of tracebacks, progress, files written whole."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from radiofuse.__main__ import COMMANDS, main
from radiofuse.commands import meters, terminal
from radiofuse.errors import BundleError, CohortError, ImageError, RequestError, StoreError
from radiofuse.files.aside import write_file
from radiofuse.progress import silent
from tests.processes import heed_interrupts


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands configure logging; the other tests must not notice."""
    loggers = (logging.getLogger(), logging.getLogger("radiofuse"))
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def run_command(body) -> Result:
    app = terminal.command_app("A command of the tests.")

    @app.command()
    @terminal.answers
    def command(words: str = "") -> None:
        body()

    return CliRunner().invoke(app, ["--words", "x"])


def raising(error: BaseException):
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RequestError("No such preset."), terminal.REQUEST),
        (CohortError("Cohort table x.csv", ["One.", "Two."]), terminal.INPUT),
        (ImageError("empty_roi", "The mask is empty."), terminal.INPUT),
        (StoreError("The store is read-only."), terminal.INPUT),
        (BundleError("A checksum differs."), terminal.INPUT),
    ],
)
def test_errors_of_ours_are_a_sentence_and_a_code(error, code):
    result = run_command(raising(error))
    assert result.exit_code == code
    assert result.stderr == f"Error: {error}\n"
    assert result.stdout == ""


def test_a_fault_of_ours_exits_with_one_and_keeps_its_traceback():
    result = run_command(raising(ZeroDivisionError()))
    assert result.exit_code == terminal.FAULT
    assert isinstance(result.exception, ZeroDivisionError)


def test_what_the_operating_system_refuses_is_a_sentence():
    result = run_command(raising(OSError(28, "No space left on device", "x.nii.gz")))
    assert result.exit_code == terminal.INPUT
    assert result.stderr.startswith("Error: The operating system refuses: [Errno 28] No space left on device")


def test_a_process_that_is_gone_is_no_matter_of_disk_or_path():
    result = run_command(raising(ConnectionRefusedError(111, "Connection refused")))
    assert result.exit_code == 3
    assert "Run it again, with fewer jobs" in result.stderr and "room" not in result.stderr


MUCH_TO_SAY = """
from radiofuse.commands import terminal
app = terminal.command_app("A command of the tests.")
@app.command()
@terminal.answers
def talk(words: str = ""):
    print("word " * 100000)
app()
"""


WORKS = """
import logging, sys
from radiofuse.commands import terminal
app = terminal.command_app("A command of the tests.")
@app.command()
@terminal.answers
def work(words: str = ""):
    terminal.say("word " * 100)
    logging.getLogger("radiofuse").info("logged")
    sys.stderr.write("raw")
    with open("work", "w") as file:
        file.write("done")
        assert file.fileno() > 2
        terminal.say("more")
    print("result")
app()
"""


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">&- 2>&-", "<&- 2>&-"])
def test_words_that_nobody_can_hear_do_not_end_the_work(tmp_path, streams):
    (tmp_path / "works.py").write_text(WORKS)
    command = f"'{sys.executable}' works.py --words x {streams}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("" if ">&- 2" in streams else "result\n")
    assert (tmp_path / "work").read_text() == "done"


@pytest.mark.parametrize("program", [["-c", MUCH_TO_SAY, "--words", "x"], ["-m", "radiofuse"]])
def test_a_reader_who_has_had_enough_is_no_fault(program):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, *program], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_option_exits_with_two():
    app = terminal.command_app("A command of the tests.")
    app.command()(terminal.answers(lambda: None))
    assert CliRunner().invoke(app, ["--no-such-option"]).exit_code == terminal.REQUEST


APPS = {
    "init": [[]],
    "schema": [[]],
    "run": [[]],
    "predict": [[]],
    "evaluate": [[]],
    "update": [[]],
    "extract": [[]],
    "segment": [[]],
    "select": [[]],
    "selftest": [[], ["noise"]],
    "report": [[], ["patient"]],
    "paper": [[]],
    "forms": [[]],
    "export": [[]],
    "share": [[]],
    "sign": [[]],
    "serve": [[]],
    "store": [[], ["ls"], ["verify"], ["gc"], ["export"]],
    "datasets": [[], ["phantom"]],
    "cohort": [[], ["make"], ["check"], ["prepare"], ["slices"], ["sheet"]],
}


@pytest.mark.parametrize("module", APPS)
def test_every_command_tells_its_version_and_says_so(module):
    app = import_module(f"radiofuse.commands.{module}").app
    for words in APPS[module]:
        told = CliRunner().invoke(app, [*words, "--version"])
        assert (told.exit_code, told.stdout) == (0, f"radiofuse {version('radiofuse')}\n")
        assert "--version" in CliRunner().invoke(app, [*words, "--help"]).stdout


@pytest.mark.parametrize("module", APPS)
def test_help_names_every_option_whole_at_80_columns(module, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    app = import_module(f"radiofuse.commands.{module}").app
    for words in APPS[module]:
        told = CliRunner().invoke(app, [*words, "--help"]).stdout
        assert "…" not in told.replace("...", "…").replace("[ARGS]…", "").replace("{BUNDLE}…", "")
        assert max(map(len, told.splitlines())) <= 80
    if module == "select":
        assert "--modality-prefixes / --no-modality-prefixes" in told


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["run"], "Usage: radiofuse run [OPTIONS] {recipe}"),
        (["store", "ls", "--fly"], "Usage: radiofuse store ls [OPTIONS]"),
        (["selftest", "noise"], "Usage: radiofuse selftest noise [OPTIONS] [table]"),
    ],
)
def test_usage_is_what_can_be_typed_however_the_program_was_called(words, usage, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/anywhere/radiofuse/__main__.py", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert usage in "".join(capsys.readouterr())


def test_every_command_is_asked_for_its_version():
    assert set(APPS) == set(COMMANDS)


@pytest.mark.parametrize(
    ("module", "words", "named"),
    [
        ("run", ["r.toml", "--out", ""], "--out is empty"),
        ("run", [""], "recipe is empty"),
        ("select", ["t.csv", "--label", "x", "--out="], "--out is empty"),
        ("predict", ["b", "", "--out", "p"], "cohort is empty"),
        ("store", ["export", "out.csv", "--store", ""], "--store is empty"),
    ],
)
def test_an_empty_word_is_refused_by_its_name(tmp_path, monkeypatch, module, words, named):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(import_module(f"radiofuse.commands.{module}").app, words)
    assert (refused.exit_code, named in refused.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_command_may_choose_its_code():
    assert run_command(raising(typer.Exit(terminal.NOTHING_SELECTED))).exit_code == terminal.NOTHING_SELECTED
    assert run_command(lambda: None).exit_code == terminal.DONE


INTERRUPTIBLE = """
import signal
from radiofuse.commands import terminal
app = terminal.command_app("Waits.")

@app.command()
@terminal.answers
def wait(words: str = ""):
    terminal.say("ready")
    signal.pause()

app(["--words", "x"])
"""


def test_ctrl_c_exits_with_130_and_says_what_is_kept():
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE], stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    assert child.stderr.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == terminal.INTERRUPTED
    assert said == "Interrupted. What was finished is stored; run the same command again to go on.\n"


LOGGING = """
import logging
import radiofuse.commands.terminal as terminal
library, other = logging.getLogger("radiofuse.extract"), logging.getLogger("another.library")
library.info("before")
app = terminal.command_app("Logs.")

@app.command()
@terminal.answers
def log(words: str = ""):
    library.info("ours")
    other.info("theirs")
    other.warning("their warning")

app(["--words", "x"])
"""


def test_only_a_command_makes_the_library_speak():
    done = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True)
    assert done.stderr == "ours\ntheir warning\n"
    assert done.stdout == ""


# ---------------------------------------------------------------- progress


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (12.4, "12 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
        (360000, "100 h 00 min"),
    ],
)
def test_durations_are_written_for_people(seconds, said):
    assert meters.describe_seconds(seconds) == said


def test_pace_counts_this_run_only():
    line = meters.describe_pace("Extracting", "vectors", 60, 90, skipped=40, elapsed_s=10.0)
    assert line == "Extracting: 60/90 vectors, 2.00/s, 15 s left"


def test_pace_of_finished_and_of_unstarted_work():
    assert meters.describe_pace("Reading", "", 90, 90, 0, 45.0) == "Reading: 90/90, 2.00/s, took 45 s"
    assert meters.describe_pace("Reading", "", 0, 90, 0, 45.0) == "Reading: 0/90"
    assert meters.describe_pace("Reading", "", 5, 90, 0, 0.0) == "Reading: 5/90"


def test_without_a_terminal_progress_is_lines(monkeypatch, capsys):
    monkeypatch.setattr(meters, "LINE_EVERY_S", 0.0)
    with terminal.progress("Extracting", "vectors") as update:
        update(0, 2)
        update(1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Extracting: 0/2 vectors"
    assert lines[1].startswith("Extracting: 1/2 vectors, ")
    assert lines[1].endswith(" s left")
    assert len(lines) == 2


def test_short_work_is_silent(capsys):
    with terminal.progress("Extracting") as update:
        update(1, 1)
    with silent("Extracting") as update:
        update(1, 1)
    assert capsys.readouterr() == ("", "")


def test_the_last_line_comes_even_when_the_work_is_cut_off(monkeypatch, capsys):
    monkeypatch.setattr(meters, "QUIET_S", 0.0)
    with pytest.raises(KeyboardInterrupt), terminal.progress("Extracting") as update:
        update(0, 4)
        update(3, 4)
        raise KeyboardInterrupt
    assert capsys.readouterr().err.startswith("Extracting: 3/4, ")


BAR = """
from radiofuse.commands import meters, terminal
meters.QUIET_S = 0.0
with terminal.progress("Extracting", "vectors") as update:
    for done in range(3):
        update(done, 2)
"""


def shown_on_a_terminal(script: str) -> str:
    terminal, its_other_end = os.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", script], stderr=its_other_end, env=environment, check=True)
    os.close(its_other_end)
    shown = b""
    with suppress(OSError):  # the other end is closed, and all that it wrote has been read
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shown.decode()


def test_on_a_terminal_progress_is_a_bar():
    shown = shown_on_a_terminal(BAR)
    assert "Extracting" in shown
    assert "2/2" in shown
    assert "vectors" in shown


TWO_BARS = """
from radiofuse.commands import meters, terminal
meters.QUIET_S = 0.0
with terminal.progress("First") as first, terminal.progress("Second") as second:
    for update in (first, second):
        for done in range(3):
            update(done, 2)
"""


def test_a_bar_whose_work_is_done_stays_and_makes_room_for_the_next():
    shown = shown_on_a_terminal(TWO_BARS)
    assert shown.rindex("First") < shown.index("Second")
    assert "2/2" in shown[: shown.index("Second")]


# ---------------------------------------------------------------- files and warnings


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "table.csv"
    write_file(path, lambda file: file.write(b"old"))

    def fail_halfway(file) -> None:
        file.write(b"half")
        raise RequestError("stop")

    with pytest.raises(RequestError, match="stop"):
        write_file(path, fail_halfway)
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["table.csv"]


def test_a_place_that_cannot_be_written_is_a_wrong_request(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot be written"):
        write_file(tmp_path / "file" / "table.csv", lambda file: file.write(b""))


@pytest.mark.filterwarnings("default")  # as in a command
def test_warnings_become_sentences(capsys):
    with terminal.warnings_as_sentences():
        warnings.warn("Nothing was selected.", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: Nothing was selected.\n"


def test_modules_run_from_a_folder_that_holds_one_named_radiofuse(tmp_path):
    """As the folder above a clone does: Python takes it for a namespace unless the package itself is on its path."""
    (tmp_path / "radiofuse").mkdir()
    command = [sys.executable, "-m", "radiofuse", "--help"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_words_that_nobody_hears_open_no_files(tmp_path):
    stream = (tmp_path / "closed").open("w")
    stream.close()
    words, before = terminal._LastingWords(stream), _next_descriptor()
    for _ in range(10):
        words.write("x")
    assert _next_descriptor() == before


def _next_descriptor() -> int:
    with Path(os.devnull).open() as file:
        return file.fileno()
