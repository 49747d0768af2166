"""A network of a few hundred weights that reads several sequences, and volumes to show it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SEQUENCES = 4


class TinySequences(nn.Module):
    """A convolution for each sequence, their mean over those shown, dropout, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stems = nn.ModuleList(nn.Conv3d(1, 6, 3, stride=2) for _ in range(SEQUENCES))
        self.drop = nn.Dropout(0.3)
        self.axes = nn.Linear(6, 6)
        self.classify = nn.Linear(6, 2)

    def embed(self, volumes: Tensor, present: Tensor) -> Tensor:
        read = torch.stack([stem(volumes[:, [m]]).relu().mean((2, 3, 4)) for m, stem in enumerate(self.stems)], dim=1)
        shown = (read * present.unsqueeze(2)).sum(dim=1) / present.sum(dim=1, keepdim=True)  # (n, 6)
        return self.axes(self.drop(shown))

    def forward(self, volumes: Tensor, present: Tensor) -> Tensor:
        return self.classify(self.embed(volumes, present))


def tiny_sequences(seed: int = 0) -> TinySequences:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return TinySequences()


def volumes_of(n: int, seed: int = 0, side: int = 6) -> Tensor:
    """Noise of a brightness of each patient's own, alike in all sequences."""
    generator = torch.Generator().manual_seed(seed)
    bright = torch.randn(n, 1, 1, 1, 1, generator=generator)
    return torch.randn(n, SEQUENCES, side, side, side, generator=generator) + bright
