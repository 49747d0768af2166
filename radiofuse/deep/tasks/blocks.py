"""Layers of a 3-D network: residual blocks, levels that halve the grid and double it again, attention over voxels.

Normalization is of groups of channels, so that no row of a batch depends on the others. Dropout is a layer, never a
function, so that it is off wherever the network answers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8


def normalized(channels: int) -> nn.GroupNorm:
    """Return group normalization, of eight groups where they divide the channels."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class ResidualBlock(nn.Module):
    """Twice normalization, ReLU and a convolution of 3 x 3 x 3, added to what came in.

    References
    ----------
    He, Zhang, Ren, Sun (2016). Identity mappings in deep residual networks. ECCV, figure 1b.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers = (
            (normalized(channels), nn.ReLU(), nn.Conv3d(channels, channels, 3, padding=1, bias=False)) for _ in range(2)
        )
        self.layers = nn.Sequential(*(layer for each in layers for layer in each))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same shape."""
        return x + self.layers(x)


class Level(nn.Module):
    """One level of an encoder: the grid halved, but for the first one, and residual blocks."""

    def __init__(self, n_in: int, n_out: int, blocks: int, *, halved: bool) -> None:
        super().__init__()
        self.down = nn.Conv3d(n_in, n_out, 3, stride=2, padding=1) if halved else nn.Identity()
        self.blocks = nn.Sequential(*(ResidualBlock(n_out) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (b, n_out, …), of half the sides where they are halved."""
        return self.blocks(self.down(x))


def levels(widths: Sequence[int], blocks: Sequence[int]) -> nn.ModuleList:
    """Return the levels of an encoder; each halves the grid of the one before."""
    before = [widths[0], *widths]
    return nn.ModuleList(
        Level(n_in, n_out, n, halved=at > 0)
        for at, (n_in, n_out, n) in enumerate(zip(before, widths, blocks, strict=False))
    )


class TransformerLayer(nn.Module):
    """Attention of all tokens to each other, and two layers on each, both added to what came in.

    References
    ----------
    Vaswani et al. (2017). Attention is all you need. NeurIPS; normalization in front, as Xiong et al. (2020), ICML.
    """

    def __init__(self, dim: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_layers = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.project, self.join = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim))
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (b, n, dim) of the same shape."""
        tokens = tokens + self.drop(self.join(self._attended(self.before_attention(tokens))))
        return tokens + self.drop(self.layers(self.before_layers(tokens)))

    def _attended(self, tokens: Tensor) -> Tensor:
        split = self.project(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, b, heads, n, d)
        return functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)


class VoxelTransformer(nn.Module):
    """A transformer over the voxels of a map, with a learned number for every channel of every place.

    Places of a grid of other sides than ``side`` are interpolated.
    """

    def __init__(self, dim: int, side: int, *, layers: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.zeros(1, dim, side, side, side))
        nn.init.trunc_normal_(self.places, std=0.02)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.Sequential(*(TransformerLayer(dim, heads, hidden, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (b, dim, …) of the same shape."""
        sides, places = x.shape[2:], self.places
        if sides != places.shape[2:]:
            places = functional.interpolate(places, size=sides, mode="trilinear", align_corners=False)
        tokens = self.drop((x + places).flatten(2).transpose(1, 2))  # (b, n_voxels, dim)
        return self.norm(self.layers(tokens)).transpose(1, 2).unflatten(2, sides)


class Decoder(nn.Module):
    """The way back of a U-Net: the grid doubled level by level, each beside the encoder's map of that level.

    References
    ----------
    Ronneberger, Fischer, Brox (2015). U-Net. MICCAI. Çiçek et al. (2016). 3D U-Net. MICCAI.
    """

    def __init__(self, widths: Sequence[int], n_classes: int) -> None:
        super().__init__()
        pairs = list(zip(widths, widths[1:], strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose3d(deep, wide, 2, stride=2) for wide, deep in pairs)
        self.beside = nn.ModuleList(nn.Conv3d(2 * wide, wide, 1) for wide, _ in pairs)
        self.blocks = nn.ModuleList(ResidualBlock(wide) for wide, _ in pairs)
        self.classify = nn.Conv3d(widths[0], n_classes, 1)

    def forward(self, bottom: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Return logits (b, n_classes, …) on the first map's grid; ``maps`` are those above the bottom."""
        x = bottom
        for at in reversed(range(len(self.up))):
            x = self.blocks[at](self.beside[at](torch.cat([self.up[at](x), maps[at]], dim=1)))
        return self.classify(x)
