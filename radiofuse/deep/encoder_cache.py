"""Trained encoders and their embeddings on disk, so that none is trained or run a second time.

``encoders/<key>/`` in the folder of a feature store holds the weights and the card of one encoder. The key
is a SHA-256 of all that the weights depend on: crops, labels, patients, options, seed, and the versions of
training and encoder. A folder is filled aside and renamed, so it appears whole, and of two processes that train
the same encoder at the same time one is first and both use its work. Embeddings are a block of the feature store
per encoder and cropping.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from radiofuse.deep.aggregation import MEAN_LOGIT
from radiofuse.deep.stored_embeddings import embedded_records, embeddings_block
from radiofuse.deep.training.task import EncoderSpec, TrainingTask
from radiofuse.deep.weights import TrainedEncoder, load_encoder, save_encoder
from radiofuse.errors import BundleError
from radiofuse.files.places import on_this_machine, place_of
from radiofuse.store import FeatureStore, content_key
from radiofuse.store.losses import plainly
from radiofuse.store.picture_rows import PictureRows

log = logging.getLogger(__name__)


class EncoderCache:
    """Encoders by what they were trained on, and embeddings by encoder and crop.

    Parameters
    ----------
    root : path
        The folder of a feature store, or its URL: embeddings lie there then, encoders on this machine.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = place_of(root)

    @property
    def folder(self) -> Path:
        """Where the encoders lie."""
        return on_this_machine(self.root) / "encoders"

    def encoder(
        self,
        spec: EncoderSpec,
        crops: PictureRows,
        rows: Sequence[int],
        labels: Sequence[int],
        groups: Sequence[Any],
        seed: int,
        n_classes: int = 2,
    ) -> TrainedEncoder:
        """Return the encoder trained on these rows; it is trained if it is not there.

        Parameters
        ----------
        spec : EncoderSpec
        crops : Crops or Pictures
        rows : sequence of int
            Rows of ``crops``. Their order does not matter.
        labels : sequence of int
            0 or 1 per row, of more classes up to ``n_classes - 1``.
        groups : sequence
            The patient of each row.
        seed : int
            Of initial weights, order and augmentation.
        n_classes : int, default=2

        Returns
        -------
        TrainedEncoder

        Raises
        ------
        CohortError
            If the rows lack a class.
        RequestError
            If the encoder or an option is unknown.
        """
        return self.of_task(TrainingTask.in_order_of_ids(spec, crops, rows, labels, groups, seed, n_classes))

    def of_task(self, task: TrainingTask) -> TrainedEncoder:
        """Return what a training gives; it is trained if it is not there."""
        return self._ready(task) or self._train(task)

    def _ready(self, task: TrainingTask) -> TrainedEncoder | None:
        """Return what is stored under the task's key; what does not belong there is set aside."""
        place = self.folder / task.key
        if not place.is_dir():
            return None
        try:
            found = load_encoder(place, task.key)
        except BundleError as damage:
            self._set_aside(place, str(damage))
            return None
        if found is None:
            self._set_aside(place, "Its card is gone.")
            return None
        if found.card.get("inputs") != task.inputs:
            self._set_aside(place, "Its card describes another training.")
            return None
        return found

    def _set_aside(self, place: Path, why: str) -> None:
        log.warning("The encoder %s is not used and trained again: %s", place.name[:12], why)
        quarantine = on_this_machine(self.root) / "quarantine"
        with self._plainly(), suppress(FileNotFoundError):  # another process set it aside
            quarantine.mkdir(parents=True, exist_ok=True)
            place.rename(quarantine / f"encoder-{place.name[:12]}-{uuid4().hex[:8]}")

    def _train(self, task: TrainingTask) -> TrainedEncoder:
        with self._plainly():
            self.folder.mkdir(parents=True, exist_ok=True)
        module, card = task.train(self.folder / f"{task.key}.checkpoint")
        aside = self.folder / f".{uuid4().hex}.tmp"
        try:
            trained = save_encoder(aside, task.key, module, card)
            return self._put_in_place(trained) or self.of_task(task)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _put_in_place(self, trained: TrainedEncoder) -> TrainedEncoder | None:
        """Give the folder its name; None if another process was first, whose work then counts."""
        place = self.folder / trained.key
        with self._plainly():
            try:
                trained.folder.rename(place)
            except OSError:
                if place.is_dir():
                    return None
                raise
        return replace(trained, folder=place)

    def _plainly(self) -> AbstractContextManager[None]:
        then = ", then run the same command again: encoders that are there are not trained again"
        return plainly(f"An encoder could not be kept in {self.root}", then=then)

    def embeddings(
        self,
        trained: TrainedEncoder,
        crops: PictureRows,
        rows: Sequence[int],
        *,
        device: str = "auto",
        aggregate: str = MEAN_LOGIT,
    ) -> np.ndarray:
        """Return embeddings and logits; only crops that this encoder was never run on are run now.

        Batches all have one size, so that a row's bits do not depend on the rows beside it: the sums of a layer
        are ordered by the shape of its input. Two processes that embed the same crop store the same bytes.

        Parameters
        ----------
        trained : TrainedEncoder
        crops : Crops or Pictures
        rows : sequence of int
            Rows of ``crops``.
        device : str, default="auto"
        aggregate : str, default="mean_logit"
            How what is said of a row's pictures becomes the row's, as for ``embed``.

        Returns
        -------
        ndarray of float64, shape (n_rows, d + 1) or (n_rows, d + n_classes)
            The logit, of label 1 against 0, last; of more than two classes the logits of all.
        """
        if not len(rows):
            return np.empty((0, trained.card["embedding_dim"] + len(trained.logit_names)))
        store, block = FeatureStore(self.root), embeddings_block(trained, crops, aggregate)
        keys = [content_key(block, crops.keys[row], None, None) for row in rows]
        todo = dict(zip(keys, rows, strict=True))
        missing = store.missing(block, todo)
        if missing:
            with store.writer(block) as writer:
                asked = {key: todo[key] for key in missing}
                for record in embedded_records(trained, crops, asked, device, aggregate):
                    writer.add(record)
        vectors = dict(store.vectors(block, set(keys)))
        return np.stack([vectors[key] for key in keys])
