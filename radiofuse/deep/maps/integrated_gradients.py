"""Integrated gradients: each pixel's share in what a picture says more, or less, for a class than a blank one.

References
----------
Sundararajan M, Taly A, Yan Q. Axiomatic attribution for deep networks. ICML 2017, Eq. 1 and Proposition 1: the shares
sum to the difference of the two answers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.maps.explained import in_eval_batches, log_odds, refuse_without_gradient

STEPS = 32


class Attributions(NamedTuple):
    """Shares of pixels, and how far their sums are from what they should be.

    Attributes
    ----------
    values : ndarray of float32, shape (n, channels, …)
        Above 0 where a pixel speaks for the class, below where against.
    change : ndarray of float64, shape (n,)
        What speaks for the class in a picture, less what does in the blank one.
    gap : ndarray of float64, shape (n,)
        The sum of the values less ``change``: 0 but for the finite number of steps.
    """

    values: np.ndarray
    change: np.ndarray
    gap: np.ndarray

    @property
    def worst_gap(self) -> float:
        """The largest gap of a picture, as a share of the sum of its absolute values; 0 of a map of nothing."""
        size = np.abs(self.values).sum(axis=tuple(range(1, self.values.ndim)), dtype=np.float64)
        return float(np.max(np.abs(self.gap) / np.where(size > 0, size, 1)))


def integrated_gradients(
    module: nn.Module,
    pictures: np.ndarray,
    blank: np.ndarray,
    class_number: int = 1,
    *,
    steps: int = STEPS,
    device: str = "auto",
) -> Attributions:
    """Return the integral of the gradient from a blank picture to the picture, times their difference.

    Parameters
    ----------
    module : nn.Module
        An encoder that was trained.
    pictures : ndarray of float32, shape (n, channels, …)
        Scaled as those the network learned from.
    blank : ndarray of float32, broadcast to the shape of the pictures
        Where the path begins: a picture without a head, scaled alike.
    class_number : int, default=1
        The class, see ``log_odds``.
    steps : int, default=32
        Points of the Gauss-Legendre rule.
    device : str, default="auto"

    Returns
    -------
    Attributions

    Raises
    ------
    RequestError
        If the encoder is frozen.

    Examples
    --------
    >>> class Linear(nn.Module):
    ...     def forward(self, x):
    ...         return x.sum(dim=(1, 2, 3))[:, None] * torch.tensor([0.0, 2.0])
    >>> picture = np.array([[[[1.0, 3.0]]]], np.float32)
    >>> integrated_gradients(Linear(), picture, np.zeros_like(picture), device="cpu").values.round(4).tolist()
    [[[[2.0, 6.0]]]]
    """
    refuse_without_gradient(module)
    blanks = np.broadcast_to(np.asarray(blank, np.float32), pictures.shape)
    nodes, weights = np.polynomial.legendre.leggauss(steps)

    def work(x: Tensor, place: slice) -> np.ndarray:
        start = torch.from_numpy(np.array(blanks[place])).to(x.device)
        total = torch.zeros_like(x)
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):  # from [-1, 1] to [0, 1]
            total += float(weight) * _gradient(module, start + float(node) * (x - start), class_number)
        change = _answer(module, x, class_number) - _answer(module, start, class_number)
        values = ((x - start) * total).flatten(1)
        return torch.cat([values.double(), change[:, None].double()], dim=1).cpu().numpy()

    told = in_eval_batches(module, pictures, work, device=device)
    values, change = told[:, :-1], told[:, -1]
    return Attributions(values.reshape(pictures.shape).astype(np.float32), change, values.sum(axis=1) - change)


def _gradient(module: nn.Module, x: Tensor, class_number: int) -> Tensor:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(log_odds(module(x), class_number).sum(), x)[0]


def _answer(module: nn.Module, x: Tensor, class_number: int) -> Tensor:
    with torch.no_grad():
        return log_odds(module(x), class_number)
