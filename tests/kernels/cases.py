"""A kernel's arguments with one of them spoiled: of another type, shape, order or content."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import tests
from radiofuse.names import kernel
from tests.kernels.arguments import CASES, ODD, Arguments

NUMBERS = [0, 1, -1, 2, 7, 255, 65_535, 65_536, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**64]
DTYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c16", ">f8", ">i4", "S3", "?")


def case(name: str, seed: int, *, spoiled: bool) -> tuple[Callable, Arguments]:
    """Return a kernel's function and arguments for it: the same ones each time for the same seed."""
    module, _, function = name.rpartition(".")
    rng = np.random.default_rng([seed, *name.encode()])
    with np.errstate(all="ignore"):
        arguments = CASES[name](rng)
        for _ in range(1 + (rng.random() < 0.3) if spoiled else 0):
            at = int(rng.integers(len(arguments)))
            arguments[at] = spoil(arguments[at], rng)
    return getattr(kernel(module), function), arguments


def functions() -> Iterator[str]:
    """Yield the functions of all kernels, in the manner of ``CASES``: of each C file its module."""
    package = Path(tests.__file__).parent.parent / "radiofuse"
    for path in sorted(package.rglob("_*.c")):
        module = ".".join(path.relative_to(package).with_suffix("").parts)
        yield from (f"{module}.{name}" for name in dir(kernel(module)) if not name.startswith("__"))


# ---------------------------------------------------------------- spoiling


def spoil(argument: object, rng: np.random.Generator) -> object:
    """Return an argument of another kind, type, shape, order or content."""
    if rng.random() < 0.05:
        return rng.choice(np.array([None, "text", b"bytes", 1.5, (), bytearray(8), np.float64(2)], object))
    if not isinstance(argument, np.ndarray):
        return _other_number(argument, rng)
    ways = (
        _other_type,
        _other_shape,
        _other_order,
        _fewer,
        _empty,
        _locked,
        _shifted,
        _odd_content,
        _odd_content,
        _odd_content,
    )
    return ways[rng.integers(len(ways))](argument.copy(), rng)


def _other_number(argument: object, rng: np.random.Generator) -> object:
    if isinstance(argument, float):
        return float(rng.choice(ODD))
    return NUMBERS[rng.integers(len(NUMBERS))]


def _other_type(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if array.dtype.kind in "Sc" or rng.random() < 0.5:  # text and complex numbers become none of the others
        return np.zeros(array.shape, rng.choice(DTYPES))
    return array.astype(rng.choice(DTYPES[:9]))


def _other_shape(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return array.ravel() if array.ndim > 1 and rng.random() < 0.5 else array[None]


def _other_order(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:
        return np.asfortranarray(array)
    return np.repeat(array, 2, axis=-1)[..., ::2] if rng.random() < 0.5 else array[..., ::-1]


def _fewer(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    axis = int(rng.integers(array.ndim))
    n = int(rng.integers(array.shape[axis] + 3))
    return np.ascontiguousarray(
        np.resize(np.moveaxis(array, axis, 0), (n, *np.delete(array.shape, axis))).swapaxes(0, axis)
    )


def _empty(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shape = np.array(array.shape)
    shape[rng.integers(array.ndim)] = 0
    return np.zeros(shape, array.dtype)


def _shifted(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the array one byte away from where its items may lie, as in a file with an odd header."""
    return np.frombuffer(bytearray(b"?" + array.tobytes()), array.dtype, offset=1).reshape(array.shape)


def _locked(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    array.flags.writeable = False
    return array


def _odd_content(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put what is out of range into one place, some, or all of them."""
    if array.dtype.kind not in "iu":
        values = np.array(ODD).astype(array.dtype)
    else:
        limits = np.iinfo(array.dtype)
        values = np.array(
            [limits.min, limits.max, 0, 1, limits.max // 2, int(array.max(initial=0)) // 2 + 1], array.dtype
        )
    where = rng.random(array.shape) < rng.choice([0.02, 0.3, 1.0])
    array[where] = rng.choice(values, int(where.sum()))
    return array
