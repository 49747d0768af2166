"""Finished parts of one long computation, on disk until all of it is done: a rerun does what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Timer
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from radiofuse.files.aside import write_aside
from radiofuse.work.own_code import digest_with_libraries

FOLDER = "unfinished"
WRITE_EVERY_S = 2.0  # each write waits for the disk
_FILE = re.compile(r"[0-9a-f]{32}\.json|\.[0-9a-f]{32}\.tmp")  # a killed process leaves what it wrote aside
_KEY = re.compile(r"[0-9a-f]{64}")
STALE_S = 24 * 3600.0
logger = logging.getLogger(__name__)
_opened: set[Path] = set()  # the folders of this process's runs: others may work under the same output folder


class Kept:
    """Results by name, in a folder of their own.

    The files hold JSON with every bit of every number, and run nothing when they are read. A file that is damaged
    is named and counts as not there. What is added lies on disk a few seconds later, also where nothing follows it.

    Parameters
    ----------
    folder : Path
        ``unfinished/`` in the output folder; made when the first result is written.
    key : str
        Digest of all that the results depend on, as `digest_of` returns it: other results are not found.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / FOLDER
    >>> kept = Kept(folder, digest_of("data", 7))
    >>> with kept.writing():
    ...     kept.add("fold 0", np.array([0.1, np.nan]))
    >>> Kept(folder, digest_of("data", 7)).results
    {'fold 0': array([0.1, nan])}
    >>> Kept(folder, digest_of("data", 8)).results
    {}
    >>> kept.remove()
    >>> folder.exists()
    False
    """

    def __init__(self, folder: Path, key: str):
        self._root, self._folder = folder, folder / key
        if not self._folder.exists() and not _opened_in(folder):
            _tell_unused(folder)
        _opened.add(self._folder)
        self.results: dict[str, Any] = {}
        for path in sorted(self._folder.glob("*.json")):
            self.results.update(_read(path))
        self._new: dict[str, Any] = {}
        self._written = time.monotonic()
        self._changing, self._writing = Lock(), Lock()
        self._later: Timer | None = None

    def add(self, name: str, value: object) -> None:
        """Keep a result: arrays, tables, numbers, text, and what holds them."""
        with self._changing:
            self._new[name] = encode(value)
        if time.monotonic() - self._written >= WRITE_EVERY_S:
            self._write()
        elif self._later is None:  # the next result may take an hour, and this process may be killed in it
            self._later = Timer(WRITE_EVERY_S, self._write)
            self._later.daemon = True
            self._later.start()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write what is still in memory when the block ends, whatever ended it."""
        try:
            yield
        finally:
            later = self._later
            if later is not None:
                later.cancel()
            self._write()

    def remove(self) -> None:
        """Remove what this process opened in the folder: its computation is done.

        What lies under other keys may be of a run that goes on, and is removed when it is a day old. Files of others
        stay, and so do the folders they lie in.
        """
        mine = _opened_in(self._root)
        for folder in _with_keys(self._root):
            if folder not in mine and not _is_stale(folder):
                continue
            for path in [one for one in folder.glob("*") if _FILE.fullmatch(one.name)]:
                path.unlink(missing_ok=True)
            _remove_empty(folder)
        _opened.difference_update(mine)
        _remove_empty(self._root)

    def _write(self) -> None:
        """Write the new results as one file; without room for them the work goes on, and is repeated after a kill."""
        with self._writing:  # whoever comes second, the timer or the end of the block, waits until the disk has it
            with self._changing:
                new, self._new, self._written = self._new, {}, time.monotonic()
                self._later = None
            if new:
                self._write_file(new)

    def _write_file(self, new: dict[str, Any]) -> None:
        text = json.dumps(new).encode()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with write_aside(self._folder / f"{uuid4().hex}.json") as file:
                file.write(hashlib.sha256(text).hexdigest().encode() + b"\n" + text)
        except OSError as error:
            logger.warning("Finished folds could not be kept in %s (%s): a rerun repeats them.", self._root, error)


def _with_keys(root: Path) -> list[Path]:
    return [one for one in root.glob("*") if _KEY.fullmatch(one.name)]


def _is_stale(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime >= STALE_S
    except FileNotFoundError:  # the other run has just ended
        return False


def _opened_in(root: Path) -> set[Path]:
    return {folder for folder in _opened if folder.parent == root}


def _tell_unused(root: Path) -> None:
    """Say that a run begins anew, though something is kept: whoever goes on with a run expects the opposite."""
    if any(any(folder.glob("*.json")) for folder in _with_keys(root)):
        logger.warning(
            "%s holds finished parts of a run with another recipe, other data, code, libraries or processor. They are "
            "not used: what is kept depends on all of these.",
            root,
        )


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it holds files of others, or is not there
        folder.rmdir()


def _read(path: Path) -> dict[str, Any]:
    """Return the results of one file; none if it is damaged."""
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
        if hashlib.sha256(text).hexdigest().encode() == digest:
            return {name: decode(value) for name, value in json.loads(text).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.debug("%s: %s", path, error)
    logger.warning("%s is damaged. What was kept in it is computed again.", path)
    return {}


def digest_of(*parts: Any) -> str:
    """Return the SHA-256 of values that `encode` takes."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _pieces(part):
            digest.update(json.dumps(encode(piece), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _pieces(value: object) -> Iterator[object]:
    """Yield what a value consists of, column by column: spelled out whole, a table takes several times its memory."""
    if isinstance(value, tuple):
        yield ["tuple", len(value)]
        for one in value:
            yield from _pieces(one)
    elif isinstance(value, pd.DataFrame):
        yield ["table", list(value.columns), [str(dtype) for dtype in value.dtypes], value.index.name]
        yield value.index.to_numpy()
        for place in range(value.shape[1]):
            yield value.iloc[:, place].to_numpy()
    else:
        yield value


def digest_of_code(*modules: str) -> str:
    """Return the SHA-256 of the package's own files, and of the code of further modules and of what they import.

    A key of the store never holds source text, so that its vectors last for years. What is kept here lasts
    until a rerun: to find nothing costs time, to find the folds of other code would mix two kinds of numbers.
    """
    package = Path(__file__).parents[1]
    files = sorted(path for kind in ("*.py", "*.so", "*.pyd") for path in package.rglob(kind))
    ours = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return digest_of(ours, digest_with_libraries(modules))


def encode(value: object) -> Any:
    """Return a value as JSON can hold it, with every bit of every number and the kind of every container.

    >>> decode(encode({"a": (1, 0.1), "b": np.float32(3)}))
    {'a': (1, 0.1), 'b': np.float32(3.0)}
    """
    if isinstance(value, np.ndarray | np.generic):
        return _encode_array(np.asarray(value), scalar=isinstance(value, np.generic))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [encode(one) for one in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(one) for one in value]}
    if isinstance(value, dict):
        kind = "counter" if isinstance(value, Counter) else "dict"
        return {kind: [[encode(key), encode(one)] for key, one in value.items()]}
    if isinstance(value, pd.DataFrame):
        names, series = encode(list(value.columns)), [_encode_series(value[name]) for name in value]
        return {"table": names, "series": series, "index": _encode_series(value.index), "name": value.index.name}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _encode_array(array: np.ndarray, *, scalar: bool) -> dict[str, Any]:
    if array.dtype.kind == "O":
        return {"objects": [encode(one) for one in array.ravel().tolist()], "shape": array.shape}
    text = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": text, "dtype": array.dtype.str, "shape": array.shape, "scalar": scalar}


def _encode_series(series: pd.Series | pd.Index) -> dict[str, Any]:
    return {"dtype": str(series.dtype), "values": encode(series.to_numpy())}


def decode(value: Any) -> Any:
    """Return what `encode` was given."""
    if isinstance(value, list):
        return [decode(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        array = np.frombuffer(base64.b64decode(value["array"]), value["dtype"]).reshape(value["shape"]).copy()
        return array[()] if value["scalar"] else array
    if "objects" in value:
        array = np.empty(len(value["objects"]), dtype=object)
        array[:] = decode(value["objects"])
        return array.reshape(value["shape"])
    if "table" in value:
        return _decode_table(value)
    if "tuple" in value:
        return tuple(decode(value["tuple"]))
    pairs = [(decode(key), decode(one)) for key, one in value["counter" if "counter" in value else "dict"]]
    return Counter(dict(pairs)) if "counter" in value else dict(pairs)


def _decode_table(value: dict[str, Any]) -> pd.DataFrame:
    index = pd.Index(decode(value["index"]["values"]), dtype=value["index"]["dtype"], name=value["name"])
    series = [pd.Series(decode(one["values"]), index, dtype=one["dtype"]) for one in value["series"]]
    table = pd.DataFrame(dict(enumerate(series)), index)
    return table.set_axis(decode(value["table"]), axis=1)
