"""What there is to extract of a cohort: one image with its mask, of one sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.imaging import RoiPair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Block
from radiofuse.tables import columns
from radiofuse.tables.images import imaged_modalities


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
    # A label of the row goes before that of the whole cohort.
    own = row.get(columns.join(modality, "mask_label"))
    label = label if own is None or pd.isna(own) else int(own)
    image, mask = (row.get(columns.join(modality, part), "") for part in ("image", "mask"))
    return Task(row["sample_id"], modality, image, mask, label)
