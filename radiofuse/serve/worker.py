"""A process that computes, seen from the server: it is started when needed, made anew now and then, and may die."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from radiofuse.errors import RequestError, WorkerError
from radiofuse.serve.child import DONE, STEP, work
from radiofuse.serve.tasks import Models, Task

TASKS_PER_PROCESS = 25  # then a fresh one: what libraries keep of images goes with the old one
END_S = 5.0

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

    def run(self, task: Task, on_step: Step) -> Any:
        """Return what the process made of a task.

        Raises
        ------
        RequestError
            If the task was refused, with the sentence of the process.
        WorkerError
            If the process died.
        """
        try:
            connection = self._ready()
            connection.send(task)
            while (message := connection.recv())[0] == STEP:
                on_step(*message[1:])
        except (EOFError, OSError):
            self.kill()
            raise WorkerError(
                "The process that computed was ended, most often because memory ran out. Nothing was answered. Send "
                "the files once more; if it happens again, tell who runs the server."
            ) from None
        self._n_done += 1
        kind, value = message
        if kind == DONE:
            return value
        raise RequestError(value)

    def kill(self) -> None:
        """End the process at once, whatever it is at."""
        with self._lock:
            process, connection, self._process, self._connection = self._process, self._connection, None, None
        if process is not None:
            process.kill()
            process.join(END_S)
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _ready(self) -> Connection:
        if self._n_done >= TASKS_PER_PROCESS:
            self.kill()
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._start()
        assert self._connection is not None  # noqa: S101 - started above
        return self._connection

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a program with threads may hang
        own, other = context.Pipe()
        process = context.Process(target=work, args=(other, self._models, self._is_loud), daemon=False)
        process.start()
        other.close()
        with self._lock:
            self._process, self._connection, self._n_done = process, own, 0
