"""One step of a multi-task training: a pass, the losses of the tasks that have labels, and a change of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radiofuse.deep.segmentation.losses import segmentation_loss
from radiofuse.deep.tasks.batches import REGIONS, TaskBatch
from radiofuse.deep.tasks.losses import UncertaintyWeights, outcome_loss
from radiofuse.deep.tasks.network import MultiTaskNet, TaskAnswers
from radiofuse.deep.training import augment
from radiofuse.deep.training.option_rules import AUGMENTATIONS
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.step import precision

Weights = Mapping[str, Tensor]  # of the classes, by outcome; empty where all weigh the same


class Learned(nn.Module):
    """All that a training learns: the network, and how its tasks weigh."""

    def __init__(self, net: MultiTaskNet, weighting: UncertaintyWeights) -> None:
        super().__init__()
        self.net, self.weighting = net, weighting


@dataclass(frozen=True, eq=False)
class Losses:
    """The mean loss of each task that has labels in a batch, or what a part of the batch adds to it."""

    of: dict[str, Tensor]
    shares: dict[str, float]  # of the task's labels in the batch


def moved(batch: TaskBatch, training: Training, generator: torch.Generator) -> TaskBatch:
    """Return a batch whose patches are moved and brightened by chance, their masks with them."""
    options = {name: getattr(training, name) for name in AUGMENTATIONS}
    options |= {"channels": batch.pictures.shape[1], "n_axes": batch.pictures.ndim - 2}
    drawn = augment.draw_params(generator, len(batch.pictures), **options)
    pictures = augment.apply(batch.pictures, drawn)
    if batch.regions is None:
        return batch._replace(pictures=pictures)
    regions = augment.move(batch.regions[:, None].float(), drawn, mode="nearest")[:, 0].long()
    return batch._replace(pictures=pictures, regions=regions)


def masses(batch: TaskBatch, outcomes: list[str], weights: Weights) -> dict[str, float]:
    """Return what the labels of each task weigh together in a batch, 0 where it has none."""
    known = {
        name: float(torch.nansum(target if name not in weights else target * weights[name]))
        for name, target in zip(outcomes, batch.targets, strict=True)
    }
    return {**known, **({} if batch.regions is None else {REGIONS: float(batch.with_mask)})}


def losses_of(
    said: TaskAnswers, part: TaskBatch, whole: Mapping[str, float], outcomes: list[str], weights: Weights
) -> Losses:
    """Return what a part adds to each task's mean loss over its batch.

    Parameters
    ----------
    said : TaskAnswers
        Of the part.
    part : TaskBatch
    whole : mapping of str to float
        As ``masses`` returns it of the batch.
    outcomes : list of str
    weights : mapping of str to Tensor
    """
    found, shares = {}, {}
    for name, logits, target in zip(outcomes, said.logits, part.targets, strict=True):
        if whole[name]:
            total, mass = outcome_loss(logits, target, weights.get(name))
            found[name], shares[name] = total / whole[name], float(mass.detach()) / whole[name]
    if part.regions is not None and said.regions is not None and whole[REGIONS]:
        shares[REGIONS] = part.with_mask / whole[REGIONS]
        found[REGIONS] = segmentation_loss(said.regions.float(), part.regions) * shares[REGIONS]
    return Losses(found, shares)


def take_step(
    learned: Learned,
    optimizer: torch.optim.Optimizer,
    batch: TaskBatch,
    *,
    outcomes: list[str],
    weights: Weights,
    training: Training,
    most: int,
) -> dict[str, Tensor]:
    """Take one step, and return each task's mean loss in the batch; where memory does not suffice, part by part.

    A task without a label in the batch moves nothing: not the network, not another task's loss, not its own weight.
    """
    whole = masses(batch, outcomes, weights)
    optimizer.zero_grad()
    told: dict[str, Tensor] = {}
    for part in batch.parts(most):
        with precision(training, part.pictures.device):
            said = learned.net.answers(part.pictures, part.present)
        losses = losses_of(said, part, whole, outcomes, weights)
        if not losses.of:
            continue
        learned.weighting(losses.of, losses.shares).backward()
        for task, loss in losses.of.items():
            told[task] = told.get(task, torch.zeros((), device=loss.device)) + loss.detach()
    if training.gradient_clip:
        torch.nn.utils.clip_grad_norm_(learned.parameters(), training.gradient_clip)
    optimizer.step()
    return told
