"""What SA-Net computes on windows of pixels, in few passes over the memory, each with a backward pass of its own.

Maps are (c, h, w, n): channels first, images last. Tests hold every one of these against torch's own layers and
against loops over the pixels, values and gradients.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

SHARE = 8  # channels of a value that one attention map weighs


class NormRelu(nn.BatchNorm1d):
    """Batch normalization of maps (c, ...) and the rectifier that follows it everywhere in this net."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)  # (c, size)
        if self.training:
            flat, mean, variance = NormalizeRectify.apply(flat, self.weight, self.bias, self.eps)
            self.remember(mean, variance, flat.shape[1])
        else:
            scale, shift = self.scale_and_shift(self.running_mean, self.running_var)
            flat = (flat * scale[:, None]).add_(shift[:, None]).relu_()
        return flat.view(x.shape)

    def scale_and_shift(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return scale and shift (c,) that normalization by these moments amounts to."""
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return scale, self.bias - scale * mean

    @torch.no_grad()
    def remember(self, mean: Tensor, variance: Tensor, size: int) -> None:
        """Move the running moments toward those of a batch."""
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (size / max(size - 1, 1)), self.momentum)


class NormalizeRectify(torch.autograd.Function):
    """relu(weight * (x - mean) / sd + bias) in few passes over the memory: torch's own takes five times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = x.mean(dim=1)
        out = x - mean[:, None]  # (c, size)
        variance = torch.linalg.vector_norm(out, dim=1) ** 2 / x.shape[1]
        scale = torch.rsqrt(variance + eps)
        out.mul_((scale * weight)[:, None]).add_(bias[:, None]).relu_()
        ctx.save_for_backward(x, out, weight, mean, scale)
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, out, weight, mean, scale = ctx.saved_tensors
        gradient = torch.ops.aten.threshold_backward(gradient, out, 0)
        to_bias = gradient.sum(dim=1)
        to_weight = (torch.linalg.vecdot(gradient, x) - mean * to_bias) * scale
        slope = -weight * scale * scale * to_weight / x.shape[1]
        offset = -weight * scale * to_bias / x.shape[1] - slope * mean
        to_x = (x * slope[:, None]).add_(offset[:, None]).add_(gradient.mul_((weight * scale)[:, None]))
        return to_x, to_weight, to_bias, None


def mirrored(x: Tensor, border: int) -> Tensor:
    """Return maps (c, h, w, n) with their border mirrored, (c, h + 2 border, w + 2 border, n)."""
    images = x.permute(0, 3, 1, 2)  # (c, n, h, w): the layout that torch pads
    return functional.pad(images, (border,) * 4, mode="reflect").permute(0, 2, 3, 1)


def windows(x: Tensor, k: int) -> Tensor:
    """Return the k x k neighbors of each pixel of padded maps (c, h + k - 1, w + k - 1, n), as (c, k, k, h, w, n)."""
    return x.unfold(1, k, 1).unfold(2, k, 1).permute(0, 4, 5, 1, 2, 3)


def add_windows(parts: Tensor) -> Tensor:
    """Add parts (c, k, k, h, w, n) to where ``windows`` would have taken them from, (c, h + k - 1, w + k - 1, n)."""
    c, k, _, h, w, n = parts.shape
    rows = parts.new_zeros(c, k, h, w + k - 1, n)
    for column in range(k):
        rows[..., column : column + w, :] += parts[:, :, column]
    return add_rows(rows)


def add_rows(parts: Tensor) -> Tensor:
    """Add parts (c, k, h, w, n), each a row further down than the one before, to (c, h + k - 1, w, n)."""
    c, k, h, w, n = parts.shape
    total = parts.new_zeros(c, h + k - 1, w, n)
    for row in range(k):
        total[:, row : row + h] += parts[:, row]
    return total


class RelationNormRelu(NormRelu):
    """Batch normalization and rectifier of the relation of each pixel to its k x k neighbors, delta = x_i - x_j."""

    def __init__(self, width: int, k: int) -> None:
        super().__init__(width)
        self.k = k

    def forward(self, center: Tensor, padded: Tensor) -> Tensor:
        if self.training:
            out, mean, variance = RelateNormalizeRectify.apply(center, padded, self.weight, self.bias, self.k, self.eps)
            self.remember(mean, variance, center[0].numel() * self.k**2)
            return out  # (c, k, k, h, w, n)
        scale, shift = map(spread, self.scale_and_shift(self.running_mean, self.running_var))
        return RectifiedDifferences.apply(center * scale + shift, padded * scale, self.k)


class RectifiedDifferences(torch.autograd.Function):
    """relu(x_i - x_j) of each pixel and its neighbors."""

    @staticmethod
    def forward(ctx: Any, center: Tensor, padded: Tensor, k: int) -> Tensor:
        ctx.save_for_backward(out := rectified_differences(center, padded, k))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        gradient = torch.ops.aten.threshold_backward(gradient, ctx.saved_tensors[0], 0)
        return gradient.sum(dim=(1, 2)), -add_windows(gradient), None


class RelateNormalizeRectify(torch.autograd.Function):
    """relu(weight * (delta - mean) / sd + bias) for delta_ij = x_i - x_j, with the pairs written once only.

    Sums over all pairs follow from sums over the windows: of x_j, the mean over each window; of x_i, the share of the
    windows that each neighbor stands in. For N pixels with k * k neighbors, and both maps centered,
    Var(delta) = Var(x_i) + Var(x_j) - 2 Cov(x_i, mean of x_j over the window of i).
    """

    @staticmethod
    def forward(
        ctx: Any, center: Tensor, padded: Tensor, weight: Tensor, bias: Tensor, k: int, eps: float
    ) -> tuple[Tensor, ...]:
        share = window_share(center, k)  # (1, h + k - 1, w + k - 1, 1)
        size = center[0].numel()
        of_center, of_neighbors = center.mean(dim=(1, 2, 3)), (padded * share).sum(dim=(1, 2, 3)) / size
        center, padded = center - spread(of_center), padded - spread(of_neighbors)
        around = window_means(padded, k)  # (c, h, w, n)
        variance = (center * (center - 2 * around)).sum(dim=(1, 2, 3)) + (padded.square() * share).sum(dim=(1, 2, 3))
        variance = (variance / size).clamp(min=0)
        scale = torch.rsqrt(variance + eps)
        factor = spread(weight * scale)
        out = rectified_differences(center * factor + spread(bias), padded * factor, k)
        ctx.save_for_backward(center, padded, around, share, out, weight, scale)
        ctx.mark_non_differentiable(mean := of_center - of_neighbors, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        center, padded, around, share, out, weight, scale = ctx.saved_tensors
        k, size = out.shape[1], center[0].numel()
        gradient = torch.ops.aten.threshold_backward(gradient, out, 0)
        to_center, to_padded = gradient.sum(dim=(1, 2)), add_windows(gradient)
        to_bias = to_center.sum(dim=(1, 2, 3))
        to_weight = ((center * to_center).sum(dim=(1, 2, 3)) - (padded * to_padded).sum(dim=(1, 2, 3))) * scale
        slope, offset = spread(scale * to_weight / size), spread(to_bias / size)
        to_center -= slope * (center - around) + offset
        to_padded -= slope * (window_means(framed(center, k - 1), k) - share * padded) + offset * share
        factor = spread(weight * scale)
        return to_center * factor, to_padded * -factor, to_weight, to_bias, None, None


def rectified_differences(center: Tensor, padded: Tensor, k: int) -> Tensor:
    """Return relu(x_i - x_j) of each pixel and its neighbors, (c, k, k, h, w, n)."""
    out = center.new_empty(len(center), k, k, *center.shape[1:])  # given, as torch would take over the view's order
    return torch.sub(center[:, None, None], windows(padded, k), out=out).relu_()


def spread(x: Tensor) -> Tensor:
    """Return a number for each channel (c,) as maps (c, 1, 1, 1)."""
    return x[:, None, None, None]


def window_means(padded: Tensor, k: int) -> Tensor:
    """Return the mean of each k x k window (c, h, w, n) of maps (c, h + k - 1, w + k - 1, n)."""
    return padded.unfold(1, k, 1).mean(dim=-1).unfold(2, k, 1).mean(dim=-1)


def framed(x: Tensor, border: int) -> Tensor:
    """Return maps (c, h, w, n) with a border of 0."""
    return functional.pad(x, (0, 0, border, border, border, border))


def window_share(x: Tensor, k: int) -> Tensor:
    """Return how many of k * k windows each pixel of the padded maps stands in, (1, h + k - 1, w + k - 1, 1)."""
    return window_means(framed(torch.ones_like(x[:1, ..., :1]), k - 1), k)


class Aggregation(torch.autograd.Function):
    """The neighbors, weighed and summed: y_i = sum over j of w_ij * beta(x_j). One column of the windows at a time."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, padded: Tensor) -> Tensor:
        ctx.save_for_backward(weights, padded)
        maps, k, _, h, w, n = weights.shape
        values = window_rows(padded, k)  # (share, maps, k, h, w', n)
        total = weights.new_zeros(SHARE, maps, k, h, w, n)
        for column in range(k):
            total.addcmul_(weights[:, :, column], values[..., column : column + w, :])
        return total.sum(dim=2).flatten(0, 1)  # (share * maps, h, w, n)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        weights, padded = ctx.saved_tensors
        maps, k, _, h, w, n = weights.shape
        gradient = gradient.reshape(SHARE, maps, 1, h, w, n)
        values, to_values = window_rows(padded, k), padded.new_zeros(SHARE, maps, k, h, padded.shape[2], n)
        to_weights, product = torch.empty_like(weights), padded.new_empty(SHARE, maps, k, h, w, n)
        for column in range(k):
            torch.mul(gradient, values[..., column : column + w, :], out=product)
            torch.sum(product, dim=0, out=to_weights[:, :, column])
            to_values[..., column : column + w, :].addcmul_(gradient, weights[:, :, column])
        return to_weights, add_rows(to_values.flatten(0, 1))


def window_rows(padded: Tensor, k: int) -> Tensor:
    """Return the k rows that each row's windows reach, (share, maps, k, h, w', n), as a view of (c, h', w', n)."""
    return padded.unfold(1, k, 1).permute(0, 4, 1, 2, 3).unflatten(0, (SHARE, -1))
