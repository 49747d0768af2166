"""What convolutional encoders share that end in one pooled vector: the check in front, the classifier behind."""

from __future__ import annotations

from torch import Tensor, nn

from radiofuse.deep.encoders.pictures import check_number, check_pictures


class PooledEncoder(nn.Module):
    """A network of pictures in, pooled features out, with a classifier behind it.

    Parameters
    ----------
    body : nn.Module
        From (n, channels, h, w) or (n, channels, d, h, w) to (n, embedding_dim).
    embedding_dim : int
    channels, n_classes : int
    dropout : float
        Share of the embedding that is dropped in front of the classifier, in training.
    smallest : int
        Pixels of the shortest side that it takes.
    dimensions : {2, 3}, default=2
    """

    def __init__(
        self,
        body: nn.Module,
        embedding_dim: int,
        *,
        channels: int,
        n_classes: int,
        dropout: float,
        smallest: int,
        dimensions: int = 2,
    ) -> None:
        super().__init__()
        check_number("dropout", dropout, 0, 1)
        self.channels, self.smallest, self.dimensions = channels, smallest, dimensions
        self.embedding_dim, self.body = embedding_dim, body
        self.drop, self.classify = nn.Dropout(dropout), nn.Linear(embedding_dim, n_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, channels, h, w).

        Raises
        ------
        RequestError
            If the images have another number of channels or axes, or are too small.
        """
        check_pictures(x, self.channels, self.smallest, self.dimensions)
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes) of images (n, channels, h, w)."""
        return self.classify(self.drop(self.embed(x)))
