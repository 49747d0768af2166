"""One piece of work per image or sample, in child processes or on a cluster: errors are answers, and so are deaths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.outcomes import DIED, refuse_unseen, told_by_worker
from radiofuse.extract.workers import run_in_children
from radiofuse.progress import Progress
from radiofuse.work.cluster import WORKER_DIED, cluster_in_use, run_on_cluster

Task = TypeVar("Task")


def run_each(
    function: Callable[[Any, Task], Any],
    shared: object,
    tasks: Sequence[Task],
    *,
    n_jobs: int,
    cluster: str | None = None,
    into: Path | None = None,
    on_done: Progress | None = None,
) -> Iterator[tuple[Task, Any]]:
    """Yield ``(task, function(shared, task))``, or the `ImageError` that it raised, in the order in which they end.

    Parameters
    ----------
    function : callable
        Importable.
    shared : object
        Sent to each child once.
    tasks : sequence
    n_jobs : int
        Children at a time.
    cluster : str, optional
        Address of a Dask scheduler, whose workers do it in place of children here.
    into : Path, optional
        The folder that the function writes to, absolute and there; every worker must see it.
    on_done : callable, optional
        Called with (done, total).

    Raises
    ------
    RequestError
        If the cluster cannot be used, a worker has other versions, or does not see the folder.
    """
    with _results(function, shared, tasks, n_jobs, cluster, into) as results:
        for done, (task, result) in enumerate(results, 1):
            refuse_unseen([result] if isinstance(result, ImageError) else [])
            yield task, ImageError(str(DIED.code), str(DIED.message)) if result is WORKER_DIED else result
            if on_done:
                on_done(done, len(tasks))


@contextmanager
def _results(
    function: Callable, shared: object, tasks: Sequence[Any], n_jobs: int, cluster: str | None, into: Path | None
) -> Iterator[Iterator[tuple[Any, Any]]]:
    if cluster is None and cluster_in_use() is None:
        yield run_in_children(_Answering(function), shared, tasks, n_jobs=n_jobs)
    elif into is None:
        yield run_on_cluster(_OnWorker(function), shared, tasks, address=cluster)
    else:
        with NamedTemporaryFile(dir=into, prefix=".seen-by-workers-") as sign:
            yield run_on_cluster(_OnWorker(function, sign.name), shared, tasks, address=cluster)


class _Answering:
    """A function that returns its `ImageError`: a child that raises would end the whole run."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def __call__(self, shared: Any, task: Any) -> Any:
        try:
            return self.function(shared, task)
        except ImageError as error:
            return error


class _OnWorker(_Answering):
    """The same on a machine that may have other folders."""

    def __init__(self, function: Callable[[Any, Any], Any], sign: str = "") -> None:
        super().__init__(function)
        self.sign = sign

    def __call__(self, shared: Any, task: Any) -> Any:
        if self.sign and not Path(self.sign).is_file():
            raise RequestError(
                f"{gethostname()}, a worker of the cluster, does not see {Path(self.sign).parent}, where it should "
                "write. Mount that folder there under the same path, or name another."
            )
        answer = super().__call__(shared, task)
        if isinstance(answer, ImageError):
            return ImageError(answer.code, told_by_worker(answer.code, str(answer)))
        return answer
