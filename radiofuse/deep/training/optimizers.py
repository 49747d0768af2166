"""Optimizers, and the learning rate over the epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from radiofuse.deep.training.options import Training
from radiofuse.errors import RequestError

_POLY_POWER = 0.9
TIMES = "times_learning_rate"


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
    groups = _groups(module, training)
    if not groups:
        raise RequestError(
            f"{type(module).__name__} has no weight that can be trained. Use its embedding as it is, or leave frozen "
            "out of its options."
        )
    options = {"weight_decay": training.weight_decay, "fused": True}
    if training.optimizer == "sgd":
        momentum = {"momentum": training.momentum, "nesterov": training.momentum > 0}
        return torch.optim.SGD(groups, training.learning_rate, **momentum, **options)
    if training.optimizer == "adamw":
        return torch.optim.AdamW(groups, **options)
    return torch.optim.Adam(groups, **options)


def _groups(module: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Return the weights that are trained, and of each group what its rate is times that of the training.

    Where encoders have a rate of their own they are a group: a module's ``encoders``, and in one without those all but
    ``classify``, the layer behind the embedding.
    """
    trained = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    encoders: set[str] = set()
    if training.encoder_learning_rate is not None:
        encoders = {name for name in trained if name.startswith("encoders.")}
        encoders = encoders or {name for name in trained if not name.startswith("classify.")}
    head = [parameter for name, parameter in trained.items() if name not in encoders]
    own = [trained[name] for name in trained if name in encoders]
    slower = (training.encoder_learning_rate or 0.0) / training.learning_rate
    return [{"params": each, TIMES: times} for each, times in ((head, 1.0), (own, slower)) if each]


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give the weights of a module a rate; those of its encoders as much more or less of it as the training says."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(TIMES, 1.0)  # a checkpoint of a training with one rate says nothing of it


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
