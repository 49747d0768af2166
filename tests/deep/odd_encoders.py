"""Encoders with a fault each, named by their path as a user's own would be."""

from __future__ import annotations

import torch
from tiny_encoder import TinyOfChannels


class Greedy(TinyOfChannels):
    """Holds three pictures in the memory of its device, and no more."""

    encoder_version = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return super().forward(x)


class OtherWidth(TinyOfChannels):
    """Answers with fewer axes than it says it has."""

    embedding_dim = 9

    def __init__(self, channels: int = 1):
        super().__init__(channels)
        self.axes, self.classify = torch.nn.Linear(8 * 9, 4), torch.nn.Linear(4, 2)


class Unpooled(TinyOfChannels):
    """Answers with a map where a vector belongs."""

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(super().embed(x))
