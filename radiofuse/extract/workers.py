"""Tasks in child processes, where a dying child costs its own task and nothing else."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from types import ModuleType
from typing import Any, TypeVar

from radiofuse.errors import WorkerError
from radiofuse.work.cluster import WORKER_DIED

Task = TypeVar("Task")

STARTS = 3  # a process that starts children may be killed as one of them may; what refuses three times goes on refusing
PAUSE_S = 0.5  # before the next start: a server that was killed counts as running until the system has ended it


class _NotStartedError(BrokenProcessPool):
    """No child could be started, which no task is to blame for."""


def run_in_children(
    function: Callable[[Any, Task], Any], shared: object, tasks: Iterable[Task], *, n_jobs: int
) -> Iterator[tuple[Task, Any]]:
    """Yield ``(task, function(shared, task))`` as the tasks finish, in any order.

    A killed or crashed child breaks the whole pool of the standard library, and nobody can tell
    which of the tasks in flight did it. They are run again one by one, each alone in a fresh
    child; the one that dies again comes back as ``WORKER_DIED``, its neighbors with their results.

    Parameters
    ----------
    function : callable
        Importable; called in the child as ``function(shared, task)``. The program's own script is
        run again in the children only if function or shared object are defined in it.
    shared : object
        Sent to each child once.
    tasks : iterable
        Picklable.
    n_jobs : int
        Number of children at a time.

    Raises
    ------
    WorkerError
        If no child can be started, three times; what was finished has been yielded.
    """
    waiting, suspects, refused = deque(tasks), [], 0
    while waiting:
        in_flight: dict[Future, Task] = {}
        try:
            yield from _run_pool(function, shared, waiting, in_flight, n_jobs)
        except BrokenProcessPool as error:
            suspects.extend(in_flight.values())
            if isinstance(error, _NotStartedError):
                refused += 1
                if refused == STARTS:
                    raise _cannot_start(error) from error
                time.sleep(PAUSE_S * refused)
    for task in suspects:
        yield task, _run_alone(function, shared, task)


def _run_pool(
    function: Callable, shared: Any, waiting: deque, in_flight: dict, n_jobs: int
) -> Iterator[tuple[Any, Any]]:
    """Keep at most ``n_jobs`` tasks in flight, so that a broken pool may have been broken by few of them."""
    with _pool(shared, n_jobs) as pool:
        while waiting or in_flight:
            while waiting and len(in_flight) < n_jobs:
                task = waiting.popleft()
                in_flight[_submit(pool, function, shared, task, waiting)] = task
            finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
            for future in finished:
                result = future.result()  # raises BrokenProcessPool while the task still counts as in flight
                yield in_flight.pop(future), result


def _submit(pool: ProcessPoolExecutor, function: Callable, shared: Any, task: Any, waiting: deque) -> Future:
    try:
        with _script_hidden_unless_needed(function, shared):  # submitting is what starts a child
            return pool.submit(_call, function, task)
    except BrokenProcessPool:  # the pool broke before this task was sent, so this task did not break it
        waiting.appendleft(task)
        raise
    except (OSError, EOFError) as error:  # of the server that starts children: it was killed, or may start no more
        waiting.appendleft(task)
        raise _NotStartedError(str(error)) from error


def _run_alone(function: Callable, shared: Any, task: Any, starts: int = STARTS) -> Any:
    with _pool(shared, 1) as pool:
        try:
            return _submit(pool, function, shared, task, deque()).result()
        except _NotStartedError as error:
            if starts == 1:
                raise _cannot_start(error) from error
            time.sleep(PAUSE_S * (STARTS + 1 - starts))
        except BrokenProcessPool:
            return WORKER_DIED
    return _run_alone(function, shared, task, starts - 1)


def _cannot_start(error: BrokenProcessPool) -> WorkerError:
    return WorkerError(
        f"No child process can be started ({error or 'its server ended'}), {STARTS} times. The number of processes or "
        "open files may be at its limit, or memory is short: use fewer jobs, then run the same command again."
    )


def _pool(shared: Any, n_jobs: int) -> ProcessPoolExecutor:
    # Forking a process that holds ITK or BLAS threads can hang; a server forks clean children.
    return ProcessPoolExecutor(n_jobs, mp_context=get_context("forkserver"), initializer=_remember, initargs=(shared,))


@contextmanager
def _script_hidden_unless_needed(function: Callable, shared: Any) -> Iterator[None]:
    """Keep children from running the user's script again: without a ``__main__`` guard they would never end."""
    script = sys.modules["__main__"]
    if b"__main__" not in pickle.dumps((function, shared)):
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


_SHARED: list[Any] = []


def _remember(shared: Any) -> None:
    _SHARED[:] = [shared]
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this child when the parent was killed: nobody else would, and it would wait for work forever."""
    parent_process().join()
    os._exit(1)


def _call(function: Callable, task: Any) -> Any:
    return function(_SHARED[0], task)
