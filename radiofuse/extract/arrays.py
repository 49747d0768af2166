"""A cohort's arrays for networks, in the store: only what is missing, each sample for itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cohort_run import FAILURE_COLUMNS
from radiofuse.extract.each import run_each
from radiofuse.extract.one_task import Task
from radiofuse.extract.shared_images import refuse_shared_images
from radiofuse.extract.tasks import list_tasks
from radiofuse.files.places import place_of
from radiofuse.imaging import file_sha256
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.sample_arrays import ArraySpec, sample_arrays
from radiofuse.progress import Progress
from radiofuse.store import FeatureStore
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from radiofuse.tables.images import imaged_modalities
from radiofuse.wording import listed


@dataclass(frozen=True)
class CohortArrays:
    """Where the arrays of a cohort lie.

    Attributes
    ----------
    store : ArrayStore
    block : ArrayBlock
    keys : dict of str to str
        By sample, of those that have arrays.
    failures : DataFrame
        Columns sample_id, modality, code, message.
    n_computed, n_stored : int
    """

    store: ArrayStore
    block: ArrayBlock
    keys: dict[str, str]
    failures: pd.DataFrame
    n_computed: int
    n_stored: int

    def read(self, sample_id: str) -> dict[str, np.ndarray]:
        """Return the arrays of one sample, mapped into memory."""
        if sample_id not in self.keys:
            raise RequestError(f"There are no arrays of {sample_id}; the table of failures says why.")
        return self.store.read(self.block, self.keys[sample_id])


@dataclass(frozen=True)
class _Job:
    sample_id: str
    images: Mapping[str, str]
    mask: str
    label: MaskLabel
    key: str


def collect_arrays(
    cohort: pd.DataFrame,
    spec: ArraySpec,
    store: str | Path,
    *,
    label: MaskLabel | None = None,
    region: str | None = None,
    n_jobs: int = 1,
    on_done: Progress | None = None,
) -> CohortArrays:
    """Write the arrays of every sample that the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    spec : SliceStack, VolumePatch or the like
    store : path
        The feature store's folder.
    label : "any", int or list of int, optional
        Which mask values are the tumor; left out, what the table says, else any.
    region : str, optional
        In place of the label, a region that the column ``mask_regions`` names.
    n_jobs : int, default=1
        Child processes; each holds one sample.
    on_done : callable, optional
        Called with (done, total) samples.

    Returns
    -------
    CohortArrays

    Raises
    ------
    CohortError
        If two patients have one scan.
    RequestError
        If the cohort has no image column, a channel is none of its modalities, or a sample has several masks.
    """
    _check_channels(spec, imaged_modalities(cohort))
    arrays, block = ArrayStore(store), ArrayBlock(_kind(spec), spec.identity())
    usual = cohort.attrs.get("mask_label", "any") if label is None else label
    tasks = [task for task in list_tasks(cohort, usual, region=region) if task.modality in spec.channels]
    paths = dict.fromkeys(path for task in tasks for path in (task.image, task.mask) if path)
    digests = FeatureStore(store).fingerprints.of(paths, file_sha256)
    refuse_shared_images(cohort, tasks, digests)
    jobs = _jobs(tasks, digests, block)
    missing = set(arrays.missing(block, [job.key for job in jobs]))
    todo = list({job.key: job for job in jobs if job.key in missing}.values())
    make = partial(_make_one, block=block, store=arrays)
    work = run_each(make, spec, todo, n_jobs=n_jobs, into=_made(store), on_done=on_done)
    # a key is of the bytes that were read: a file may have changed since it was fingerprinted
    keys = {job.key: job.key for job in jobs} | {job.key: made for job, made in work}
    made = {job.sample_id: key for job in jobs if isinstance(key := keys[job.key], str)}
    failures = _failures(cohort["sample_id"], spec, {job.sample_id: keys[job.key] for job in jobs})
    n_failed = sum(not isinstance(keys[job.key], str) for job in todo)
    return CohortArrays(arrays, block, made, failures, len(todo) - n_failed, len(keys) - len(todo))


def _made(store: str | Path) -> Path | None:
    """Return the folder that workers must see, made; of an object store there is none."""
    folder = place_of(store)
    if not isinstance(folder, Path):
        return None
    folder.absolute().mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def _failures(sample_ids: Iterable[str], spec: ArraySpec, answers: Mapping[str, str | ImageError]) -> pd.DataFrame:
    """Return what failed; a sample without an image of any channel is among it."""
    none = ImageError("channel_missing", f"{listed(spec.channels)} absent, so there is nothing for a network to read.")
    found = {sample: answers.get(sample, none) for sample in sample_ids}
    rows = [(name, "", one.code, str(one)) for name, one in found.items() if isinstance(one, ImageError)]
    return pd.DataFrame(rows, columns=FAILURE_COLUMNS)


def _check_channels(spec: ArraySpec, modalities: list[str]) -> None:
    absent = [name for name in spec.channels if name not in modalities]
    if absent:
        raise RequestError(f"The channel {absent[0]!r} is no modality of the cohort; it has {', '.join(modalities)}.")


def _kind(spec: ArraySpec) -> str:
    return next(iter(spec.identity()))


def _jobs(tasks: list[Task], digests: Mapping[str, str | None], block: ArrayBlock) -> list[_Job]:
    """Return one job per sample; the key holds the bytes of every file that is read, in the order of the channels."""
    samples: dict[str, list[Task]] = {}
    for task in tasks:
        samples.setdefault(task.sample_id, []).append(task)
    jobs = []
    for sample_id, of_sample in samples.items():
        images = {task.modality: task.image for task in of_sample}
        mask, label = _one_mask(of_sample, digests)
        paths = {**images, **({"mask": mask} if mask else {})}
        # a file that cannot be read has no digest, and two of them are not one content
        files = {name: digests.get(path) or f"unreadable: {path}" for name, path in paths.items()}
        jobs.append(_Job(sample_id, images, mask, label, block.key(files, str(label))))
    return jobs


def _one_mask(of_sample: list[Task], digests: Mapping[str, str | None]) -> tuple[str, MaskLabel]:
    """Return the mask of a sample and its label; refuse several, of which arrays could hold one alone."""
    drawn = [task for task in of_sample if task.mask]
    if len({(digests.get(task.mask) or task.mask, str(task.label)) for task in drawn}) > 1:
        raise RequestError(
            f"{of_sample[0].sample_id} has a mask for each modality; arrays have one of the tumor. Name it in the "
            "column mask, or in every <modality>__mask."
        )
    first = (drawn or of_sample)[0]
    return first.mask, cast(MaskLabel, first.label)


def _make_one(spec: ArraySpec, job: _Job, *, block: ArrayBlock, store: ArrayStore) -> str:
    """Make and write the arrays of one sample, and return their key; runs in a child process: the parent holds none."""
    arrays, files = sample_arrays(spec, job.images, job.mask, job.label)
    key = block.key(files, str(job.label))
    store.write(block, key, arrays, {"files": files})
    return key
