"""An encoder of a hundred weights, named by its path as a user's own would be."""

from __future__ import annotations

import torch
from torch import nn


class Tiny(nn.Module):
    """One convolution, four axes."""

    embedding_dim = 4
    smallest = 3

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2)
        self.axes = nn.Linear(8 * 9, self.embedding_dim)
        self.classify = nn.Linear(self.embedding_dim, 2)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv(x))  # (n, 8, h', w')
        x = nn.functional.adaptive_avg_pool2d(x, 3).flatten(1)  # (n, 72)
        return self.axes(x)  # (n, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.embed(x))  # (n, 2)


class TinyOfChannels(Tiny):
    """The same, for any number of channels."""

    def __init__(self, channels: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 3, stride=2)


class TinyOfClasses(Tiny):
    """The same, for any number of classes."""

    def __init__(self, n_classes: int = 2):
        super().__init__()
        self.classify = nn.Linear(self.embedding_dim, n_classes)
