"""Self-distillation: a network's pass on all sequences of a patient teaches its pass on fewer of them.

References
----------
The figure of the first stage of adaptation of GMMAS (Liu et al.): two passes that share their weights, the mean squared
error between their features, and the losses of both. What weighs the error there is not published.
Zhang et al. (2019). Be your own teacher: improve the performance of convolutional neural networks via self
distillation. ICCV.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from radiofuse.deep.device import own_chance
from radiofuse.deep.fusion.weighting_net import hide_modalities
from radiofuse.deep.tasks.network import Maps
from radiofuse.deep.training.option_rules import check, is_number

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class SelfDistillation:
    """A second pass of every step with sequences hidden, whose features are drawn to those of the first.

    Parameters
    ----------
    weight : float, default=1.0
        Of the mean squared error between the passes' features, beside the mean of both passes' losses.
    stop_gradient : bool, default=False
        Whether the pass on all sequences only teaches. As published both passes learn from the error.
    """

    weight: float = 1.0
    stop_gradient: bool = False

    def __post_init__(self) -> None:
        fits = is_number(self.weight) and self.weight >= 0
        check("self_distillation.weight", self.weight, fits, "0 or more")
        named = "self_distillation.stop_gradient"
        check(named, self.stop_gradient, isinstance(self.stop_gradient, bool), "true or false")


def pass_twice(
    net: Callable[[Tensor, Tensor], Answer], volumes: Tensor, present: Tensor, generator: torch.Generator
) -> tuple[Answer, Answer]:
    """Return a network's answer from all sequences, and its answer with some of them hidden.

    None, one or two sequences of a row are hidden, with probability .5, .3 and .2, and one is left at least. Both
    passes draw the same dropout, so that nothing but what is hidden tells them apart.

    Parameters
    ----------
    net : callable
        Of volumes, shape (n, sequences, …), and of which sequences are there, bool (n, sequences).
    volumes : Tensor of shape (n, sequences, …)
    present : Tensor of bool, shape (n, sequences)
        One at least in each row.
    generator : torch.Generator
        On the CPU, whatever the device.

    Returns
    -------
    full, reduced
        What ``net`` returned.

    Examples
    --------
    >>> volumes, present = torch.arange(3.0).repeat(4, 1), torch.ones(4, 3, dtype=torch.bool)
    >>> def mean(x, has):
    ...     return (x * has).sum(dim=1) / has.sum(dim=1)
    >>> full, reduced = pass_twice(mean, volumes, present, torch.Generator().manual_seed(0))
    >>> full.tolist(), reduced.tolist()
    ([1.0, 1.0, 1.0, 1.0], [1.0, 0.5, 1.0, 0.0])
    """
    shown = hide_modalities(present.cpu(), generator).to(present.device)
    seed = int(torch.randint(1 << 62, (), generator=generator))
    with own_chance(seed, volumes.device):
        full = net(volumes, present)
    with own_chance(seed, volumes.device):
        reduced = net(volumes, shown)
    return full, reduced


def map_distance(full: Maps, reduced: Maps, *, stop_gradient: bool) -> Tensor:
    """Return the mean of the distances between the deepest maps and between the tokens of two passes."""
    pairs = [(full.levels[-1], reduced.levels[-1]), (full.tokens, reduced.tokens)]
    return torch.stack([feature_distance(*pair, stop_gradient=stop_gradient) for pair in pairs]).mean()


def feature_distance(full: Tensor, reduced: Tensor, *, stop_gradient: bool = False) -> Tensor:
    """Return the mean squared error between the features of two passes.

    Parameters
    ----------
    full, reduced : Tensor
        Of one shape.
    stop_gradient : bool, default=False
        Whether the pass on all sequences only teaches. As published both passes learn from the error.

    Examples
    --------
    >>> feature_distance(torch.zeros(2, 3), torch.ones(2, 3)).item()
    1.0
    """
    return functional.mse_loss(reduced, full.detach() if stop_gradient else full)
