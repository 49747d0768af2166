"""Which stored vectors belong to the rows of a cohort table: told by what its files hold, not by their names."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from radiofuse.errors import StoreError
from radiofuse.extract.one_task import Task
from radiofuse.extract.shared_images import refuse_shared_images
from radiofuse.extract.tasks import list_tasks
from radiofuse.imaging import file_sha256
from radiofuse.store import Block, FeatureStore, content_key


@dataclass(frozen=True)
class StoredContents:
    """The content keys of a cohort's images in one block.

    Attributes
    ----------
    keys : dict
        ``(sample_id, modality)`` to content key, None where the block has no vector; only of modalities with one.
    by_name : list of str
        Images whose files cannot be read here: their vectors are those stored under the sample's name.
    absent : list of str
        Images that the block has no vector of: not extracted, changed since, or failed.
    """

    keys: dict[tuple[str, str], str | None]
    by_name: list[str]
    absent: list[str]

    def notes(self, block: str) -> list[str]:
        """Return a sentence on each of what was taken by name, and what is not there."""
        told = [
            (self.by_name, "cannot be read here with their masks, so that their vectors are taken by sample id"),
            (self.absent, f"have no vector in {block}: not extracted, changed since, or failed"),
        ]
        return [f"{len(names)} images {what}; for instance {names[0]}." for names, what in told if names]


def find_stored(
    cohort: pd.DataFrame, store: FeatureStore, block: Block, *, region: str | None = None
) -> StoredContents:
    """Find the vector of each image of a cohort by the bytes of image and mask.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it, with at least one image column.
    store : FeatureStore
    block : Block
    region : str, optional
        A region that the column ``mask_regions`` names; left out, the label that was extracted.

    Raises
    ------
    CohortError
        If two patients have one scan, by its content.
    StoreError
        If a pair of image and mask was extracted with several labels and the table does not say which, or a
        part of the block was lost to damage.
    """
    tasks = list_tasks(cohort, None, region=region)
    paths = dict.fromkeys(path for task in tasks for path in (task.image, task.mask) if path)
    digests = store.fingerprints.of(paths, file_sha256)
    refuse_shared_images(cohort, tasks, digests)
    contents = store.contents(block)
    of_pair = contents.groupby(["image_sha256", "mask_sha256"])
    of_name = contents.groupby(["sample_id", "modality"])
    usual = cohort.attrs.get("mask_label")  # of a pyradiomics batch table; extracting may have named another
    keys, by_name, absent = {}, [], []
    for task in sorted(tasks, key=lambda task: (task.modality, task.sample_id)):
        pair = digests.get(task.image), digests.get(task.mask)
        if None in pair:
            found = _rows(of_name, task.pair)
            by_name.append(task.name)
        elif task.label is not None:
            found = contents[contents["key"] == content_key(block, *pair, task.label)]
        else:
            found = _rows(of_pair, pair)
            preferred = found[found["key"] == content_key(block, *pair, usual)]
            found = preferred if len(preferred) else found
        keys[task.pair] = _only_key(found, task, block)
        if None not in pair and keys[task.pair] is None:
            absent.append(task.name)
    there = {modality for (_, modality), key in keys.items() if key}
    return StoredContents({pair: key for pair, key in keys.items() if pair[1] in there}, by_name, absent)


def _rows(grouped: DataFrameGroupBy, name: tuple) -> pd.DataFrame:
    return grouped.get_group(name) if name in grouped.groups else grouped.obj.iloc[:0]


def _only_key(found: pd.DataFrame, task: Task, block: Block) -> str | None:
    if found["values_sha256"].nunique() > 1:
        raise StoreError(
            f"Block {block.name} holds several vectors of {task.name}: of other mask labels, or of files that were "
            f"changed. Write the label as {task.modality}__mask_label into the table, or name the region."
        )
    return found["key"].iloc[0] if len(found) else None
