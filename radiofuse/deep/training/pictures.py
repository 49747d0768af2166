"""The pictures an encoder is trained on: in memory or behind a reader of files, looked through once beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from radiofuse.deep.pictures import refuse_not_finite
from radiofuse.store.picture_rows import PictureSource

_BYTES_AT_ONCE = 1 << 26


def digest_of_finite(pictures: PictureSource, counts: np.ndarray) -> bytes:
    """Return a SHA-256 of all pictures, read in pieces; raise ImageError at the first that is not finite."""
    digest = hashlib.sha256(str(tuple(pictures.shape)).encode())
    for numbers in _pieces(pictures.shape):
        values = np.ascontiguousarray(pictures[numbers], dtype=np.float32)
        refuse_not_finite(values, counts, int(numbers[0]))
        digest.update(values.data)
    return digest.digest()


def _pieces(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    size = max(1, _BYTES_AT_ONCE // (4 * int(np.prod(shape[1:]))))
    return (np.arange(start, min(start + size, shape[0])) for start in range(0, shape[0], size))
