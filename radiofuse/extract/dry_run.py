"""A cohort's images through the gate and no further: what extraction would refuse, before hours of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import pandas as pd

from radiofuse.errors import CohortError, ImageError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.extract.one_task import Task
from radiofuse.extract.regions_told import tell_of_regions
from radiofuse.extract.shared_images import refuse_shared_images
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging import read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.progress import Progress


@dataclass(frozen=True)
class Checked:
    """What the gate said of a cohort.

    Attributes
    ----------
    n_images : int
    failures : DataFrame
        Columns sample_id, modality, code, message.
    notes : list of str
        On the cohort as a whole.
    """

    n_images: int
    failures: pd.DataFrame
    notes: list[str]


def check_images(
    cohort: pd.DataFrame,
    label: MaskLabel | None = None,
    *,
    region: str | None = None,
    n_jobs: int = 1,
    cluster: str | None = None,
    on_done: Progress | None = None,
) -> Checked:
    """Read every image with its mask, as extraction does, and compute nothing.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    label : "any", int or list of int, optional
        Which mask values are the region; left out, what the table says, else any.
    region : str, optional
        In place of the label, a region that the column ``mask_regions`` names.
    n_jobs : int, default=1
        Child processes.
    cluster : str, optional
        Address of a Dask scheduler; its workers, which see the same files, do it in place of children here.
    on_done : callable, optional
        Called with (done, total).

    Returns
    -------
    Checked

    Raises
    ------
    RequestError
        If the cohort has no image column.
    """
    usual = cohort.attrs.get("mask_label", "any") if label is None else label
    tasks = list_tasks(cohort, usual, region=region)
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "on_done": on_done}
    found = {task.pair: one for task, one in run_each(_read, None, tasks, **options)}
    seen = {pair: one for pair, one in found.items() if not isinstance(one, ImageError)}
    tell_of_regions({task.pair: seen[task.pair].notes for task in tasks if task.pair in seen})
    rows = [(*task.pair, e.code, str(e)) for task in tasks if isinstance(e := found[task.pair], ImageError)]
    return Checked(len(tasks), pd.DataFrame(rows, columns=FAILURE_COLUMNS), _shared(cohort, tasks, seen))


class _Seen(NamedTuple):
    digest: str | None
    notes: tuple[str, ...]


def _read(shared: None, task: Task) -> _Seen:
    """Read and check one pair of files; runs in a child process."""
    pair = read_pair(task.image, task.mask, label=cast(MaskLabel, task.label))
    return _Seen(pair.image_sha256, pair.notes)


def _shared(cohort: pd.DataFrame, tasks: list[Task], seen: Mapping[tuple[str, str], _Seen]) -> list[str]:
    """Return a sentence where two patients have one scan, which a run refuses."""
    digests = {task.image: seen[task.pair].digest for task in tasks if task.pair in seen}
    try:
        refuse_shared_images(cohort, tasks, digests)
    except CohortError as error:
        return [str(error)]
    return []
