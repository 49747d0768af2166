"""What came of one image and mask, computed in a child process or on a machine of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from socket import gethostname
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.one_task import Extractor, Task
from radiofuse.imaging import RoiPair, read_pair
from radiofuse.imaging.gate import read_regions
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Record, content_key
from radiofuse.work.cluster import cluster_in_use


@dataclass(frozen=True)
class Outcome:
    """What a child sends back: values and the bytes they came from, or a code and a sentence."""

    seconds: float
    values: np.ndarray | None = None
    key: str | None = None  # of the bytes that were read, should the files have changed since they were hashed
    image_sha256: str | None = None
    mask_sha256: str | None = None
    code: str | None = None
    message: str | None = None
    notes: tuple[str, ...] = ()


DIED = Outcome(
    0.0,
    code="worker_died",
    message="The processes that worked on it died, one after the other: out of memory, or a crash in compiled code. "
    "Look at image and mask, or use fewer jobs; the next run tries again.",
)


def extract_task(extractor: Extractor, task: Task) -> Outcome:
    """Read, check and extract one pair of files; runs in a child process."""
    started = time.perf_counter()
    try:
        pair = read_pair(
            task.image, task.mask, label=cast(MaskLabel, task.label), outside_is_read=_reads_all(extractor)
        )
        with threadpool_limits(1, user_api="blas"):  # else the last bit depends on how many cores a machine has
            values = extractor.compute(pair)
    except ImageError as error:
        return Outcome(time.perf_counter() - started, code=error.code, message=str(error))
    return _extracted(extractor, task, pair, values, time.perf_counter() - started)


def extract_regions_of_mask(extractor: Extractor, tasks: Sequence[Task]) -> list[Outcome]:
    """Do what ``extract_task`` does for regions of one image and mask, which are read and filtered once if they can."""
    together = getattr(extractor, "compute_each", None) if len(tasks) > 1 else None
    found = None if together is None else _together(extractor, together, tasks)
    return [extract_task(extractor, task) for task in tasks] if found is None else found


def _together(extractor: Extractor, compute_each: Callable, tasks: Sequence[Task]) -> list[Outcome] | None:
    """Return what came of all regions; None where one of them, or a file, is refused: each is then told by itself."""
    started, labels = time.perf_counter(), [cast(MaskLabel, task.label) for task in tasks]
    try:
        pairs = read_regions(tasks[0].image, tasks[0].mask, labels, outside_is_read=_reads_all(extractor))
        with threadpool_limits(1, user_api="blas"):
            vectors = iter(compute_each([pair for pair in pairs if isinstance(pair, RoiPair)]))
    except ImageError:
        return None
    seconds = (time.perf_counter() - started) / len(tasks)
    return [
        _extracted(extractor, task, pair, next(vectors), seconds)
        if isinstance(pair, RoiPair)
        else Outcome(seconds, code=pair.code, message=str(pair))
        for task, pair in zip(tasks, pairs, strict=True)
    ]


def _reads_all(extractor: Extractor) -> bool:
    return getattr(extractor, "reads_outside_region", True)


def _extracted(extractor: Extractor, task: Task, pair: RoiPair, values: np.ndarray, seconds: float) -> Outcome:
    key = content_key(extractor.block(), pair.image_sha256, pair.mask_sha256, task.label)
    return Outcome(seconds, values, key, pair.image_sha256, pair.mask_sha256, notes=pair.notes)


MISSING = "file_missing"
UNSEEN = {MISSING, "file_unreadable"}


def extract_on_worker(shared: tuple[Extractor, str], tasks: Sequence[Task]) -> list[Outcome]:
    """Do what ``extract_regions_of_mask`` does on a machine that may have other libraries and other folders."""
    extractor, block_name = shared
    # A block is named by its identity, the versions of libraries among it.
    if extractor.block().name != block_name:
        raise RequestError(
            f"{gethostname()} would compute {extractor.block().name} where {block_name} was asked for: its libraries "
            "have other versions. Install the same radiofuse and libraries on every worker."
        )
    return [
        one if one.code is None else replace(one, message=told_by_worker(one.code, one.message))
        for one in extract_regions_of_mask(extractor, tasks)
    ]


def told_by_worker(code: str, message: str | None) -> str:
    """Return what a worker says of a file: one that it does not see may be seen elsewhere."""
    if code not in UNSEEN:
        return str(message)
    where = f"Files are read on the cluster's workers, and {gethostname()} does not see this one. Mount its folder "
    return f"{message} {where}there under the same path, and run again."


def refuse_unseen(answers: Sequence[Outcome | ImageError]) -> None:
    """Refuse to go on where a worker does not see a file, in work of which the images are but the beginning.

    Else a run would quietly be one of those patients whose files some worker sees.
    """
    for one in answers if cluster_in_use() is not None else ():
        if one.code == MISSING:
            raise RequestError(one.message if isinstance(one, Outcome) else str(one))


def record_of(task: Task, key: str, outcome: Outcome) -> Record:
    """Return what the store keeps of a task's outcome."""
    return Record(
        key=key,
        sample_id=task.sample_id,
        modality=task.modality,
        image_sha256=outcome.image_sha256,
        mask_sha256=outcome.mask_sha256,
        status="ok" if outcome.code is None else "failed",
        error_code=outcome.code,
        message=outcome.message,
        seconds=outcome.seconds,
        values=outcome.values,
        notes=outcome.notes,
    )
