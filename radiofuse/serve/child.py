"""The process that computes: it takes one task after the other from the server, and ends with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process, set_forkserver_preload
from multiprocessing.connection import Connection
from typing import Any

from radiofuse.errors import RadiofuseError
from radiofuse.names import lookup
from radiofuse.progress import Progress
from radiofuse.serve.bundles import Bundles
from radiofuse.serve.places import places_of, without_folders, without_paths
from radiofuse.serve.tasks import Models, Task

DOES = {  # looked up when first asked for: who looks at images loads no models, and the server itself neither
    "Describe": "radiofuse.serve.described:describe_all",
    "Look": "radiofuse.serve.look:look_through",
    "Answer": "radiofuse.serve.answering:answer_patient",
}
EXTRACTION = [f"radiofuse.extract.{name}" for name in ("radiomics", "ready_images")]  # else each patient waits for them
STEP, DONE, REFUSED, FAILED = "step", "done", "refused", "failed"
BETWEEN_S = 0.1  # between two messages on how far a step is


def work(connection: Connection, models: Models, is_loud: bool) -> None:
    """Do what comes through the connection until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C of the terminal goes to the server, which ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    set_forkserver_preload(EXTRACTION)
    if not is_loud:
        _be_silent()
    bench = _Bench(connection, models)
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        answer(connection, bench, task)


def answer(connection: Connection, bench: _Bench, task: Task) -> None:
    """Send what comes of a task; an error that nobody expects is told by its name, and ends this process."""
    try:
        connection.send(_outcome(bench, task))
    except BaseException as error:  # its message goes nowhere unless --verbose: it may name patients
        connection.send((FAILED, type(error).__name__))
        raise


def _outcome(bench: _Bench, task: Task) -> tuple[str, Any]:
    places = places_of(task, bench.given)
    try:
        return DONE, without_paths(bench.do(task), places)
    except RadiofuseError as error:
        return REFUSED, without_folders(str(error), places)
    except OSError as error:
        return REFUSED, f"The server's disk refuses: {error.strerror or 'no reason given'}. Tell who runs it."
    except MemoryError:
        return REFUSED, "The images need more memory than the server has. Send smaller ones, or tell who runs it."


class _Bench:
    """The bundles that are loaded, and how to tell what one is at."""

    def __init__(self, connection: Connection, models: Models) -> None:
        self._connection = connection
        self._bundles = Bundles(models)
        self.given = models.bundles

    def do(self, task: Task) -> Any:
        return lookup(type(task).__name__, DOES, "task")(task, self._bundles, self._meter)

    @contextmanager
    def _meter(self, label: str, unit: str = "") -> Iterator[Progress]:
        self._connection.send((STEP, label, 0, 0))
        yield _sparing(lambda done, total: self._connection.send((STEP, label, done, total)))


def _sparing(tell: Progress) -> Progress:
    """Return a progress that tells now and then, and of the end."""
    last = [0.0]

    def progress(done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - last[0] >= BETWEEN_S:
            last[0] = now
            tell(done, total)

    return progress


def _end_with_parent() -> None:
    """Wait for the server's end, which a kill does not tell, and go: nobody reads what comes after."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _be_silent() -> None:
    """Let what libraries print go nowhere: it may hold names and paths of patients."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
