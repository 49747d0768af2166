"""The training of one encoder: all that its weights depend on, the key made of it, and the card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radiofuse.deep.device import choose_device
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder
from radiofuse.deep.encoders.embedding import Scaling
from radiofuse.deep.seen_rows import pixels_digest
from radiofuse.deep.training.loop import TRAINING_VERSION, History, train_encoder
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.pictures import crops_as_pictures
from radiofuse.deep.training.search import Trained, train_best
from radiofuse.imaging import Crops

KEY_FORMAT = 2


@dataclass(frozen=True)
class EncoderSpec:
    """What encoder is trained, and how.

    Parameters
    ----------
    encoder : str, default="san10_small"
        A key of ``ENCODERS`` or ``package.module:Class``.
    training : Training, optional
        Left out, as published.
    device : str, default="auto"
        "auto", "cpu", "cuda" or "mps".
    """

    encoder: str = "san10_small"
    training: Training = field(default_factory=Training)
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """The training of one encoder."""

    spec: EncoderSpec
    crops: Crops
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    seed: int
    n_classes: int = 2

    @classmethod
    def in_order_of_ids(
        cls,
        spec: EncoderSpec,
        crops: Crops,
        rows: Sequence[int],
        labels: Sequence[int],
        groups: Sequence[Any],
        seed: int,
        n_classes: int = 2,
    ) -> TrainingTask:
        """Return the task with its rows in the order of their sample ids, whatever order they came in."""
        rows, labels = np.asarray(rows, dtype=int), np.asarray(labels, dtype=int)
        groups = np.asarray(groups, dtype=object).astype(str)
        order = sorted(range(len(rows)), key=lambda place: (crops.sample_ids[rows[place]], crops.keys[rows[place]]))
        return cls(spec, crops, rows[order], labels[order], groups[order], int(seed), int(n_classes))

    @property
    def arguments(self) -> tuple:
        return self.spec, self.crops, self.rows, self.labels, self.groups, self.seed, self.n_classes

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the weights and the card depend on; JSON values only."""
        inputs = {
            "format": KEY_FORMAT,
            "crops": self.crops.identity,
            "rows": _digest([self.crops.keys[row] for row in self.rows]),
            "sample_ids": _digest([self.crops.sample_ids[row] for row in self.rows]),
            "labels": _digest(self.labels.tolist()),
            "patients": _digest(self.groups.tolist()),
            "encoder": self.spec.encoder,
            "version": encoder_version(self.spec.encoder),
            "training_version": TRAINING_VERSION,
            "training": self.spec.training.for_key(),
            "seed": self.seed,
            "torch": ".".join(torch.__version__.split(".")[:2]),
            "device": torch.device(choose_device(self.spec.device)).type,
        }
        inputs |= self._more_classes
        return json.loads(json.dumps(inputs))  # as a card gives it back, where tuples are lists

    @property
    def _more_classes(self) -> dict[str, int]:
        """What keys and cards say of more than two classes; encoders of two have no such entry."""
        return {} if self.n_classes == 2 else {"n_classes": self.n_classes}

    @cached_property
    def key(self) -> str:
        return _digest(self.inputs)

    def train(self, checkpoint: Path) -> tuple[torch.nn.Module, dict[str, Any]]:
        """Return the trained module and its card."""
        spec, rows = self.spec, self.rows
        images, masks, counts = self.crops.images(rows), self.crops.masks(rows), self.crops.counts(rows)
        scaling = Scaling.fit(images, masks, counts)
        pictures = crops_as_pictures(scaling.apply(images), counts)

        def make(searched: Mapping[str, Any]) -> torch.nn.Module:
            return make_encoder(spec.encoder, self.seed, self.n_classes, searched)

        def train(module: torch.nn.Module, training: Training, place: Path) -> History:
            options = {"training": training, "seed": self.seed, "device": spec.device, **self._more_classes}
            rows = {"groups": self.groups, "checkpoint": place}
            return train_encoder(module, pictures, counts, self.labels, **rows, **options)

        trained = train_best(spec.training, make, train, checkpoint)
        pixels = [pixels_digest(images[n, :count], masks[n, :count]) for n, count in enumerate(counts)]
        return trained.module, self._card(trained, scaling, pixels)

    def _card(self, trained: Trained, scaling: Scaling, pixels: list[str]) -> dict[str, Any]:
        return {
            "encoder": self.spec.encoder,
            "inputs": self.inputs,
            "embedding_dim": trained.module.embedding_dim,
            **self._more_classes,
            "scaling": [scaling.mean, scaling.sd],
            "training_ids": [self.crops.sample_ids[row] for row in self.rows],
            "training_keys": [self.crops.keys[row] for row in self.rows],
            "training_pixels": pixels,
            "history": trained.history,
            **({"search": trained.tried} if trained.tried else {}),
        }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
