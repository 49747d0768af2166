"""Nyul's landmarks of a set of reference images, in child processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.extract.one_task import Task
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging.landmarks import landmarks_of_file, standard_scale
from radiofuse.progress import Progress


def reference_scale(
    cohort: pd.DataFrame, *, n_jobs: int = 1, cluster: str | None = None, on_done: Progress | None = None
) -> tuple[dict[str, list[float]], pd.DataFrame]:
    """Return where the percentiles of each modality lie on average over the images of a cohort.

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
    scale : dict of str to list of float
        Eleven numbers from 0 to 1 for each modality, as ``landmarks`` under ``[images]`` takes them.
    failures : DataFrame
        Columns sample_id, modality, code, message.

    Raises
    ------
    ImageError
        ``degenerate_intensity`` if all images of a modality are of one intensity.
    """
    tasks = list_tasks(cohort, "any")
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "on_done": on_done}
    found = {task.pair: places for task, places in run_each(_landmarks, None, tasks, **options)}
    failed = [(*task.pair, e.code, str(e)) for task in tasks if isinstance(e := found[task.pair], ImageError)]
    modalities = dict.fromkeys(task.modality for task in tasks)
    read = {name: [found[task.pair] for task in tasks if task.modality == name] for name in modalities}
    whole = {name: [one for one in places if not isinstance(one, ImageError)] for name, places in read.items()}
    scale = {name: standard_scale(np.array(places)).tolist() for name, places in whole.items() if places}
    return scale, pd.DataFrame(failed, columns=FAILURE_COLUMNS)


def _landmarks(shared: None, task: Task) -> np.ndarray:
    """Return the percentiles of the voxels of one image that are not 0; runs in a child process."""
    return landmarks_of_file(task.image)
