"""Optimizers, and the learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from radiofuse.deep.training.options import Training
from radiofuse.errors import RequestError

_POLY_POWER = 0.9


def make_optimizer(module: nn.Module, training: Training) -> torch.optim.Optimizer:
    """Return the optimizer of all weights of a module that are not frozen; its rate is set epoch by epoch.

    Raises
    ------
    RequestError
        If all are.

    References
    ----------
    Kingma, Ba (2015). Adam: a method for stochastic optimization. ICLR.
    Loshchilov, Hutter (2019). Decoupled weight decay regularization. ICLR (AdamW).
    Sutskever et al. (2013). On the importance of initialization and momentum in deep learning. ICML (Nesterov).
    """
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not parameters:
        raise RequestError(
            f"{type(module).__name__} has no weight that can be trained. Use its embedding as it is, or leave frozen "
            "out of its options."
        )
    options = {"weight_decay": training.weight_decay, "fused": True}
    if training.optimizer == "sgd":
        momentum = {"momentum": training.momentum, "nesterov": training.momentum > 0}
        return torch.optim.SGD(parameters, training.learning_rate, **momentum, **options)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options)
    return torch.optim.Adam(parameters, **options)


def learning_rate(training: Training, epoch: int, watched: Sequence[float] = ()) -> float:
    """Return the learning rate of an epoch.

    It is a function of what a checkpoint keeps, so that a training that continues goes on with the rate it had.

    Parameters
    ----------
    training : Training
    epoch : int
        Counted from 0.
    watched : sequence of float
        One number per epoch before, the lower the better; "plateau" looks at them.

    References
    ----------
    Loshchilov, Hutter (2017). SGDR. ICLR, equation 5, without restarts ("cosine").
    Chen et al. (2018). DeepLab. IEEE TPAMI 40, section 4.1.1, there with a power of 0.9 ("poly").

    Examples
    --------
    >>> steps = Training(learning_rate=0.01, schedule="step", schedule_epochs=10)
    >>> [f"{learning_rate(steps, epoch):.4f}" for epoch in (0, 9, 10, 25)]
    ['0.0100', '0.0100', '0.0010', '0.0001']
    """
    return training.learning_rate * _share(training, epoch, watched)


def _share(training: Training, epoch: int, watched: Sequence[float]) -> float:
    match training.schedule:
        case "cosine":
            return (1 + math.cos(math.pi * epoch / training.epochs)) / 2
        case "poly":
            return (1 - epoch / training.epochs) ** _POLY_POWER
        case "step":
            return training.schedule_factor ** (epoch // training.schedule_epochs)
        case "plateau":
            return training.schedule_factor ** _plateaus(watched, training.schedule_epochs)
        case _:
            return 1.0


def _plateaus(watched: Sequence[float], wait: int) -> int:
    """Return how often ``wait`` numbers on end were not below the lowest before them."""
    lowest, waited, plateaus = math.inf, 0, 0
    for value in watched:
        waited = 0 if value < lowest else waited + 1
        lowest = min(lowest, value)
        if waited == wait:
            waited, plateaus = 0, plateaus + 1
    return plateaus
