"""Plain data to a model again: only classes of the fixed list, or that the caller names, are imported and made."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from radiofuse.bundle.built_objects import BUILT, DamagedModelError, check
from radiofuse.bundle.fitting_parts import FITTING
from radiofuse.bundle.known_classes import FUNCTIONS, KNOWN, found

_ATTRIBUTE = re.compile(r"(?!__)[^\W\d]\w*")
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


class NotTrustedError(Exception):
    """A model file names a class that is neither of the fixed list nor named by whoever loads it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def from_plain(records: Sequence[Any], content: bytes, trust: Collection[str] = ()) -> list[Any]:
    """Return the objects that records and the bytes of arrays stand for; the last one is the model.

    Parameters
    ----------
    records : sequence
        As `to_plain` makes them.
    content : bytes
    trust : collection of str, optional
        Classes beside those of the fixed list that may be imported, as ``package.module:Class``.

    Raises
    ------
    NotTrustedError
        If the records name another class, before anything is imported or made.
    DamagedModelError
        If they are of another shape, or what they hold does not fit together.

    Examples
    --------
    >>> from_plain([["list", [1, 2.5]], ["dict", [["a", [0]], ["b", None]]]], b"")[-1]
    {'a': [1, 2.5], 'b': None}
    """
    try:
        refuse_others(records, trust)
        reader = _Reader(content)
        for record in records:
            reader.done.append(reader.made(record))
        check(len(reader.done) > 0, "there is a model")
        return reader.done
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise DamagedModelError(f"{type(error).__name__}: {error}") from error


def refuse_others(records: Sequence[Any], trust: Collection[str]) -> None:
    """Raise NotTrustedError if records name a class or function that is neither of the lists nor trusted."""
    named = {record[1] for record in records if record[0] in ("instance", "enum", "class")}
    others = sorted(str(name) for name in named if name not in KNOWN and name not in trust)
    others += sorted(str(r[1]) for r in records if r[0] == "function" and r[1] not in FUNCTIONS)
    others += sorted(str(r[1]) for r in records if r[0] == "built" and r[1] not in BUILT)
    if others:
        raise NotTrustedError(list(dict.fromkeys(others)))


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.done: list[Any] = []
        self._content = content

    def value(self, said: Any) -> Any:
        """Return what stands inside a record: itself, or the object of an earlier one."""
        if not isinstance(said, list):
            return said
        (place,) = said
        check(isinstance(place, int) and 0 <= place < len(self.done), "a record names earlier ones")
        return self.done[place]

    def each(self, said: Sequence[Any]) -> list[Any]:
        return [self.value(one) for one in said]

    def items(self, said: Sequence[Any]) -> list[tuple[Any, Any]]:
        return [(self.value(key), self.value(one)) for key, one in said]

    def made(self, record: Sequence[Any]) -> Any:
        kind, *said = record
        return _READERS[kind](self, *said)

    def array(self, descr: Any, shape: Sequence[int], order: str, start: int) -> np.ndarray:
        dtype = _dtype(descr)
        count = int(np.prod([int(length) for length in shape], dtype=object))
        check(all(length >= 0 for length in shape) and start >= 0, "lengths are no less than 0")
        check(start + count * dtype.itemsize <= len(self._content), "an array lies within the file")
        flat = np.frombuffer(self._content, dtype, count, start) if count else np.empty(0, dtype)
        return flat.reshape(shape, order="F" if order == "F" else "C").copy(order="K")

    def objects(self, shape: Sequence[int], said: Sequence[Any]) -> np.ndarray:
        flat = np.empty(len(said), dtype=object)
        flat[:] = self.each(said)
        return flat.reshape(shape)

    def instance(self, name: str, said: Sequence[Any]) -> Any:
        kind, state = found(name), dict(self.items(said))
        check(isinstance(kind, type) and all(_ATTRIBUTE.fullmatch(one) for one in state), "attributes have names")
        made = kind.__new__(kind)
        vars(made).update(state)
        FITTING.get(name, _fits)(made)
        return made

    def enum(self, name: str, member: str) -> Any:
        return found(name)[member]

    def built(self, name: str, made_with: Sequence[Any], state: Any) -> Any:
        return BUILT[name].put_together(found(name), self.each(made_with), self.value(state))

    def random_state(self, said: Any) -> np.random.RandomState:
        made = np.random.RandomState(0)
        made.set_state(self.value(said))
        return made

    def generator(self, said: Any) -> np.random.Generator:
        state = self.value(said)
        check(state["bit_generator"] in _GENERATORS, "chance is drawn by a generator of numpy")
        bits = getattr(np.random, state["bit_generator"])(0)
        bits.state = state
        return np.random.Generator(bits)

    def index(self, values: Any, dtype: str, name: Any) -> pd.Index:
        return pd.Index(self.value(values), name=self.value(name), dtype=_column_dtype(dtype))

    def frame(self, columns: Any, index: Any, said: Sequence[Any]) -> pd.DataFrame:
        index = self.value(index)
        parts = {
            place: pd.Series(self.value(values), index, _column_dtype(dtype))
            for place, (values, dtype) in enumerate(said)
        }
        return pd.DataFrame(parts, index=index).set_axis(self.value(columns), axis=1)


def _fits(made: Any) -> None:
    """Say nothing against an object whose parts Python itself checks."""


def _dtype(descr: Any) -> np.dtype:
    if isinstance(descr, list):
        descr = [tuple(tuple(part) if isinstance(part, list) else part for part in one) for one in descr]
    dtype = np.lib.format.descr_to_dtype(descr)
    check(not dtype.hasobject, "arrays hold no objects")
    return dtype


def _column_dtype(name: str) -> str:
    check(bool(re.fullmatch(r"str|object|bool|u?int\d+|float\d+", name)), "columns hold text, numbers or truth values")
    return name


_READERS: dict[str, Callable[..., Any]] = {
    "float": lambda reader, text: float(text),
    "bytes": lambda reader, *said: reader.array(*said).tobytes(),
    "list": lambda reader, said: reader.each(said),
    "tuple": lambda reader, said: tuple(reader.each(said)),
    "set": lambda reader, said: set(reader.each(said)),
    "frozenset": lambda reader, said: frozenset(reader.each(said)),
    "slice": lambda reader, said: slice(*reader.each(said)),
    "range": lambda reader, said: range(*said),
    "dict": lambda reader, said: dict(reader.items(said)),
    "ordered": lambda reader, said: OrderedDict(reader.items(said)),
    "bunch": lambda reader, said: Bunch(**dict(reader.items(said))),
    "array": _Reader.array,
    "scalar": lambda reader, *said: reader.array(*said)[()],
    "objects": _Reader.objects,
    "dtype": lambda reader, descr: _dtype(descr),
    "class": lambda reader, name: found(name),
    "function": lambda reader, name: found(name),
    "enum": _Reader.enum,
    "instance": _Reader.instance,
    "built": _Reader.built,
    "random_state": _Reader.random_state,
    "generator": _Reader.generator,
    "index": _Reader.index,
    "range_index": lambda reader, start, stop, step, name: pd.RangeIndex(start, stop, step, name=reader.value(name)),
    "multi_index": lambda reader, said, names: pd.MultiIndex.from_tuples(reader.each(said), names=reader.each(names)),
    "path": lambda reader, said: Path(said),
    "frame": _Reader.frame,
    "series": lambda reader, values, dtype, index, name: pd.Series(
        reader.value(values), reader.value(index), _column_dtype(dtype), reader.value(name)
    ),
}
