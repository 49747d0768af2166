"""Crops of a whole cohort in one file that processes map into memory instead of passing it around.

``<digest>.npy`` holds one record per (sample, modality) pair: the crops' pixels, the tumor's, and
how many slices there are. ``<digest>.json`` says which pairs they are, what they depend on, and the
SHA-256 of the other file. The digest is that of the index, so a file never stands for another cohort
or other settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError, StoreError
from radiofuse.files.aside import write_aside
from radiofuse.files.outputs import sha256_of
from radiofuse.tables.pointers import pointer_table

FORMAT = 1


@dataclass(frozen=True)
class CropIndex:
    """What stands in which row of a crop file, and what its pixels depend on.

    Parameters
    ----------
    identity : dict
        The cropping and its versions, as ``Cropping.identity`` returns them.
    sample_ids, modalities, keys : list of str
        Per row: whose crop it is, and its content key.
    """

    identity: dict[str, Any]
    sample_ids: list[str]
    modalities: list[str]
    keys: list[str]

    def digest(self) -> str:
        """Return 32 hex digits that change with any part of the index: the file's name."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def row_type(n_slices: int, size: int) -> np.dtype:
    """Return the record of one row: images, masks and the number of slices that are real."""
    shape = (n_slices, size, size)
    return np.dtype([("image", "<f4", shape), ("count", "<i4"), ("mask", "u1", shape)])


def write_crops(folder: Path, index: CropIndex, kind: np.dtype, rows: Iterable[tuple[int, np.ndarray]]) -> Path:
    """Write a crop file, one row in memory at a time, and return its path.

    Parameters
    ----------
    folder : Path
        Made if absent.
    index : CropIndex
    kind : dtype
        As ``row_type`` returns it.
    rows : iterable of (int, ndarray of shape ())
        Row number and record, in any order; each row at least once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{index.digest()}.npy"
    with write_aside(path) as file:
        header = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (len(index.keys),)}
        np.lib.format.write_array_header_1_0(file, header)
        start = file.tell()
        file.truncate(start + len(index.keys) * kind.itemsize)
        for number, row in rows:
            file.seek(start + number * kind.itemsize)
            file.write(row.tobytes())
    content = {"format": FORMAT, **asdict(index), "sha256": sha256_of(path)}
    with write_aside(path.with_suffix(".json")) as file:  # last: what it describes is there and whole
        file.write(json.dumps(content, indent=1).encode())
    return path


def pixels_digest(images: np.ndarray, masks: np.ndarray) -> str:
    """Return the SHA-256 of one tumor's crops, arrays of shape (n_slices, size, size) without padding."""
    parts = np.ascontiguousarray(images, "<f4"), np.ascontiguousarray(masks, np.uint8)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


class Crops:
    """The tumor crops of a cohort, read from a crop file as they are needed.

    Sending one to another process sends its path. Make one with :meth:`open`, which looks at the
    file, or with ``radiofuse.extract.collect_crops``, which writes it.

    Parameters
    ----------
    path : path
        The ``.npy`` file; its ``.json`` lies beside it.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).absolute()

    @classmethod
    def open(cls, path: str | Path) -> Crops:
        """Return the crops of a file whose index and size fit; pixels are not looked at.

        Raises
        ------
        StoreError
            If the file is absent, cut short, or does not fit its index.
        """
        crops = cls(path)
        if len(crops._rows) != len(crops.keys):
            raise crops._damaged(f"{len(crops._rows)} rows where the index has {len(crops.keys)}")
        return crops

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    def verify(self) -> None:
        """Read every byte and compare with the checksum.

        Raises
        ------
        StoreError
            If a bit is not as it was written.
        """
        if sha256_of(self.path) != self._content["sha256"]:
            raise self._damaged("its bytes do not match their checksum")

    @property
    def size(self) -> int:
        """Pixels along each side of a crop."""
        return self._rows.dtype["image"].shape[1]

    @property
    def n_slices(self) -> int:
        """The most slices a row can have."""
        return self._rows.dtype["image"].shape[0]

    @property
    def identity(self) -> dict[str, Any]:
        """What the pixels depend on beside images, masks and labels: cropping and versions."""
        return self._content["identity"]

    @property
    def sample_ids(self) -> list[str]:
        """The sample of each row."""
        return self._content["sample_ids"]

    @property
    def modalities(self) -> list[str]:
        """The modality of each row."""
        return self._content["modalities"]

    @property
    def keys(self) -> list[str]:
        """The content key of each row: image, mask, label and cropping."""
        return self._content["keys"]

    def images(self, rows: Sequence[int]) -> np.ndarray:
        """Return crops as float32 of shape (m, n_slices, size, size); slices that are not there are 0."""
        return self._taken("image", rows)

    def masks(self, rows: Sequence[int]) -> np.ndarray:
        """Return tumor masks as uint8 of shape (m, n_slices, size, size), 1 in the tumor."""
        return self._taken("mask", rows)

    def counts(self, rows: Sequence[int]) -> np.ndarray:
        """Return how many slices of each row are real, shape (m,)."""
        return self._taken("count", rows).astype(np.int64)

    def pictures(self, rows: Sequence[int]) -> np.ndarray:
        """Return the real slices of some rows one after the other, float32 of shape (n, 1, size, size)."""
        return self._real("image", rows)[:, None]

    def largest(self, rows: Sequence[int]) -> np.ndarray:
        """Return which of each row's pictures has most tumor, shape (m,): the first, see ``tumor_crops``."""
        return np.zeros(len(rows), dtype=np.int64)

    def tumors(self, rows: Sequence[int]) -> np.ndarray:
        """Return the tumor of each of ``pictures``, uint8 of shape (n, size, size)."""
        return self._real("mask", rows)

    def _real(self, field: str, rows: Sequence[int]) -> np.ndarray:
        return self._taken(field, rows)[np.arange(self.n_slices) < self.counts(rows)[:, None]]

    def digest(self, row: int) -> str:
        """Return the SHA-256 of the pixels of one row, of its images and masks without padding."""
        return pixels_digest(self.pictures([row]), self.tumors([row]))

    def pointer_table(self) -> pd.DataFrame:
        """Return where each sample's crops are, as a table that can stand beside features.

        Returns
        -------
        DataFrame
            Index ``sample_id``, the samples that have a crop; columns ``<modality>__crop``, float
            row numbers, NaN where a sample has no crop of that modality.
        """
        return pointer_table(self.sample_ids, self.modalities)

    def _taken(self, field: str, rows: Sequence[int]) -> np.ndarray:
        rows = np.asarray(rows, dtype=np.intp)
        wrong = rows[(rows < 0) | (rows >= len(self.keys))]
        if len(wrong):
            raise RequestError(
                f"Row {wrong[0]} was asked of {self.path.name}, which has {len(self.keys)} rows. The table of crops "
                "belongs to another crop file: take pointer_table() of this one."
            )
        return np.array(self._rows[field][rows])

    @cached_property
    def _rows(self) -> np.ndarray:
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._damaged("it is absent, cut short or unreadable") from error

    @cached_property
    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.with_suffix(".json").read_bytes())
            index = CropIndex(*(content[name] for name in ("identity", "sample_ids", "modalities", "keys")))
            known = content["format"] == FORMAT and isinstance(content["sha256"], str)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._damaged("its index is absent or damaged") from error
        if not known or index.digest() != self.path.stem:
            raise self._damaged("its index is that of another file")
        return content

    def _damaged(self, why: str) -> StoreError:
        return StoreError(
            f"The crop file {self.path.name} is not usable: {why}. Run the command that wrote it again; "
            "it builds the file anew."
        )
