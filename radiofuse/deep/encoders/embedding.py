"""From pictures to numbers: what an encoder says of each, and what becomes of it over a row's pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.aggregation import AGGREGATIONS, ATTENTION, MEAN_EMBEDDING, Said
from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread
from radiofuse.deep.pictures import BrokenRowError, check_shapes, refuse_not_finite
from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureSource


def embed(
    module: nn.Module,
    pictures: PictureSource,
    counts: np.ndarray,
    *,
    device: str = "auto",
    batch_size: int = 64,
    n_classes: int = 2,
    aggregate: str = "mean_logit",
    largest: np.ndarray | None = None,
    beside: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what an encoder says of each row: the mean over its pictures, or another aggregate.

    The module is left in eval mode, on the device it ran on.

    Parameters
    ----------
    module : nn.Module
        With ``embed``, ``forward`` and ``embedding_dim``, as ``make_encoder`` returns it.
    pictures : array-like of float32, shape (n_pictures, channels, h, w) or (n_pictures, channels, d, h, w)
        Scaled, row after row: an array, or what reads files when it is asked for some.
    counts : ndarray of int, shape (n,)
        How many pictures each row has, at least 1.
    device : str, default="auto"
        See ``choose_device``.
    batch_size : int, default=64
        Pictures in one pass; changes the result by no more than rounding.
    n_classes : int, default=2
        How many logits ``forward`` gives.
    aggregate : {"mean_logit", "mean_probability", "mean_embedding", "vote", "largest", "attention"}
        How the answers to a row's pictures become the row's, "mean_logit" as a rule. Its embedding is
        the mean of theirs, with "largest" that of the picture with most tumor, with "attention" the mean by the weights
        of ``module.pooling``.
    largest : ndarray of int, shape (n,), optional
        Which of a row's pictures has most tumor; left out, the first.
    beside : ndarray of shape (n, n_numbers), optional
        What the module reads of each row beside its pictures, as in training.

    Returns
    -------
    embedding : ndarray of float32, shape (n, module.embedding_dim)
    logit : ndarray of float32, shape (n,) or (n, n_classes)
        Of class 1 against class 0; of more than two classes those of all; of a frozen encoder none, shape (n, 0).

    Raises
    ------
    RequestError
        If arguments or the module's outputs do not have these shapes.
    ImageError
        ``not_finite`` if a picture, ``embedding_not_finite`` if the encoder's answer holds NaN or infinity.

    Examples
    --------
    >>> class Mean(nn.Module):
    ...     embedding_dim = 1
    ...     def embed(self, x):
    ...         return x.mean(dim=(1, 2, 3))[:, None]
    ...     def forward(self, x):
    ...         return self.embed(x) * torch.tensor([0.0, 2.0])
    >>> two_slices = np.stack([np.full((1, 4, 4), 1), np.full((1, 4, 4), 3)]).astype(np.float32)
    >>> embed(Mean(), two_slices, np.array([2]), device="cpu")
    (array([[2.]], dtype=float32), array([4.], dtype=float32))
    """
    options = {"device": device, "batch_size": batch_size, "n_classes": n_classes, "beside": beside}
    said = said_of(module, pictures, counts, largest=largest, **options)
    if aggregate in (MEAN_EMBEDDING, ATTENTION):
        refuse_other_head(module, said)
    embedding, logits = AGGREGATIONS[aggregate](said)
    logit = logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits
    _refuse_broken(embedding, logit)
    return embedding.astype(np.float32), logit.astype(np.float32)


def said_of(
    module: nn.Module,
    pictures: PictureSource,
    counts: np.ndarray,
    *,
    device: str,
    batch_size: int = 64,
    n_classes: int = 2,
    largest: np.ndarray | None = None,
    beside: np.ndarray | None = None,
) -> Said:
    """Return what an encoder says of each picture; arguments as for ``embed``."""
    counts = np.asarray(counts)
    check_shapes(pictures, counts)
    chosen = choose_device(device)
    module.to(chosen).eval()
    each = None if beside is None else torch.from_numpy(np.repeat(beside, counts, axis=0).astype(np.float32))
    with one_thread(), torch.no_grad():
        outputs = in_batches_that_fit(
            lambda size: _forward(module, _batches(pictures, counts, size), chosen, n_classes, each), batch_size
        )
    of_pictures, logits = np.split(outputs, [module.embedding_dim], axis=1)  # (n_pictures, d), (n_pictures, n_classes)
    places = np.zeros(len(counts), dtype=int) if largest is None else np.asarray(largest)
    return Said(of_pictures, logits, counts, places, lambda row: _head(module, row), lambda of: _pooled(module, of))


@torch.no_grad()
def _head(module: nn.Module, embedding: np.ndarray) -> np.ndarray:
    """Return the logits of one embedding (d,), by the layers behind it."""
    behind = [part for part in (getattr(module, "drop", None), getattr(module, "classify", None)) if part is not None]
    x = torch.from_numpy(embedding.astype(np.float32))[None].to(next(module.parameters()).device)
    with one_thread():
        for layer in behind:
            x = layer(x)
    return x[0].double().cpu().numpy()


@torch.no_grad()
def _pooled(module: nn.Module, embedding: np.ndarray) -> np.ndarray:
    """Return the attention that is paid to one row's pictures, of their embeddings (n, d)."""
    if getattr(module, "pooling", None) is None:
        raise RequestError(
            f"This {type(module).__name__} has no attention over slices: it was trained without aggregate = "
            '"attention". Train it with that, or take another aggregate.'
        )
    with one_thread():
        x = torch.from_numpy(embedding).to(next(module.parameters()).device)
        return module.pooling(x).double().cpu().numpy()


def refuse_other_head(module: nn.Module, said: Said) -> None:
    """Raise unless ``classify`` is all that stands between an encoder's embedding and its logits."""
    if not said.logits.shape[1] or any(layer.training for layer in module.modules()):  # dropout that is let draw
        return
    if not hasattr(module, "classify") or not np.allclose(
        said.classify(said.embedding[0]), said.logits[0], rtol=1e-3, atol=1e-3
    ):
        raise RequestError(
            f"{type(module).__name__}.forward is not its classify of its embed, so that a patient's mean embedding has "
            "no answer. Name the layer behind the embedding classify, or take another aggregate than mean_embedding "
            "and attention."
        )


def _batches(pictures: PictureSource, counts: np.ndarray, size: int) -> Iterator[Tensor]:
    """Yield pictures in batches, read as they are needed; refuse those that hold NaN or infinity."""
    for start in range(0, pictures.shape[0], size):
        # an array of its own: the last bits depend on strides
        batch = np.array(pictures[start : start + size], dtype=np.float32)
        refuse_not_finite(batch, counts, start)
        yield torch.from_numpy(batch)


def _forward(
    module: nn.Module,
    batches: Iterable[Tensor],
    device: torch.device,
    n_classes: int,
    beside: Tensor | None = None,
) -> np.ndarray:
    """Return embedding and logits of each picture, shape (n_pictures, d + n_classes); of a frozen encoder no logits.

    ``beside`` holds what is read beside each picture, shape (n_pictures, n_numbers).
    """
    if getattr(module, "frozen", False):
        return np.concatenate([_frozen_embedding(module, batch.to(device)) for batch in batches])
    with _embedding_kept(module) as kept:
        outputs, done = [], 0
        for batch in batches:
            x = batch.to(device)  # (b, channels, h, w)
            given = (x,) if beside is None else (x, beside[done : done + len(x)].to(device))
            done += len(x)
            logits = module(*given)  # (b, n_classes)
            embedding = kept.pop() if kept else module.embed(*given)  # (b, d)
            _check_widths(module, {"embed": embedding, "forward": logits}, (len(x), module.embedding_dim), n_classes)
            outputs.append(torch.cat([embedding, logits], dim=1).float().cpu())  # (b, d + n_classes)
    return torch.cat(outputs).numpy()


def _frozen_embedding(module: nn.Module, x: Tensor) -> np.ndarray:
    embedding = module.embed(x)  # (b, d)
    _check_widths(module, {"embed": embedding}, (len(x), module.embedding_dim), 0)
    return embedding.float().cpu().numpy()


@contextmanager
def _embedding_kept(module: nn.Module) -> Iterator[list[Tensor]]:
    """Keep what ``module.embed`` returns inside ``forward``, so that embedding and logits cost one pass."""
    kept: list[Tensor] = []
    plain, before = module.embed, dict(vars(module))

    def embed_and_keep(*given: Tensor) -> Tensor:
        kept[:] = [plain(*given)]
        return kept[0]

    vars(module)["embed"] = embed_and_keep  # found before methods and submodules of that name
    try:
        yield kept
    finally:
        del vars(module)["embed"]
        vars(module).update(before)


def _check_widths(module: nn.Module, told: dict[str, Tensor], embedded: tuple[int, int], n_classes: int) -> None:
    n = embedded[0]
    for (what, got), wanted in zip(told.items(), (embedded, (n, n_classes)), strict=False):  # of a frozen one no logits
        if tuple(got.shape) != wanted:
            raise RequestError(
                f"{type(module).__name__}.{what} returned a tensor of shape {tuple(got.shape)} for {n} pictures; "
                f"{wanted} was expected. Correct the encoder, or its embedding_dim."
            )


def _refuse_broken(embedding: np.ndarray, logit: np.ndarray) -> None:
    whole = np.isfinite(np.column_stack([embedding, logit])).all(axis=1)
    broken = np.flatnonzero(~whole)
    if len(broken):
        sentence = (
            "The encoder's answer to the pictures of {whose} holds NaN or infinity. Look at their intensities; if they "
            "are as the others', train again with a lower learning_rate."
        )
        raise BrokenRowError("embedding_not_finite", sentence, int(broken[0]))
