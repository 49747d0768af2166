"""How what is known of each modality of a sample becomes one vector: joins of networks that are trained from images.

A join takes ``vectors`` (b, n_modalities, d), which of them are there, ``present`` (b, n_modalities) of bool, one at
least in each row, and ``others`` (b, n_others), numbers beside the images, with ``known`` (b,) of bool: whether a row
has them. It returns a vector, (b, ``out_dim``), and the weight of each modality in each row, None where it gives none.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

Joined = tuple[Tensor, Tensor | None]


def copies(layer: nn.Module, number: int) -> nn.ModuleList:
    """Return a layer and copies of it: what begins alike for all modalities, so that their order decides nothing."""
    return nn.ModuleList([layer, *(deepcopy(layer) for _ in range(number - 1))])


def shares(scores: Tensor, there: Tensor) -> Tensor:
    """Return the softmax of scores (b, t, 1) over what is ``there`` (b, t): weights that add up to 1, 0 elsewhere."""
    return torch.softmax(scores.squeeze(2).float().masked_fill(~there, -torch.inf), dim=1)


class Concatenation(nn.Module):
    """Vectors side by side, 0 where a modality is absent, and the other numbers behind them."""

    def __init__(self, n_modalities: int, d: int, n_others: int = 0) -> None:
        super().__init__()
        self.out_dim = n_modalities * d + n_others

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector, and no weights."""
        shown = vectors * present.unsqueeze(2)
        return torch.cat([shown.flatten(1), others], dim=1), None


class ScalarAverage(nn.Module):
    """The mean of the vectors present by weights exp(v - 1), one learned number v for each modality, 1 at first.

    The weights are those of a modality, not of a sample: of all samples that have the same modalities they are alike.
    Vectors are averaged axis by axis, which encoders that begin alike learn to make agree. The other numbers stand
    behind the mean.

    References
    ----------
    The weights exp(v - 1) of sequences are those of the public code of GMMAS.

    Examples
    --------
    >>> join = ScalarAverage(3, 2)
    >>> present = torch.tensor([[True, True, True], [True, True, False]])
    >>> _, weights = join(torch.ones(2, 3, 2), present, torch.empty(2, 0), present[:, 0])
    >>> weights.tolist()[1]
    [0.5, 0.5, 0.0]
    """

    def __init__(self, n_modalities: int, d: int, n_others: int = 0) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.ones(n_modalities))
        self.out_dim = d + n_others

    def weights(self, present: Tensor) -> Tensor:
        """Return the weights of rows that have some modalities, (b, n_modalities)."""
        raised = torch.exp(self.v - 1) * present  # (b, m)
        return raised / raised.sum(dim=1, keepdim=True)

    def mean(self, vectors: Tensor, present: Tensor) -> Tensor:
        """Return the mean of vectors or maps (b, n_modalities, d, …), of shape (b, d, …)."""
        weights = self.weights(present)
        return (weights.view(*weights.shape, *[1] * (vectors.ndim - 2)) * vectors).sum(dim=1)

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector and the weights, (b, n_modalities)."""
        return torch.cat([self.mean(vectors, present), others], dim=1), self.weights(present)


class Projected(nn.Module):
    """Vectors, and the other numbers as one more modality, brought to one width."""

    def __init__(self, n_modalities: int, d: int, n_others: int, width: int) -> None:
        super().__init__()
        self.project = copies(nn.Linear(d, width), n_modalities)
        self.other = nn.Linear(n_others, width) if n_others else None
        self.n_tokens = n_modalities + bool(n_others)

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (b, n_tokens, width), and which of them are there (b, n_tokens)."""
        tokens = [layer(vectors[:, number]) for number, layer in enumerate(self.project)]
        if self.other is None:
            return torch.stack(tokens, dim=1), present
        return torch.stack([*tokens, self.other(others)], dim=1), torch.cat([present, known.unsqueeze(1)], dim=1)


class Weighting(nn.Module):
    """The modality weighting block: one scorer for all modalities, the softmax of its scores as weights.

    Each vector is projected to ``width`` numbers, the other numbers too, as one more modality. The joined vector is the
    weighted sum of the projections that are there.

    References
    ----------
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML, equation 8: the scorer.
    """

    def __init__(self, n_modalities: int, d: int, n_others: int = 0, *, width: int = 256, scorer: int = 64) -> None:
        super().__init__()
        self.projected = Projected(n_modalities, d, n_others, width)
        self.score = nn.Sequential(nn.Linear(width, scorer), nn.Tanh(), nn.Linear(scorer, 1))
        self.out_dim = width

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector and the weights, (b, n_modalities) or one more."""
        tokens, there = self.projected(vectors, present, others, known)  # (b, t, width), (b, t)
        weights = shares(self.score(tokens), there)
        return (weights.unsqueeze(2) * tokens).sum(dim=1), weights
