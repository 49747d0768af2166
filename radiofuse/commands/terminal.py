"""What the commands share: exit codes, one-sentence errors, logging and progress."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from radiofuse import __version__
from radiofuse.commands.screen import wrapped
from radiofuse.errors import RadiofuseError
from radiofuse.files.paths import with_home
from radiofuse.progress import Progress

DONE, FAULT, REQUEST, INPUT, NOTHING_SELECTED, INTERRUPTED = 0, 1, 2, 3, 4, 130

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that another program, or you, wrote; never an input.")
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again every image that failed before.")]

EPILOG = "--version prints the version."
QUIET_S = 2.0  # shorter work shows no progress
LINE_EVERY_S = 30.0  # how often a line is printed where there is no terminal


def command_app(help_text: str) -> typer.Typer:
    """Return a Typer application with the settings all commands share."""
    options: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "no_args_is_help": True}
    options["rich_markup_mode"] = None  # boxes cut the names of options where a terminal has 80 columns
    return _App(help=help_text, cls=_Group, epilog=EPILOG, **options)


class _App(typer.Typer):
    """An application whose commands know ``--version`` and refuse empty words."""

    def command(self, *args: Any, **kwargs: Any) -> Callable:
        return super().command(*args, **{"cls": _Command, "epilog": EPILOG, **kwargs})


class _Command(TyperCommand):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        _print_version(ctx, args)
        given = self.make_parser(ctx).parse_args(list(args))[0] if args else {}
        for one in self.get_params(ctx):
            if given.get(one.name) == "":  # an unset variable of a shell; as a path it would be the folder one is in
                ctx.fail(f"{'/'.join(one.opts)} is empty. Give it a value, or leave it out.")
        return super().parse_args(ctx, args)

    def get_short_help_str(self, limit: int = 45) -> str:
        return super().get_short_help_str(limit=10 * limit)  # whole: a list of commands wraps what is long


class _Group(TyperGroup):
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        _print_version(ctx, args[:1])
        return super().parse_args(ctx, args)


def _print_version(ctx: typer.Context, args: list[str]) -> None:
    if "--version" in args[: args.index("--") if "--" in args else None]:
        print(f"radiofuse {__version__}")
        ctx.exit()


def answers(command: Callable) -> Callable:
    """Turn radiofuse's errors into one sentence on stderr and an exit code; no traceback."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> object:
        with _open_streams():
            return _answer(command, *args, **{name: with_homes(given) for name, given in kwargs.items()})

    return wrapped


def with_homes(given: object) -> object:
    """Return paths with the ``~`` that a shell leaves as it is, as in ``--out=~/x``, replaced by the home folder."""
    if isinstance(given, list | tuple):
        return type(given)(map(with_homes, given))
    return Path(with_home(str(given))) if isinstance(given, Path) else given


def _answer(command: Callable, *args: Any, **kwargs: Any) -> object:
    _configure_logging()
    _print_any_character()
    try:
        try:
            return command(*args, **kwargs)
        finally:
            sys.stdout.flush()  # here, where a closed pipe can still be answered
    except RadiofuseError as error:
        say(f"Error: {error}")
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:  # `| head` has read enough: nothing is wrong
        _write_no_more()
        raise typer.Exit(DONE) from None
    except (ConnectionError, ChildProcessError) as error:  # between processes: neither a disk nor a path
        say(f"Error: A process of this run is gone ({error}). Run it again, with fewer jobs if it repeats.")
        raise typer.Exit(INPUT) from None
    except OSError as error:  # a full disk, a network folder that is gone
        say(f"Error: The operating system refuses: {error}. Make room or check the path, then run it again.")
        raise typer.Exit(INPUT) from None
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":  # how Python spells the bytes of a name that is not UTF-8
            raise
        around = error.object[max(0, error.start - 40) : error.end + 20]
        say(f"Error: A name is not UTF-8: {around!r}. Rename the file or folder.")
        raise typer.Exit(INPUT) from None
    except KeyboardInterrupt:
        say("Interrupted. What was finished is stored; run the same command again to go on.")
        raise typer.Exit(INTERRUPTED) from None


class _LastingWords:
    """Standard error that falls silent where it is closed or full: that is no reason to end the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._or_silence(self._stream.write, text) or len(text)

    def flush(self) -> None:
        self._or_silence(self._stream.flush)

    def isatty(self) -> bool:
        return bool(self._or_silence(self._stream.isatty))

    def _or_silence(self, method: Callable, *args: str) -> int | None:
        try:
            return method(*args)
        except (OSError, ValueError):  # ValueError: the stream is closed
            with suppress(OSError, ValueError):  # else the interpreter fails on what is buffered, at its end
                number = self._stream.fileno()
                with Path(os.devnull).open("wb") as null:
                    os.dup2(null.fileno(), number)
            return None


@contextmanager
def _open_streams() -> Iterator[None]:
    """Let standard streams that are closed be the null device, and standard error one that lasts.

    The next file that is opened would take the number of a closed stream, and what libraries print would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number that is free
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    before = sys.stderr
    sys.stderr = _LastingWords(before or Path(os.devnull).open("w"))  # noqa: SIM115
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before


def _print_any_character() -> None:
    """Let a terminal that does not know a character show its number instead."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _write_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Print words for the person at the terminal: to stderr, results alone go to stdout."""
    print(_fitted(text), file=sys.stderr, flush=True)


def _fitted(text: str) -> str:
    """Wrap words for a terminal; in a file, or for a program, a sentence stays one line."""
    return wrapped(text) if sys.stderr.isatty() else text


class _Sentences(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _fitted(super().format(record))


@contextmanager
def warnings_as_sentences() -> Iterator[None]:
    """Print Python warnings as plain sentences, once each, without file and line."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: say(f"Warning: {message}")
        yield


@contextmanager
def quick_imports() -> Iterator[None]:
    """Look for no garbage while libraries are imported, nor among what they made: a seventh of the time it takes."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _configure_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Sentences("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("radiofuse").setLevel(logging.INFO)
    logging.getLogger().setLevel(logging.WARNING)


@contextmanager
def progress(label: str, unit: str = "") -> Iterator[Progress]:
    """Yield a callable ``(done, total)`` that shows done / total, rate and time left."""
    meter = _TerminalMeter(label, unit) if sys.stderr.isatty() else _LineMeter(label, unit)
    try:
        yield meter.update
    finally:
        meter.close()


class _LineMeter:
    """One line every ``LINE_EVERY_S`` seconds, for log files and pipes."""

    def __init__(self, label: str, unit: str) -> None:
        self.label, self.unit = label, unit
        self.opened = self.said = self.started = time.monotonic()
        self.done = self.total = self.said_done = 0
        self.skipped: int | None = None

    def update(self, done: int, total: int) -> None:
        if self.skipped is None:  # what was done before the first news is no measure of the pace
            self.skipped, self.started = done, time.monotonic()
        self.done, self.total = done, total
        quiet_s = QUIET_S if done == total else LINE_EVERY_S
        if time.monotonic() - (self.opened if done == total else self.said) >= quiet_s:
            self._print()

    def close(self) -> None:
        cut_off = self.said_done < self.done < self.total
        if cut_off and time.monotonic() - self.opened >= QUIET_S:
            self._print()

    def _print(self) -> None:
        self.said, self.said_done = time.monotonic(), self.done
        elapsed = self.said - (self.opened if self.done == self.total else self.started)
        say(describe_pace(self.label, self.unit, self.done, self.total, self.skipped or 0, elapsed))


def describe_pace(label: str, unit: str, done: int, total: int, skipped: int, elapsed_s: float) -> str:
    """Return ``label: done/total, rate, time left`` as one line.

    >>> describe_pace("Extracting", "vectors", 30, 90, 0, 60.0)
    'Extracting: 30/90 vectors, 0.50/s, 2 min 00 s left'
    """
    rate = (done - skipped) / elapsed_s if elapsed_s > 0 else 0.0
    text = f"{label}: {done}/{total}{' ' + unit if unit else ''}"
    if not rate:
        return text
    left = f"{describe_seconds((total - done) / rate)} left" if done < total else f"took {describe_seconds(elapsed_s)}"
    return f"{text}, {rate:.2f}/s, {left}"


def describe_seconds(seconds: float) -> str:
    """Return a duration as ``12 s``, ``3 min 05 s`` or ``2 h 10 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class _TerminalMeter:
    """A rich progress bar that appears once the work has lasted ``QUIET_S`` seconds."""

    def __init__(self, label: str, unit: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
        columns += (TextColumn("{task.fields[pace]}"), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task(label, total=None, pace="")
        self.opened, self.shown = time.monotonic(), False
        self.started = 0.0
        self.skipped: int | None = None

    def update(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self.shown and now - self.opened >= QUIET_S:
            self.bar.start()
            self.shown = True
        if self.skipped is None:  # what was done before the first news is no measure of the pace
            self.skipped, self.started = done, now
        pace = f"{(done - self.skipped) / (now - self.started):.2f}/s" if now > self.started else ""
        self.bar.update(self.task, completed=done, total=total, pace=pace)
        if done == total:  # its context may stay open while the next bar runs, and two would overwrite each other
            self.close()

    def close(self) -> None:
        if self.bar.live.is_started:
            self.bar.stop()
