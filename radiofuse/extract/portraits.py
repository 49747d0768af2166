"""A portrait of every image of a cohort, in child processes; those that cannot be read are named."""

from __future__ import annotations

from typing import Any

import pandas as pd

from radiofuse.errors import ImageError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.extract.one_task import Task
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging.portrait import Portrait, portrait
from radiofuse.progress import Progress

Portraits = dict[tuple[str, str], Portrait]


def portrait_cohort(
    cohort: pd.DataFrame, *, n_jobs: int = 1, cluster: str | None = None, on_done: Progress | None = None
) -> tuple[Portraits, pd.DataFrame]:
    """Return the portraits of a cohort by sample and modality, and a table of the images that have none.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it; masks may be absent.
    n_jobs : int, default=1
        Child processes.
    cluster : str, optional
        Address of a Dask scheduler; its workers, which see the same files, do it in place of children here.
    on_done : callable, optional
        Called with (done, total) images.

    Returns
    -------
    portraits : dict
        In the order of the table.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    """
    tasks = list_tasks(cohort, "any")
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "on_done": on_done}
    found = {task.pair: one for task, one in run_each(_portray, None, tasks, **options)}
    portraits = {task.pair: one for task in tasks if isinstance(one := found[task.pair], Portrait)}
    failed = [(*task.pair, e.code, str(e)) for task in tasks if isinstance(e := found[task.pair], ImageError)]
    return portraits, pd.DataFrame(failed, columns=FAILURE_COLUMNS)


def _portray(shared: None, task: Task) -> Portrait:
    """Look at one image; runs in a child process."""
    return portrait(task.image, task.mask)
