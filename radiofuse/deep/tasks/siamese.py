"""SimSiam between sequences: a network learns, without labels, to embed different sequences of a patient alike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.tasks.batches import TaskBatch, TaskRows
from radiofuse.deep.tasks.network import MultiTaskNet
from radiofuse.deep.tasks.step import moved
from radiofuse.deep.training.optimizers import make_optimizer, set_learning_rate
from radiofuse.deep.training.option_rules import check, is_count
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.warm_up import Heads, siamese_loss, warn_of_collapse
from radiofuse.errors import CohortError


@dataclass(frozen=True)
class SequencePretraining:
    """A training without labels on the training patients' sequences, before the one with them.

    Parameters
    ----------
    method : {"simsiam"}, default="simsiam"
        Embed different sequences of a patient alike (Chen, He 2021).
    epochs : int, default=10
    """

    method: Literal["simsiam"] = "simsiam"
    epochs: int = 10

    def __post_init__(self) -> None:
        check("pretraining.method", self.method, self.method == "simsiam", "simsiam")
        check("pretraining.epochs", self.epochs, is_count(self.epochs), "a whole number of 1 or more")


@dataclass
class SiameseCurves:
    """Numbers of every epoch.

    Attributes
    ----------
    losses : list of float
        Mean loss: -1 where both views are foretold from each other, 0 where neither says anything of the other.
    spreads : list of float
        Standard deviation of the normalized projection times the root of its width: 1 where projections point
        everywhere, 0 where they have become all alike.
    """

    losses: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)


def two_views(present: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Part the sequences of each row by chance into two views, each of one sequence or more.

    Parameters
    ----------
    present : Tensor of bool, shape (n, sequences)
        Two at least in each row.
    generator : torch.Generator

    Returns
    -------
    first, second : Tensor of bool, shape (n, sequences)
        No sequence is in both, each one present is in either.

    Examples
    --------
    >>> first, second = two_views(torch.ones(100, 4, dtype=torch.bool), torch.Generator().manual_seed(0))
    >>> bool((first ^ second).all()), sorted(set(first.sum(dim=1).tolist()))
    (True, [1, 2, 3])
    """
    drawn = torch.rand(present.shape, generator=generator, dtype=torch.float64)  # (n, m)
    # a number above 1 puts the absent ones behind those that a row has
    rank = drawn.masked_fill(~present, 2.0).argsort(dim=1).argsort(dim=1)
    share = torch.rand(len(present), generator=generator, dtype=torch.float64)
    n_first = 1 + (share * (present.sum(dim=1) - 1)).floor().long()  # (n,) from 1 to one less than there are
    first = present & (rank < n_first.unsqueeze(1))
    return first, present & ~first


def pretrain(
    net: MultiTaskNet,
    rows: TaskRows,
    pretraining: SequencePretraining,
    *,
    training: Training,
    generator: torch.Generator,
    device: torch.device,
    most: int,
) -> SiameseCurves:
    """Train encoder and transformer of a network, in place, on rows of which no label is asked.

    The two views of a patient show different sequences, each moved and brightened by itself. Patients with one sequence
    have no second view and are left out.

    Parameters
    ----------
    net : MultiTaskNet
    rows : TaskRows
        Of training patients alone.
    pretraining : SequencePretraining
    training : Training
        Whose optimizer, learning rate, augmentation and batch size are taken.
    generator : torch.Generator
        Of the order, the views and the augmentation.
    device : torch.device
        Where the network is.
    most : int
        Rows that the memory holds.

    Raises
    ------
    CohortError
        If fewer than two patients have two sequences.

    References
    ----------
    Chen, He (2021). Exploring simple Siamese representation learning. CVPR.
    The figure of the second stage of adaptation of GMMAS (Liu et al.), whose views and sizes are not published.
    """
    usable = np.flatnonzero(rows.present.sum(axis=1) > 1)
    _refuse_too_few(len(usable))
    seen = replace(rows, regions=None)
    heads = Heads(_width(net, seen.read(usable[:1]).to(device))).to(device)
    both = nn.ModuleList([net, heads]).train()
    if net.hide is not None:
        net.hide.eval()  # a view shows all of its sequences
    optimizer = make_optimizer(both, training)
    set_learning_rate(optimizer, training.learning_rate)
    curves, size = SiameseCurves(), max(2, min(most, training.batch_size))
    for _ in range(pretraining.epochs):
        order = usable[torch.randperm(len(usable), generator=generator).numpy()]
        # a step of one row would leave batch normalization without a variance
        steps = np.array_split(order, max(1, len(order) // size))
        told = [
            _step(net, heads, optimizer, seen.read(chosen).to(device), training, generator) * len(chosen)
            for chosen in steps
        ]
        loss, spread = (torch.stack(told).sum(dim=0) / len(order)).tolist()
        curves.losses.append(loss)
        curves.spreads.append(spread)
    remedy = "lower learning_rate or its epochs, or leave pretraining out"
    warn_of_collapse("pre-training between sequences", curves.spreads[-1], remedy)
    return curves


def pooled(net: MultiTaskNet, pictures: Tensor, present: Tensor) -> Tensor:
    """Return the means over voxels of a network's deepest maps and of its tokens, (b, d)."""
    maps = net.maps(pictures, present)
    return torch.cat([one.flatten(2).mean(dim=2) for one in (maps.levels[-1], maps.tokens)], dim=1)


@torch.no_grad()
def _width(net: MultiTaskNet, batch: TaskBatch) -> int:
    return pooled(net.eval(), batch.pictures, batch.present).shape[1]


def _step(
    net: MultiTaskNet,
    heads: Heads,
    optimizer: torch.optim.Optimizer,
    batch: TaskBatch,
    training: Training,
    generator: torch.Generator,
) -> Tensor:
    """Take one step and return its loss and spread, shape (2,)."""
    views = two_views(batch.present.cpu() > 0.5, generator)
    shown = [moved(batch, training, generator).pictures for _ in views]
    each = zip(shown, views, strict=True)
    loss, spread = siamese_loss([pooled(net, x, view.to(x.device)) for x, view in each], heads)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return torch.stack([loss.detach(), spread])


def _refuse_too_few(n_patients: int) -> None:
    if n_patients < 2:
        sentence = (
            f"Pre-training between sequences compares two sequences of one patient, and {n_patients} of the training "
            "patients has two or more; two patients are needed. Leave pretraining out, or add sequences."
        )
        raise CohortError("The patients to pre-train on", [sentence])
