"""What came of one image and mask, computed in a child process or on a machine of a cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from socket import gethostname
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.tasks import Extractor, Task
from radiofuse.imaging import read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Record, content_key


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
        outside_is_read = getattr(extractor, "reads_outside_region", True)
        pair = read_pair(task.image, task.mask, label=cast(MaskLabel, task.label), outside_is_read=outside_is_read)
        with threadpool_limits(1, user_api="blas"):  # else the last bit depends on how many cores a machine has
            values = extractor.compute(pair)
    except ImageError as error:
        return Outcome(time.perf_counter() - started, code=error.code, message=str(error))
    key = content_key(extractor.block(), pair.image_sha256, pair.mask_sha256, task.label)
    seconds = time.perf_counter() - started
    return Outcome(seconds, values, key, pair.image_sha256, pair.mask_sha256, notes=pair.notes)


UNSEEN = {"file_missing", "file_unreadable"}


def extract_on_worker(shared: tuple[Extractor, str], task: Task) -> Outcome:
    """Do what ``extract_task`` does on a machine that may have other libraries and other folders."""
    extractor, block_name = shared
    # A block is named by its identity, the versions of libraries among it.
    if extractor.block().name != block_name:
        raise RequestError(
            f"{gethostname()} would compute {extractor.block().name} where {block_name} was asked for: its libraries "
            "have other versions. Install the same radiofuse and libraries on every worker."
        )
    outcome = extract_task(extractor, task)
    return outcome if outcome.code is None else replace(outcome, message=told_by_worker(outcome.code, outcome.message))


def told_by_worker(code: str, message: str | None) -> str:
    """Return what a worker says of a file: one that it does not see may be seen elsewhere."""
    if code not in UNSEEN:
        return str(message)
    where = f"Files are read on the cluster's workers, and {gethostname()} does not see this one. Mount its folder "
    return f"{message} {where}there under the same path, and run again."


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
