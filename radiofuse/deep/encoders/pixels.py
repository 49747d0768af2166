"""The pixels of a picture as they are, for networks that have no convolution: a classifier of raw intensities."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from torch import Tensor, nn

from radiofuse.deep.encoders.pictures import check_choice
from radiofuse.errors import RequestError


class Pixels(nn.Module):
    """Pictures as vectors of their pixels, with a linear classifier behind.

    Parameters
    ----------
    channels : int, default=1
    n_classes : int, default=2
    size : int or sequence of int, default=72
        Pixels of each side, or of all sides alike.
    dimensions : {2, 3}, default=2
        Of a size that is one number.

    Attributes
    ----------
    embedding_dim : int
        Channels times pixels.

    Examples
    --------
    >>> Pixels(4, size=240).embedding_dim
    230400
    """

    encoder_version = 1

    def __init__(
        self,
        channels: int = 1,
        n_classes: int = 2,
        *,
        size: int | Sequence[int] = 72,
        dimensions: Literal[2, 3] = 2,
    ) -> None:
        super().__init__()
        check_choice("dimensions", dimensions, (2, 3))
        self.shape = (channels, *([size] * dimensions if isinstance(size, int) else size))
        self.embedding_dim, self.smallest = prod(self.shape), min(self.shape[1:])
        self.classify = nn.Linear(self.embedding_dim, n_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the pixels (n, embedding_dim) of pictures (n, channels, …).

        Raises
        ------
        RequestError
            If the pictures are of another size.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise RequestError(
                f"Pictures of {' x '.join(map(str, self.shape))} numbers were expected, these have "
                f"{' x '.join(map(str, x.shape[1:]))}. Say the size in the options of the encoder pixels."
            )
        return x.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes)."""
        return self.classify(self.embed(x))
