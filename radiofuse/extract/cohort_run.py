"""A whole cohort through one extractor, into the store: only what is missing, in parallel."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiofuse import notebook
from radiofuse.errors import ImageError
from radiofuse.extract.one_task import Extractor, Task
from radiofuse.extract.outcomes import (
    DIED,
    Outcome,
    extract_on_worker,
    extract_regions_of_mask,
    record_of,
    refuse_unseen,
)
from radiofuse.extract.regions_told import tell_of_regions
from radiofuse.extract.shared_images import refuse_shared_images, tell_of_repeated_samples
from radiofuse.extract.tasks import label_of_masks, list_tasks
from radiofuse.extract.workers import run_in_children
from radiofuse.imaging import CONTENT_CODES, file_sha256
from radiofuse.progress import Progress
from radiofuse.radiomics import FEATURE_ERROR_CODES
from radiofuse.store import Block, FeatureStore, content_key
from radiofuse.store.writer import Writer
from radiofuse.tables.images import imaged_modalities
from radiofuse.work.cluster import WORKER_DIED, cluster_in_use, run_on_cluster

log = logging.getLogger(__name__)

FAILURE_COLUMNS = ["sample_id", "modality", "code", "message"]
LASTING = CONTENT_CODES | (FEATURE_ERROR_CODES.keys() - {"extraction_failed"})  # which memory may decide


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
    region: str | None = None,
    n_jobs: int = 1,
    cluster: str | None = None,
    retry_failed: bool = False,
    tell: bool = True,
    here: bool = False,
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
    region : str, optional
        A region that the column ``mask_regions`` names, in place of any mask label.
    n_jobs : int, default=1
        Child processes; with a cluster, threads that fingerprint.
    cluster : str, optional
        Address of a Dask scheduler whose workers see the same files and do the work instead of children.
    retry_failed : bool, default=False
        Try again whatever failed in an earlier run. What hangs on a name, a place or the memory is tried
        again in any case.
    tell : bool, default=True
        Whether what is to be known of samples and regions is logged; not where it was before.
    here : bool, default=False
        Whether this process computes: what is quick and was read before, of which no process can die.
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
        If the cohort has no image column or does not say which labels the region has, or the cluster cannot be used.
    StoreError
        If the store cannot be written.
    """
    tasks = list_tasks(cohort, label_of_masks(cohort, extractor), region=region)
    options: dict[str, Any] = {"n_jobs": n_jobs, "cluster": cluster, "retry_failed": retry_failed}
    options |= {"tell": tell, "here": here}
    return run_tasks(cohort, tasks, extractor, store, on_hashed=on_hashed, on_done=on_done, **options)


def run_tasks(
    cohort: pd.DataFrame,
    tasks: list[Task],
    extractor: Extractor,
    store: FeatureStore,
    *,
    n_jobs: int = 1,
    cluster: str | None = None,
    retry_failed: bool = False,
    tell: bool = True,
    here: bool = False,
    on_hashed: Progress | None = None,
    on_done: Progress | None = None,
) -> Extraction:
    """Do what ``extract_cohort`` does for tasks of a cohort; keys and failures are told by their ``pair``."""
    # Before hours of work, not at its first vector.
    store.check_writable()
    block = extractor.block()
    store.register(block)
    digests = store.fingerprints.of(_paths(tasks), file_sha256, n_jobs=n_jobs, on_done=on_hashed)
    # Before the extraction: one scan under two patients would stand on both sides of a fold.
    refuse_shared_images(cohort, tasks, digests)
    keys = _content_keys(cohort, tasks, block, digests)
    if tell:
        tell_of_repeated_samples(keys)
    present = [key for key in keys.values() if key]
    missing = set(store.missing(block, present, retry_failed=retry_failed, lasting=LASTING))
    todo = [task for task in tasks if keys[task.pair] in missing]
    with store.writer(block) as writer:
        failed, noted = _compute(
            extractor, todo, keys, writer, n_jobs=n_jobs, cluster=cluster, here=here, on_done=on_done
        )
    if tell:
        _log_notes(noted)
        notes = store.notes(block)
        tell_of_regions({region: notes[key] for region, key in keys.items() if key in notes})
    failures = _failures(store, block, tasks, keys, digests, failed)
    return Extraction(block, keys, failures, len(missing), len(present) - len(missing))


def _paths(tasks: Iterable[Task]) -> list[str]:
    return list(dict.fromkeys(path for task in tasks for path in (task.image, task.mask) if path))


def _content_keys(cohort: pd.DataFrame, tasks: list[Task], block: Block, digests: dict) -> dict:
    modalities = imaged_modalities(cohort)
    keys = dict.fromkeys((sample_id, name) for sample_id in cohort["sample_id"] for name in modalities)
    for task in tasks:
        image, mask = digests.get(task.image), digests.get(task.mask)
        keys[task.pair] = content_key(block, image, mask, task.label) if image and mask else None
    return keys


def _compute(
    extractor: Extractor,
    todo: list[Task],
    keys: dict,
    writer: Writer,
    *,
    n_jobs: int,
    cluster: str | None,
    here: bool,
    on_done: Progress | None,
) -> tuple[dict[tuple, Outcome], list[str]]:
    """Compute each content once, and return what failed by the files that were tried, and what was noted.

    Where a content fails for what it does not decide, such as its name, it is tried under the next name.
    """
    failed: dict[tuple, Outcome] = {}
    noted: list[str] = []
    done, settled = 0, set[str]()
    while turn := _first_with_each_key(todo, keys, failed, settled):
        total = done + len(turn)
        for task, outcome in _results(extractor, _by_files(turn), n_jobs, cluster, here=here):
            # Of the bytes that were read: a file may have changed since it was fingerprinted.
            keys[task.pair] = outcome.key or keys[task.pair]
            writer.add(record_of(task, keys[task.pair], outcome))
            noted += [f"{task.name}: {note}" for note in outcome.notes]
            if outcome.code is not None:
                failed[task.files] = outcome
            # What hangs on a name or on memory may still succeed under the next name.
            if outcome.code is None or outcome.code in LASTING:
                settled.add(keys[task.pair])
            done += 1
            if on_done:
                on_done(done, total)
    return failed, noted


def _first_with_each_key(tasks: list[Task], keys: dict, failed: Collection, settled: Collection[str]) -> list[Task]:
    """Return one untried task per content that is not settled: the same files under two names are computed once."""
    chosen: dict[str, Task] = {}
    for task in tasks:
        key = keys[task.pair]
        if key not in settled and task.files not in failed:
            chosen.setdefault(key, task)
    return list(chosen.values())


def _by_files(tasks: list[Task]) -> list[tuple[Task, ...]]:
    """Return the regions of one image and mask together."""
    groups: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        groups.setdefault((task.image, task.mask), []).append(task)
    return [tuple(group) for group in groups.values()]


def _results(
    extractor: Extractor, groups: Sequence[tuple[Task, ...]], n_jobs: int, cluster: str | None, *, here: bool = False
) -> Iterator[tuple[Task, Outcome]]:
    run: Iterable[tuple[tuple[Task, ...], Any]]
    if here:
        run = ((group, extract_regions_of_mask(extractor, group)) for group in groups)
    elif cluster is None and cluster_in_use() is None:
        run = run_in_children(extract_regions_of_mask, extractor, groups, n_jobs=n_jobs)
    else:
        run = run_on_cluster(extract_on_worker, (extractor, extractor.block().name), groups, address=cluster)
    suspects = []
    for group, outcomes in run:
        if outcomes is not WORKER_DIED:
            refuse_unseen(outcomes)
            yield from zip(group, outcomes, strict=True)
        elif len(group) == 1:
            yield group[0], DIED
        else:
            suspects += [(task,) for task in group]
    if suspects:  # one of the regions took the process with it; the others do well by themselves
        yield from _results(extractor, suspects, n_jobs, cluster)


def _log_notes(noted: list[str]) -> None:
    """Say how much was noted, and one example: a line per image would bury what matters."""
    for line in noted:
        log.debug(line)
    if noted:
        log.info("%d notes on the images are kept in the store, for instance %s", len(noted), sorted(noted)[0])


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
    # Read once more, for the reason.
    role, path = ("Image", task.image) if not digests.get(task.image) else ("Mask", task.mask)
    try:
        file_sha256(path)
    except ImageError as error:
        return error.code, f"{role}: {error}"
    return "file_unreadable", f"{role}: the file could not be read at first and now can. Run the same command again."
