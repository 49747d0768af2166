"""One piece of work per image or sample in child processes: an error is an answer, and so is a child that died."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from radiofuse.errors import ImageError
from radiofuse.extract.outcomes import DIED
from radiofuse.extract.workers import WORKER_DIED, run_in_children
from radiofuse.progress import Progress

Task = TypeVar("Task")


def run_each(
    function: Callable[[Any, Task], Any],
    shared: object,
    tasks: Sequence[Task],
    *,
    n_jobs: int,
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
    on_done : callable, optional
        Called with (done, total).
    """
    work = _Answering(function)
    for done, (task, result) in enumerate(run_in_children(work, shared, tasks, n_jobs=n_jobs), 1):
        yield task, ImageError(str(DIED.code), str(DIED.message)) if result is WORKER_DIED else result
        if on_done:
            on_done(done, len(tasks))


class _Answering:
    """A function that returns its `ImageError`: a child that raises would end the whole run."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def __call__(self, shared: Any, task: Any) -> Any:
        try:
            return self.function(shared, task)
        except ImageError as error:
            return error
