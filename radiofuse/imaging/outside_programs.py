"""Programs that others wrote and that a user names in a command: checked before any work, run on one sample."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence

from radiofuse.errors import ImageError, RequestError

LAST_WORDS = 200  # characters of what the program said, at most


def check_command(command: str, option: str, places: Mapping[str, str], example: str, advice: str) -> None:
    """Refuse a command that lacks a place to fill in, or whose program is not there.

    Parameters
    ----------
    command : str
    option : str
        What the user wrote it behind.
    places : mapping of str to str
        What must stand in it, as ``{image}``, and what each one is.
    example : str
        A command that would do.
    advice : str
        What to do where the program is absent.

    Raises
    ------
    RequestError
    """
    if any(place not in command for place in places):
        raise RequestError(
            f"{option} must hold {' and '.join(places)}, {' and '.join(places.values())}, as {example!r}; it is "
            f"{command!r}."
        )
    try:
        program = shlex.split(command)[0]
    except ValueError:
        raise RequestError(f"{option} has a quotation mark that none closes: {command!r}.") from None
    if shutil.which(program) is None:
        raise RequestError(f"{option} names the program {program!r}, which is not on this machine. {advice}")


def run_command(
    command: str, filled: Mapping[str, str], code: str, what: str, time_limit_s: float, too_slow: str
) -> str:
    """Run a command without a shell, and return its last words.

    Parameters
    ----------
    command : str
    filled : mapping of str to str
        What stands for each place.
    code : str
        Of the error.
    what : str
        What it shall make, as "mask of the brain".
    time_limit_s : float
    too_slow : str
        What to do where that is over, a sentence.

    Raises
    ------
    ImageError
        If the program cannot be started, ends with another code than 0, or takes too long.
    """
    words = shlex.split(command)
    for place, value in filled.items():
        words = [word.replace(place, value) for word in words]
    try:
        exit_code, said = _ran(words, time_limit_s)
    except OSError as error:
        raise ImageError(code, f"{words[0]} could not make a {what}: {error}.") from None
    except subprocess.TimeoutExpired:
        late = f"{words[0]} made no {what} within {time_limit_s:g} s, and was ended with all that it had started."
        raise ImageError(code, f"{late} {too_slow}") from None
    if exit_code:
        raise ImageError(code, f"{words[0]} made no {what} (exit {exit_code}): {said}")
    return said


def _ran(words: Sequence[str], time_limit_s: float) -> tuple[int, str]:
    """Return the exit code and the last words of a program; none of its own children outlives the time limit."""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        errors="replace",
        start_new_session=True,
    ) as program:
        try:
            output, errors = program.communicate(timeout=time_limit_s)
        finally:
            if program.returncode is None:  # too late, or interrupted
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
    return program.returncode, last_words(errors or output)


def last_words(text: str) -> str:
    """Return the end of what a program said, from the beginning of a word on.

    Examples
    --------
    >>> last_words("done"), last_words(" "), last_words("a" * 150 + " " + "b" * 150) == "... " + "b" * 150
    ('done', 'it said nothing', True)
    """
    said = text.strip()
    if len(said) <= LAST_WORDS:
        return said or "it said nothing"
    return "... " + said[-LAST_WORDS:].split(maxsplit=1)[-1]
