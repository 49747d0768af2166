"""Which encoders an evaluation will ask for, known before its folds begin, so that they are trained in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike

from radiofuse.deep.encoder_cache import EncoderCache
from radiofuse.deep.training.task import EncoderSpec
from radiofuse.errors import CohortError
from radiofuse.estimators import Folding, Seed
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.progress import Progress
from radiofuse.store.picture_rows import PictureRows
from radiofuse.work.jobs import finish_calls


@dataclass(frozen=True)
class TrainingSet:
    """What one encoder is trained on.

    Attributes
    ----------
    rows : tuple of int
        Rows of the crop file, ascending.
    labels : tuple of int
        0 or 1 per row, of more classes 0 to ``n_classes - 1``.
    groups : tuple of str
        The patient of each row.
    n_classes : int
    """

    rows: tuple[int, ...]
    labels: tuple[int, ...]
    groups: tuple[str, ...]
    n_classes: int = 2


FOR_ENCODERS = (
    "Cross-fitting an encoder in {cv} folds needs {cv} patients of each class with a crop, and the smallest class has "
    "{fewest}. Lower folds under [deep] in the recipe (cv in Python), or add patients."
)


def crossfit_folds(cv: Folding, y: np.ndarray, groups: np.ndarray, random_state: Seed) -> list[tuple]:
    """Return ``(train, test)`` positions of the folds in which encoders are cross-fitted.

    Parameters
    ----------
    cv, y, groups, random_state
        As for ``inner_folds``.

    Raises
    ------
    CohortError
        If a class has fewer patients than there are folds.
    RequestError
        If a splitter does not test every row once, or has a patient on both sides.
    """
    return inner_folds(cv, y, groups, random_state, refusal=FOR_ENCODERS)


def training_sets(
    pointers: pd.DataFrame,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    splits: Sequence[np.ndarray],
    fusion_cv: Folding | None = None,
    cv: Folding | None = None,
    random_state: int | None = None,
) -> list[TrainingSet]:
    """List what encoders will be trained on when a ``LateFusion`` of encoders is fitted in every split.

    On the training rows of a split the encoder of each modality is fitted, and in each fold inside them where
    it is cross-fitted; where a combiner learns, the same again in each of the fusion's inner folds. Sets in
    which nothing can be fitted, for want of patients or of a class, are left out: the fit says so.

    Parameters
    ----------
    pointers : DataFrame of shape (n_samples, n_modalities)
        Index sample ids, columns ``<modality>__crop``; NaN where a sample has no crop.
    y : array-like of shape (n_samples,)
        Labels, 0 or 1, of more classes 0 to K - 1.
    groups : array-like of shape (n_samples,), optional
        The patient of each row. Default: each row is one.
    splits : sequence of ndarray of int
        Positions of the training rows, per fit.
    fusion_cv : int or splitter, optional
        The fusion's inner folds; None if no combiner learns.
    cv : int or splitter, optional
        The encoder's folds; None if it is not cross-fitted.
    random_state : int
        Of the fusion and of the encoders.

    Returns
    -------
    list of TrainingSet
        Each once, in the order of use.

    Examples
    --------
    >>> pointers = pd.DataFrame({"t1__crop": [0.0, 1.0, np.nan, 2.0]}, index=["a", "b", "c", "d"])
    >>> splits = [np.array([0, 1, 2]), np.array([1, 2, 3])]
    >>> [set_.rows for set_ in training_sets(pointers, [0, 1, 0, 0], splits=splits)]
    [(0, 1), (1, 2)]
    """
    ids = pointers.index.astype(str)
    plan = _Plan(pointers, np.asarray(y, dtype=int), _patients(groups, ids), fusion_cv, cv, random_state)
    found: dict[TrainingSet, None] = {}
    for train in splits:
        by_id = np.asarray(train)[np.argsort(ids[train], kind="stable")]  # as the folds of an evaluation are fitted
        found |= dict.fromkeys(plan.of_fit(by_id))
    return list(found)


def _patients(groups: ArrayLike | None, ids: pd.Index) -> np.ndarray:
    return np.asarray(ids if groups is None else groups, dtype=object).astype(str)


@dataclass(frozen=True, eq=False)
class _Plan:
    pointers: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray
    fusion_cv: Any
    cv: Any
    random_state: Any

    @property
    def n_classes(self) -> int:
        return max(2, self.y.max() + 1)

    def of_fit(self, rows: np.ndarray) -> Iterator[TrainingSet]:
        """Yield what one fit of the fusion on these rows needs."""
        for part in (rows, *self._parts(inner_folds, self.fusion_cv, rows)):
            for name in self.pointers:
                yield from self._of_encoder(part[self.pointers[name].notna().to_numpy()[part]], name)

    def _of_encoder(self, rows: np.ndarray, name: str) -> Iterator[TrainingSet]:
        for part in (rows, *self._parts(crossfit_folds, self.cv, rows)):
            if len(np.unique(self.y[part])) == self.n_classes:
                yield self._training_set(part, name)

    def _parts(self, make_folds: Callable[..., list[tuple]], cv: Any, rows: np.ndarray) -> list[np.ndarray]:
        if cv is None:
            return []
        try:
            return [rows[train] for train, _ in make_folds(cv, self.y[rows], self.groups[rows], self.random_state)]
        except CohortError:
            return []

    def _training_set(self, part: np.ndarray, name: str) -> TrainingSet:
        pointer = self.pointers[name].to_numpy()[part].astype(int)
        order = np.argsort(pointer)
        columns = pointer[order], self.y[part][order], self.groups[part][order]
        crop_rows, labels, groups = (tuple(column.tolist()) for column in columns)
        return TrainingSet(crop_rows, labels, groups, int(self.n_classes))


def train_encoders(
    cache: EncoderCache,
    spec: EncoderSpec,
    crops: PictureRows,
    sets: Sequence[TrainingSet],
    *,
    seed: int,
    n_jobs: int | None = None,
    on_done: Progress | None = None,
) -> None:
    """Train the encoders that a cache does not hold yet, so that the fits find them there.

    A set whose rows do not suffice, as for the patients that validation holds out, is passed over: where a fit
    needs it, the fit says so, and an inner fold goes on without it.

    Parameters
    ----------
    cache : EncoderCache
    spec : EncoderSpec
    crops : Crops or Pictures
        That the rows of the sets lie in.
    sets : sequence of TrainingSet
    seed : int
        The ``random_state`` of the encoders.
    n_jobs : int, optional
        Encoders trained at once, with one thread each; it does not change a number.
    on_done : callable, optional
        Called with (done, total) whenever one is there.
    """
    calls = [delayed(_train_one)(cache, spec, crops, one, seed) for one in sets]
    names = [f"the encoder of {len(one.rows)} rows" for one in sets]
    for done, _ in enumerate(finish_calls(calls, names, n_jobs=n_jobs), start=1):
        if on_done:
            on_done(done, len(sets))


def _train_one(cache: EncoderCache, spec: EncoderSpec, crops: PictureRows, one: TrainingSet, seed: int) -> None:
    with suppress(CohortError):
        cache.encoder(spec, crops, one.rows, one.labels, one.groups, seed, one.n_classes)
