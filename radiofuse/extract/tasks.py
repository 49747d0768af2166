"""What there is to extract of a cohort: a task per image with its mask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.extract.one_task import Extractor, Task
from radiofuse.imaging.labels import MaskLabel
from radiofuse.imaging.regions import labels_of
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities
from radiofuse.tables.roles import MASK_REGIONS


def label_of_masks(cohort: pd.DataFrame, extractor: Extractor) -> MaskLabel:
    """Return the label of masks whose row names none: the extractor's, else the table's, else any."""
    named = getattr(extractor, "label_is_named", True)
    return extractor.label if named else cohort.attrs.get("mask_label", extractor.label)


def list_tasks(cohort: pd.DataFrame, label: MaskLabel | None, *, region: str | None = None) -> list[Task]:
    """Return one task per image that is present, in the order of the table.

    Parameters
    ----------
    cohort : DataFrame
        As ``read_cohort`` returns it.
    label : "any", int or list of int, or None
        Of rows that name none.
    region : str, optional
        In place of any label: a region that the row's ``mask_regions`` names.

    Raises
    ------
    RequestError
        If the cohort has no image column, or a row with images does not say which labels the region has.
    """
    modalities = imaged_modalities(cohort)
    if not modalities:
        raise RequestError("The cohort has no <modality>__image column, so there is nothing to extract.")
    rows = cohort.to_dict("records")
    if region is not None:
        return [task for row in rows for task in _tasks_of_region(row, modalities, region)]
    return [_task(row, name, label) for row in rows for name in _present(row, modalities)]


def _present(row: dict, modalities: Iterable[str]) -> list[str]:
    return [name for name in modalities if row[columns.join(name, "image")]]


def _tasks_of_region(row: dict, modalities: Iterable[str], region: str) -> list[Task]:
    present = _present(row, modalities)
    if not present:
        return []
    try:
        labels = labels_of(region, row.get(MASK_REGIONS, ""))
    except RequestError as error:
        raise RequestError(f"{row['sample_id']}: {error}") from None
    return [replace(_task(row, name, None), label=labels) for name in present]


def _task(row: dict, modality: str, label: MaskLabel | None) -> Task:
    # A label of the row goes before that of the whole cohort.
    own = row.get(columns.join(modality, "mask_label"))
    label = label if own is None or pd.isna(own) else int(own)
    image, mask = (row.get(columns.join(modality, part), "") for part in ("image", "mask"))
    return Task(row["sample_id"], modality, image, mask, label)
