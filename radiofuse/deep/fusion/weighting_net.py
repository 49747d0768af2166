"""The network of the modality weighting block: one scorer for all modalities, weights that add up to 1 per row.

Every modality's features are brought to a vector of one width. A scorer that all modalities share gives each vector
one number; the softmax over the modalities that a row has makes weights of them, and the label is read off the
weighted sum of the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.device import one_thread, own_chance

DROPPED = (0.5, 0.3, 0.2)  # how often none, one and two modalities of a row are hidden in training
SCORER_SHARE = 0.2  # of the other layers' ridge penalty that the scorer has


@dataclass(frozen=True)
class Shape:
    """The layers of a weighting network.

    Parameters
    ----------
    width : int
        Of what every modality is projected to.
    scorer : int
        Units of the scorer's hidden layer.
    layers : tuple of int
        Units of the head's hidden layers.
    dropout : float
        Share of the head's units that are hidden in training.
    """

    width: int
    scorer: int
    layers: tuple[int, ...]
    dropout: float


@dataclass(frozen=True)
class Training:
    """How a weighting network is trained: as the constraint fusion's, by steps of Adam on all rows.

    Parameters
    ----------
    epochs : int
    learning_rate, weight_decay : float
        Of Adam. The rate falls to 0 along half a cosine.
    modality_dropout : bool
        Whether modalities are hidden from rows that have several.
    """

    epochs: int
    learning_rate: float
    weight_decay: float
    modality_dropout: bool


class WeightingNet(nn.Module):
    """A projection per modality, one scorer for all, one head.

    Projections of as many features begin with the same weights, and the draw depends on nothing but the seed: so the
    order of the modalities decides nothing, and a modality that is there twice has the same weight twice.

    Parameters
    ----------
    n_features : sequence of int
        Per modality.
    n_classes : int
    shape : Shape
    seed : int
        Of the initial weights (Glorot); biases begin at 0.

    References
    ----------
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML: the scorer.
    Ba, Kiros, Hinton (2016). Layer normalization. arXiv:1607.06450.

    Examples
    --------
    >>> net = WeightingNet([3, 5], 2, Shape(width=8, scorer=4, layers=(), dropout=0.0), seed=0)
    >>> inputs = [torch.ones(4, 3, dtype=torch.float64), torch.ones(4, 5, dtype=torch.float64)]
    >>> logits, weights = net(inputs, torch.ones(4, 2, dtype=torch.bool))
    >>> logits.shape, weights.sum(dim=1).round(decimals=9).tolist()
    (torch.Size([4, 2]), [1.0, 1.0, 1.0, 1.0])
    """

    def __init__(self, n_features: Sequence[int], n_classes: int, shape: Shape, seed: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(_linear(width, shape.width, _from(seed)) for width in n_features)
        chance, widths = _from(seed), (shape.width, *shape.layers)
        self.hidden = _linear(shape.width, shape.scorer, chance)
        self.score = _linear(shape.scorer, 1, chance)
        self.head = nn.ModuleList(_linear(a, b, chance) for a, b in zip(widths, widths[1:], strict=False))
        self.classify = _linear(widths[-1], n_classes, chance)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits, shape (n, n_classes), and the weights of the modalities, shape (n, n_modalities).

        Parameters
        ----------
        inputs : sequence of Tensor
            Standardized features per modality, shape (n, n_features).
        present : Tensor of bool, shape (n, n_modalities)
            Which row has which modality, each one at least.
        """
        projected = torch.stack([layer(x) for layer, x in zip(self.project, inputs, strict=True)], dim=1)  # (n, m, w)
        scores = self.score(torch.tanh(self.hidden(projected))).squeeze(2)  # (n, m)
        weights = torch.softmax(scores.masked_fill(~present, -torch.inf), dim=1)  # (n, m)
        passed = (weights.unsqueeze(2) * projected).sum(dim=1)  # (n, w)
        for layer in self.head:
            hidden = layer(passed)
            passed = self.dropout(torch.relu(functional.layer_norm(hidden, hidden.shape[1:])))
        return self.classify(passed), weights


def _from(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=torch.float64)  # draws nothing from the global generator
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def _decayed(net: WeightingNet, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters with their ridge penalty; under the full one the scorer gives everything one score."""
    scorer = [*net.hidden.parameters(), *net.score.parameters()]
    others = [*net.project.parameters(), *net.head.parameters(), *net.classify.parameters()]
    return [
        {"params": others, "weight_decay": weight_decay},
        {"params": scorer, "weight_decay": SCORER_SHARE * weight_decay},
    ]


def hide_modalities(present: Tensor, generator: torch.Generator) -> Tensor:
    """Return which modalities rows are shown: none, one or two of theirs less, and one at least.

    Parameters
    ----------
    present : Tensor of bool, shape (n, n_modalities)
    generator : torch.Generator

    References
    ----------
    Neverova, Wolf, Taylor, Nebout (2016). ModDrop: adaptive multi-modal gesture recognition. IEEE TPAMI 38(8).

    Examples
    --------
    >>> shown = hide_modalities(torch.ones(1000, 4, dtype=torch.bool), torch.Generator().manual_seed(0))
    >>> (shown.sum(dim=1).bincount() / 1000).round(decimals=1).tolist()
    [0.0, 0.0, 0.20000000298023224, 0.30000001192092896, 0.5]
    """
    n_rows = len(present)
    shares = torch.tensor(DROPPED, dtype=torch.float64)
    n_hidden = torch.multinomial(shares, n_rows, replacement=True, generator=generator)  # (n,)
    drawn = torch.rand(present.shape, generator=generator, dtype=torch.float64)  # (n, m)
    # those that a row has come last in a random order, which a number above 1 in front of the absent ones secures
    rank = drawn.masked_fill(~present, 2.0).argsort(dim=1).argsort(dim=1)
    n_hidden = torch.minimum(n_hidden, present.sum(dim=1) - 1)
    return present & (rank >= n_hidden.unsqueeze(1))


def fit_weighting_net(
    inputs: Sequence[np.ndarray], present: np.ndarray, y: np.ndarray, shape: Shape, training: Training, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Train the network on the cross-entropy; the same inputs and seed give the same bits.

    Parameters
    ----------
    inputs : sequence of ndarray
        Standardized features per modality, shape (n, n_features).
    present : ndarray of bool, shape (n, n_modalities)
    y : ndarray of shape (n,)
        Labels 0 to K - 1, each of which occurs.
    shape : Shape
    training : Training
    seed : int
        Of the initial weights, and of what is hidden in training.

    Returns
    -------
    weights : dict of str to ndarray
        The network's ``state_dict``.
    losses : ndarray of shape (epochs,)
        The cross-entropy before each step.
    """
    with one_thread(), own_chance(seed, torch.device("cpu")):
        net = WeightingNet([x.shape[1] for x in inputs], len(np.unique(y)), shape, seed)
        tensors, has = [torch.as_tensor(x, dtype=torch.float64) for x in inputs], torch.as_tensor(present)
        labels, losses, chance = torch.as_tensor(y), np.empty(training.epochs), _from(seed)
        optimizer = torch.optim.Adam(_decayed(net, training.weight_decay), lr=training.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=training.epochs)
        for epoch in range(training.epochs):
            shown = hide_modalities(has, chance) if training.modality_dropout else has
            loss = functional.cross_entropy(net(tensors, shown)[0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses[epoch] = loss.item()
    return {name: value.numpy().copy() for name, value in net.state_dict().items()}, losses
