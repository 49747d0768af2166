"""The network of the constraint fusion: what branches share and what each has alone, learned apart.

Every branch, one or more modalities, is brought to 8 numbers. One encoder that all branches share makes an
invariant code of them, an encoder of the branch's own a specific code; the label is read off all codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.device import one_thread
from radiofuse.deep.fusion.constraint_terms import DIFFERENCES, SIMILARITIES, literal_norm

WIDTH, CODE = 8, 2  # numbers per branch, and per code, as published
TERMS = ("task", "similarity", "difference", "reconstruction")
AS_PUBLISHED = "as_published"
PUBLISHED_RATE, PUBLISHED_BATCH = 1e-4, 16


@dataclass(frozen=True)
class Objective:
    """What is minimized, and how.

    Parameters
    ----------
    difference : str
        A key of ``DIFFERENCES``.
    alpha, beta, gamma : float
        Weights of similarity, difference and reconstruction.
    epochs : int
        Steps of Adam, each on all rows; as published, passes through the rows.
    learning_rate, weight_decay : float
        Of Adam. The rate falls to 0 along half a cosine; ``weight_decay`` times the parameters is added to the
        gradient.
    similarity : str, default="kl"
        A key of ``SIMILARITIES``.
    training : str, default="whole"
        "as_published": Adam at 1e-4 throughout, batches of 16 rows as they stand, no penalty; the rate and the
        penalty given are not used.
    """

    difference: str
    alpha: float
    beta: float
    gamma: float
    epochs: int
    learning_rate: float
    weight_decay: float
    similarity: str = "kl"
    training: str = "whole"


class Passed(NamedTuple):
    """What the network makes of n rows; B branches."""

    projected: Tensor  # (B, n, 8)
    invariant: Tensor  # (B, n, 2)
    specific: Tensor  # (B, n, 2)
    rebuilt: Tensor  # (B, n, 8)
    logits: Tensor  # (n, n_classes)


class ConstraintNet(nn.Module):
    """Projections, encoders and decoders per branch, one shared encoder, one linear layer on all codes.

    The layers are linear, as published; the layer normalization has no gain and no shift of its own, because a
    gain near 0 would please the reconstruction and the layers that follow make up for it. The paper does not say
    whether the branches share their decoder: as in MISA they do not.

    Parameters
    ----------
    widths : sequence of int
        Features per branch.
    generator : torch.Generator
        Draws the initial weights (Glorot); biases begin at 0.
    n_classes : int, default=2
        Of the label; the paper has two.

    References
    ----------
    Shi, Li, Chen, Cheng, Bai, Zhao (2023). An intra- and inter-modality fusion model with invariant- and
    specific-constraints using MR images for prediction of glioma isocitrate dehydrogenase mutation status:
    section II.E.
    Hazarika, Zimmermann, Poria (2020). MISA: modality-invariant and -specific representations for multimodal
    sentiment analysis. ACM Multimedia.

    Examples
    --------
    >>> net = ConstraintNet([3, 5], torch.Generator().manual_seed(0))
    >>> inputs = [torch.ones(4, 3, dtype=torch.float64), torch.ones(4, 5, dtype=torch.float64)]
    >>> net(inputs, torch.ones(4, 2)).logits.shape
    torch.Size([4, 2])
    """

    def __init__(self, widths: Sequence[int], generator: torch.Generator, n_classes: int = 2) -> None:
        super().__init__()
        self.project = nn.ModuleList(_linear(width, WIDTH, generator) for width in widths)
        self.invariant = _linear(WIDTH, CODE, generator)
        self.specific = nn.ModuleList(_linear(WIDTH, CODE, generator) for _ in widths)
        self.decode = nn.ModuleList(_linear(2 * CODE, WIDTH, generator) for _ in widths)
        self.classify = _linear(2 * CODE * len(widths), n_classes, generator)

    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> Passed:
        """Pass rows through; the codes of a branch that a row lacks are 0.

        Parameters
        ----------
        inputs : sequence of Tensor
            Standardized features per branch, shape (n, width).
        present : Tensor of shape (n, n_branches)
            1 where a row has the branch, else 0.
        """
        has = present.T.unsqueeze(2)  # (B, n, 1)
        projected = torch.stack([layer(x) for layer, x in zip(self.project, inputs, strict=True)])  # (B, n, 8)
        projected = functional.layer_norm(projected, (WIDTH,))
        invariant = self.invariant(projected) * has  # (B, n, 2)
        specific = torch.stack([layer(u) for layer, u in zip(self.specific, projected, strict=True)]) * has  # (B, n, 2)
        codes = torch.cat([invariant, specific], dim=2)  # (B, n, 4)
        rebuilt = torch.stack([layer(code) for layer, code in zip(self.decode, codes, strict=True)])  # (B, n, 8)
        logits = self.classify(torch.cat(list(codes), dim=1))  # (n, n_classes)
        return Passed(projected, invariant, specific, rebuilt, logits)


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=torch.float64)  # draws nothing from the global generator
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def fit_constraint_net(
    inputs: Sequence[np.ndarray], present: np.ndarray, y: np.ndarray, objective: Objective, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Train the network; the same inputs and seed give the same bits.

    A row takes part in a branch's terms if it has the branch, in a pair's if it has both. Terms are summed over
    branches and pairs, as printed in equation 4.

    Parameters
    ----------
    inputs : sequence of ndarray
        Standardized features per branch, shape (n, width).
    present : ndarray of bool, shape (n, n_branches)
    y : ndarray of shape (n,)
        Labels 0 and 1, or 0 to K - 1, each of which occurs.
    objective : Objective
    seed : int
        Of the initial weights; nothing else is drawn.

    Returns
    -------
    weights : dict of str to ndarray
        The network's ``state_dict``.
    losses : ndarray of shape (epochs, 4)
        Per epoch, before its step, the terms named in ``TERMS``, unweighted; of several batches the mean over rows.

    References
    ----------
    Shi et al. (2023), equation 6.
    """
    with one_thread():
        net = ConstraintNet([x.shape[1] for x in inputs], torch.Generator().manual_seed(seed), len(np.unique(y)))
        tensors = [torch.as_tensor(x, dtype=torch.float64) for x in inputs]
        has, labels = torch.as_tensor(present, dtype=torch.float64), torch.as_tensor(y)
        weights = torch.tensor([1.0, objective.alpha, objective.beta, objective.gamma], dtype=torch.float64)
        literal = objective.training == AS_PUBLISHED
        rate, penalty = (PUBLISHED_RATE, 0.0) if literal else (objective.learning_rate, objective.weight_decay)
        optimizer = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=penalty)
        # norms have a kink at 0: steps that do not get smaller jump about it
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=objective.epochs)
        batches = torch.arange(len(labels)).split(PUBLISHED_BATCH if literal else len(labels))
        losses = np.zeros((objective.epochs, len(TERMS)))
        for epoch in range(objective.epochs):
            for rows in batches:
                passed = net([x[rows] for x in tensors], has[rows])
                terms = _terms(passed, labels[rows], has[rows].T, objective)  # (4,)
                optimizer.zero_grad()
                (weights @ terms).backward()
                optimizer.step()
                losses[epoch] += terms.detach().numpy() * (len(rows) / len(labels))
            if not literal:
                schedule.step()
    return {name: value.numpy().copy() for name, value in net.state_dict().items()}, losses


def _terms(passed: Passed, y: Tensor, has: Tensor, objective: Objective) -> Tensor:
    """Return the terms of the loss, shape (4,); ``has`` (B, n) says which rows have which branch."""
    a, b = torch.triu_indices(len(has), len(has), offset=1)  # (n_pairs,) each
    both = has[a] * has[b]  # (n_pairs, n)
    alike, difference = SIMILARITIES[objective.similarity], DIFFERENCES[objective.difference]
    similarity = alike(passed.invariant[a], passed.invariant[b], both).sum()
    within = difference(passed.invariant, passed.specific, has).sum()
    between = difference(passed.specific[a], passed.specific[b], both).sum()
    reconstruction = literal_norm(passed.rebuilt, passed.projected, has).sum()
    return torch.stack([functional.cross_entropy(passed.logits, y), similarity, within + between, reconstruction])
