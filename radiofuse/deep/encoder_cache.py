"""Trained encoders and their embeddings on disk: trained once, run once, whoever asks.

``encoders/<key>/`` in the folder of a feature store holds the weights and the card of one encoder. The key
is a SHA-256 of all that the weights depend on: crops, labels, patients, options, seed, and the versions of
training and encoder. A folder is filled aside and renamed, so it appears whole, and of two processes that train
the same encoder at the same time one is first and both use its work. Embeddings are a block of the feature store
per encoder and cropping.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import torch

from radiofuse.deep.device import choose_device
from radiofuse.deep.encoders.by_name import encoder_version, make_encoder
from radiofuse.deep.encoders.embedding import Scaling, embed
from radiofuse.deep.training.loop import TRAINING_VERSION, Training, train_encoder
from radiofuse.deep.weights import TrainedEncoder, load_encoder, save_encoder
from radiofuse.errors import BundleError, StoreError
from radiofuse.imaging import Crops
from radiofuse.store import Block, FeatureStore, Record, content_key

log = logging.getLogger(__name__)

KEY_FORMAT = 2
LOGIT = "logit"
BATCH = 16  # crops; larger ones are no faster on one core
ROWS_AT_ONCE = 64  # in memory


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


def short_name(encoder: str) -> str:
    """Return what an encoder is called in feature names: its key, or the class's name in lower case.

    Examples
    --------
    >>> short_name("san10_small"), short_name("my_package.nets:Tiny")
    ('san10_small', 'tiny')
    """
    return encoder.rpartition(":")[2].lower() if ":" in encoder else encoder


def feature_names(encoder: str, embedding_dim: int) -> list[str]:
    """Return the names of an embedding's features, without their modality.

    Examples
    --------
    >>> feature_names("san10_small", 2)
    ['san10_small_0001', 'san10_small_0002']
    """
    return [f"{short_name(encoder)}_{number:04d}" for number in range(1, embedding_dim + 1)]


def pixels_digest(images: np.ndarray, masks: np.ndarray) -> str:
    """Return the SHA-256 of one tumor's crops, arrays of shape (n_slices, size, size) without padding."""
    parts = np.ascontiguousarray(images, "<f4"), np.ascontiguousarray(masks, np.uint8)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


class EncoderCache:
    """Encoders by what they were trained on, and embeddings by encoder and crop.

    Parameters
    ----------
    root : path
        The folder of a feature store.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    @property
    def folder(self) -> Path:
        """Where the encoders lie."""
        return self.root / "encoders"

    def encoder(
        self,
        spec: EncoderSpec,
        crops: Crops,
        rows: Sequence[int],
        labels: Sequence[int],
        groups: Sequence[Any],
        seed: int,
    ) -> TrainedEncoder:
        """Return the encoder trained on these rows; it is trained if it is not there.

        Parameters
        ----------
        spec : EncoderSpec
        crops : Crops
        rows : sequence of int
            Rows of ``crops``. Their order does not matter.
        labels : sequence of int
            0 or 1 per row.
        groups : sequence
            The patient of each row.
        seed : int
            Of initial weights, order and augmentation.

        Returns
        -------
        TrainedEncoder

        Raises
        ------
        CohortError
            If the rows hold one class only.
        RequestError
            If the encoder or an option is unknown.
        """
        task = _Task.in_order_of_ids(spec, crops, rows, labels, groups, seed)
        return self._ready(task) or self._train(task)

    def _ready(self, task: _Task) -> TrainedEncoder | None:
        """Return what is stored under the task's key; what does not belong there is set aside."""
        place = self.folder / task.key
        if not place.is_dir():
            return None
        try:
            found = load_encoder(place, task.key)
        except BundleError as damage:
            return self._set_aside(place, str(damage))
        if found is None:
            return self._set_aside(place, "Its card is gone.")
        if found.card.get("inputs") != task.inputs:
            return self._set_aside(place, "Its card describes another training.")
        return found

    def _set_aside(self, place: Path, why: str) -> None:
        log.warning("The encoder %s is not used and trained again: %s", place.name[:12], why)
        quarantine = self.root / "quarantine"
        with _plainly(self.root), suppress(FileNotFoundError):  # another process set it aside
            quarantine.mkdir(parents=True, exist_ok=True)
            place.rename(quarantine / f"encoder-{place.name[:12]}-{uuid4().hex[:8]}")

    def _train(self, task: _Task) -> TrainedEncoder:
        with _plainly(self.root):
            self.folder.mkdir(parents=True, exist_ok=True)
        module, card = task.train(self.folder / f"{task.key}.checkpoint")
        aside = self.folder / f".{uuid4().hex}.tmp"
        try:
            trained = save_encoder(aside, task.key, module, card)
            return self._put_in_place(trained) or self.encoder(*task.arguments)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _put_in_place(self, trained: TrainedEncoder) -> TrainedEncoder | None:
        """Give the folder its name; None if another process was first, whose work then counts."""
        place = self.folder / trained.key
        try:
            trained.folder.rename(place)
        except OSError as error:
            if place.is_dir():
                return None
            raise _refusal(self.root, error) from error
        return replace(trained, folder=place)

    def embeddings(
        self, trained: TrainedEncoder, crops: Crops, rows: Sequence[int], *, device: str = "auto"
    ) -> np.ndarray:
        """Return embeddings and logits; only crops that this encoder was never run on are run now.

        Batches all have one size, so that a row's bits do not depend on the rows beside it: the sums of a layer
        are ordered by the shape of its input. Two processes that embed the same crop store the same bytes.

        Parameters
        ----------
        trained : TrainedEncoder
        crops : Crops
        rows : sequence of int
            Rows of ``crops``.
        device : str, default="auto"

        Returns
        -------
        ndarray of float64, shape (n_rows, d + 1)
            The logit, of label 1 against 0, last.
        """
        if not len(rows):
            return np.empty((0, trained.card["embedding_dim"] + 1))
        store, block = FeatureStore(self.root), _block(trained, crops)
        keys = [content_key(block, crops.keys[row], None, None) for row in rows]
        todo = dict(zip(keys, rows, strict=True))
        missing = store.missing(block, todo)
        if missing:
            with store.writer(block) as writer:
                for record in _records(trained, crops, {key: todo[key] for key in missing}, device):
                    writer.add(record)
        vectors = dict(store.vectors(block, set(keys)))
        return np.stack([vectors[key] for key in keys])


def _records(trained: TrainedEncoder, crops: Crops, rows: dict[str, int], device: str) -> Iterator[Record]:
    module, scaling = trained.module(), Scaling(*trained.scaling)
    for keys in _chunks(list(rows), ROWS_AT_ONCE):
        chosen = [rows[key] for key in keys]
        answers = _answers(module, scaling.apply(crops.images(chosen)), crops.counts(chosen), device)
        for key, row, values in zip(keys, chosen, answers, strict=True):
            yield Record(key, crops.sample_ids[row], crops.modalities[row], values=values)


def _chunks(values: list, size: int) -> Iterator[list]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _answers(module: torch.nn.Module, images: np.ndarray, counts: np.ndarray, device: str) -> np.ndarray:
    """Return embedding and logit per row, shape (n, d + 1), in batches that are all full: blank rows fill the last."""
    n_blank = -counts.sum() % BATCH
    images = np.concatenate([images, np.zeros((n_blank, *images.shape[1:]), np.float32)])
    counts = np.concatenate([counts, np.ones(n_blank, counts.dtype)])
    embedding, logit = embed(module, images, counts, device=device, batch_size=BATCH)
    return np.column_stack([embedding, logit])[: len(counts) - n_blank].astype(np.float64)


def _block(trained: TrainedEncoder, crops: Crops) -> Block:
    name, card = trained.card["encoder"], trained.card
    # the weights' own digest too: on a GPU one key may lead to weights that differ in their last bits; and the versions
    # that embed here, which those of an encoder out of a bundle may not be
    versions = {"training": TRAINING_VERSION, "encoder": encoder_version(name)}
    identity = {"encoder": trained.key, "weights_sha256": card["sha256"], "crops": crops.identity, "versions": versions}
    names = [*feature_names(name, card["embedding_dim"]), LOGIT]
    return Block.create(short_name(name), names, identity)


@dataclass(frozen=True, eq=False)
class _Task:
    """The training of one encoder."""

    spec: EncoderSpec
    crops: Crops
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    seed: int

    @classmethod
    def in_order_of_ids(
        cls,
        spec: EncoderSpec,
        crops: Crops,
        rows: Sequence[int],
        labels: Sequence[int],
        groups: Sequence[Any],
        seed: int,
    ) -> _Task:
        """Return the task with its rows in the order of their sample ids, whatever order they came in."""
        rows, labels = np.asarray(rows, dtype=int), np.asarray(labels, dtype=int)
        groups = np.asarray(groups, dtype=object).astype(str)
        order = sorted(range(len(rows)), key=lambda place: (crops.sample_ids[rows[place]], crops.keys[rows[place]]))
        return cls(spec, crops, rows[order], labels[order], groups[order], int(seed))

    @property
    def arguments(self) -> tuple:
        return self.spec, self.crops, self.rows, self.labels, self.groups, self.seed

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
            "training": self.spec.training.as_dict(),
            "seed": self.seed,
            "torch": ".".join(torch.__version__.split(".")[:2]),
            "device": torch.device(choose_device(self.spec.device)).type,
        }
        return json.loads(json.dumps(inputs))  # as a card gives it back, where tuples are lists

    @cached_property
    def key(self) -> str:
        return _digest(self.inputs)

    def train(self, checkpoint: Path) -> tuple[torch.nn.Module, dict[str, Any]]:
        """Return the trained module and its card."""
        spec, rows = self.spec, self.rows
        images, masks, counts = self.crops.images(rows), self.crops.masks(rows), self.crops.counts(rows)
        scaling = Scaling.fit(images, masks, counts)
        module = make_encoder(spec.encoder, self.seed)
        options = {"training": spec.training, "seed": self.seed, "device": spec.device, "checkpoint": checkpoint}
        history = train_encoder(module, scaling.apply(images), counts, self.labels, groups=self.groups, **options)
        pixels = [pixels_digest(images[n, :count], masks[n, :count]) for n, count in enumerate(counts)]
        return module, self._card(module, scaling, history, pixels)

    def _card(self, module: torch.nn.Module, scaling: Scaling, history: Any, pixels: list[str]) -> dict[str, Any]:
        return {
            "encoder": self.spec.encoder,
            "inputs": self.inputs,
            "embedding_dim": module.embedding_dim,
            "scaling": [scaling.mean, scaling.sd],
            "training_ids": [self.crops.sample_ids[row] for row in self.rows],
            "training_keys": [self.crops.keys[row] for row in self.rows],
            "training_pixels": pixels,
            "history": history,
        }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@contextmanager
def _plainly(root: Path) -> Iterator[None]:
    """Turn what the operating system refuses into one sentence."""
    try:
        yield
    except OSError as error:
        raise _refusal(root, error) from error


def _refusal(root: Path, error: OSError) -> StoreError:
    return StoreError(
        f"An encoder could not be kept in {root} ({error.strerror or error}). Make room, check the rights, or name "
        "another store, then run the same command again: encoders that are there are not trained again."
    )
