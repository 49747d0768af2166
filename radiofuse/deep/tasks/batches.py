"""The rows of a multi-task training: patches, which sequences are there, and what is known of each outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from radiofuse.deep.segmentation.losses import UNKNOWN
from radiofuse.deep.tasks.region_maps import RegionMaps
from radiofuse.store.picture_rows import PictureSource

MOST_AT_HAND = 2**31  # bytes of patches that every epoch asks for
REGIONS = "regions"  # what the segmentation is called among the tasks


class TaskBatch(NamedTuple):
    """The rows of a step."""

    pictures: Tensor  # (b, modalities * channels, d, h, w)
    present: Tensor  # (b, modalities), 1 or 0
    targets: list[Tensor]  # of each outcome (b, n_classes): probabilities, NaN where it is unknown
    regions: Tensor | None = None  # (b, d, h, w) of int64, -1 in rows without a mask

    def parts(self, size: int) -> list[TaskBatch]:
        """Return the batch in parts of nearly equal size, of which none exceeds ``size``."""
        n = max(1, -(-len(self.pictures) // size))
        targets = zip(*(one.tensor_split(n) for one in self.targets), strict=True)
        regions = [None] * n if self.regions is None else self.regions.tensor_split(n)
        split = zip(self.pictures.tensor_split(n), self.present.tensor_split(n), targets, regions, strict=True)
        return [TaskBatch(x, present, list(own), drawn) for x, present, own, drawn in split]

    @property
    def with_mask(self) -> int:
        """How many rows have a mask."""
        return 0 if self.regions is None else int((self.regions != UNKNOWN).flatten(1).any(dim=1).sum())


@dataclass(frozen=True, eq=False)
class TaskRows:
    """Rows that steps are made of.

    Attributes
    ----------
    pictures : PictureSource of shape (n, modalities * channels, d, h, w)
        Scaled.
    present : ndarray of shape (n, modalities)
    targets : mapping of str to ndarray of shape (n, n_classes)
        By outcome: 1 and 0, NaN where it is unknown.
    regions : RegionMaps or None
    patients : ndarray of shape (n,), optional
        Default: each row is of another one.
    """

    pictures: PictureSource
    present: np.ndarray
    targets: Mapping[str, np.ndarray]
    regions: RegionMaps | None
    patients: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.present)

    @property
    def tasks(self) -> list[str]:
        """The outcomes and, where there are masks, the regions."""
        return [*self.targets, *([] if self.regions is None else [REGIONS])]

    def masses(self, weights: Mapping[str, Tensor]) -> dict[str, float]:
        """Return what the labels of each task weigh together in all rows, without reading their patches."""
        known = {
            name: float(np.nansum(one if name not in weights else one * weights[name].numpy()))
            for name, one in self.targets.items()
        }
        drawn = {} if self.regions is None else {REGIONS: float(sum(one is not None for one in self.regions.maps))}
        return known | drawn

    def at_hand(self) -> TaskRows:
        """Return the rows with their patches in memory, where these are not more than that should hold."""
        size = np.prod(self.pictures.shape) * np.dtype(np.float32).itemsize
        if size > MOST_AT_HAND:
            return self
        return replace(self, pictures=np.array(self.pictures[np.arange(len(self))], dtype=np.float32))

    def read(self, chosen: Sequence[int]) -> Arrays:
        """Return some rows as arrays."""
        at = np.asarray(chosen, dtype=int)
        pictures = np.array(self.pictures[at], dtype=np.float32)
        regions = None if self.regions is None else self.regions.classes(at.tolist())
        return Arrays(pictures, self.present[at], [one[at] for one in self.targets.values()], regions)


class Arrays(NamedTuple):
    """Rows of a step before they are tensors; as ``TaskBatch``."""

    pictures: np.ndarray
    present: np.ndarray
    targets: list[np.ndarray]
    regions: np.ndarray | None

    def to(self, device: torch.device) -> TaskBatch:
        """Return the rows as tensors on a device."""
        regions = None if self.regions is None else torch.from_numpy(self.regions).to(device)
        targets = [torch.from_numpy(one.astype(np.float32)).to(device) for one in self.targets]
        present = torch.from_numpy(self.present.astype(np.float32)).to(device)
        return TaskBatch(torch.from_numpy(self.pictures).to(device), present, targets, regions)


def one_hot(codes: np.ndarray, n_classes: int) -> np.ndarray:
    """Return codes 0 to K - 1, NaN where unknown, as rows of 1 and 0, NaN where unknown.

    Examples
    --------
    >>> one_hot(np.array([1.0, np.nan]), 2).tolist()
    [[0.0, 1.0], [nan, nan]]
    """
    rows = np.full((len(codes), n_classes), np.nan)
    known = ~np.isnan(codes)
    rows[known] = np.eye(n_classes)[codes[known].astype(int)]
    return rows
