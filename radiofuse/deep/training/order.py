"""In which order an epoch shows the pictures, and which of them twice."""

from __future__ import annotations

import torch
from torch import Tensor

from radiofuse.deep.training.options import Training


def epoch_order(labels: Tensor, training: Training, generator: torch.Generator) -> Tensor:
    """Return the positions of an epoch's pictures, on the CPU.

    Parameters
    ----------
    labels : Tensor of int64, shape (n,)
    training : Training
        ``balance`` and ``shuffle`` of it.
    generator : torch.Generator

    Returns
    -------
    Tensor of int64
        Each picture once; with the sampler n of them, drawn so that all classes come equally often; with oversampling
        each once, and those of smaller classes again.

    Examples
    --------
    >>> labels, generator = torch.tensor([0, 0, 0, 0, 1]), torch.Generator().manual_seed(0)
    >>> labels[epoch_order(labels, Training(balance="oversampling"), generator)].bincount()
    tensor([4, 4])
    """
    labels = labels.cpu()
    if training.balance == "sampler":
        share = 1 / torch.bincount(labels)[labels]  # (n,)
        return torch.multinomial(share, len(labels), replacement=True, generator=generator)
    shown = torch.arange(len(labels))
    if training.balance == "oversampling":
        shown = torch.cat([shown, _again(labels, generator)])
    elif training.shuffle:
        return torch.randperm(len(labels), generator=generator)
    return shown[torch.randperm(len(shown), generator=generator)] if training.shuffle else shown


def _again(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Return the pictures that are shown again; of one class none comes twice more often than another."""
    largest, again = int(torch.bincount(labels).max()), []
    for label in labels.unique():
        members = torch.nonzero(labels == label).flatten()
        drawn = members[torch.randperm(len(members), generator=generator)]
        again.append(drawn.repeat(-(-largest // len(members)))[: largest - len(members)])
    return torch.cat(again)
