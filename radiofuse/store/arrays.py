"""Arrays by content, beside the vectors: a folder per kind, a few ``.npy`` and a ``.json`` per sample.

Each file appears whole or not at all, and the ``.json`` comes last: without it the arrays are not there. One writer's
failure costs one sample. Readers map the files into memory, so that a cohort is never held there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from radiofuse.errors import StoreError
from radiofuse.files.aside import write_aside
from radiofuse.files.copies import fetched
from radiofuse.files.objects import ObjectPath, ObjectStoreError, remedy
from radiofuse.files.outputs import sha256_of
from radiofuse.files.places import Place, place_of

FOLDER, FORMAT = "arrays", 1


@dataclass(frozen=True)
class ArrayBlock:
    """Arrays that were made alike.

    Attributes
    ----------
    kind : str
    identity : mapping
        What they depend on beside the files: options and versions; JSON values.

    Examples
    --------
    >>> ArrayBlock("stacks", {"size": 224}).name
    'stacks-ca5bc7b63461'
    """

    kind: str
    identity: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.kind}-{_digest(self.identity)[:12]}"

    def key(self, files: Mapping[str, str], *also: object) -> str:
        """Return the key of a sample's arrays, by the SHA-256 of its files and whatever else decides them."""
        return _digest([self.name, dict(files), *also])


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class ArrayStore:
    """Arrays on disk, in the folder ``arrays`` of a feature store.

    Parameters
    ----------
    root : path
        The feature store's folder, or its URL; made when something is written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> block = ArrayBlock("stacks", {"size": 2})
    >>> with TemporaryDirectory() as folder:
    ...     store = ArrayStore(folder)
    ...     store.write(block, "k1", {"image": np.ones((1, 2, 2), np.float32)}, {"sample_id": "P1"})
    ...     store.missing(block, ["k1", "k2"]), store.read(block, "k1")["image"].shape, store.verify()
    (['k2'], (1, 2, 2), [])
    """

    def __init__(self, root: str | Path | ObjectPath) -> None:
        self.root: Place = place_of(root) / FOLDER

    def write(
        self, block: ArrayBlock, key: str, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any] | None = None
    ) -> None:
        """Write the arrays of one sample; what another writer has written of the same key is replaced by the same.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        folder = self.root / block.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files = {name: self._write_one(folder / f"{key}.{name}.npy", array) for name, array in arrays.items()}
            record = {"format": FORMAT, "identity": block.identity, "arrays": files, **(about or {})}
            with write_aside(folder / f"{key}.json") as file:
                file.write(json.dumps(record, indent=1).encode())
        except OSError as error:
            reason = error.strerror or error
            raise StoreError(
                f"Arrays cannot be written to {folder} ({reason}). {remedy(error).capitalize()}, then run again."
            ) from error

    @staticmethod
    def _write_one(path: Place, array: np.ndarray) -> dict[str, Any]:
        with write_aside(path) as file:
            hashed = _Hashed(file)
            np.lib.format.write_array(hashed, np.ascontiguousarray(array), allow_pickle=False)
        return {"shape": list(array.shape), "type": array.dtype.str, "sha256": hashed.sha256.hexdigest()}

    def missing(self, block: ArrayBlock, keys: Iterable[str]) -> list[str]:
        """Return the keys of which there are no arrays, or not all."""
        folder = self.root / block.name
        return [key for key in dict.fromkeys(keys) if not _is_there(folder, key)]

    def read(self, block: ArrayBlock, key: str) -> dict[str, np.ndarray]:
        """Return the arrays of one sample, mapped into memory, read-only.

        Bytes in a folder are not compared; those of an object store are, when this machine makes or meets its copy.

        Raises
        ------
        StoreError
            If there are none, or a file is cut short or of another shape than was written, or is damaged in an object
            store.
        """
        folder = self.root / block.name
        try:
            record = json.loads((folder / f"{key}.json").read_text())
            arrays = {name: map_array(folder / f"{key}.{name}.npy") for name in record["arrays"]}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise StoreError(f"The arrays {key} of {folder} cannot be read ({error}). Make them again.") from None
        for name, array in arrays.items():
            told = record["arrays"][name]
            if list(array.shape) != told["shape"] or array.dtype.str != told["type"]:
                raise StoreError(f"The array {key}.{name} of {folder} is not the one that was written. Delete it.")
        return arrays

    def written(self, block: ArrayBlock, key: str) -> dict[str, dict[str, Any]]:
        """Return shape, type and SHA-256 of each array of one sample, by its name.

        Raises
        ------
        StoreError
            If there are none.
        """
        record = _record(self.root / block.name / f"{key}.json")
        if record is None:
            raise StoreError(f"The arrays {key} of {self.root / block.name} are gone. Run again: they are made anew.")
        return dict(record["arrays"])

    def verify(self) -> list[str]:
        """Compare every byte with what was written, and return a sentence on each array that is damaged."""
        return [problem for path in _records(self.root) for problem in _damage(path)]


class _Hashed:
    """A file whose checksum is that of what was meant, whatever a disk or a network makes of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.sha256 = file, hashlib.sha256()

    def write(self, part: bytes) -> int:
        self.sha256.update(part)
        return self._file.write(part)


def map_array(path: Place) -> np.ndarray:
    """Return an array of a store, mapped into memory, read-only; of an object store a copy that was compared.

    Raises
    ------
    StoreError
        If it is damaged in the object store, or what was noted of it is gone.
    OSError, ValueError
        If it is absent, cannot be read, or is no array.
    """
    if isinstance(path, ObjectPath):
        key, _, name = path.stem.partition(".")
        beside = path.with_name(f"{key}.json")
        told = (_record(beside) or {"arrays": {}})["arrays"].get(name)
        if told is None:
            raise StoreError(
                f"{beside}, which tells what {path.name} holds, is gone or damaged. Delete it, and run again."
            )
        path = fetched(path, told["sha256"])
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _records(root: Place) -> list[Place]:
    return sorted(root.glob("*/*.json"), key=str)


def _is_there(folder: Place, key: str) -> bool:
    """Say whether a sample's record and its files are there; an array that was lost is made again."""
    record = _record(folder / f"{key}.json")
    return record is not None and all((folder / f"{key}.{name}.npy").is_file() for name in record["arrays"])


def _record(path: Place) -> dict[str, Any] | None:
    """Return what stands beside the arrays of a sample, None where it is absent or damaged."""
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        return record if isinstance(record["arrays"], dict) else None
    except ObjectStoreError:  # nobody knows: it did not answer
        raise
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _damage(path: Place) -> list[str]:
    record = _record(path)
    if record is None:
        return [f"{path} is damaged. Delete it, and run again."]
    told = []
    for name, written in record["arrays"].items():
        file = path.with_name(f"{path.stem}.{name}.npy")
        if not file.is_file():
            told.append(f"{file} is gone. Run again.")
        elif sha256_of(file) != written["sha256"]:
            told.append(f"{file} is damaged. Delete {path.name}, and run again.")
    return told
