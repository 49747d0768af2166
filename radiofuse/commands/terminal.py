"""What the commands share: exit codes, one-sentence errors, logging; and the progress of ``meters``."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from radiofuse import __version__
from radiofuse.commands.meters import progress as progress  # commands find all that they share here
from radiofuse.commands.screen import fitted, say
from radiofuse.errors import RadiofuseError
from radiofuse.files.paths import with_home

DONE, FAULT, REQUEST, INPUT, NOTHING_SELECTED, INTERRUPTED = 0, 1, 2, 3, 4, 130

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that another program, or you, wrote; never an input.")
]
Store = Annotated[
    str,  # a Path would drop a slash of a URL
    typer.Option("--store", metavar="PATH", help="Feature store, a folder or s3://, gs://; keeps extracted vectors."),
]
STORE = "feature_store"
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again every image that failed before.")]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", help="Address of a Dask scheduler, as tcp://host:8786: its workers, which see the same files, do it."
    ),
]
DaskFolds = Annotated[
    str | None,
    typer.Option(
        "--dask", help="Address of a Dask scheduler, as tcp://host:8786: its workers do it; the numbers are the same."
    ),
]

EPILOG = "--version prints the version."


def command_app(help_text: str) -> typer.Typer:
    """Return a Typer application with the settings all commands share."""
    options: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "no_args_is_help": True}
    options["rich_markup_mode"] = None  # boxes cut the names of options where a terminal has 80 columns
    return _App(help=help_text, cls=_Group, epilog=EPILOG, **options)


def app_with_default(default: str, help_text: str) -> typer.Typer:
    """Return an application whose one command is meant where the first word names none of the others.

    Parameters
    ----------
    default : str
        Its name, as help lists it: that of its first argument. ``NAME --help`` tells its options.
    help_text : str
    """
    app = command_app(help_text)
    app.info.cls = type("_WithDefault", (_GroupWithDefault,), {"default": default})
    return app


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


class _GroupWithDefault(_Group):
    default = ""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        _print_version(ctx, args)
        names_other = args[:1] and args[0] in self.commands and args[0] != self.default
        asks_help = args[:1] == ["--help"] or args[:2] == [self.default, "--help"]
        return super().parse_args(ctx, args if not args or names_other or asks_help else [self.default, *args])


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


class _Sentences(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return fitted(super().format(record))


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
    # it would write a traceback about a scheduler that is gone, which an error of ours tells in a sentence
    logging.getLogger("distributed.client").addFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False
