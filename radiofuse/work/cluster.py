"""Tasks on the workers of a Dask cluster, where a dying worker costs its own task a repetition and no more."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import gethostname
from tempfile import NamedTemporaryFile
from threading import local
from typing import TYPE_CHECKING, Any, TypeVar

from radiofuse.errors import RequestError
from radiofuse.work.named_code import refuse_other_code
from radiofuse.work.parcels import Parcels, pack_alone, unpack
from radiofuse.work.pulse import (
    ASK_EVERY_S,
    SILENT_S,
    Pulse,
    address_of,
    ask_workers,
    how_to_start,
    lost,
    require_scheduler,
)
from radiofuse.work.worker_versions import refuse_other_versions, versions_here

if TYPE_CHECKING:
    from distributed import Client, Future

Task = TypeVar("Task")

WORKER_DIED: Any = object()
CONNECT_S = 20
CLOSE_S = 5
WORKERS_S = 60  # for a first worker; a queue of jobs may take hours, and is waited for in the script that starts it
# of a task that raises what is no error of ours: a network folder that is away for a moment, or too little memory
RETRIES = 2
TASKS_PER_THREAD = 2  # one that runs and one that waits, so that no worker idles while results travel
log = logging.getLogger(__name__)


class Cluster:
    """A cluster that is connected: its client, and the tables that were sent to it."""

    def __init__(self, client: Client, versions: dict[str, str]) -> None:
        self.client, self.versions, self.must_see = client, versions, list[str]()
        self.parcels, self.pulse = Parcels(client), Pulse(client)

    @property
    def n_workers(self) -> int:
        """How many workers of one thread there are now."""
        return self.pulse.n_threads()


_in_use: ContextVar[Cluster | None] = ContextVar("_in_use", default=None)


@contextmanager
def on_cluster(address: str | None, n_jobs: int) -> Iterator[int]:
    """Let the workers of a cluster do what a block would give to processes of this machine.

    Nothing changes but where it is done: `radiofuse.work.jobs.finish_calls` sends its calls there, seeds are of the
    task and not of the worker, and results come back in the order in which they end.

    Parameters
    ----------
    address : str or None
        Of the scheduler, as ``tcp://host:8786``; None leaves everything here.
    n_jobs : int
        Processes here, without a cluster.

    Yields
    ------
    int
        How many pieces are done at once: the ``n_jobs`` of what is called in the block.

    Raises
    ------
    RequestError
        If Dask is not installed, no scheduler answers, it has no workers, or a worker has other versions.

    Examples
    --------
    >>> with on_cluster(None, n_jobs=4) as n_jobs:
    ...     n_jobs
    4
    """
    if address is None:
        yield n_jobs
        return
    with _cluster_at(address) as cluster:
        token = _in_use.set(cluster)
        try:
            yield max(2, cluster.n_workers)  # 1 is this process
        finally:
            _in_use.reset(token)


def cluster_in_use() -> Cluster | None:
    """Return the cluster of the block of `on_cluster` that runs, if there is one."""
    return _in_use.get()


def require_seen(folder: str | Path) -> None:
    """Refuse workers that do not see a folder of this machine; without a cluster there are none.

    Workers that come later are refused with their first task if no folder is at that path.

    Raises
    ------
    RequestError
        With the worker and the folder.
    """
    cluster = cluster_in_use()
    if cluster is None:
        return
    with NamedTemporaryFile(dir=folder, prefix=".seen-by-workers-") as sign:
        seen = ask_workers(cluster.client, os.path.isfile, str(Path(sign.name).absolute()))
    for address in sorted(address for address, sees in seen.items() if not sees):
        raise _unseen(address, folder)
    cluster.must_see.append(str(Path(folder).absolute()))


def _unseen(worker: str, folder: str | Path) -> RequestError:
    return RequestError(
        f"Worker {worker} of the Dask cluster does not see {folder}, which networks read from and write to. "
        "Mount that folder there under the same path, or name another one as --store."
    )


def run_on_cluster(
    function: Callable[[Any, Task], Any],
    shared: object,
    tasks: Iterable[Task],
    *,
    address: str | None = None,
    retries: int = RETRIES,
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
        Picklable. As many are sent as keep all threads busy, so that a long list needs no memory there. Tables and
        arrays in them travel once, however many tasks hold them.
    address : str, optional
        Of the scheduler, as ``tcp://host:8786``; without it the cluster of the block of `on_cluster`.
    retries : int
        How often a task that raises an error is tried again.

    Raises
    ------
    RequestError
        If Dask is not installed, no scheduler answers, it has no workers, a worker has other versions, or the cluster
        is lost on the way.
    """
    in_use = cluster_in_use()
    with _cluster_at(address) if address is not None or in_use is None else nullcontext(in_use) as cluster:
        content, own = pack_alone((function, shared))
        work, suspects = pickle.dumps((content, own, cluster.versions, cluster.must_see)), []
        for task, result in _run(cluster, work, tasks, retries, at_most=None):
            if result is WORKER_DIED:
                suspects.append(task)
            else:
                yield task, result
        yield from _run(cluster, work, suspects, retries, at_most=1)


def _run(
    cluster: Cluster, work: bytes, tasks: Iterable[Task], retries: int, *, at_most: int | None
) -> Iterator[tuple[Task, Any]]:
    in_flight: dict[str, tuple[Future, Task]] = {}
    client, waiting = cluster.client, iter(tasks)
    finished = SimpleQueue[str]()
    with cluster.parcels.packing() as pack:
        while True:
            for task in islice(waiting, max((at_most or _room(cluster.pulse)) - len(in_flight), 0)):
                future = client.submit(_call, work, *pack(task), pure=False, retries=retries)
                in_flight[future.key] = future, task
                future.add_done_callback(lambda one: finished.put(one.key))
            if not in_flight:
                return
            future, task = in_flight.pop(_next(finished, cluster.pulse))
            yield task, _result(cluster, future)


def _room(pulse: Pulse) -> int:
    """Return how many tasks keep the cluster busy; it may grow and shrink, and a new one asks for its first worker."""
    return TASKS_PER_THREAD * max(pulse.n_threads(), 1)


def _next(finished: SimpleQueue[str], pulse: Pulse) -> str:
    """Wait for the next key, and ask now and then whether there is anybody to wait for."""
    while True:
        try:
            return finished.get(timeout=ASK_EVERY_S)
        except Empty:
            pulse.n_threads()


def _result(cluster: Cluster, future: Future) -> Any:
    from distributed import CancelledError, KilledWorker

    while True:
        try:
            return future.result(timeout=SILENT_S)
        except KilledWorker:
            return WORKER_DIED
        except CancelledError:
            raise lost(cluster.client) from None
        except ModuleNotFoundError as error:
            raise RequestError(
                f"The Dask cluster lacks a module ({error}). Install the same radiofuse on its scheduler and workers."
            ) from error
        except OSError:
            if future.status == "error":  # the task's own
                raise
            # A TimeoutError: the result is on its way, or where nobody gets it, and another worker makes it anew.
            cluster.pulse.n_threads()


@contextmanager
def _cluster_at(address: str | None) -> Iterator[Cluster]:
    """Connect to a cluster, wait for a first worker, and refuse workers that compute with something else."""
    with _connected(str(address)) as client:
        _await_worker(client)
        versions = versions_here()
        refuse_other_versions(client, versions)
        yield Cluster(client, versions)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise RequestError("A cluster needs Dask, which is not installed: pip install 'radiofuse[dask]'.") from None
    try:
        require_scheduler(address, CONNECT_S)
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:  # TypeError: tls:// without certificates
        raise RequestError(
            f"No Dask scheduler answers at {address} ({error}). Start one, or correct the address, as tcp://host:8786."
        ) from error
    try:
        yield client
    finally:
        with suppress(OSError):  # a TimeoutError is one: it cannot say good-bye to whom it does not reach
            client.close(timeout=CLOSE_S)


def _await_worker(client: Client) -> None:
    """Wait for a first worker; a cluster that starts them as they are needed is given a task to need one for."""
    if Pulse(client).n_threads():
        return
    log.info("Waiting up to %g s for a first worker at %s.", WORKERS_S, address_of(client))
    wanted = client.submit(int, pure=False)
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError:
        raise RequestError(
            f"The Dask scheduler at {address_of(client)} has no worker, after {WORKERS_S} seconds. Start some, as "
            f"{how_to_start(client)}, then run the same command."
        ) from None
    del wanted


_OWN = local()  # extractors are not made to be shared by threads


def _call(work: bytes, task: bytes, tables: dict[str, Any], own: dict[str, str]) -> Any:
    if getattr(_OWN, "work", None) != work:
        content, own_of_all, versions, must_see = pickle.loads(work)
        refuse_other_versions(None, versions)  # a worker may have come after the others were asked
        for folder in must_see:
            if not Path(folder).is_dir():
                raise _unseen(gethostname(), folder)
        refuse_other_code(own_of_all)
        _OWN.work, _OWN.opened = work, pickle.loads(content)
    function, shared = _OWN.opened
    refuse_other_code(own)
    return function(shared, unpack(task, tables))
