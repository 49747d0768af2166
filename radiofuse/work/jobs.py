"""Calls in child processes or on a cluster, where a killed one costs its own call, and that only if killed again."""

from __future__ import annotations

import logging
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from socket import gethostname
from threading import Lock
from typing import Any

from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed  # joblib's, and scikit-learn's configuration goes along
from threadpoolctl import ThreadpoolController

from radiofuse.errors import RequestError, WorkerError
from radiofuse.files.objects import ObjectStoreError, remedy
from radiofuse.work.cluster import WORKER_DIED, cluster_in_use, run_on_cluster
from radiofuse.work.kept import Kept

logger = logging.getLogger(__name__)

Call = tuple[Callable, tuple, dict[str, Any]]  # what `joblib.delayed` makes


def finish_calls(
    calls: Sequence[Call], names: Sequence[str], *, n_jobs: int | None, kept: Kept | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield position and result of every call as it finishes, in any order.

    A killed child breaks the whole pool, and nobody can tell which of the calls in flight did it. They are
    repeated once the others are done, each alone in a fresh child. What a call warns of is warned of here. In a
    block of ``on_cluster`` the cluster's workers do what several processes would do here.

    Parameters
    ----------
    calls : sequence of tuple
        From ``joblib.delayed``.
    names : sequence of str
        What each call does, for the message: "model t1 in repeat 0, fold 3".
    n_jobs : int or None
        Processes, as in joblib.
    kept : Kept, optional
        Where results are kept by their names, and found by a rerun: its key holds all that they depend on.

    Raises
    ------
    WorkerError
        If the child of one call was killed twice, when all other calls have been yielded; or if fresh children,
        too, cannot load what a call needs.

    Examples
    --------
    >>> from joblib import delayed
    >>> sorted(finish_calls([delayed(pow)(2, n) for n in range(3)], ["a", "b", "c"], n_jobs=1))
    [(0, 1), (1, 2), (2, 4)]
    """
    if kept is not None:
        yield from _finish_missing(calls, names, n_jobs, kept)
    elif n_jobs not in (None, 1) and cluster_in_use() is not None:
        yield from _finish_on_cluster(calls, names)
    else:
        yield from _finish_here(calls, names, n_jobs)


def _finish_missing(
    calls: Sequence[Call], names: Sequence[str], n_jobs: int | None, kept: Kept
) -> Iterator[tuple[int, Any]]:
    missing = [position for position, name in enumerate(names) if name not in kept.results]
    yield from ((position, kept.results[name]) for position, name in enumerate(names) if name in kept.results)
    todo = [calls[position] for position in missing], [names[position] for position in missing]
    with kept.writing():
        for place, result in finish_calls(*todo, n_jobs=n_jobs):
            kept.add(names[missing[place]], result)
            yield missing[place], result


def _finish_here(calls: Sequence[Call], names: Sequence[str], n_jobs: int | None) -> Iterator[tuple[int, Any]]:
    waiting, suspects, renewed = deque(range(len(calls))), [], False
    while waiting:
        in_flight: list[int] = []
        try:
            yield from _finish(calls, waiting, in_flight, n_jobs)
        except TerminatedWorkerError:
            logger.warning("A process was killed; what was in flight in %s processes is repeated.", n_jobs)
            suspects += in_flight
        except BrokenProcessPool as error:  # children that started before a module was put on the path lack it
            if renewed:
                raise WorkerError(_describe_unloadable(names[in_flight[0]], error)) from error
            renewed = True
            waiting.extendleft(reversed(in_flight))
    killed = []
    for position in suspects:
        try:
            yield from _finish(calls, deque([position]), [], 2)  # one process would be this one
        except TerminatedWorkerError:
            killed.append(names[position])
    _refuse_killed(killed)


def _refuse_killed(killed: Sequence[str]) -> None:
    if killed:
        more = f" and of {len(killed) - 1} others" if len(killed) > 1 else ""
        raise WorkerError(
            f"The process of {killed[0]}{more} was killed twice, the second time while it ran alone; most often "
            "memory ran out. Free memory or take a smaller problem, then run it again."
        )


def _finish_on_cluster(calls: Sequence[Call], names: Sequence[str]) -> Iterator[tuple[int, Any]]:
    killed = []
    told = get_config(), list(warnings.filters)
    for (position, _), answer in run_on_cluster(_answer, told, enumerate(calls), retries=0):
        if answer is WORKER_DIED:
            killed.append(names[position])
            continue
        _, result, warned = answer
        for message, category in warned:
            warnings.warn(_warning(message, category), stacklevel=3)
        yield position, result
    _refuse_killed(killed)


_ALONE = Lock()  # warnings and numbers of threads are of a process: calls in two of its threads would mix theirs up


def _answer(told: tuple[dict[str, Any], list[Any]], numbered: tuple[int, Call]) -> Any:
    """Do a call in a worker's process, with the settings of the process that asked for it."""
    config, filters = told
    try:
        with _ALONE, config_context(**config), warnings.catch_warnings():
            warnings.filters[:] = filters
            return _numbered(*numbered)
    except ObjectStoreError as error:
        raise RequestError(
            f"{gethostname()}, a worker of the Dask cluster, cannot use {error.filename} ({error.strerror}). There, "
            f"{remedy(error)}, then run the same command; what was finished is stored."
        ) from error
    except OSError as error:
        needs = "Mount the folder there under the same path" if error.filename else "Mend that there"
        raise RequestError(
            f"{gethostname()}, a worker of the Dask cluster, cannot read or write what it needs ({error}). {needs}, "
            "then run the same command; what was finished is stored."
        ) from error


def _describe_unloadable(name: str, error: BrokenProcessPool) -> str:
    reason = str(error.__cause__ or error).strip('"\n ').splitlines()[-1]
    return (
        f"A child process cannot load what {name} needs ({reason}). Put the modules of own classes on the path "
        "(PYTHONPATH), or use one job."
    )


def results_in_order(calls: Sequence[Call], names: Sequence[str], *, n_jobs: int | None) -> list[Any]:
    """Return the results of all calls, in their order; see `finish_calls`."""
    results = dict(finish_calls(calls, names, n_jobs=n_jobs))
    return [results[position] for position in range(len(calls))]


def _finish(
    calls: Sequence[Call], waiting: deque[int], in_flight: list[int], n_jobs: int | None
) -> Iterator[tuple[int, Any]]:
    """Keep few calls in flight, so that a broken pool puts few under suspicion."""

    def numbered() -> Iterator[Call]:
        while waiting:
            in_flight.append(waiting.popleft())
            yield delayed(_numbered)(in_flight[-1], calls[in_flight[-1]])

    options = {"return_as": "generator_unordered", "batch_size": 1, "pre_dispatch": "n_jobs"}
    for position, result, warned in Parallel(n_jobs, **options)(numbered()):
        in_flight.remove(position)
        for message, category in warned:
            warnings.warn(_warning(message, category), stacklevel=3)
        yield position, result


def _numbered(position: int, call: Call) -> tuple[int, Any, list[tuple[str, type[Warning]]]]:
    """Return position, result and warnings: those of a child would be lines on the screen that nobody can catch."""
    function, arguments, options = call
    with warnings.catch_warnings(record=True) as caught:
        result = function(*arguments, **options)
    return position, result, [(str(one.message), one.category) for one in caught]


def _warning(message: str, category: type[Warning]) -> Warning:
    """Return a warning of the category, or of the nearest one above it that a text makes."""
    try:
        return category(message)
    except TypeError:  # it takes other arguments, as scikit-learn's InconsistentVersionWarning does
        return _warning(message, category.__mro__[1])


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numerical libraries to one thread: sums by several threads round otherwise, and differ from run to run.

    As ``threadpoolctl.threadpool_limits(1)``, which looks the libraries up again at every call.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> with one_thread():
    ...     {library["num_threads"] for library in threadpool_info()} <= {1}
    True
    """
    with _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> ThreadpoolController:
    """Return the libraries in memory, which are looked up anew once more modules are: one may have brought another."""
    return ThreadpoolController()
