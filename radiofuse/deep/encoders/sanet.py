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

from radiofuse.deep.encoders.window_kernels import SHARE, Aggregation, NormRelu, RelationNormRelu, mirrored, windows
from radiofuse.errors import RequestError


class Pointwise(nn.Linear):
    """A 1x1 convolution of maps (c, h, w, n)."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)  # (c, h*w*n)
        flat = self.weight @ flat if self.bias is None else torch.addmm(self.bias[:, None], self.weight, flat)
        return flat.view(-1, *x.shape[1:])  # (out, h, w, n)


class Stem(nn.Module):
    """A 1x1 convolution, normalized, rectified, and pooled to half the size."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.widen, self.norm = Pointwise(channels, width, bias=False), NormRelu(width)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[0] > 1:
            return halved(self.norm(self.widen(x)))  # (width, h / 2, w / 2, n)
        return self.pooled_first(x)

    def pooled_first(self, x: Tensor) -> Tensor:
        """Return the same of one channel: what a * x + b is at most depends on the largest and smallest x alone."""
        slope = self.widen.weight[:, 0]  # (width,)
        mean = x.mean()
        mean, variance = slope * mean, slope**2 * (x - mean).square().mean()
        if self.training:
            self.norm.remember(mean, variance, x.numel())
        else:
            mean, variance = self.norm.running_mean, self.norm.running_var
        scale, shift = self.norm.scale_and_shift(mean, variance)
        slopes = torch.stack([(scale * slope).clamp(min=0), -(scale * slope).clamp(max=0)], dim=1)  # (width, 2)
        extremes = torch.cat([halved(x), halved(-x)])  # (2, h / 2, w / 2, n): the largest, and the smallest negated
        flat = torch.addmm(shift[:, None], slopes, extremes.flatten(1)).relu_()
        return flat.view(-1, *extremes.shape[1:])  # (width, h / 2, w / 2, n)


def halved(x: Tensor) -> Tensor:
    """Return the largest of each 2 x 2 pixels of maps (c, h, w, n)."""
    return functional.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)  # (c, h / 2, w / 2, n)


class Attention(nn.Module):
    """y_i = sum over j of weights(phi(x), psi(x))_ij * beta(x_j); the three 1x1 convolutions are one matrix product."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel, self.sizes = kernel, (width // 16, width // 16, width // 4)
        self.phi_psi_beta = Pointwise(width, sum(self.sizes))

    def weights(self, phi: Tensor, psi: Tensor) -> Tensor:
        """Return the attention (maps, k, k, h, w, n) of maps (width / 16, h, w, n)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        phi, psi, beta = self.phi_psi_beta(x).split(self.sizes)
        return Aggregation.apply(self.weights(phi, psi), mirrored(beta, self.kernel // 2))  # (width / 4, h, w, n)


class PairwiseAttention(Attention):
    """Weights from the pixel and one neighbor at a time: softmax over j of gamma(phi(x_i) - psi(x_j), p_i - p_j)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__(width, kernel)
        relation, _, value = self.sizes
        self.position = Pointwise(2, 2)
        self.relate = RelationNormRelu(relation + 2, kernel)
        self.gamma = nn.Sequential(
            Pointwise(relation + 2, relation, bias=False),
            NormRelu(relation),
            Pointwise(relation, value // SHARE),
        )

    def weights(self, phi: Tensor, psi: Tensor) -> Tensor:
        """Return the attention (maps, k, k, h, w, n) that maps (c, h, w, n) pay; its sum over a window is 1."""
        position = self.position(grid_like(phi)).expand(-1, -1, -1, phi.shape[3])  # (2, h, w, n)
        neighbor = mirrored(torch.cat([psi, position]), self.kernel // 2)  # (relation + 2, h', w', n)
        scores = self.gamma(self.relate(torch.cat([phi, position]), neighbor))  # (maps, k, k, h, w, n)
        return scores.flatten(1, 2).softmax(dim=1).view(scores.shape)


def grid_like(x: Tensor) -> Tensor:
    """Return the pixels' coordinates (2, h, w, 1), each axis from -1 to 1, for maps (c, h, w, n)."""
    axes = [torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in x.shape[1:3]]
    return torch.stack(torch.meshgrid(axes, indexing="ij"))[..., None]


class PatchwiseAttention(Attention):
    """Weights from the pixel and its whole window at once: gamma([phi(x_i), psi(x_j) for every j]), no softmax."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__(width, kernel)
        relation, _, value = self.sizes
        patch, maps = relation * (kernel**2 + 1), value // SHARE
        self.gamma = nn.Sequential(
            NormRelu(patch),
            Pointwise(patch, maps, bias=False),
            NormRelu(maps),
            Pointwise(maps, kernel**2 * maps),
        )

    def weights(self, phi: Tensor, psi: Tensor) -> Tensor:
        """Return the attention (maps, k, k, h, w, n) that maps (c, h, w, n) pay."""
        neighbors = windows(mirrored(psi, self.kernel // 2), self.kernel)  # (relation, k, k, h, w, n)
        patch = torch.cat([phi, neighbors.flatten(0, 2)])  # (relation * (k*k + 1), h, w, n)
        return self.gamma(patch).unflatten(0, (-1, self.kernel, self.kernel))


ATTENTION = {"pairwise": PairwiseAttention, "patchwise": PatchwiseAttention}


class Block(nn.Module):
    """A residual bottleneck: norm, attention, norm, 1x1 convolution, and the input added."""

    def __init__(self, width: int, kernel: int, sa_type: str) -> None:
        super().__init__()
        self.norm_in, self.norm_out = NormRelu(width), NormRelu(width // 4)
        self.attention = ATTENTION[sa_type](width, kernel)
        self.expand = Pointwise(width // 4, width)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.attention(self.norm_in(x))  # (width / 4, h, w, n)
        return self.expand(self.norm_out(narrow)) + x  # (width, h, w, n)


class Stage(nn.Module):
    """Another width, then blocks of attention."""

    def __init__(self, width_in: int, width: int, blocks: int, kernel: int, sa_type: str) -> None:
        super().__init__()
        self.widen = Pointwise(width_in, width, bias=False)
        self.blocks = nn.Sequential(*(Block(width, kernel, sa_type) for _ in range(blocks)))
        self.norm = NormRelu(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.blocks(self.widen(x)))  # (width, h, w, n)


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
    channels : int, default=1
    embedding_dim : int or None, default=128
        Width of the layer between the last stage and the classifier; None: there is none, as published for
        photographs, and the embedding is the mean of the last stage's maps.
    n_classes : int, default=2

    Attributes
    ----------
    embedding_dim : int
        Numbers that ``embed`` returns for an image.
    encoder_version : int
        Raised by hand whenever other numbers come out, here or in the window kernels: trained weights and stored
        embeddings are kept under it.

    References
    ----------
    Zhao et al. 2020, Table 1 (SAN10, SAN15, SAN19); Shi et al. 2023, section II.C (the embedding layer).

    Examples
    --------
    >>> net = SANet((1, 1), (3, 3), widths=(32, 64), embedding_dim=16)
    >>> net(torch.zeros(3, 1, 8, 8)).shape, net.embed(torch.zeros(3, 1, 8, 8)).shape
    (torch.Size([3, 2]), torch.Size([3, 16]))
    """

    encoder_version = 1
    images_last = True

    def __init__(
        self,
        layers: Sequence[int],
        kernels: Sequence[int],
        *,
        sa_type: Literal["pairwise", "patchwise"] = "pairwise",
        widths: Sequence[int] = (64, 256, 512, 1024, 2048),
        channels: int = 1,
        embedding_dim: int | None = 128,
        n_classes: int = 2,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.embedding_dim = embedding_dim or widths[-1]
        self.smallest = max((kernel // 2 + 1) * 2**depth for depth, kernel in enumerate(kernels, start=1))
        self.stem = Stem(channels, widths[0])
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

    @property
    def map_layer(self) -> str:
        """The layer whose output is pooled into the embedding."""
        return f"stages.{len(self.stages) - 1}"

    def embed(self, x: Tensor) -> Tensor:
        """Return the embedding (n, embedding_dim) of images (n, channels, h, w).

        Raises
        ------
        RequestError
            If the images have another number of channels, or are smaller than the windows allow.
        """
        self._check(x)
        with torch.autocast(x.device.type, enabled=False):  # sums over all pairs of pixels overflow half precision
            maps = self.stages[0](self.stem(x.permute(1, 2, 3, 0)))  # (width, h / 2, w / 2, n)
            for stage in self.stages[1:]:
                maps = stage(halved(maps))  # (width, h / 4, w / 4, n), …
        return self.axes(maps.mean(dim=(1, 2)).T)  # (n, embedding_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, n_classes) of images (n, channels, h, w)."""
        return self.classify(self.embed(x))

    def _check(self, x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise RequestError(
                f"Images of shape (n, {self.channels}, h, w) were expected, the shape is {tuple(x.shape)}. "
                "Pass images with that many channels, or make the net for another number of channels."
            )
        if min(x.shape[2:]) < self.smallest:
            raise RequestError(
                f"This net's windows need images of at least {self.smallest} x {self.smallest} pixels, these have "
                f"{x.shape[2]} x {x.shape[3]}. Use its variant for 72 x 72 pixels, whose name ends in roi72 "
                "(san10_roi72 for san10), or crop to a larger size."
            )
