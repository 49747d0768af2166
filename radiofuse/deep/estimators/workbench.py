"""What an estimator of crops works with: its crops, its cache, its options, its labeled rows."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from radiofuse.deep.encoder_cache import EncoderCache
from radiofuse.deep.estimators.crop_estimator import CropEstimator
from radiofuse.deep.estimators.handed_in import HandedIn
from radiofuse.deep.estimators.pointers import find_crops
from radiofuse.deep.pictures import open_rows
from radiofuse.deep.seen_rows import refuse_seen, warn_seen
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.task import EncoderSpec
from radiofuse.deep.unkept_encoders import UnkeptEncoders
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.errors import RequestError
from radiofuse.estimators import Seed
from radiofuse.patients.routing import refuse_misaligned
from radiofuse.store.picture_rows import PictureRows

_LARGEST_SEED = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class LabeledRows:
    """Training rows that have a crop, in the order of their sample ids."""

    pointers: np.ndarray  # rows of the crop file
    places: np.ndarray  # positions in the table
    y: np.ndarray
    groups: np.ndarray
    n_classes: int = 2

    def take(self, chosen: np.ndarray) -> LabeledRows:
        """Return some of the rows, by position or by a mask."""
        parts = self.pointers[chosen], self.places[chosen], self.y[chosen], self.groups[chosen]
        return LabeledRows(*parts, self.n_classes)


@dataclass(frozen=True)
class Workbench:
    """What an estimator works with: its crops, its cache, its options and one seed."""

    crops: PictureRows
    cache: EncoderCache | UnkeptEncoders
    spec: EncoderSpec
    seed: int
    aggregate: str = "mean_logit"

    @classmethod
    def of(cls, estimator: CropEstimator, handed_in: HandedIn | None = None) -> Workbench:
        """Return that of a CropEncoder or CropClassifier; a random state is drawn from once."""
        training, options = Training.from_options(estimator.training or {}), dict(estimator.options or {})
        if handed_in is None:
            _refuse_absent(estimator)
            crops = open_rows(estimator.crops) if isinstance(estimator.crops, str | Path) else estimator.crops
        else:
            crops, channels = handed_in, handed_in.array.shape[1]
            options = ({"channels": channels} if channels > 1 else {}) | options
        cache = UnkeptEncoders() if estimator.cache is None else EncoderCache(estimator.cache)
        measured = {"intensities": estimator.intensities, "over": estimator.over, "aggregate": estimator.aggregate}
        spec = EncoderSpec(estimator.encoder, training, estimator.device, options, **measured)
        return cls(crops, cache, spec, _seed(estimator.random_state), estimator.aggregate)

    def train(self, rows: LabeledRows) -> TrainedEncoder:
        """Return the encoder of these rows, trained if it is not in the cache."""
        return self.cache.encoder(self.spec, self.crops, rows.pointers, rows.y, rows.groups, self.seed, rows.n_classes)

    def train_answering(self, rows: LabeledRows) -> TrainedEncoder:
        """Return the encoder of these rows, which has an answer of its own.

        Raises
        ------
        RequestError
            If it is frozen: it never saw a label.
        """
        trained = self.train(rows)
        if trained.frozen:
            raise RequestError(
                f"The encoder {self.spec.encoder!r} is frozen: it never saw a label and has an embedding alone. Take "
                'CropEncoder with output="embedding", or leave frozen out to train it.'
            )
        return trained

    def answers(self, trained: TrainedEncoder, pointers: np.ndarray) -> np.ndarray:
        """Return embedding and logit of crops, shape (n_rows, d + 1), or of more than two classes all logits."""
        options = {"device": self.spec.device, "aggregate": self.aggregate}
        return self.cache.embeddings(trained, self.crops, pointers, **options)

    def answers_for_new(self, trained: TrainedEncoder, X: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions of the rows that have a crop, and embedding and logit of each.

        Pictures handed in have no names by which somebody could have kept them apart: of those a warning is enough.

        Raises
        ------
        CohortError
            If the encoder was trained on one of them.
        """
        pointers, places = find_crops(self.crops, X)
        (warn_seen if isinstance(self.crops, HandedIn) else refuse_seen)(trained, self.crops, pointers)
        return places, self.answers(trained, pointers)


def _refuse_absent(estimator: CropEstimator) -> None:
    for name in ("crops", "cache"):
        if getattr(estimator, name) is None:
            what = {"crops": "a crop file", "cache": "the folder of a feature store, where encoders are kept"}[name]
            raise RequestError(f"{type(estimator).__name__} has {name}=None; pass {what}.")


def _seed(random_state: Seed) -> int:
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(_LARGEST_SEED))


def labeled_rows(bench: Workbench, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None) -> LabeledRows:
    """Return the rows of a table that have a crop, once labels are 0 to K - 1 and everything is of one length.

    The classes are those of all rows, be they with a crop or without.
    """
    refuse_misaligned(X, y=y, groups=groups)
    check_consistent_length(X, y, groups)
    pointers, places = find_crops(bench.crops, X)
    labels = np.asarray(y)[places]
    n_classes = _n_classes(np.asarray(y))
    ids = np.array([bench.crops.sample_ids[row] for row in pointers], dtype=object).astype(str)
    patients = ids if groups is None else np.asarray(groups, dtype=object)[places].astype(str)
    rows = LabeledRows(pointers, places, labels.astype(int), patients, n_classes)
    return rows.take(np.argsort(ids, kind="stable"))


def _n_classes(y: np.ndarray) -> int:
    """Return how many classes labels 0 to K - 1 are of, two at least."""
    found = np.unique(y)
    wrong = [label for label in found.tolist() if not isinstance(label, int | float) or label not in range(len(y))]
    n_classes = 2 if wrong or not len(found) else max(2, int(found[-1]) + 1)
    if not wrong and n_classes > 2 and len(found) < n_classes:
        wrong = [int(found[-1])]
    if wrong:
        raise RequestError(
            f"Labels 0 and 1, or 0 to K - 1, were expected, y holds {wrong[0]}. Code the classes as 0, 1 and so on."
        )
    return n_classes
