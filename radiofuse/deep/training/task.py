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

from radiofuse.deep.aggregation import ATTENTION, MEAN_LOGIT
from radiofuse.deep.device import choose_device
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder, portable_options
from radiofuse.deep.encoders.choices import ENCODERS
from radiofuse.deep.encoders.embedding import refuse_other_head, said_of
from radiofuse.deep.encoders.gated_attention import GatedAttention
from radiofuse.deep.encoders.options import FROZEN
from radiofuse.deep.pictures import named_rows
from radiofuse.deep.sample_rows import beside_of, single_pictures
from radiofuse.deep.scaling import Scaling, fit_scaling, scaled
from radiofuse.deep.training.examples import refuse_no_rows
from radiofuse.deep.training.loop import TRAINING_VERSION, History, train_encoder
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.pooling import fit_pooling
from radiofuse.deep.training.search import Trained, train_best
from radiofuse.errors import RequestError
from radiofuse.names import lookup
from radiofuse.store.picture_rows import PictureRows, PictureSource

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
    options : mapping, optional
        The encoder's own, as for ``make_encoder``.
    intensities : {"z_score", "min_max", "nyul"}, default="z_score"
    over : {"tumor", "image"}, default="tumor"
        How the training pictures' intensities are measured, as for ``fit_scaling``.
    aggregate : str, default="mean_logit"
        With "attention" the weights of a patient's pictures are learned too, once the encoder is trained; how else
        answers to pictures become one is no matter of training.
    """

    encoder: str = "san10_small"
    training: Training = field(default_factory=Training)
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    intensities: str = "z_score"
    over: str = "tumor"
    aggregate: str = MEAN_LOGIT

    @property
    def frozen(self) -> bool:
        """Whether the encoder stays as it is: no label enters it."""
        named = lookup(self.encoder, ENCODERS, "encoder") if ":" not in self.encoder else None
        return bool(self.options.get(FROZEN)) or bool(getattr(named, "frozen", False))

    @property
    def more(self) -> dict[str, Any]:
        """What keys and cards say of options that are not the usual; others have no such entries."""
        options = portable_options(self.encoder, self.options)
        learned = self.aggregate if self.aggregate == ATTENTION else MEAN_LOGIT
        said = {"options": options, "intensities": self.intensities, "over": self.over, "aggregate": learned}
        usual = {"options": {}, "intensities": "z_score", "over": "tumor", "aggregate": MEAN_LOGIT}
        return {name: value for name, value in said.items() if value != usual[name]}


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """The training of one encoder."""

    spec: EncoderSpec
    crops: PictureRows
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    seed: int
    n_classes: int = 2

    @classmethod
    def in_order_of_ids(
        cls,
        spec: EncoderSpec,
        crops: PictureRows,
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
            "version": encoder_version(self.spec.encoder, self.spec.options),
            "training_version": TRAINING_VERSION,
            "training": self.spec.training.for_key(),
            "seed": self.seed,
            "torch": ".".join(torch.__version__.split(".")[:2]),
            "device": torch.device(choose_device(self.spec.device)).type,
        }
        inputs |= self._more_classes | self.spec.more
        return json.loads(json.dumps(inputs))  # as a card gives it back, where tuples are lists

    @property
    def _more_classes(self) -> dict[str, int]:
        """What keys and cards say of more than two classes; encoders of two have no such entry."""
        return {} if self.n_classes == 2 else {"n_classes": self.n_classes}

    @cached_property
    def key(self) -> str:
        return _digest(self.inputs)

    def train(self, checkpoint: Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
        """Return the trained module and its card; without a checkpoint a training that is killed begins again."""
        refuse_no_rows(self.rows)
        with named_rows(self.crops, self.rows):
            return self._train(checkpoint)

    def _train(self, checkpoint: Path | None) -> tuple[torch.nn.Module, dict[str, Any]]:
        spec, rows = self.spec, self.rows
        pictures, counts = self.crops.pictures(rows), self.crops.counts(rows)
        scaling = fit_scaling(spec.intensities, pictures, self.crops.tumors(rows), counts, over=spec.over)
        pictures, beside = scaled(pictures, counts, scaling), beside_of(self.crops, rows)

        def make(searched: Mapping[str, Any]) -> torch.nn.Module:
            return make_encoder(spec.encoder, self.seed, self.n_classes, {**spec.options, **searched})

        def train(module: torch.nn.Module, training: Training, place: Path | None) -> History:
            options = {"training": training, "seed": self.seed, "device": spec.device, **self._more_classes}
            rows = {"groups": self.groups, "checkpoint": place, "beside": beside}
            return train_encoder(module, pictures, counts, self.labels, **rows, **options)

        unlabeled = Trained(make({}), None, {}, []) if spec.frozen else None
        trained = unlabeled or train_best(spec.training, make, train, checkpoint)
        if spec.aggregate == ATTENTION:
            trained.module.pooling = self._pooling(trained.module, pictures, counts, beside)
        return trained.module, self._card(trained, scaling)

    def _pooling(
        self, module: torch.nn.Module, pictures: PictureSource, counts: np.ndarray, beside: np.ndarray | None
    ) -> GatedAttention:
        if self.spec.frozen:
            raise RequestError(
                f"The encoder {self.spec.encoder!r} is frozen and has no answer to a slice, from which attention over "
                "slices could be learned. Take another aggregate, or train the encoder."
            )
        options = {"device": self.spec.device, "n_classes": self.n_classes, "beside": beside}
        said = said_of(module, pictures, counts, **options)
        refuse_other_head(module, said)
        return fit_pooling(said, module.cpu().classify, self.labels, self.seed)

    def _card(self, trained: Trained, scaling: Scaling) -> dict[str, Any]:
        options = portable_options(self.spec.encoder, {**self.spec.options, **trained.of_encoder})
        return {
            "encoder": self.spec.encoder,
            "inputs": self.inputs,
            "embedding_dim": trained.module.embedding_dim,
            **self._more_classes,
            **({"options": options} if options else {}),
            **({"pooling": ATTENTION} if self.spec.aggregate == ATTENTION else {}),
            "scaling": scaling.to_json(),
            **self._seen,
            "history": trained.history,
            **({"search": trained.tried} if trained.tried else {}),
        }

    @property
    def _seen(self) -> dict[str, Any]:
        """Whose labels the encoder has seen; of a frozen one nobody's."""
        if self.spec.frozen:
            return {"training_ids": [], "training_keys": [], "training_pixels": [], "frozen": True}
        crops, rows = single_pictures(self.crops, self.rows)
        return {
            "training_ids": [self.crops.sample_ids[row] for row in self.rows],
            "training_keys": [crops.keys[row] for row in rows],
            "training_pixels": [crops.digest(row) for row in rows],
        }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
