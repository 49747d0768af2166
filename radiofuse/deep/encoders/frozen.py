"""Encoders that stay as they are: no label enters them, so they answer with an embedding and nothing else.

What is trained on no patient of the table can be fitted to none of their labels. One embedding of a picture then holds
in every fold.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from radiofuse.errors import RequestError


class FrozenEncoder(nn.Module):
    """An encoder in eval mode for good, whose weights and running statistics nothing changes.

    Parameters
    ----------
    inner : nn.Module
        With ``embed`` and ``embedding_dim``.

    Attributes
    ----------
    frozen : bool
        True: there are no logits to ask for.
    embedding_dim : int

    Examples
    --------
    >>> class Mean(nn.Module):
    ...     embedding_dim = 1
    ...     def embed(self, x):
    ...         return x.mean(dim=(1, 2, 3))[:, None]
    >>> encoder = FrozenEncoder(Mean()).train()
    >>> encoder.embed(torch.ones(2, 1, 4, 4)).tolist(), encoder.training
    ([[1.0], [1.0]], False)
    """

    frozen = True

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.requires_grad_(False)
        self.eval()

    @property
    def embedding_dim(self) -> int:
        """Numbers that ``embed`` returns for an image."""
        return self.inner.embedding_dim

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode: batch normalization in training mode would move its statistics."""
        return super().train(False)

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, channels, h, w)."""
        with torch.no_grad():
            return self.inner.embed(x)

    def attention(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps of an encoder that has some, by name."""
        with torch.no_grad():
            return self.inner.attention(x)

    def forward(self, x: Tensor) -> Tensor:
        """Refuse: what no label entered has no answer of its own."""
        raise RequestError(
            "A frozen encoder has an embedding and no answer of its own: it never saw a label. Use its embedding as "
            'columns (join = "columns", output = "embedding"), or leave frozen out to train it.'
        )
