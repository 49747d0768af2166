"""What a step makes small: cross-entropy and its relatives, of a batch that may be computed in parts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from radiofuse.deep.training.options import Training

_TINY = 1e-12  # a power of 0 has no slope


def classification_loss(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, *, gamma: float = 0.0, smoothing: float = 0.0
) -> Tensor:
    """Return the mean loss of a batch.

    Parameters
    ----------
    logits : Tensor, shape (b, n_classes)
    labels : Tensor of int64, shape (b,)
    weights : Tensor, shape (n_classes,), optional
        Of the classes; the mean is weighted by them.
    gamma : float, default=0.0
        Each picture's cross-entropy counts (1 - p) ** gamma times, p the probability of its label; 0 is
        cross-entropy.
    smoothing : float, default=0.0
        Share of each label that is spread evenly over the classes.

    References
    ----------
    Lin et al. (2017). Focal loss for dense object detection. ICCV, equation 5.

    Examples
    --------
    >>> logits, labels = torch.tensor([[0.0, 3.0], [0.0, -1.0]]), torch.tensor([1, 1])
    >>> plain, focal = (classification_loss(logits, labels, gamma=gamma).item() for gamma in (0, 2))
    >>> f"{plain:.3f} {focal:.3f}"
    '0.681 0.351'
    """
    if not gamma:
        return functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing)
    surprise = functional.cross_entropy(logits, labels, reduction="none")  # (b,), -log p
    each = functional.cross_entropy(logits, labels, weights, reduction="none", label_smoothing=smoothing)  # (b,)
    unknown = (-torch.expm1(-surprise)).clamp_min(_TINY)  # (b,), 1 - p
    return (unknown**gamma * each).sum() / _total(labels, weights)


def _total(labels: Tensor, weights: Tensor | None) -> Tensor | int:
    """Return what the labels weigh together."""
    return len(labels) if weights is None else weights[labels].sum()


class Batch(NamedTuple):
    """The pictures of a step, and their labels: each set of labels with its share of the loss."""

    pictures: Tensor  # (b, channels, h, w)
    labels: Tensor  # (b,)
    blended: Tensor | None = None  # (b,), of the pictures that were mixed in
    share: float = 1.0  # of the first labels
    beside: Tensor | None = None  # (b, n_numbers), what the module reads beside the pictures

    def parts(self, size: int) -> list[Batch]:
        """Return the batch in parts of nearly equal size, of which none exceeds ``size``."""
        return self.split(max(1, -(-len(self.labels) // size)))

    def split(self, n_parts: int) -> list[Batch]:
        """Return the batch in so many parts of nearly equal size."""
        pictures, labels = self.pictures.tensor_split(n_parts), self.labels.tensor_split(n_parts)
        blended = self.blended.tensor_split(n_parts) if self.blended is not None else [None] * n_parts
        beside = self.beside.tensor_split(n_parts) if self.beside is not None else [None] * n_parts
        parts = zip(pictures, labels, blended, beside, strict=True)
        return [Batch(x, y, other, self.share, numbers) for x, y, other, numbers in parts]

    @property
    def targets(self) -> list[tuple[Tensor, float]]:
        mixed_in = [] if self.blended is None else [(self.blended, 1 - self.share)]
        return [(self.labels, self.share), *mixed_in]


def part_loss(logits: Tensor, part: Batch, whole: Batch, weights: Tensor | None, training: Training) -> Tensor:
    """Return what a part adds to the loss of its batch: the losses of all parts sum to that of the whole."""
    options = {"gamma": training.focal_gamma, "smoothing": training.label_smoothing}
    loss = torch.zeros((), device=logits.device)
    for (labels, share), (of_all, _) in zip(part.targets, whole.targets, strict=True):
        weight = share * _total(labels, weights) / _total(of_all, weights)
        loss = loss + weight * classification_loss(logits, labels, weights, **options)
    return loss


def mixed(batch: Batch, alpha: float, generator: torch.Generator) -> Batch:
    """Return a batch blended with itself in another order, all pictures in one share drawn from Beta(alpha, alpha).

    References
    ----------
    Zhang et al. (2018). mixup: beyond empirical risk minimization. ICLR, figure 1.
    """
    seed = int(torch.randint(1 << 62, (), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    partner = torch.randperm(len(batch.labels), generator=generator).to(batch.labels.device)  # (b,)
    pictures = share * batch.pictures + (1 - share) * batch.pictures[partner]
    return Batch(pictures, batch.labels, batch.labels[partner], share)
