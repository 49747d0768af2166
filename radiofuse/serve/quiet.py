"""What an error that nobody expects leaves in the log: its name and where it was met, never its message.

A message may hold an id or a path of a patient, and so may the lines of a traceback.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

OF_LIBRARIES = ("uvicorn.error", "asyncio")  # loggers that write tracebacks of the handlers of requests
MOST_PLACES = 5  # of a traceback, the last ones


def met(error: BaseException) -> str:
    """Return the name of an error and the places in the code that it came through, the last of them last.

    >>> try:
    ...     {}["/srv/P01"]
    ... except KeyError as error:
    ...     "KeyError" in met(error), "P01" in met(error)
    (True, False)
    """
    places = traceback.extract_tb(error.__traceback__)[-MOST_PLACES:]
    through = ", ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in places)
    return f"{type(error).__name__} ({through or 'nowhere'})"


@contextmanager
def without_messages(*, is_loud: bool = False) -> Iterator[None]:
    """Let threads and libraries tell errors that nobody expects as ``met`` does; a loud server tells them whole."""
    if is_loud:
        yield
        return
    before, loggers = threading.excepthook, [logging.getLogger(name) for name in OF_LIBRARIES]
    threading.excepthook = _tell
    for one in loggers:
        one.addFilter(_without_traceback)
    try:
        yield
    finally:
        threading.excepthook = before
        for one in loggers:
            one.removeFilter(_without_traceback)


def _tell(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None:
        log.error("The server met an error that it does not know: %s.", met(told.exc_value))


def _without_traceback(record: logging.LogRecord) -> bool:
    """Let a record of a library that holds an error say what ``met`` does, and nothing else."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        record.msg, record.args = "The server met an error that it does not know: %s.", (met(error),)
        record.exc_info = record.exc_text = None
    return True
