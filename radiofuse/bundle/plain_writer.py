"""A fitted model to plain data: records that JSON holds, and the bytes of its arrays.

Each object is one record, and names the objects inside it by their places, which come before its own; what stands at
two places of a model is one record. Text, numbers, truth values and None stand for themselves, a reference is a list
of one place. What `plain_reader` makes of it is a model again, without running any code that the file names.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PosixPath, WindowsPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from radiofuse.bundle.built_objects import NotPlainError
from radiofuse.bundle.known_classes import BUILT, FUNCTIONS, KNOWN, name_of

ATOMS = (type(None), bool, int, str)
STARTS_AT = 64  # bytes; every array starts at a multiple, as processors like it


@dataclass
class PlainModel:
    """A model as plain data.

    Attributes
    ----------
    records : list
        The last one is the model.
    content : bytearray
        The bytes of all arrays, little-endian.
    own : dict of str to None
        The classes that are not of the fixed list, in order, as ``package.module:Class``.
    """

    records: list[Any] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    own: dict[str, None] = field(default_factory=dict)


def to_plain(model: Any) -> PlainModel:
    """Return a model as plain data.

    Raises
    ------
    NotPlainError
        If something in it is neither plain data nor made of it.

    Examples
    --------
    >>> to_plain({"a": [1, 2.5], "b": None}).records
    [['list', [1, 2.5]], ['dict', [['a', [0]], ['b', None]]]]
    """
    writer = _Writer()
    writer.reference(model)
    return writer.plain


class _Writer:
    def __init__(self) -> None:
        self.plain = PlainModel()
        self._places: dict[int, tuple[Any, int]] = {}  # by identity, with the object, whose identity is then its own
        self._open: set[int] = set()

    def reference(self, value: Any) -> Any:
        """Return what stands for a value inside another record."""
        if type(value) in ATOMS or (type(value) is float and math.isfinite(value)):
            return value
        if id(value) not in self._places:
            if id(value) in self._open:
                raise NotPlainError(f"a {name_of(type(value))} that holds itself")
            self._open.add(id(value))
            record = self._record(value)
            self._open.remove(id(value))
            self.plain.records.append(record)
            self._places[id(value)] = value, len(self.plain.records) - 1
        return [self._places[id(value)][1]]

    def _record(self, value: Any) -> list[Any]:
        if isinstance(value, type) or (callable(value) and name_of(value) in FUNCTIONS):
            return self._named(value)
        if type(value) in _WRITERS:
            return _WRITERS[type(value)](self, value)
        if isinstance(value, np.dtype):
            return ["dtype", _descr(value)]
        if isinstance(value, np.generic):
            return ["scalar", *self._bytes_of(np.asarray(value))]
        if isinstance(value, Enum):
            return ["enum", self._class(type(value)), value.name]
        return self._instance(value)

    def each(self, values: Any) -> list[Any]:
        return [self.reference(value) for value in values]

    def items(self, values: Mapping[Any, Any]) -> list[Any]:
        return [[self.reference(key), self.reference(value)] for key, value in values.items()]

    def array(self, value: np.ndarray) -> list[Any]:
        if value.dtype.hasobject:
            if value.dtype != object:
                raise NotPlainError(f"an array of {value.dtype}")
            return ["objects", list(value.shape), self.each(value.ravel().tolist())]
        return ["array", *self._bytes_of(value)]

    def _bytes_of(self, value: np.ndarray) -> list[Any]:
        """Return kind, shape, order and place of an array, whose bytes are added to the others."""
        columns_first = value.flags.f_contiguous and not value.flags.c_contiguous
        content = self.plain.content
        content.extend(bytes(-len(content) % STARTS_AT))
        start = len(content)
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        content.extend(little.tobytes("F" if columns_first else "C"))
        return [_descr(little.dtype), list(value.shape), "F" if columns_first else "C", start]

    def _named(self, value: Any) -> list[Any]:
        return ["class", self._class(value)] if isinstance(value, type) else ["function", name_of(value)]

    def _class(self, kind: type) -> str:
        name = name_of(kind)
        if name not in KNOWN:
            if "<" in name or name.startswith("__main__:"):
                raise NotPlainError(f"{name}, which no other program can import")
            self.plain.own[name] = None
        return name

    def _instance(self, value: Any) -> list[Any]:
        name = name_of(type(value))
        if name in BUILT:
            made_with, state = BUILT[name].taken_apart(value)
            return ["built", name, self.each(made_with), self.reference(state)]
        if _has_own_pickling(type(value)) or not hasattr(value, "__dict__"):
            raise NotPlainError(f"a {name}, whose state only its own code knows")
        return ["instance", self._class(type(value)), self.items(vars(value))]


def _descr(dtype: np.dtype) -> Any:
    return np.lib.format.dtype_to_descr(dtype)


def _has_own_pickling(kind: type) -> bool:
    """Say whether a class has something to say to pickles, which plain data would not ask."""
    theirs = {object, BaseEstimator}
    for name in ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__getnewargs_ex__"):
        of = next((one for one in kind.__mro__ if name in vars(one)), object)
        if of not in theirs:
            return True
    return issubclass(kind, dict | list | tuple | set | str | bytes | int | float)


def _sorted_if_possible(values: Any) -> list[Any]:
    return sorted(values, key=lambda one: (str(type(one)), repr(one)))


def _column(writer: _Writer, values: Any) -> list[Any]:
    """Return values and kind of a column or index."""
    if not (isinstance(values.dtype, np.dtype) or str(values.dtype) == "str"):
        raise NotPlainError(f"a column of {values.dtype}")
    return [writer.reference(values.to_numpy()), str(values.dtype)]


_WRITERS: dict[type, Callable[[_Writer, Any], list[Any]]] = {
    float: lambda writer, value: ["float", repr(value)],
    bytes: lambda writer, value: ["bytes", *writer._bytes_of(np.frombuffer(value, np.uint8))],
    list: lambda writer, value: ["list", writer.each(value)],
    tuple: lambda writer, value: ["tuple", writer.each(value)],
    set: lambda writer, value: ["set", writer.each(_sorted_if_possible(value))],
    frozenset: lambda writer, value: ["frozenset", writer.each(_sorted_if_possible(value))],
    slice: lambda writer, value: ["slice", writer.each([value.start, value.stop, value.step])],
    range: lambda writer, value: ["range", [value.start, value.stop, value.step]],
    dict: lambda writer, value: ["dict", writer.items(value)],
    OrderedDict: lambda writer, value: ["ordered", writer.items(value)],
    Bunch: lambda writer, value: ["bunch", writer.items(value)],
    np.ndarray: _Writer.array,
    np.random.RandomState: lambda writer, value: ["random_state", writer.reference(value.get_state(legacy=False))],
    np.memmap: lambda writer, value: writer.array(np.asarray(value)),
    np.random.Generator: lambda writer, value: ["generator", writer.reference(value.bit_generator.state)],
    pd.Index: lambda writer, value: ["index", *_column(writer, value), writer.reference(value.name)],
    pd.RangeIndex: lambda writer, value: [
        "range_index",
        value.start,
        value.stop,
        value.step,
        writer.reference(value.name),
    ],
    pd.MultiIndex: lambda writer, value: ["multi_index", writer.each(value), writer.each(value.names)],
    PosixPath: lambda writer, value: ["path", value.as_posix()],
    WindowsPath: lambda writer, value: ["path", value.as_posix()],
    pd.Series: lambda writer, value: [
        *("series", *_column(writer, value)),
        *(writer.reference(value.index), writer.reference(value.name)),
    ],
    pd.DataFrame: lambda writer, value: [
        *("frame", writer.reference(value.columns), writer.reference(value.index)),
        [_column(writer, value.iloc[:, place]) for place in range(value.shape[1])],
    ],
}
