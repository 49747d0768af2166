"""SimSiam between sequences: an encoder learns, without labels, to embed sequences of one patient alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from radiofuse.deep.device import one_thread, own_chance
from radiofuse.deep.training.warm_up import Heads, siamese_loss, warn_of_collapse
from radiofuse.errors import CohortError

Embed = Callable[[Tensor, Tensor], Tensor]


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
    n_present = present.sum(dim=1)
    share = torch.rand(len(present), generator=generator, dtype=torch.float64)
    n_first = 1 + (share * (n_present - 1)).floor().long()  # (n,) from 1 to one less than there are
    first = present & (rank < n_first.unsqueeze(1))
    return first, present & ~first


def pretrain(
    net: nn.Module,
    embed: Embed,
    volumes: Tensor,
    present: Tensor,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float = 0.0,
    seed: int,
) -> SiameseCurves:
    """Train a network's embedding, in place, on patients of the training part, of whom no label is asked.

    Two views of a patient show different sequences. Patients with one sequence have no second view and are left out.

    Parameters
    ----------
    net : nn.Module
    embed : callable
        Returns what the network makes of volumes (n, sequences, …) of which ``present`` (n, sequences) are shown, of
        shape (n, d): the part of the network that is to be trained.
    volumes : Tensor of shape (n, sequences, …)
        Of training patients alone.
    present : Tensor of bool, shape (n, sequences)
    epochs, batch_size : int
    learning_rate, weight_decay : float
        Of AdamW.
    seed : int
        Of the views, the order, and of what layers draw.

    Raises
    ------
    CohortError
        If fewer than two patients have two sequences.

    References
    ----------
    Chen, He (2021). Exploring simple Siamese representation learning. CVPR.
    The figure of the second stage of adaptation of GMMAS (Liu et al.), whose views and sizes are not published.
    """
    usable = torch.nonzero(present.sum(dim=1) > 1).flatten()
    _refuse_too_few(len(usable))
    curves, generator = SiameseCurves(), torch.Generator().manual_seed(seed)
    with one_thread(), own_chance(seed, volumes.device):
        heads = Heads(_width(net, embed, volumes[usable[:1]], present[usable[:1]])).to(volumes.device)
        both = nn.ModuleList([net, heads]).train()
        optimizer = torch.optim.AdamW(both.parameters(), lr=learning_rate, weight_decay=weight_decay)
        for _ in range(epochs):
            order = usable[torch.randperm(len(usable), generator=generator)]
            # a step of one row would leave batch normalization without a variance
            steps = order.tensor_split(max(1, len(order) // max(2, batch_size)))
            told = [
                _step(embed, heads, optimizer, volumes[rows], present[rows], generator) * len(rows) for rows in steps
            ]
            loss, spread = (torch.stack(told).sum(dim=0) / len(order)).tolist()
            curves.losses.append(loss)
            curves.spreads.append(spread)
    warn_of_collapse(
        "pre-training between sequences", curves.spreads[-1], "lower its learning rate or epochs, or leave it out"
    )
    return curves


def _width(net: nn.Module, embed: Embed, volumes: Tensor, present: Tensor) -> int:
    net.eval()
    with torch.no_grad():
        return embed(volumes, present).shape[1]


def _step(
    embed: Embed,
    heads: Heads,
    optimizer: torch.optim.Optimizer,
    volumes: Tensor,
    present: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Take one step and return its loss and spread, shape (2,)."""
    views = [view.to(volumes.device) for view in two_views(present.cpu(), generator)]
    loss, spread = siamese_loss([embed(volumes, view) for view in views], heads)
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
