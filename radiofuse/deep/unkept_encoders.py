"""Encoders that are trained where no folder keeps them: their weights live and die with the estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from radiofuse.deep.aggregation import MEAN_LOGIT
from radiofuse.deep.stored_embeddings import embedded_records
from radiofuse.deep.training.task import EncoderSpec, TrainingTask
from radiofuse.deep.weights import TrainedEncoder, hold_encoder
from radiofuse.store.picture_rows import PictureRows


class UnkeptEncoders:
    """What ``EncoderCache`` does, without a disk: every question trains or runs the network again."""

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
        """Return the encoder trained on these rows, as ``EncoderCache.encoder`` does."""
        return self.of_task(TrainingTask.in_order_of_ids(spec, crops, rows, labels, groups, seed, n_classes))

    def of_task(self, task: TrainingTask) -> TrainedEncoder:
        """Return what a training gives, as ``EncoderCache.of_task`` does."""
        return hold_encoder(task.key, *task.train(None))

    def embeddings(
        self,
        trained: TrainedEncoder,
        crops: PictureRows,
        rows: Sequence[int],
        *,
        device: str = "auto",
        aggregate: str = MEAN_LOGIT,
    ) -> np.ndarray:
        """Return embeddings and logits of rows, as ``EncoderCache.embeddings`` does."""
        asked = {str(number): int(row) for number, row in enumerate(rows)}
        if not asked:
            return np.empty((0, trained.card["embedding_dim"] + len(trained.logit_names)))
        return np.stack([record.values for record in embedded_records(trained, crops, asked, device, aggregate)])
