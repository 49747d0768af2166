"""Programs that others wrote and that a user names in a command: checked before any work, run on one sample."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping

from radiofuse.errors import ImageError, RequestError

LAST_WORDS = 200  # characters of what the program said


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


def run_command(command: str, filled: Mapping[str, str], code: str, what: str, time_limit_s: float) -> str:
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

    Raises
    ------
    ImageError
        If the program cannot be started, ends with another code than 0, or takes too long.
    """
    words = shlex.split(command)
    for place, value in filled.items():
        words = [word.replace(place, value) for word in words]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=time_limit_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageError(code, f"{words[0]} could not make a {what}: {error}.") from None
    said = (done.stderr or done.stdout).strip()[-LAST_WORDS:] or "it said nothing"
    if done.returncode:
        raise ImageError(code, f"{words[0]} made no {what} (exit {done.returncode}): {said}")
    return said
