"""Heads of several outcomes that see what each of the others makes of the same maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from radiofuse.deep.tasks.blocks import normalized


class CrossTaskHeads(nn.Module):
    """A head for every outcome, on features of all outcomes side by side.

    Each outcome makes features of the encoder's deepest map and of the transformer's; those of all outcomes are
    concatenated, and each outcome reads them again by a convolution of its own, means and maxima over the voxels, and
    linear layers.

    Parameters
    ----------
    n_bottom, n_tokens : int
        Channels of the two maps.
    classes : sequence of int
        Of each outcome.
    of_bottom, of_tokens : int
        Channels that each outcome makes of them.
    shared : int
        Channels of the convolution on all outcomes' features.
    hidden : sequence of int
        Units of the linear layers in front of the last.
    dropout : float

    References
    ----------
    The classification heads in the public code of GMMAS, which has no nonlinearity between its linear layers; here
    ReLU stands there.
    """

    def __init__(
        self,
        n_bottom: int,
        n_tokens: int,
        classes: Sequence[int],
        *,
        of_bottom: int,
        of_tokens: int,
        shared: int,
        hidden: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        n_all = len(classes) * (of_bottom + of_tokens)
        self.bottom = nn.ModuleList(_convolved(n_bottom, of_bottom, 3) for _ in classes)
        self.tokens = nn.ModuleList(_convolved(n_tokens, of_tokens, 3) for _ in classes)
        self.own = nn.ModuleList(_convolved(n_all, shared, 1) for _ in classes)
        self.layers = nn.ModuleList(_layers([2 * shared, *hidden], dropout) for _ in classes)
        self.classify = nn.ModuleList(nn.Linear([2 * shared, *hidden][-1], n) for n in classes)
        self.out_dim = [2 * shared, *hidden][-1]

    def embed(self, bottom: Tensor, tokens: Tensor) -> list[Tensor]:
        """Return what each outcome's last layer decides by, (b, out_dim).

        Outcomes stay apart, so that the layers of one that has no label in a step get no gradient, not one of zeros.
        """
        made = [layer(x) for x, layers in ((bottom, self.bottom), (tokens, self.tokens)) for layer in layers]
        everything = torch.cat(made, dim=1)  # (b, n_outcomes * (of_bottom + of_tokens), …)
        own = [_pooled(layer(everything)) for layer in self.own]
        return [layers(x) for layers, x in zip(self.layers, own, strict=True)]

    def forward(self, embedded: Sequence[Tensor]) -> list[Tensor]:
        """Return the logits of each outcome, (b, n_classes)."""
        return [last(x) for last, x in zip(self.classify, embedded, strict=True)]


def _convolved(n_in: int, n_out: int, side: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(n_in, n_out, side, padding=side // 2), normalized(n_out), nn.ReLU())


def _layers(widths: Sequence[int], dropout: float) -> nn.Sequential:
    layers = ((nn.Dropout(dropout), nn.Linear(a, b), nn.ReLU()) for a, b in zip(widths, widths[1:], strict=False))
    return nn.Sequential(*(layer for each in layers for layer in each), nn.Dropout(dropout))


def _pooled(maps: Tensor) -> Tensor:
    voxels = maps.flatten(2)
    return torch.cat([voxels.mean(dim=2), voxels.amax(dim=2)], dim=1)
