"""Samples as rows of pictures: those of all its modalities as channels of one, with numbers that are read beside them.

So a network that reads several modalities is trained, kept and asked by what trains, keeps and asks any encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.store.picture_rows import PictureRows, PictureSource
from radiofuse.tables.pointers import pointer_table


@dataclass(frozen=True, eq=False)
class SampleRows:
    """Samples by number, each with pictures of some modalities.

    The first picture of each modality stands with the first of the others, and so on; where they have different numbers
    of pictures the fewest count. The channels of a modality that a sample lacks are 0.

    Parameters
    ----------
    crops : Crops or Pictures
        Of single modalities.
    names : tuple of str
        The modalities, in the order of the channels.
    pointers : ndarray of shape (n, n_modalities)
        Rows of ``crops``, NaN where a sample lacks one; each sample has one at least.
    beside : ndarray of shape (n, n_numbers)
        What is read beside the pictures: whether each modality is there, 1 or 0, and then other numbers.
    """

    crops: PictureRows
    names: tuple[str, ...]
    pointers: np.ndarray
    beside: np.ndarray

    @property
    def path(self) -> Path:
        """The file of the pictures."""
        return self.crops.path

    @property
    def identity(self) -> dict[str, Any]:
        """What the pixels depend on beside the files, and which modalities are channels."""
        return {"pictures": self.crops.identity, "channels": list(self.names)}

    @cached_property
    def sample_ids(self) -> list[str]:
        """The sample of each row."""
        return [self.crops.sample_ids[rows[0]] for rows in self._behind]

    @property
    def modalities(self) -> list[str]:
        """What the pictures of each row are called: by all modalities, as one name of the store's grammar."""
        return ["".join(self.names)] * len(self.pointers)

    @cached_property
    def keys(self) -> list[str]:
        """The content key of each row: those of its pictures, by modality, and the numbers beside them."""
        keys = self.crops.keys
        own = [[None if np.isnan(at) else keys[int(at)] for at in pointers] for pointers in self.pointers]
        told = self.beside.astype(np.float32).tolist()
        return [_digest([*parts, numbers]) for parts, numbers in zip(own, told, strict=True)]

    @cached_property
    def _behind(self) -> list[list[int]]:
        return [pointers[~np.isnan(pointers)].astype(int).tolist() for pointers in self.pointers]

    def behind(self, rows: Sequence[int]) -> list[int]:
        """Return the rows of ``crops`` that some samples have, one after the other."""
        return [number for row in rows for number in self._behind[row]]

    def counts(self, rows: Sequence[int]) -> np.ndarray:
        """Return how many pictures each sample has, shape (m,)."""
        return np.array([self.crops.counts(self._behind[row]).min() for row in rows], dtype=np.int64)

    def pictures(self, rows: Sequence[int]) -> PictureSource:
        """Return the pictures of some samples, float32 of shape (n, n_modalities * channels, …)."""
        return self._joined(rows, self.crops.pictures)

    def tumors(self, rows: Sequence[int]) -> PictureSource | None:
        """Return the tumor in each channel of ``pictures``, uint8 of that shape; None where some row has no mask."""
        channels = self.crops.pictures(self.behind(rows)[:1]).shape[1]
        masks = self.crops.tumors(self.behind(rows))
        return None if masks is None else self._joined(rows, lambda own: _EachChannel(self.crops.tumors(own), channels))

    def largest(self, rows: Sequence[int]) -> np.ndarray:
        """Return which of each sample's pictures has most tumor, shape (m,), in the first modality that is there."""
        first = self.crops.largest([self._behind[row][0] for row in rows])
        return np.minimum(first, self.counts(rows) - 1)

    def digest(self, row: int) -> str:
        """Return the SHA-256 of the pixels of one sample."""
        return _digest([self.crops.digest(number) for number in self._behind[row]])

    def pointer_table(self) -> pd.DataFrame:
        """Return where each sample is, as `radiofuse.tables.pointers.pointer_table` does."""
        return pointer_table(self.sample_ids, self.modalities)

    def _joined(self, rows: Sequence[int], read: Callable[[list[int]], PictureSource]) -> PictureSource:
        """Return what is read of every modality, side by side; in memory where all of it is."""
        chosen, counts = self.pointers[np.asarray(rows, dtype=int)], self.counts(rows)
        sources, places = [], np.full((counts.sum(), len(self.names)), -1)  # (n_pictures, n_modalities)
        for number, pointers in enumerate(chosen.T):
            present = ~np.isnan(pointers)
            own = pointers[present].astype(int).tolist()
            first = np.cumsum([0, *self.crops.counts(own)])[:-1]  # of each row, among the modality's pictures
            steps = np.concatenate([np.arange(count) for count in counts[present]]) if own else np.empty(0, int)
            places[np.repeat(present, counts), number] = np.repeat(first, counts[present]) + steps
            sources.append(read(own) if own else None)
        joined = SideBySide(sources, places)
        return joined[:] if all(isinstance(one, np.ndarray | None) for one in sources) else joined


class _EachChannel:
    """Masks of pictures, once for each of their channels."""

    def __init__(self, masks: PictureSource, channels: int) -> None:
        self._masks, self._channels = masks, channels

    @property
    def shape(self) -> tuple[int, ...]:
        return self._masks.shape[0], self._channels, *self._masks.shape[1:]

    def __getitem__(self, places: Any) -> np.ndarray:
        return np.repeat(self._masks[places][:, None], self._channels, axis=1)


class SideBySide:
    """Pictures of several modalities as channels, read when they are asked for; 0 where there is none."""

    def __init__(self, sources: list[PictureSource | None], places: np.ndarray) -> None:
        self._sources, self._places = sources, places
        self._one = next(source for source in sources if source is not None).shape[1:]  # (channels, …)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self._places), self._one[0] * len(self._sources), *self._one[1:]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, asked: Any) -> np.ndarray:
        places = self._places[asked]  # (m, n_modalities)
        parts = [self._of(source, at) for source, at in zip(self._sources, places.T, strict=True)]
        return np.concatenate(parts, axis=1)

    def _of(self, source: PictureSource | None, places: np.ndarray) -> np.ndarray:
        present = places >= 0
        if source is None or not present.any():
            return np.zeros((len(places), *self._one), np.float32)
        read = np.asarray(source[places[present]])
        values = np.zeros((len(places), *self._one), read.dtype)
        values[present] = read
        return values


def beside_of(crops: PictureRows, rows: Sequence[int]) -> np.ndarray | None:
    """Return what is read beside the pictures of some rows, shape (m, n_numbers); None where nothing is."""
    return crops.beside[np.asarray(rows, dtype=int)] if isinstance(crops, SampleRows) else None


def single_pictures(crops: PictureRows, rows: Sequence[int]) -> tuple[PictureRows, list[int]]:
    """Return rows of pictures of one modality each: those that samples are made of, or the rows themselves."""
    return (crops.crops, crops.behind(rows)) if isinstance(crops, SampleRows) else (crops, [int(row) for row in rows])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
