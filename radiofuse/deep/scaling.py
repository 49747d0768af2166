"""Intensities of pictures to numbers that networks learn from, measured on the training pictures alone.

What is measured is kept on the card of the encoder and never in the store of the arrays: other folds have other
training patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from radiofuse.deep.pictures import refuse_not_finite
from radiofuse.errors import CohortError, ImageError, RequestError
from radiofuse.imaging.landmarks import landmarks_of, on_scale, standard_scale
from radiofuse.store.picture_rows import PictureSource

METHODS = ("z_score", "min_max", "nyul")
OVER = ("tumor", "image")
THE_TABLE = "The table of pictures to train on"


class Scaling(Protocol):
    """What scales pictures; ``to_json`` is what a card keeps.

    ``measured`` says of one patient's pictures what ``apply`` must know of that patient, None where nothing.
    """

    def measured(self, pictures: np.ndarray) -> np.ndarray | None: ...
    def apply(self, pictures: np.ndarray, measured: np.ndarray | None) -> np.ndarray: ...
    def to_json(self) -> Any: ...


@dataclass(frozen=True)
class Linear:
    """Intensities less a number, over another one, both of each channel.

    Attributes
    ----------
    shift, factor : tuple of float
    method : {"z_score", "min_max"}
        The mean and standard deviation of the training pixels, or the least and the range of them.
    """

    shift: tuple[float, ...]
    factor: tuple[float, ...]
    method: str = "z_score"

    def measured(self, pictures: np.ndarray) -> None:
        """Return nothing: all patients are scaled alike."""

    def apply(self, pictures: np.ndarray, measured: np.ndarray | None = None) -> np.ndarray:
        """Return scaled pictures, float32, of the same shape (n, channels, …)."""
        each = (1, -1) + (1,) * (pictures.ndim - 2)
        scaled = np.subtract(pictures, np.reshape(np.float32(self.shift), each), dtype=np.float32)
        scaled /= np.reshape(np.float32(self.factor), each)
        return scaled

    def to_json(self) -> Any:
        """Return mean and standard deviation where there is one channel, else the method with the numbers of each."""
        if len(self.shift) == 1 and self.method == "z_score":
            return [self.shift[0], self.factor[0]]
        return {"method": self.method, "shift": list(self.shift), "factor": list(self.factor)}


@dataclass(frozen=True)
class Landmarks:
    """Intensities of each patient moved so that their percentiles lie where those of the training patients do.

    Attributes
    ----------
    standard : tuple of tuple of float
        Of each channel, the places of the percentiles 1, 10, 20, …, 90, 99 on a scale from 0 to 1.

    See Also
    --------
    radiofuse.imaging.landmarks : The method and its source.
    """

    standard: tuple[tuple[float, ...], ...]

    def measured(self, pictures: np.ndarray) -> np.ndarray:
        """Return the percentiles of one patient's pictures (n, channels, …), shape (channels, 11)."""
        return _shown(pictures, np.array([len(pictures)]))

    def apply(self, pictures: np.ndarray, measured: np.ndarray | None) -> np.ndarray:
        """Return one patient's pictures on the standard scale; beyond the outer percentiles the last lines go on."""
        places = self.measured(pictures) if measured is None else measured
        moved = [
            on_scale(pictures[:, channel], places[channel], np.array(standard))
            for channel, standard in enumerate(self.standard)
        ]
        return np.where(pictures != 0, np.stack(moved, axis=1), 0.0).astype(np.float32)  # 0, no head, stays

    def to_json(self) -> Any:
        """Return the places of the percentiles."""
        return {"method": "nyul", "standard": [list(places) for places in self.standard]}


def scaling_from(said: Any) -> Scaling:
    """Return the scaling that a card keeps.

    >>> scaling_from([3.0, 2.0])
    Linear(shift=(3.0,), factor=(2.0,), method='z_score')
    """
    if not isinstance(said, Mapping):
        mean, sd = said
        return Linear((mean,), (sd,))
    if said["method"] == "nyul":
        return Landmarks(tuple(tuple(places) for places in said["standard"]))
    return Linear(tuple(said["shift"]), tuple(said["factor"]), said["method"])


def fit_scaling(
    method: str, pictures: PictureSource, tumors: PictureSource | None, counts: np.ndarray, *, over: str = "tumor"
) -> Scaling:
    """Measure the pictures of training rows.

    Parameters
    ----------
    method : {"z_score", "min_max", "nyul"}
    pictures : array-like of float32, shape (n, channels, …)
        Of all rows, one after the other.
    tumors : array-like of uint8, shape (n, …), or None
        1 where the tumor is; of shape (n, channels, …) where channels have a tumor each.
    counts : ndarray of int, shape (n_rows,)
        How many pictures each row has.
    over : {"tumor", "image"}
        Which pixels are measured: the tumor's, where there are masks, or those that are not 0.

    Raises
    ------
    ImageError
        ``not_finite`` if a picture holds NaN or infinity, with its row.
    CohortError
        If there is no pixel to measure.

    Examples
    --------
    >>> pictures = np.array([[[[1, 3], [5, 99]]]], dtype=np.float32)
    >>> fit_scaling("z_score", pictures, (pictures < 50)[:, 0], np.array([1]))
    Linear(shift=(3.0,), factor=(1.632993161855452,), method='z_score')
    """
    if method == "nyul":
        return _fit_landmarks(pictures, counts)
    if method not in METHODS:
        raise RequestError(f"intensities is {method!r}; it is one of {', '.join(METHODS)}.")
    masks = tumors if over == "tumor" else None
    parts = [
        [_measure(*part, channel) for channel in range(pictures.shape[1])] for part in _parts(pictures, masks, counts)
    ]
    measured = [_Measured.together(of_channel) for of_channel in zip(*parts, strict=True)]
    if not all(one.n for one in measured):
        what = "is tumor" if masks is not None else "differs from 0"
        raise CohortError(THE_TABLE, [f"No pixel {what}. Look at the masks and images."])
    if method == "min_max":
        pairs = [(one.low, one.high - one.low) for one in measured]
    else:
        pairs = [(one.mean, float(np.sqrt(one.variance))) for one in measured]
    shifts, factors = zip(*pairs, strict=True)
    return Linear(shifts, tuple(factor or 1.0 for factor in factors), method)  # equal: nothing to divide by


@dataclass(frozen=True)
class _Measured:
    n: int
    mean: float = 0.0
    variance: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    @classmethod
    def together(cls, parts: Sequence[_Measured]) -> _Measured:
        """Return what all parts have together (Chan, Golub, LeVeque 1983, The American Statistician 37:242-247)."""
        parts = [part for part in parts if part.n] or [cls(0)]
        total = parts[0]
        for part in parts[1:]:
            n, gap = total.n + part.n, part.mean - total.mean
            squares = total.n * total.variance + part.n * part.variance + gap**2 * total.n * part.n / n
            low, high = min(total.low, part.low), max(total.high, part.high)
            total = cls(n, total.mean + gap * part.n / n, squares / n, low, high)
        return total


def _parts(
    pictures: PictureSource, tumors: PictureSource | None, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Yield pictures with their tumors: all at once where they are in memory, else those of one row after the other."""
    if isinstance(pictures, np.ndarray):
        refuse_not_finite(pictures, counts)
        yield pictures, None if tumors is None else tumors[:]
        return
    for row in rows_of(counts):
        of_row = pictures[row]
        refuse_not_finite(of_row, counts, row.start)
        yield of_row, None if tumors is None else tumors[row]


def rows_of(counts: np.ndarray) -> list[slice]:
    """Return where each row's pictures lie among all.

    >>> rows_of(np.array([2, 1]))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    ends = np.cumsum(counts).tolist()
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _measure(pictures: np.ndarray, tumors: np.ndarray | None, channel: int) -> _Measured:
    values = pictures[:, channel]
    own = tumors[:, channel] if tumors is not None and tumors.ndim == pictures.ndim else tumors
    chosen = values[values != 0 if own is None else own == 1].astype(np.float64)
    if not chosen.size:
        return _Measured(0)
    return _Measured(chosen.size, float(chosen.mean()), float(chosen.var()), float(chosen.min()), float(chosen.max()))


def _fit_landmarks(pictures: PictureSource, counts: np.ndarray) -> Landmarks:
    """Return the scale of the training rows' percentiles."""
    places = np.stack([_shown(pictures[row], counts, row.start) for row in rows_of(counts)])  # (rows, channels, 11)
    try:
        standard = [standard_scale(places[:, channel]) for channel in range(places.shape[1])]
    except ImageError as error:
        raise CohortError(THE_TABLE, [str(error)]) from None
    return Landmarks(tuple(tuple(of_channel.tolist()) for of_channel in standard))


def _shown(pictures: np.ndarray, counts: np.ndarray, first: int = 0) -> np.ndarray:
    """Return the percentiles of one patient's pixels that are not 0, of each channel, shape (channels, 11)."""
    refuse_not_finite(pictures, counts, first)  # percentiles of NaN would make a blank picture of them
    channels = (pictures[:, channel] for channel in range(pictures.shape[1]))
    return np.stack([landmarks_of(values[values != 0]) for values in channels])


def scaled(pictures: PictureSource, counts: np.ndarray, scaling: Scaling) -> PictureSource:
    """Return scaled pictures: an array where they are in memory, else what scales them when they are asked for."""
    if not isinstance(pictures, np.ndarray):
        return Scaled(pictures, counts, scaling)
    if isinstance(scaling, Linear):
        return scaling.apply(pictures)
    refuse_not_finite(pictures, counts)  # of all, so that the row is named by its number among them
    return np.concatenate([scaling.apply(pictures[row], None) for row in rows_of(counts)])


class Scaled:
    """Pictures that are read from their files and scaled when they are asked for.

    Parameters
    ----------
    pictures : PictureSource of shape (n, channels, …)
    counts : ndarray of int, shape (n_rows,)
    scaling : Scaling
    """

    def __init__(self, pictures: PictureSource, counts: np.ndarray, scaling: Scaling) -> None:
        self._pictures, self._scaling, self._counts, self._rows = pictures, scaling, counts, rows_of(counts)
        self._owners = np.repeat(np.arange(len(counts)), counts)
        self._measured: dict[int, np.ndarray | None] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all pictures together."""
        return self._pictures.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: slice | np.ndarray) -> np.ndarray:
        owners, pictures = self._owners[places], self._pictures[places]
        answers = np.empty(pictures.shape, np.float32)
        for owner in np.unique(owners).tolist():
            here = owners == owner
            answers[here] = self._scaling.apply(pictures[here], self._of_row(owner))
        return answers

    def _of_row(self, row: int) -> np.ndarray | None:
        if row not in self._measured:
            self._measured[row] = self._look_at(row) if isinstance(self._scaling, Landmarks) else None
        return self._measured[row]

    def _look_at(self, row: int) -> np.ndarray | None:
        pictures = self._pictures[self._rows[row]]
        refuse_not_finite(pictures, self._counts, self._rows[row].start)
        return self._scaling.measured(pictures)
