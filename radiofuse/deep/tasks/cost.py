"""What a network costs before it is trained: its weights, and the memory that a training step needs."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor

from radiofuse.deep.tasks.network import MultiTaskNet

OF_FOUR_BYTES = 4


class Cost(NamedTuple):
    """Weights of a network, and bytes of a training step.

    Attributes
    ----------
    n_parameters : int
    of_weights : int
        Bytes of the weights, their gradients, and two moments that Adam keeps of each.
    of_a_row : int
        Bytes that the layers keep of one patch until gradients are computed.
    """

    n_parameters: int
    of_weights: int
    of_a_row: int

    def of_a_step(self, rows: int) -> int:
        """Return the bytes of a step of so many patches."""
        return self.of_weights + rows * self.of_a_row

    def sentence(self, rows: int) -> str:
        """Return the cost in words.

        Examples
        --------
        >>> Cost(49_500_000, 792_000_000, 2_000_000_000).sentence(2)
        '49.5 million weights; a step of 2 patches keeps about 4.8 GB, and needs up to twice that for a moment'
        """
        return (
            f"{self.n_parameters / 1e6:,.3g} million weights; a step of {rows} patches keeps about "
            f"{self.of_a_step(rows) / 1e9:.2g} GB, and needs up to twice that for a moment"
        )


def cost_of(net: MultiTaskNet, sides: tuple[int, ...]) -> Cost:
    """Return what a network costs for patches of some sides; nothing is computed.

    One patch is passed as shapes alone (torch's device "meta"), and what autograd keeps of it is added up, each tensor
    once. Gradients of maps and the working memory of convolutions come and go: benchmarks/multitask_network.py prints
    the peak beside what is told.

    Examples
    --------
    >>> cost = cost_of(MultiTaskNet(4, n_classes=4, outcomes=(2, 2), regions=3, size=16), (16, 16, 16))
    >>> cost.of_weights == 16 * cost.n_parameters
    True
    """
    shapes = copy.deepcopy(net).to("meta").train()
    shapes.hide = None
    weights = {id(parameter) for parameter in shapes.parameters()}
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        if id(tensor) not in weights and tensor.untyped_storage()._cdata not in kept:
            kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    n_channels = (2 if net.whole else 1) * net.modalities * net.channels
    x = torch.empty(1, n_channels, *sides, device="meta")
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        shapes.answers(x, torch.ones(1, net.modalities, device="meta"))
    n = sum(parameter.numel() for parameter in net.parameters())
    return Cost(n, 4 * OF_FOUR_BYTES * n, sum(_bytes(tensor) for tensor in kept.values()))


def _bytes(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()
