"""Tasks on the workers of a Dask cluster, where a dying worker costs its own task a repetition and no more."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from threading import local
from typing import TYPE_CHECKING, Any

from radiofuse.errors import RequestError
from radiofuse.extract.workers import WORKER_DIED, Task

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = 20
# of a task that raises what is no ImageError: a network folder that is away for a moment, or too little memory
RETRIES = 2
TASKS_PER_THREAD = 2  # one that runs and one that waits, so that no worker idles while results travel


def run_on_cluster(
    function: Callable[[Any, Task], Any], shared: object, tasks: Iterable[Task], *, address: str
) -> Iterator[tuple[Task, Any]]:
    """Yield ``(task, function(shared, task))`` as the tasks finish, in any order; as ``run_in_children``.

    The scheduler gives the tasks of a dead worker to others, until one of them has lost as many workers as the
    cluster's setting ``distributed.scheduler.allowed-failures`` says. As it may have run beside the one that
    did it, it is tried once more with no other task on the cluster, and comes back as ``WORKER_DIED`` if that
    fails too.

    Parameters
    ----------
    function : callable
        Importable on the workers.
    shared : object
        Unpickled once in each thread of each worker.
    tasks : iterable
        Picklable. As many are sent as keep all threads busy, so that a long list needs no memory there.
    address : str
        Of the scheduler, as ``tcp://host:8786``.

    Raises
    ------
    RequestError
        If Dask is not installed, no scheduler answers, or the cluster is lost on the way.
    """
    with _connected(address) as client:
        work, suspects = pickle.dumps((function, shared)), []
        for task, result in _run(client, work, tasks, at_most=None):
            if result is WORKER_DIED:
                suspects.append(task)
            else:
                yield task, result
        yield from _run(client, work, suspects, at_most=1)


def _run(client: Client, work: bytes, tasks: Iterable[Task], *, at_most: int | None) -> Iterator[tuple[Task, Any]]:
    from distributed import as_completed

    waiting, in_flight = iter(tasks), {}
    finished = as_completed(loop=client.loop)
    while True:
        for task in islice(waiting, max((at_most or _room(client)) - len(in_flight), 0)):
            future = client.submit(_call, work, task, pure=False, retries=RETRIES)
            in_flight[future] = task
            finished.add(future)
        if not in_flight:
            return
        future = next(finished)
        yield in_flight.pop(future), _result(client, future)


def _room(client: Client) -> int:
    """Return how many tasks keep the cluster busy; it may grow and shrink, and a new one asks for its first worker."""
    if client.status != "running":
        raise _lost(client)
    try:
        return TASKS_PER_THREAD * max(sum(client.nthreads().values()), 1)
    except OSError:
        raise _lost(client) from None


def _result(client: Client, future: Future) -> Any:
    from distributed import KilledWorker

    if future.cancelled():
        raise _lost(client)
    try:
        return future.result()
    except KilledWorker:
        return WORKER_DIED
    except ModuleNotFoundError as error:
        raise RequestError(
            f"The Dask cluster lacks a module ({error}). Install the same radiofuse on its scheduler and workers."
        ) from error


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
        from distributed.comm import resolve_address
    except ModuleNotFoundError:
        raise RequestError("A cluster needs Dask, which is not installed: pip install 'radiofuse[dask]'.") from None
    try:
        resolve_address(address)  # a client that is given none it understands keeps on trying in the background
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
        raise RequestError(
            f"No Dask scheduler answers at {address} ({error}). Start one, or correct the address, as tcp://host:8786."
        ) from error
    with client:
        yield client


def _lost(client: Client) -> RequestError:
    return RequestError(
        f"The Dask scheduler at {client.scheduler.address} was lost. What was finished is stored: start the cluster "
        "again, then run the same command."
    )


_OWN = local()  # extractors are not made to be shared by threads


def _call(work: bytes, task: Any) -> Any:
    if getattr(_OWN, "work", None) != work:
        _OWN.work, _OWN.opened = work, pickle.loads(work)
    function, shared = _OWN.opened
    return function(shared, task)
