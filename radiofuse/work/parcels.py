"""What tasks for a cluster share: tables and arrays travel once by their content, tasks only name them."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from radiofuse.work.named_code import OwnCode, modules_named_by

if TYPE_CHECKING:
    from distributed import Client, Future

LARGE = 1 << 16  # bytes; what is smaller travels within its task
Pack = Callable[[Any], tuple[bytes, dict[str, "Future"], dict[str, str]]]


class Parcels:
    """The tables and arrays that were sent to a cluster, by content.

    A worker keeps them while the client does. They are tasks of the scheduler's, so that what a dead worker held is
    made again elsewhere.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._sent: dict[str, Future] = {}

    @contextmanager
    def packing(self) -> Iterator[Pack]:
        """Yield what packs a task: its bytes, and the tables and the own code that they name.

        Neither is changed within the block.
        """
        known: dict[int, tuple[object, str]] = {}  # the object is held: another one might get its id
        code = OwnCode()

        def key_of(value: object) -> str:
            if id(value) not in known:
                known[id(value)] = value, self._send(value)
            return known[id(value)][1]

        def pack(task: object) -> tuple[bytes, dict[str, Future], dict[str, str]]:
            file = BytesIO()
            packer = _Packer(file, key_of)
            packer.dump(task)
            return file.getvalue(), {key: self._sent[key] for key in packer.named}, code.of(packer.modules)

        yield pack

    def _send(self, value: object) -> str:
        from dask import config

        content = pickle.dumps(value, protocol=5)
        key = f"radiofuse-{hashlib.sha256(content).hexdigest()}"
        if key not in self._sent:
            with config.set({"distributed.admin.large-graph-warning-threshold": len(content) + (1 << 20)}):
                self._sent[key] = self._client.submit(pickle.loads, content, key=key)
        return key


class _Packer(pickle.Pickler):
    """Pickles a task, names its tables and arrays in their place, and notes the modules of its classes."""

    def __init__(self, file: BinaryIO, key_of: Callable[[object], str] | None = None) -> None:
        super().__init__(file)
        self._key_of, self.named, self.modules = key_of, set[str](), set[str]()

    def persistent_id(self, value: object) -> str | None:
        self.modules |= modules_named_by(value)
        if self._key_of is None or _n_bytes(value) < LARGE:
            return None
        key = self._key_of(value)
        self.named.add(key)
        return key


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: BinaryIO, tables: dict[str, Any]) -> None:
        super().__init__(file)
        self._tables = tables

    def persistent_load(self, key: str) -> Any:
        return _guarded(self._tables[key])


def unpack(task: bytes, tables: dict[str, Any]) -> Any:
    """Return a task with the tables that it names: all tasks of a process read the same memory, and none changes it."""
    return _Unpacker(BytesIO(task), tables).load()


def _guarded(value: Any) -> Any:
    """Return a view of an array that cannot be written to; of a table one that pandas copies when it is written to."""
    if not isinstance(value, np.ndarray):
        return value.copy(deep=False)
    view = value.view()
    view.setflags(write=False)
    return view


def pack_alone(value: object) -> tuple[bytes, dict[str, str]]:
    """Return the pickle of what has no tables to share, and the own code that it names."""
    file = BytesIO()
    packer = _Packer(file)
    packer.dump(value)
    return file.getvalue(), OwnCode().of(packer.modules)


def _n_bytes(value: object) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    pandas = sys.modules.get("pandas")  # without it there is no table; to import it takes longer than many a task
    return 8 * value.size if pandas and isinstance(value, pandas.DataFrame) else 0
