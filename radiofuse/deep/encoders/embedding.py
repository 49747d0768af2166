"""From crops to numbers: intensities scaled by the training tumors, embeddings as the mean over a row's slices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread
from radiofuse.errors import CohortError, ImageError, RequestError


@dataclass(frozen=True)
class Scaling:
    """Intensities to numbers around 0: (intensity - mean) / sd.

    Parameters
    ----------
    mean, sd : float
        Of the tumor pixels of the training crops.
    """

    mean: float
    sd: float

    @classmethod
    def fit(cls, images: np.ndarray, masks: np.ndarray, counts: np.ndarray) -> Scaling:
        """Measure the tumor pixels of crops.

        Parameters
        ----------
        images : ndarray of float32, shape (n, s, h, w)
        masks : ndarray of uint8, shape (n, s, h, w)
            1 where the tumor is.
        counts : ndarray of int, shape (n,)
            How many of the s slices of each row are real.

        Raises
        ------
        ImageError
            ``not_finite`` if a real slice holds NaN or infinity.
        CohortError
            If no pixel is tumor.

        Examples
        --------
        >>> images = np.array([[[[1, 3], [5, 99]]]], dtype=np.float32)
        >>> Scaling.fit(images, images < 50, np.array([1]))
        Scaling(mean=3.0, sd=1.632993161855452)
        """
        check_crops(images, counts)
        real = real_slices(counts, images.shape[1])
        tumor = images[real][masks[real] == 1].astype(np.float64)
        if not tumor.size:
            raise CohortError("The table of crops to train on", ["No pixel is tumor. Look at the masks."])
        return cls(float(tumor.mean()), float(tumor.std()) or 1.0)  # equal intensities: nothing to divide by

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Return scaled images, float32, of the same shape."""
        scaled = np.subtract(images, np.float32(self.mean), dtype=np.float32)
        scaled /= np.float32(self.sd)
        return scaled


def real_slices(counts: np.ndarray, n_slices: int) -> np.ndarray:
    """Return which slices of each row are no padding, bool of shape (n, n_slices).

    Examples
    --------
    >>> real_slices(np.array([1, 2]), 2)
    array([[ True, False],
           [ True,  True]])
    """
    return np.arange(n_slices) < np.asarray(counts)[:, None]


def check_crops(images: np.ndarray, counts: np.ndarray) -> None:
    """Raise if crops are no finite images (n, s, h, w) of which each row has 1 to s real slices.

    Raises
    ------
    RequestError
        If shapes or counts do not fit.
    ImageError
        ``not_finite`` if a real slice holds NaN or infinity.
    """
    if images.ndim != 4 or np.shape(counts) != images.shape[:1]:
        raise RequestError(
            "Crops of shape (n, slices, h, w) and n counts were expected; the shapes are "
            f"{images.shape} and {np.shape(counts)}. Pass images and counts of the same rows of a crop file."
        )
    real = real_slices(counts, images.shape[1])  # (n, s)
    if (real.sum(axis=1) != counts).any() or not real.any(axis=1).all():
        raise RequestError(
            f"Each row has 1 to {images.shape[1]} real slices, and counts lie between {np.min(counts)} and "
            f"{np.max(counts)}. Pass images and counts of the same rows of a crop file."
        )
    broken = real & ~np.isfinite(images).all(axis=(2, 3))
    if broken.any():
        row, number = np.argwhere(broken)[0]
        raise ImageError(
            "not_finite",
            f"The crop in row {row}, slice {number}, holds NaN or infinite pixels; finite numbers were expected. "
            "Cut the crops again, or leave the row out.",
        )


def embed(
    module: nn.Module,
    images: np.ndarray,
    counts: np.ndarray,
    *,
    device: str = "auto",
    batch_size: int = 64,
    n_classes: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what an encoder says of each row: the mean over its real slices.

    The module is left in eval mode, on the device it ran on.

    Parameters
    ----------
    module : nn.Module
        With ``embed``, ``forward`` and ``embedding_dim``, as ``make_encoder`` returns it.
    images : ndarray of float32, shape (n, s, h, w)
        Scaled.
    counts : ndarray of int, shape (n,)
        How many of the s slices of each row are real, at least 1.
    device : str, default="auto"
        See ``choose_device``.
    batch_size : int, default=64
        Crops in one pass; changes the result by no more than rounding.
    n_classes : int, default=2
        How many logits ``forward`` gives.

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
        ``not_finite`` if a crop, ``embedding_not_finite`` if the encoder's answer holds NaN or infinity.

    Examples
    --------
    >>> class Mean(nn.Module):
    ...     embedding_dim = 1
    ...     def embed(self, x):
    ...         return x.mean(dim=(1, 2, 3))[:, None]
    ...     def forward(self, x):
    ...         return self.embed(x) * torch.tensor([0.0, 2.0])
    >>> two_slices = np.stack([np.full((4, 4), 1), np.full((4, 4), 3)])[None].astype(np.float32)
    >>> embed(Mean(), two_slices, np.array([2]), device="cpu")
    (array([[2.]], dtype=float32), array([4.], dtype=float32))
    """
    check_crops(images, counts)
    chosen = choose_device(device)
    counts = np.asarray(counts)
    crops = torch.from_numpy(images[real_slices(counts, images.shape[1])])[:, None]  # (n_crops, 1, h, w)
    module.to(chosen).eval()
    with one_thread(), torch.no_grad():
        outputs = in_batches_that_fit(lambda size: _forward(module, crops.split(size), chosen, n_classes), batch_size)
    # float64 sums, so that the mean of a row's slices does not depend on the other rows
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.add.reduceat(outputs.astype(np.float64), starts, axis=0) / counts[:, None]  # (n, d + n_classes)
    embedding, logits = np.split(means, [module.embedding_dim], axis=1)
    logit = logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits
    _refuse_broken(embedding, logit)
    return embedding.astype(np.float32), logit.astype(np.float32)


def _forward(module: nn.Module, batches: tuple[Tensor, ...], device: torch.device, n_classes: int) -> np.ndarray:
    """Return embedding and logits of each crop, shape (n_crops, d + n_classes); of a frozen encoder no logits."""
    if getattr(module, "frozen", False):
        return np.concatenate([_frozen_embedding(module, batch.to(device)) for batch in batches])
    with _embedding_kept(module) as kept:
        outputs = []
        for batch in batches:
            x = batch.to(device)  # (b, 1, h, w)
            logits = module(x)  # (b, n_classes)
            embedding = kept.pop() if kept else module.embed(x)  # (b, d)
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

    def embed_and_keep(x: Tensor) -> Tensor:
        kept[:] = [plain(x)]
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
                f"{type(module).__name__}.{what} returned a tensor of shape {tuple(got.shape)} for {n} crops; "
                f"{wanted} was expected. Correct the encoder, or its embedding_dim."
            )


def _refuse_broken(embedding: np.ndarray, logit: np.ndarray) -> None:
    whole = np.isfinite(np.column_stack([embedding, logit])).all(axis=1)
    broken = np.flatnonzero(~whole)
    if len(broken):
        raise ImageError(
            "embedding_not_finite",
            f"The encoder's answer to the crop in row {broken[0]} holds NaN or infinity. Look at that crop's "
            "intensities; if they are as the others', train again with a lower learning_rate.",
        )
