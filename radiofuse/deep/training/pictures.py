"""The pictures an encoder is trained on: in memory or behind a reader of files, looked through once beforehand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from radiofuse.deep.encoders.embedding import check_crops, real_slices
from radiofuse.errors import ImageError, RequestError

_BYTES_AT_ONCE = 1 << 26


class Pictures(Protocol):
    """Scaled pictures by number: an ndarray, a memory-mapped one, or a reader that opens files when asked.

    ``pictures[numbers]`` returns an ndarray (b, channels, h, w), or (b, channels, d, h, w) of 3-D patches.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, numbers: np.ndarray, /) -> np.ndarray: ...


def crops_as_pictures(images: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the real slices of crops as pictures of one channel, row after row.

    Parameters
    ----------
    images : ndarray, shape (n, s, h, w)
    counts : ndarray of int, shape (n,)
        How many of the s slices of each row are real.

    Returns
    -------
    ndarray, shape (counts.sum(), 1, h, w)

    Raises
    ------
    RequestError
        If shapes or counts do not fit.
    ImageError
        ``not_finite`` if a real slice holds NaN or infinity.

    Examples
    --------
    >>> crops_as_pictures(np.zeros((2, 3, 8, 8)), np.array([3, 1])).shape
    (4, 1, 8, 8)
    """
    check_crops(images, counts)
    return images[real_slices(counts, images.shape[1])][:, None]


def check_shapes(pictures: Pictures, counts: np.ndarray) -> None:
    """Raise RequestError unless pictures are of 2 or 3 dimensions with channels, and each row has some."""
    if len(pictures.shape) not in (4, 5):
        raise RequestError(
            "Pictures of shape (n, channels, h, w) or (n, channels, d, h, w) were expected; theirs is "
            f"{tuple(pictures.shape)}. Crops become pictures by crops_as_pictures."
        )
    if counts.ndim != 1 or (len(counts) and counts.min() < 1) or counts.sum() != pictures.shape[0]:
        raise RequestError(
            "One count of 1 or more per row was expected, which together make the number of pictures; "
            f"{pictures.shape[0]} pictures came with counts of shape {counts.shape} that sum to {counts.sum()}. "
            "Pass pictures and counts of the same rows."
        )


def digest_of_finite(pictures: Pictures, counts: np.ndarray) -> bytes:
    """Return a SHA-256 of all pictures, read in pieces; raise ImageError at the first that is not finite."""
    digest = hashlib.sha256(str(tuple(pictures.shape)).encode())
    of_row = np.repeat(np.arange(len(counts)), counts)  # (n,)
    for numbers in _pieces(pictures.shape):
        values = np.ascontiguousarray(pictures[numbers], dtype=np.float32)
        whole = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if not whole.all():
            broken = numbers[whole.argmin()]
            place = broken - np.flatnonzero(of_row == of_row[broken])[0]
            raise ImageError(
                "not_finite",
                f"Picture {place} of row {of_row[broken]} holds NaN or infinite values; finite numbers were expected. "
                "Make it again, or leave the row out.",
            )
        digest.update(values.data)
    return digest.digest()


def _pieces(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    size = max(1, _BYTES_AT_ONCE // (4 * int(np.prod(shape[1:]))))
    return (np.arange(start, min(start + size, shape[0])) for start in range(0, shape[0], size))
