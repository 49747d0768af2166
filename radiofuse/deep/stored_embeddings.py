"""Embeddings as records of the feature store: their block, and what an encoder says of crops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from radiofuse.deep.aggregation import LARGEST, MEAN_LOGIT
from radiofuse.deep.encoders.by_name import encoder_version, feature_names, short_name
from radiofuse.deep.encoders.embedding import embed
from radiofuse.deep.pictures import named_rows
from radiofuse.deep.sample_rows import beside_of
from radiofuse.deep.scaling import scaled
from radiofuse.deep.training.loop import TRAINING_VERSION
from radiofuse.deep.weights import TrainedEncoder
from radiofuse.store import Block, Record
from radiofuse.store.picture_rows import PictureRows, PictureSource

BATCH = 16  # crops; larger ones are no faster on one core
ROWS_AT_ONCE, BYTES_AT_ONCE = 64, 1 << 26  # of pictures; scaling and passing them take several times the bytes


def identity_of(trained: TrainedEncoder) -> dict[str, Any]:
    """Return what the embeddings by an encoder depend on beside the crops.

    The key of the encoder holds versions too, but those that trained it: it may come from a bundle, and embed here. And
    on a GPU one key may lead to weights that differ in their last bits.
    """
    versions = {"training": TRAINING_VERSION, "encoder": encoder_version(trained.card["encoder"], trained.options)}
    return {"encoder": trained.key, "weights_sha256": trained.card["sha256"], "embedded_by": versions}


def embeddings_block(trained: TrainedEncoder, crops: PictureRows, aggregate: str = MEAN_LOGIT) -> Block:
    """Return the block of the embeddings and logits of crops that were cut alike."""
    name = trained.card["encoder"]
    names = [*feature_names(name, trained.card["embedding_dim"]), *trained.logit_names]
    return Block.create(short_name(name), names, {**identity_of(trained), "crops": crops.identity, **_other(aggregate)})


def _other(aggregate: str) -> dict[str, str]:
    """Return what a block says of how pictures become a row's answer; nothing where it is the usual way."""
    return {} if aggregate == MEAN_LOGIT else {"aggregate": aggregate}


def embedded_records(
    trained: TrainedEncoder, crops: PictureRows, rows: dict[str, int], device: str, aggregate: str = MEAN_LOGIT
) -> Iterator[Record]:
    """Yield embedding and logit of rows of ``crops``, by key."""
    module, options = trained.module(), {"device": device, "n_classes": trained.n_classes, "aggregate": aggregate}
    for keys in _chunks(list(rows), _rows_at_once(crops, list(rows.values()))):
        chosen = [rows[key] for key in keys]
        counts, beside = crops.counts(chosen), beside_of(crops, chosen)
        largest = crops.largest(chosen) if aggregate == LARGEST else np.zeros(len(chosen), dtype=int)
        with named_rows(crops, chosen):
            pictures = scaled(crops.pictures(chosen), counts, trained.scaling)
            answers = _answers(module, pictures, counts, largest, beside, **options)
        for key, row, values in zip(keys, chosen, answers, strict=True):
            yield Record(key, crops.sample_ids[row], crops.modalities[row], values=values)


def _rows_at_once(crops: PictureRows, rows: list[int]) -> int:
    """Return how many rows' pictures are held in memory together."""
    of_a_picture = 4 * int(np.prod(crops.pictures(rows[:1]).shape[1:]))
    return max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // (of_a_picture * int(crops.counts(rows).max()))))


def _chunks(values: list, size: int) -> Iterator[list]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _answers(
    module: torch.nn.Module,
    pictures: PictureSource,
    counts: np.ndarray,
    largest: np.ndarray,
    beside: np.ndarray | None,
    **options: Any,
) -> np.ndarray:
    """Return embedding and logits per row, shape (n, d + 1) or (n, d + n_classes).

    Batches are all full: blank rows fill the last.
    """
    n_blank = -counts.sum() % BATCH
    filled = np.concatenate([pictures[:], np.zeros((n_blank, *pictures.shape[1:]), np.float32)])
    counts = np.concatenate([counts, np.ones(n_blank, counts.dtype)])
    largest = np.concatenate([largest, np.zeros(n_blank, largest.dtype)])
    if beside is not None:  # blank pictures are passed with the numbers of the first row, and their answers left out
        beside = np.concatenate([beside, np.repeat(beside[:1], n_blank, axis=0)])
    options |= {"largest": largest, "beside": beside}
    embedding, logit = embed(module, filled, counts, batch_size=BATCH, **options)
    return np.column_stack([embedding, logit])[: len(counts) - n_blank].astype(np.float64)
