"""A process that computes, seen from the server: it is started when needed, made anew now and then, and may die."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from radiofuse.errors import RequestError, WorkerError
from radiofuse.serve.child import DONE, FAILED, STEP, work
from radiofuse.serve.tasks import Models, Task

log = logging.getLogger(__name__)

TASKS_PER_PROCESS = 25  # then a fresh one: what libraries keep of images goes with the old one
END_S = 5.0
KILLED = -9  # the exit code of a process that the system ended
AGAIN = "Nothing was answered. Send the files once more; if it happens again, tell who runs the server."
UNKNOWN = f"The server met an error that it does not know ({{}}). {AGAIN}"

Step = Callable[[str, int, int], None]


class Worker:
    """One process, which does one task at a time.

    Parameters
    ----------
    models : Models
    is_loud : bool, default=False
        Whether what libraries print in the process is shown.
    """

    def __init__(self, models: Models, is_loud: bool = False) -> None:
        self._models, self._is_loud = models, is_loud
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._n_done, self._lock = 0, threading.Lock()
        self._is_killed = False

    def run(self, task: Task, on_step: Step, is_wanted: Callable[[], bool] = lambda: True) -> Any:
        """Return what the process made of a task.

        Parameters
        ----------
        task : Task
        on_step : callable
            Called with what the process is at, and how much of it is done.
        is_wanted : callable, optional
            Asked once the process is there: a ``kill`` before found none.

        Raises
        ------
        RequestError
            If the task was refused, with the sentence of the process.
        WorkerError
            If the process died, met an error of its own, or the task is not wanted any more.
        """
        try:
            connection = self._ready()
            if not is_wanted():
                raise WorkerError("It is not wanted any more.")
            connection.send(task)
            while (message := connection.recv())[0] == STEP:
                on_step(*message[1:])
        except (EOFError, OSError):
            raise WorkerError(f"{_how(self.end(is_dying=True))} {AGAIN}") from None
        self._n_done += 1
        kind, value = message
        if kind == DONE:
            return value
        if kind == FAILED:
            self.end(is_dying=True)
            log.error("The process that computes met %s.", value)
            raise WorkerError(UNKNOWN.format(value))
        raise RequestError(value)

    def kill(self) -> None:
        """End the process, whatever it is at, without waiting for its end; from any thread."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._is_killed = True

    def end(self, *, is_dying: bool = False) -> int | None:
        """End the process, wait for it, and return its exit code; from the thread that runs tasks or after it."""
        with self._lock:
            process, connection, self._process, self._connection = self._process, self._connection, None, None
        code = None
        if process is not None:
            if is_dying:  # then the exit code says of what
                process.join(END_S)
            process.kill()
            process.join(END_S)
            code = process.exitcode
        if connection is not None:
            with suppress(OSError):
                connection.close()
        return code

    def _ready(self) -> Connection:
        is_old = self._n_done >= TASKS_PER_PROCESS or self._is_killed
        if self._process is None or self._connection is None or is_old or not self._process.is_alive():
            self.end()
            return self._start()
        return self._connection

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")  # a fork of a program with threads may hang
        own, other = context.Pipe()
        process = context.Process(target=work, args=(other, self._models, self._is_loud), daemon=False)
        process.start()
        other.close()
        with self._lock:
            self._process, self._connection, self._n_done, self._is_killed = process, own, 0, False
        return own


def _how(code: int | None) -> str:
    """Say how a process ended by itself, or was ended by the system."""
    if code in (None, KILLED):
        return "The process that computed was ended, most often because memory ran out."
    return f"The process that computed ended by itself (exit code {code})."
