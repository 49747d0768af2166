"""Encoders of a few hundred weights, with layers that draw and layers that remember, and crops to train them on."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


class Small(nn.Module):
    """A convolution, batch normalization and dropout."""

    embedding_dim = 4

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.axes = nn.Linear(8 * 9, self.embedding_dim)
        self.classify = nn.Linear(self.embedding_dim, 2)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.conv(x)))  # (n, 8, h', w')
        x = nn.functional.adaptive_avg_pool2d(x, 3).flatten(1)  # (n, 72)
        return self.axes(self.drop(x))  # (n, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.embed(x))  # (n, 2)


class Wider(Small):
    """The same names, one axis more."""

    embedding_dim = 5


def small_net(seed: int = 0) -> Small:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Small()


def noise_crops(n: int, *, slices: int = 1, size: int = 12, signal: float = 1.0) -> dict[str, np.ndarray]:
    """Crops whose upper half is brighter in odd rows; patients are two neighbors of one class."""
    images = np.random.default_rng(n).normal(size=(n, slices, size, size)).astype(np.float32)
    images[1::2, :, : size // 2] += signal
    labels = np.arange(n) % 2
    groups = np.array([f"p{row // 4 * 2 + row % 2}" for row in range(n)])
    return {"images": images, "counts": np.ones(n, dtype=int), "labels": labels, "groups": groups}
