"""SA-Net: an image network that has self-attention where others have spatial convolutions.

Inside the network a batch stands with its channels first and its images last, (c, h, w, n). Every 1x1 convolution is
then one matrix product, and every shifted window a run of memory as long as a row of all the images.

References
----------
Zhao H, Jia J, Koltun V. Exploring self-attention for image recognition. CVPR 2020: pairwise attention (Eq. 2-4),
patchwise attention (Eq. 5), the networks (Table 1).
Shi et al. 2023, Eq. 1-2 and Fig. 3-4: the embedding layer in front of the classifier, one net per MRI sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.errors import RequestError

SHARE = 8  # channels of a value that one attention map weighs


class Pointwise(nn.Linear):
    """A 1x1 convolution of maps (c, h, w, n)."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)  # (c, h*w*n)
        flat = self.weight @ flat if self.bias is None else torch.addmm(self.bias[:, None], self.weight, flat)
        return flat.view(-1, *x.shape[1:])  # (out, h, w, n)


class Norm(nn.BatchNorm1d):
    """Batch normalization of maps (c, ...)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1)[None])[0].view(x.shape)


def mirrored(x: Tensor, border: int) -> Tensor:
    """Return maps (c, h, w, n) with their border mirrored, (c, h + 2 border, w + 2 border, n)."""
    images = x.permute(0, 3, 1, 2)  # (c, n, h, w): the layout that torch pads
    return functional.pad(images, (border,) * 4, mode="reflect").permute(0, 2, 3, 1)


def windows(x: Tensor, k: int) -> Tensor:
    """Return the k x k neighbors of each pixel of padded maps (c, h + k - 1, w + k - 1, n), as (c, k, k, h, w, n)."""
    return x.unfold(1, k, 1).unfold(2, k, 1).permute(0, 4, 5, 1, 2, 3)


def add_windows(total: Tensor, parts: Tensor) -> None:
    """Add parts (c, k, k, h, w, n) to where ``windows`` took them from in ``total``, in place."""
    k, _, h, w = parts.shape[1:5]
    for row in range(k):
        for column in range(k):
            total[:, row : row + h, column : column + w] += parts[:, row, column]


class Differences(torch.autograd.Function):
    """Each pixel's vector less those of its neighbors: delta(x_i, x_j) = phi(x_i) - psi(x_j)."""

    @staticmethod
    def forward(ctx, center: Tensor, padded: Tensor, k: int) -> Tensor:
        ctx.shape = padded.shape
        return center[:, None, None] - windows(padded, k)  # (c, k, k, h, w, n)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        to_padded = gradient.new_zeros(ctx.shape)
        add_windows(to_padded, gradient)
        return gradient.sum(dim=(1, 2)), to_padded.neg_(), None


class Aggregation(torch.autograd.Function):
    """The neighbors' values, weighed and summed: y_i = sum over j of w_ij * beta(x_j)."""

    @staticmethod
    def forward(ctx, weights: Tensor, padded: Tensor) -> Tensor:
        ctx.save_for_backward(weights, padded)
        maps, k, _, h, w, n = weights.shape
        values = padded.unflatten(0, (SHARE, maps))  # (share, maps, h', w', n)
        total = weights.new_zeros(SHARE, maps, h, w, n)
        for row in range(k):
            for column in range(k):
                total.addcmul_(weights[:, row, column], values[:, :, row : row + h, column : column + w])
        return total.flatten(0, 1)  # (share * maps, h, w, n)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        weights, padded = ctx.saved_tensors
        maps, k, _, h, w, _ = weights.shape
        gradient = gradient.unflatten(0, (SHARE, maps))
        values = padded.unflatten(0, (SHARE, maps))
        to_weights, to_values = torch.empty_like(weights), torch.zeros_like(values)
        for row in range(k):
            for column in range(k):
                here = (slice(None), slice(None), slice(row, row + h), slice(column, column + w))
                torch.sum(gradient * values[here], dim=0, out=to_weights[:, row, column])
                to_values[here].addcmul_(gradient, weights[:, row, column])
        return to_weights, to_values.flatten(0, 1)


class PairwiseAttention(nn.Module):
    """Weights from the pixel and one neighbor at a time: softmax over j of gamma(phi(x_i) - psi(x_j), p_i - p_j)."""

    def __init__(self, width: int, kernel: int):
        super().__init__()
        relation, value = width // 16, width // 4
        self.kernel = kernel
        self.phi, self.psi, self.beta = Pointwise(width, relation), Pointwise(width, relation), Pointwise(width, value)
        self.position = Pointwise(2, 2)
        self.gamma = nn.Sequential(
            Norm(relation + 2),
            nn.ReLU(),
            Pointwise(relation + 2, relation, bias=False),
            Norm(relation),
            nn.ReLU(),
            Pointwise(relation, value // SHARE),
        )

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention of maps (c, h, w, n), (maps, k, k, h, w, n); its sum over a window is 1."""
        position = self.position(grid_like(x)).expand(-1, -1, -1, x.shape[3])  # (2, h, w, n)
        center = torch.cat([self.phi(x), position])  # (relation + 2, h, w, n)
        neighbor = mirrored(torch.cat([self.psi(x), position]), self.kernel // 2)
        scores = self.gamma(Differences.apply(center, neighbor, self.kernel))  # (maps, k, k, h, w, n)
        return scores.flatten(1, 2).softmax(dim=1).view(scores.shape)

    def forward(self, x: Tensor) -> Tensor:
        return Aggregation.apply(self.weights(x), mirrored(self.beta(x), self.kernel // 2))  # (width / 4, h, w, n)


def grid_like(x: Tensor) -> Tensor:
    """Return the pixels' coordinates (2, h, w, 1), each axis from -1 to 1, for maps (c, h, w, n)."""
    axes = [torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in x.shape[1:3]]
    return torch.stack(torch.meshgrid(axes, indexing="ij"))[..., None]


class PatchwiseAttention(nn.Module):
    """Weights from the pixel and its whole window at once: gamma([phi(x_i), psi(x_j) for every j]), no softmax."""

    def __init__(self, width: int, kernel: int):
        super().__init__()
        relation, value = width // 16, width // 4
        patch, maps = relation * (kernel**2 + 1), value // SHARE
        self.kernel = kernel
        self.phi, self.psi, self.beta = Pointwise(width, relation), Pointwise(width, relation), Pointwise(width, value)
        self.gamma = nn.Sequential(
            Norm(patch),
            nn.ReLU(),
            Pointwise(patch, maps, bias=False),
            Norm(maps),
            nn.ReLU(),
            Pointwise(maps, kernel**2 * maps),
        )

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention of maps (c, h, w, n), (maps, k, k, h, w, n)."""
        neighbors = windows(mirrored(self.psi(x), self.kernel // 2), self.kernel)  # (relation, k, k, h, w, n)
        patch = torch.cat([self.phi(x), neighbors.flatten(0, 2)])  # (relation * (k*k + 1), h, w, n)
        return self.gamma(patch).unflatten(0, (-1, self.kernel, self.kernel))

    def forward(self, x: Tensor) -> Tensor:
        return Aggregation.apply(self.weights(x), mirrored(self.beta(x), self.kernel // 2))  # (width / 4, h, w, n)


ATTENTION = {"pairwise": PairwiseAttention, "patchwise": PatchwiseAttention}


class Block(nn.Module):
    """A residual bottleneck: norm, attention, norm, 1x1 convolution, and the input added."""

    def __init__(self, width: int, kernel: int, sa_type: str):
        super().__init__()
        self.norm_in, self.norm_out = Norm(width), Norm(width // 4)
        self.attention = ATTENTION[sa_type](width, kernel)
        self.expand = Pointwise(width // 4, width)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.attention(self.norm_in(x).relu_())  # (width / 4, h, w, n)
        return self.expand(self.norm_out(narrow).relu_()) + x  # (width, h, w, n)


class Stage(nn.Module):
    """Half the size, another width, blocks of attention."""

    def __init__(self, width_in: int, width: int, blocks: int, kernel: int, sa_type: str):
        super().__init__()
        self.widen = Pointwise(width_in, width, bias=False)
        self.blocks = nn.Sequential(*(Block(width, kernel, sa_type) for _ in range(blocks)))
        self.norm = Norm(width)

    def forward(self, x: Tensor) -> Tensor:
        smaller = functional.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)  # (c, h / 2, w / 2, n)
        return self.norm(self.blocks(self.widen(smaller))).relu_()


class SANet(nn.Module):
    """A self-attention network for images of one or more channels.

    Parameters
    ----------
    layers : sequence of int
        Blocks of each stage; a stage begins by halving the image.
    kernels : sequence of int
        Window of each stage, odd, in pixels of that stage.
    sa_type : {"pairwise", "patchwise"}, default="pairwise"
        What the attention of a neighbor is computed from: the pair of pixels, or the whole window.
    widths : sequence of int
        Channels of each stage, multiples of 32.
    in_channels : int, default=1
    embedding_dim : int or None, default=128
        Width of the layer between the last stage and the classifier; None: there is none, as published for
        photographs, and the embedding is the mean of the last stage's maps.
    n_classes : int, default=2

    Attributes
    ----------
    embedding_dim : int
        Numbers that ``embed`` returns for an image.

    References
    ----------
    Zhao et al. 2020, Table 1 (SAN10, SAN15, SAN19); Shi et al. 2023, section II.C (the embedding layer).

    Examples
    --------
    >>> net = SANet((1, 1), (3, 3), widths=(32, 64), embedding_dim=16)
    >>> net(torch.zeros(3, 1, 8, 8)).shape, net.embed(torch.zeros(3, 1, 8, 8)).shape
    (torch.Size([3, 2]), torch.Size([3, 16]))
    """

    def __init__(
        self,
        layers: Sequence[int],
        kernels: Sequence[int],
        *,
        sa_type: Literal["pairwise", "patchwise"] = "pairwise",
        widths: Sequence[int] = (64, 256, 512, 1024, 2048),
        in_channels: int = 1,
        embedding_dim: int | None = 128,
        n_classes: int = 2,
    ):
        super().__init__()
        self.in_channels = in_channels
        self.embedding_dim = embedding_dim or widths[-1]
        self.smallest = max((kernel // 2 + 1) * 2**depth for depth, kernel in enumerate(kernels, start=1))
        self.stem = nn.Sequential(Pointwise(in_channels, widths[0], bias=False), Norm(widths[0]), nn.ReLU())
        self.stages = nn.Sequential(
            *(
                Stage(width_in, width, blocks, kernel, sa_type)
                for width_in, width, blocks, kernel in zip(
                    (widths[0], *widths[:-1]), widths, layers, kernels, strict=True
                )
            )
        )
        self.axes = nn.Linear(widths[-1], embedding_dim) if embedding_dim else nn.Identity()
        self.classify = nn.Linear(self.embedding_dim, n_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, in_channels, h, w).

        Raises
        ------
        RequestError
            If the images have another number of channels, or are smaller than the windows allow.
        """
        self._check(x)
        maps = self.stages(self.stem(x.permute(1, 2, 3, 0)))  # (widths[-1], h / 2^stages, w / 2^stages, n)
        return self.axes(maps.mean(dim=(1, 2)).T)  # (n, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes) of images (n, in_channels, h, w)."""
        return self.classify(self.embed(x))

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise RequestError(
                f"Images of shape (n, {self.in_channels}, h, w) were expected, the shape is {tuple(x.shape)}. "
                "Pass images with that many channels, or make the net with another in_channels."
            )
        if min(x.shape[2:]) < self.smallest:
            raise RequestError(
                f"This net's windows need images of at least {self.smallest} x {self.smallest} pixels, these have "
                f"{x.shape[2]} x {x.shape[3]}. Use its variant for 72 x 72 pixels, whose name ends in roi72 "
                "(san10_roi72 for san10), or crop to a larger size."
            )
