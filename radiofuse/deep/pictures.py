"""Pictures as networks take them: crops or arrays by one way of reading, and shapes that are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from radiofuse.errors import CohortError, ImageError, RequestError
from radiofuse.imaging import Crops
from radiofuse.store.picture_rows import PictureRows, PictureSource
from radiofuse.store.pictures import Pictures


def open_rows(path: str | Path) -> PictureRows:
    """Return the rows of a crop file (``.npy``) or of an index of arrays (``.json``).

    Raises
    ------
    StoreError
        If the file is absent or damaged.
    """
    return Pictures.open(path) if Path(path).suffix == ".json" else Crops.open(path)


def real_slices(counts: np.ndarray, n_slices: int) -> np.ndarray:
    """Return which slices of each row are no padding, bool of shape (n, n_slices).

    Examples
    --------
    >>> real_slices(np.array([1, 2]), 2)
    array([[ True, False],
           [ True,  True]])
    """
    return np.arange(n_slices) < np.asarray(counts)[:, None]


def check_crops(images: np.ndarray, counts: np.ndarray) -> None:
    """Raise if crops are no finite images (n, s, h, w) of which each row has 1 to s real slices.

    Raises
    ------
    RequestError
        If shapes or counts do not fit.
    ImageError
        ``not_finite`` if a real slice holds NaN or infinity.
    """
    if images.ndim != 4 or np.shape(counts) != images.shape[:1]:
        raise RequestError(
            "Crops of shape (n, slices, h, w) and n counts were expected; the shapes are "
            f"{images.shape} and {np.shape(counts)}. Pass images and counts of the same rows of a crop file."
        )
    real = real_slices(counts, images.shape[1])  # (n, s)
    if (real.sum(axis=1) != counts).any() or not real.any(axis=1).all():
        raise RequestError(
            f"Each row has 1 to {images.shape[1]} real slices, and counts lie between {np.min(counts)} and "
            f"{np.max(counts)}. Pass images and counts of the same rows of a crop file."
        )
    broken = real & ~np.isfinite(images).all(axis=(2, 3))
    if broken.any():
        row, number = np.argwhere(broken)[0]
        raise ImageError(
            "not_finite",
            f"The crop in row {row}, slice {number}, holds NaN or infinite pixels; finite numbers were expected. "
            "Cut the crops again, or leave the row out.",
        )


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


def check_shapes(pictures: PictureSource, counts: np.ndarray) -> None:
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


class BrokenRowError(ImageError):
    """Pictures of one row cannot be used; whoever knows whose they are says so in place of the row's number.

    Parameters
    ----------
    code : str
    sentence : str
        With ``{whose}`` where the row is named.
    row : int
    """

    def __init__(self, code: str, sentence: str, row: int) -> None:
        self.sentence, self.row = sentence, row
        super().__init__(code, sentence.format(whose=f"row {row}"))

    def __reduce__(self) -> tuple:
        return type(self), (self.code, self.sentence, self.row)


@contextmanager
def named_rows(crops: PictureRows, rows: Sequence[int]) -> Iterator[None]:
    """Name sample and modality in refusals of pictures that are handed on as rows of an array.

    Parameters
    ----------
    crops : Crops or Pictures
    rows : sequence of int
        Rows of ``crops``, in the order in which they are handed on; at least one.
    """
    try:
        yield
    except BrokenRowError as broken:
        if broken.row >= len(rows):  # of the blank ones that fill a batch
            raise
        row = rows[broken.row]
        whose = f"sample {crops.sample_ids[row]} ({crops.modalities[row]})"
        raise ImageError(broken.code, broken.sentence.format(whose=whose)) from None
    except CohortError as refused:
        raise CohortError(
            f"The table of pictures of {crops.modalities[rows[0]]} to train on", refused.problems
        ) from None


def refuse_not_finite(pictures: np.ndarray, counts: np.ndarray, first: int = 0) -> None:
    """Raise a BrokenRowError if pictures hold NaN or infinity; they are some of all, from the number ``first`` on.

    >>> try:
    ...     refuse_not_finite(np.array([[[[1.0]]], [[[np.nan]]]]), np.array([1, 2, 2]), first=2)
    ... except ImageError as error:
    ...     print(str(error)[:35])
    Picture 0 of row 2 holds NaN or inf
    """
    whole = np.isfinite(pictures).all(axis=tuple(range(1, pictures.ndim)))
    if whole.all():
        return
    number = first + int(whole.argmin())
    row = int(np.searchsorted(np.cumsum(counts), number, side="right"))
    place = number - int(np.sum(counts[:row]))
    sentence = (
        f"Picture {place} of {{whose}} holds NaN or infinite values; finite numbers were expected. Make it again, or "
        "leave the row out."
    )
    raise BrokenRowError("not_finite", sentence, row)
