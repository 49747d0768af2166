"""Pictures that are handed in as an array, as rows that networks read: nothing of them is on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.tables.columns import CROP, join

ANY = "pictures"  # the modality of pictures that come without a name


def as_pictures(X: np.ndarray, picture_shape: Sequence[int] | None = None) -> np.ndarray:
    """Return an array's samples as pictures with channels, shape (n, channels, h, w) or (n, channels, d, h, w).

    Parameters
    ----------
    X : ndarray of shape (n, n_features), (n, h, w), (n, channels, h, w) or (n, channels, d, h, w)
    picture_shape : sequence of int, optional
        What a flat row of a 2-D ``X`` is, (h, w), (channels, h, w) or (channels, d, h, w). Left out, it is a picture
        of one row of pixels.

    Raises
    ------
    RequestError
        If the numbers do not fit.

    Examples
    --------
    >>> as_pictures(np.zeros((5, 12))).shape, as_pictures(np.zeros((5, 12)), (3, 2, 2)).shape
    ((5, 1, 1, 12), (5, 3, 2, 2))
    """
    shape = tuple(picture_shape or ((1, X.shape[1]) if X.ndim == 2 else X.shape[1:]))
    flat = int(np.prod(X.shape[1:]))
    if len(shape) not in (2, 3, 4) or int(np.prod(shape)) != flat or (X.ndim > 2 and X.shape[1:] != shape):
        raise RequestError(
            "Pictures of shape (h, w), (channels, h, w) or (channels, d, h, w) were expected: X has the shape "
            f"{X.shape} and picture_shape is {picture_shape}. Pass the shape of one picture, {flat} pixels here."
        )
    return X.reshape(len(X), *((1, *shape) if len(shape) == 2 else shape))


def padded(pictures: np.ndarray, smallest: int) -> np.ndarray:
    """Return pictures with zeros around them where a side has fewer pixels than a network takes.

    >>> padded(np.ones((1, 1, 2, 9)), 4)[0, 0, :, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    gaps = [max(0, smallest - side) for side in pictures.shape[2:]]
    return np.pad(pictures, [(0, 0), (0, 0), *((gap // 2, gap - gap // 2) for gap in gaps)]) if any(gaps) else pictures


class HandedIn:
    """An array's pictures as rows of one picture each, known by their pixels.

    Parameters
    ----------
    array : ndarray of float32, shape (n, channels, h, w) or (n, channels, d, h, w)
    """

    path = Path("X")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    @property
    def identity(self) -> dict[str, Any]:
        """What the pixels depend on beside themselves: nothing."""
        return {"handed_in": list(self.array.shape[1:])}

    @cached_property
    def keys(self) -> list[str]:
        """The SHA-256 of each picture's pixels."""
        return [hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest() for picture in self.array]

    @property
    def sample_ids(self) -> list[str]:
        """Rows have no names: the same pixels are the same sample, wherever they stand."""
        return [key[:16] for key in self.keys]

    @property
    def modalities(self) -> list[str]:
        return [ANY] * len(self.array)

    def counts(self, rows: Sequence[int]) -> np.ndarray:
        """Return how many pictures each row has, shape (m,): one."""
        return np.ones(len(rows), dtype=np.int64)

    def pictures(self, rows: Sequence[int]) -> np.ndarray:
        """Return the pictures of some rows, float32 of shape (m, channels, …)."""
        return self.array[np.asarray(rows, dtype=int)]

    def largest(self, rows: Sequence[int]) -> np.ndarray:
        """Return which of each row's pictures has most tumor, shape (m,): the only one."""
        return np.zeros(len(rows), dtype=np.int64)

    def tumors(self, rows: Sequence[int]) -> None:
        """Return nothing: an array has no masks."""

    def digest(self, row: int) -> str:
        """Return the SHA-256 of a row's pixels."""
        return self.keys[row]

    def pointer_table(self) -> pd.DataFrame:
        """Return where each row's picture is: in the row of the same number."""
        return pd.DataFrame({join(ANY, CROP): np.arange(len(self.array), dtype=np.float64)})
