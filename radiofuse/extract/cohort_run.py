"""A whole cohort through one extractor, into the store: only what is missing, in parallel."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from socket import gethostname
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from radiofuse import notebook
from radiofuse.errors import ImageError, RequestError
from radiofuse.extract.cluster import run_on_cluster
from radiofuse.extract.regions_told import tell_of_regions
from radiofuse.extract.shared_images import refuse_shared_images, tell_of_repeated_samples
from radiofuse.extract.workers import WORKER_DIED, run_in_children
from radiofuse.imaging import CONTENT_CODES, RoiPair, file_sha256, read_pair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.progress import Progress
from radiofuse.radiomics import FEATURE_ERROR_CODES
from radiofuse.store import Block, FeatureStore, Record, content_key
from radiofuse.store.writer import Writer
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities

log = logging.getLogger(__name__)

FAILURE_COLUMNS = ["sample_id", "modality", "code", "message"]
LASTING = CONTENT_CODES | (FEATURE_ERROR_CODES.keys() - {"extraction_failed"})  # which memory may decide


class Extractor(Protocol):
    """What a cohort can be run through: ``RadiomicsExtractor`` and what works like it."""

    @property
    def label(self) -> MaskLabel: ...
    def block(self) -> Block: ...
    def compute(self, pair: RoiPair) -> np.ndarray: ...


@dataclass(frozen=True)
class Task:
    """One image and mask of one sample."""

    sample_id: str
    modality: str
    image: str
    mask: str
    label: MaskLabel | None  # None where only the table may name one

    @property
    def name(self) -> str:
        return f"{self.sample_id} ({self.modality})"

    @property
    def pair(self) -> tuple[str, str]:
        return self.sample_id, self.modality

    @property
    def files(self) -> tuple[str, str, str]:
        """What two tasks agree in that have one fate, whether content, name or place decides it."""
        return self.image, self.mask, str(self.label)


@dataclass(frozen=True)
class Extraction:
    """What a run over a cohort left.

    Attributes
    ----------
    block : Block
        The extractor's block in the store.
    keys : dict
        ``(sample_id, modality)`` to content key; None where the image is absent or unreadable.
    failures : DataFrame
        Columns sample_id, modality, code, message: every pair without a feature vector.
    n_computed, n_stored : int
        Vectors computed now, and found ready in the store.
    """

    block: Block
    keys: dict[tuple[str, str], str | None]
    failures: pd.DataFrame
    n_computed: int
    n_stored: int

    def _repr_html_(self) -> str:
        said = {"block": self.block.name, "vectors computed now": self.n_computed, "found in the store": self.n_stored}
        failed = notebook.frame("Pairs without a vector", self.failures) if len(self.failures) else ""
        return notebook.page(notebook.pairs("Extraction", said), failed)


def extract_cohort(
    cohort: pd.DataFrame,
    extractor: Extractor,
    store: FeatureStore,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    retry_failed: bool = False,
    on_hashed: Progress | None = None,
    on_done: Progress | None = None,
) -> Extraction:
    """Extract every image of a cohort that the store does not hold yet.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    extractor : RadiomicsExtractor
        Or anything with ``block``, ``label`` and ``compute``.
    store : FeatureStore
        Each finished vector goes there at once; failures too, and those that the content alone decides
        are not tried again.
    n_jobs : int, default=1
        Child processes; with a cluster, threads that fingerprint.
    cluster : str, optional
        Address of a Dask scheduler whose workers see the same files and do the work instead of children.
    retry_failed : bool, default=False
        Try again whatever failed in an earlier run. What hangs on a name, a place or the memory is tried
        again in any case.
    on_hashed, on_done : callable, optional
        Called with (done, total) while files are fingerprinted and vectors computed.

    Returns
    -------
    Extraction

    Raises
    ------
    CohortError
        If two patients have one scan, by its content.
    RequestError
        If the cohort has no image column, or the cluster cannot be used.
    StoreError
        If the store cannot be written.
    """
    tasks = list_tasks(cohort, label_of_masks(cohort, extractor))
    store.check_writable()
    block = extractor.block()
    store.register(block)
    digests = store.fingerprints.of(_paths(tasks), file_sha256, n_jobs=n_jobs, on_done=on_hashed)
    refuse_shared_images(cohort, tasks, digests)
    keys = _content_keys(cohort, tasks, block, digests)
    tell_of_repeated_samples(keys)
    present = [key for key in keys.values() if key]
    missing = set(store.missing(block, present, retry_failed=retry_failed, lasting=LASTING))
    todo = [task for task in tasks if keys[task.pair] in missing]
    with store.writer(block) as writer:
        failed = _compute(extractor, todo, keys, writer, n_jobs=n_jobs, cluster=cluster, on_done=on_done)
    notes = store.notes(block)
    tell_of_regions({region: notes[key] for region, key in keys.items() if key in notes})
    failures = _failures(store, block, tasks, keys, digests, failed)
    return Extraction(block, keys, failures, len(missing), len(present) - len(missing))


def label_of_masks(cohort: pd.DataFrame, extractor: Extractor) -> MaskLabel:
    """Return the label of masks whose row names none: the extractor's, else the table's, else any."""
    named = getattr(extractor, "label_is_named", True)
    return extractor.label if named else cohort.attrs.get("mask_label", extractor.label)


def list_tasks(cohort: pd.DataFrame, label: MaskLabel | None) -> list[Task]:
    """Return one task per image that is present, in the order of the table."""
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to extract.")
    tasks = []
    for row in cohort.to_dict("records"):
        tasks += [_task(row, name, label) for name in modalities if row[columns.join(name, "image")]]
    return tasks


def _task(row: dict, modality: str, label: MaskLabel | None) -> Task:
    own = row.get(columns.join(modality, "mask_label"))
    label = label if own is None or pd.isna(own) else int(own)
    image, mask = (row.get(columns.join(modality, part), "") for part in ("image", "mask"))
    return Task(row["sample_id"], modality, image, mask, label)


def _paths(tasks: Iterable[Task]) -> list[str]:
    return list(dict.fromkeys(path for task in tasks for path in (task.image, task.mask) if path))


def _content_keys(cohort: pd.DataFrame, tasks: list[Task], block: Block, digests: dict) -> dict:
    modalities = imaged_modalities(cohort)
    keys = dict.fromkeys((sample_id, name) for sample_id in cohort["sample_id"] for name in modalities)
    for task in tasks:
        image, mask = digests.get(task.image), digests.get(task.mask)
        if image and mask:
            keys[task.sample_id, task.modality] = content_key(block, image, mask, task.label)
    return keys


def _compute(
    extractor: Extractor,
    todo: list[Task],
    keys: dict,
    writer: Writer,
    *,
    n_jobs: int,
    cluster: str | None,
    on_done: Progress | None,
) -> dict[tuple, Outcome]:
    """Compute each content once, and return what failed by the files that were tried.

    Where a content fails for what it does not decide, such as its name, it is tried under the next name.
    """
    failed: dict[tuple, Outcome] = {}
    noted: list[str] = []
    done, settled = 0, set[str]()
    while turn := _first_with_each_key(todo, keys, failed, settled):
        total = done + len(turn)
        for task, result in _results(extractor, turn, n_jobs, cluster):
            outcome = _DIED if result is WORKER_DIED else result
            keys[task.pair] = outcome.key or keys[task.pair]
            writer.add(_record(task, keys[task.pair], outcome))
            noted += [f"{task.name}: {note}" for note in outcome.notes]
            if outcome.code is not None:
                failed[task.files] = outcome
            if outcome.code is None or outcome.code in LASTING:
                settled.add(keys[task.pair])
            done += 1
            if on_done:
                on_done(done, total)
    _log_notes(noted)
    return failed


def _first_with_each_key(tasks: list[Task], keys: dict, failed: Collection, settled: Collection[str]) -> list[Task]:
    """Return one untried task per content that is not settled: the same files under two names are computed once."""
    chosen: dict[str, Task] = {}
    for task in tasks:
        key = keys[task.pair]
        if key not in settled and task.files not in failed:
            chosen.setdefault(key, task)
    return list(chosen.values())


def _results(extractor: Extractor, todo: list[Task], n_jobs: int, cluster: str | None) -> Iterator[tuple[Task, Any]]:
    if cluster is None:
        return run_in_children(extract_task, extractor, todo, n_jobs=n_jobs)
    return run_on_cluster(extract_on_worker, (extractor, extractor.block().name), todo, address=cluster)


def _log_notes(noted: list[str]) -> None:
    """Say how much was noted, and one example: a line per image would bury what matters."""
    for line in noted:
        log.debug(line)
    if noted:
        log.info("%d notes on the images are kept in the store, for instance %s", len(noted), sorted(noted)[0])


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


_DIED = Outcome(
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
    if extractor.block().name != block_name:
        raise RequestError(
            f"{gethostname()} would compute {extractor.block().name} where {block_name} was asked for: its libraries "
            "have other versions. Install the same radiofuse and libraries on every worker."
        )
    outcome = extract_task(extractor, task)
    if outcome.code not in UNSEEN:
        return outcome
    where = f"Files are read on the cluster's workers, and {gethostname()} does not see this one. Mount its folder "
    return replace(outcome, message=f"{outcome.message} {where}there under the same path, and run again.")


def _record(task: Task, key: str, outcome: Outcome) -> Record:
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


def _failures(
    store: FeatureStore, block: Block, tasks: list[Task], keys: dict, digests: dict, failed: dict[tuple, Outcome]
) -> pd.DataFrame:
    """Return what failed: now, by the files that were tried; before, by the content that decided it."""
    stored = store.failures(block).set_index("key")
    rows = []
    for task in tasks:
        key = keys[task.pair]
        if key is None:
            rows.append((*task.pair, *_unreadable(task, digests)))
        elif key in stored.index:
            now = failed.get(task.files)
            rows.append((*task.pair, *((now.code, now.message) if now else stored.loc[key, ["code", "message"]])))
    return pd.DataFrame(rows, columns=FAILURE_COLUMNS)


def _unreadable(task: Task, digests: dict) -> tuple[str, str]:
    """Return code and sentence for a pair without fingerprints; fingerprinting itself keeps no reasons."""
    if not task.mask:
        return "file_missing", "No mask is named for this image; fill its mask cell, or empty the image cell."
    role, path = ("Image", task.image) if not digests.get(task.image) else ("Mask", task.mask)
    try:
        file_sha256(path)
    except ImageError as error:
        return error.code, f"{role}: {error}"
    return "file_unreadable", f"{role}: the file could not be read at first and now can. Run the same command again."
