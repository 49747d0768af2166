"""The arrays of a cohort as numbered rows, as networks read them: an index beside the arrays, pixels when asked for.

``arrays/<digest>.json`` in the folder of a feature store says which row is whose and where its arrays lie. The digest
is that of the index, so a file never stands for another cohort or other arrays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError, StoreError
from radiofuse.files.aside import write_aside
from radiofuse.files.objects import ObjectPath, remedy
from radiofuse.files.places import Place, place_of
from radiofuse.store.arrays import ArrayBlock, ArrayStore, map_array
from radiofuse.store.picture_reader import PictureReader
from radiofuse.tables.pointers import pointer_table

FORMAT = 1


@dataclass(frozen=True)
class PictureIndex:
    """What stands in which row.

    Attributes
    ----------
    identity : dict
        What the pixels depend on beside the files.
    sample_ids, modalities : list of str
        Per row: whose it is, and what its pictures are called.
    folders, keys : list of str
        Per row: where its arrays lie.
    shapes : list of list of int
        Per row: pictures, channels, and two or three axes of pixels.
    digests : list of str
        Per row: of the bytes of its image's pixels.
    """

    identity: dict[str, Any]
    sample_ids: list[str]
    modalities: list[str]
    folders: list[str]
    keys: list[str]
    shapes: list[list[int]]
    digests: list[str]

    def digest(self) -> str:
        """Return 32 hex digits that change with any part of the index: the file's name."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class PictureRow:
    """One row to be: arrays that are in the store, whose they are and what they are called."""

    sample_id: str
    modality: str
    block: ArrayBlock
    key: str


def write_pictures(store: ArrayStore, rows: Sequence[PictureRow], identity: Mapping[str, Any]) -> Pictures:
    """Write the index of arrays that are there, and return them as rows.

    Parameters
    ----------
    store : ArrayStore
    rows : sequence of PictureRow
    identity : mapping
        What the pixels depend on beside the files; JSON values.

    Raises
    ------
    StoreError
        If arrays are gone, or the disk refuses.
    """
    told = [store.written(row.block, row.key) for row in rows]
    index = PictureIndex(
        dict(identity),
        [row.sample_id for row in rows],
        [row.modality for row in rows],
        [row.block.name for row in rows],
        [row.key for row in rows],
        [_of_pictures(arrays["image"]["shape"], row.block.kind) for row, arrays in zip(rows, told, strict=True)],
        # not of the mask: an image that comes again without one, or with another, is the same image
        [arrays["image"]["sha256"] for arrays in told],
    )
    path = store.root / f"{index.digest()}.json"
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        with write_aside(path) as file:
            file.write(json.dumps({"format": FORMAT, **asdict(index)}, indent=1).encode())
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(
            f"Arrays cannot be listed in {store.root} ({reason}). {remedy(error).capitalize()}, then run again."
        ) from error
    return Pictures.open(path)


def _of_pictures(shape: list[int], kind: str) -> list[int]:
    """Return the shape of an array of pictures; a patch is one picture."""
    return shape if kind == "stack" else [1, *shape]


class Pictures:
    """Pictures of a cohort, read from the store as they are needed.

    Sending them to another process sends the path of their index. Make them with :meth:`open`, or with
    ``radiofuse.extract.collect_pictures``.

    Parameters
    ----------
    path : path
        The index.
    """

    def __init__(self, path: str | Path | ObjectPath) -> None:
        place = place_of(path)
        self.path: Place = place.absolute() if isinstance(place, Path) else place

    @classmethod
    def open(cls, path: str | Path | ObjectPath) -> Pictures:
        """Return the pictures of an index that is whole; pixels are not looked at.

        Raises
        ------
        StoreError
            If the index is absent or damaged.
        """
        pictures = cls(path)
        if pictures._index.digest() != pictures.path.stem:
            raise pictures._damaged("it is that of others")
        return pictures

    def __getstate__(self) -> dict[str, Place]:
        return {"path": self.path}

    @property
    def identity(self) -> dict[str, Any]:
        """What the pixels depend on beside the files: options and versions."""
        return self._index.identity

    @property
    def sample_ids(self) -> list[str]:
        """The sample of each row."""
        return self._index.sample_ids

    @property
    def modalities(self) -> list[str]:
        """What the pictures of each row are called."""
        return self._index.modalities

    @property
    def keys(self) -> list[str]:
        """The content key of each row: the files and the options."""
        return self._index.keys

    def counts(self, rows: Sequence[int]) -> np.ndarray:
        """Return how many pictures each row has, shape (m,)."""
        return np.array([shape[0] for shape in self._shapes(rows)], dtype=np.int64)

    def pictures(self, rows: Sequence[int]) -> PictureReader:
        """Return the pictures of some rows one after the other, float32 of shape (n, channels, …)."""
        return PictureReader(self._files(rows, "image"), [tuple(shape) for shape in self._shapes(rows)])

    def largest(self, rows: Sequence[int]) -> np.ndarray:
        """Return which of each row's pictures has most tumor, shape (m,).

        A number of slices lies in the order of their tumor areas; all slices do not, and their masks tell.

        Raises
        ------
        RequestError
            If a row has no mask, or its squares around the tumor are each of another size.
        """
        stack = self.identity.get("stack", {"slices": 1})  # a patch is one picture
        if isinstance(stack["slices"], int):
            return np.zeros(len(rows), dtype=np.int64)
        tumors = self.tumors(rows)
        if stack["cut"] != "image" or tumors is None:
            raise RequestError(
                f"Which slice has most tumor cannot be told in {self.path.name}: masks of whole slices were expected, "
                "and these are squares around the tumor, or have no mask. Read a number of slices, or give masks."
            )
        ends = np.cumsum(self.counts(rows))
        of_rows = (tumors[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True))
        return np.array([np.argmax((of_row != 0).sum(axis=(1, 2))) for of_row in of_rows], dtype=np.int64)

    def tumors(self, rows: Sequence[int]) -> PictureReader | None:
        """Return the tumor of each of ``pictures``, uint8 of shape (n, …); None where some row has no mask."""
        files = self._files(rows, "mask")
        shapes = [(shape[0], *shape[2:]) for shape in self._shapes(rows)]
        return PictureReader(files, shapes) if all(file.exists() for file in files) else None

    def further(self, rows: Sequence[int], name: str) -> list[np.ndarray | None]:
        """Return an array that stands beside the image of each row, as ``parts`` or ``voxel_mm``; None without one."""
        return [map_array(file) if file.exists() else None for file in self._files(rows, name)]

    def wholes(self, rows: Sequence[int]) -> PictureReader:
        """Return the whole volume beside each patch, of the patch's shape, float32 of shape (n, channels, …)."""
        return PictureReader(self._files(rows, "whole"), [tuple(shape) for shape in self._shapes(rows)])

    def digest(self, row: int) -> str:
        """Return the SHA-256 of the image's pixels of one row, be there a mask or none."""
        return self._index.digests[row]

    def pointer_table(self) -> pd.DataFrame:
        """Return where each sample's pictures are, as `radiofuse.tables.pointers.pointer_table` does."""
        return pointer_table(self.sample_ids, self.modalities)

    def _shapes(self, rows: Sequence[int]) -> list[list[int]]:
        wrong = [row for row in rows if not 0 <= row < len(self.keys)]
        if wrong:
            raise RequestError(
                f"Row {wrong[0]} was asked of {self.path.name}, which has {len(self.keys)} rows. The table of pictures "
                "belongs to another cohort: take pointer_table() of this one."
            )
        return [self._index.shapes[row] for row in rows]

    def _files(self, rows: Sequence[int], name: str) -> list[Place]:
        folders, keys, root = self._index.folders, self.keys, self.path.parent
        return [root / folders[row] / f"{keys[row]}.{name}.npy" for row in rows]

    @cached_property
    def _index(self) -> PictureIndex:
        try:
            content = json.loads(self.path.read_bytes())
            known = content.pop("format") == FORMAT
            index = PictureIndex(**content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged("it is absent or damaged") from error
        if not known:
            raise self._damaged("another version wrote it")
        return index

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"The list of arrays {self.path.name} is not usable: {why}. Run the command that wrote it again."
        )
