"""One image with its mask, of one sample, and what computes it: all that a child process needs, without tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from radiofuse.imaging import RoiPair
from radiofuse.imaging.labels import MaskLabel
from radiofuse.store import Block
from radiofuse.tables import columns


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
    region: str = ""  # by name, where a run has several of each mask

    @property
    def name(self) -> str:
        return f"{self.sample_id} ({self.pair[1]})"

    @property
    def pair(self) -> tuple[str, str]:
        """What tells it from the others: sample and modality, or, of several regions, ``modality__region``."""
        return self.sample_id, columns.join(self.modality, self.region) if self.region else self.modality

    @property
    def files(self) -> tuple[str, str, str]:
        """What two tasks agree in that have one fate, whether content, name or place decides it."""
        return self.image, self.mask, str(self.label)
