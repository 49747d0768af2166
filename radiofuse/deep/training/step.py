"""One step of a training: pictures moved and brightened, passed through the module, its weights changed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiofuse.deep.training import augment, ranks
from radiofuse.deep.training.examples import passed
from radiofuse.deep.training.losses import Batch, part_loss
from radiofuse.deep.training.option_rules import AUGMENTATIONS
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.state import State
from radiofuse.errors import RequestError


def augmented(pictures: Tensor, training: Training, generator: torch.Generator) -> Tensor:
    """Return pictures (n, channels, h, w) or patches (n, channels, d, h, w), each moved and brightened by chance."""
    options = {name: getattr(training, name) for name in AUGMENTATIONS}
    options |= {"channels": pictures.shape[1], "n_axes": pictures.ndim - 2}
    return augment.apply(pictures, augment.draw_params(generator, len(pictures), **options))


def take_step(state: State, batch: Batch, weights: Tensor | None, n_classes: int, most: int) -> Tensor:
    """Take one step, and return its loss: a tensor, so that a GPU is waited for once per epoch.

    Where its memory does not hold the batch, gradients of parts are summed; batch normalization sees the parts.

    Parameters
    ----------
    state : State
    batch : Batch
    weights : Tensor, shape (n_classes,), optional
        Of the classes.
    n_classes : int
    most : int
        Pictures in a part.
    """
    training, total = state.training, torch.zeros((), device=batch.labels.device)
    state.optimizer.zero_grad()
    for part in ranks.own_part(batch).parts(most):
        with precision(training, part.labels.device):
            loss = part_loss(_logits(state.module, part, n_classes), part, batch, weights, training)
        loss.backward()
        total = total + loss.detach()
    total = ranks.sum_over_ranks(state.module, total)
    if training.gradient_clip:
        torch.nn.utils.clip_grad_norm_(state.module.parameters(), training.gradient_clip)
    state.optimizer.step()
    return total


def precision(training: Training, device: torch.device) -> torch.autocast:
    """Return the context of a pass: bfloat16 if that is asked for and the device computes in it."""
    lower = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=training.mixed_precision and lower)


def _logits(module: nn.Module, part: Batch, n_classes: int) -> Tensor:
    logits, n = passed(module, part.pictures, part.beside), len(part.labels)  # (n, n_classes)
    if logits.shape != (n, n_classes):
        raise RequestError(
            f"{type(module).__name__}.forward returned a tensor of shape {tuple(logits.shape)} for {n} pictures; "
            f"({n}, {n_classes}) was expected, the logits of classes 0 to {n_classes - 1}. Correct the encoder."
        )
    return logits
