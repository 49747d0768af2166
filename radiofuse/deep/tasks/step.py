"""One step of a multi-task training: a pass, the losses of the tasks that have labels, and a change of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radiofuse.deep.segmentation.losses import segmentation_loss
from radiofuse.deep.tasks.batches import REGIONS, TaskBatch
from radiofuse.deep.tasks.distillation import SelfDistillation, map_distance, pass_twice
from radiofuse.deep.tasks.losses import UncertaintyWeights, outcome_loss
from radiofuse.deep.tasks.network import MultiTaskNet, TaskAnswers
from radiofuse.deep.training import augment
from radiofuse.deep.training.option_rules import AUGMENTATIONS
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.step import precision

BETWEEN_PASSES = "between_passes"  # what the distance of self-distillation is called among the losses

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
            total, mass = outcome_loss(logits.float(), target, weights.get(name))
            found[name], shares[name] = total / whole[name], float(mass.detach()) / whole[name]
    if part.regions is not None and said.regions is not None and whole[REGIONS]:
        shares[REGIONS] = part.with_mask / whole[REGIONS]
        found[REGIONS] = segmentation_loss(said.regions.float(), part.regions) * shares[REGIONS]
    return Losses(found, shares)


def mean_of(passes: Sequence[Losses]) -> Losses:
    """Return the mean of what several passes on the same rows add to each task's loss."""
    return Losses(
        {task: torch.stack([one.of[task] for one in passes]).mean() for task in passes[0].of}, passes[0].shares
    )


def _passes(
    net: MultiTaskNet, part: TaskBatch, distillation: SelfDistillation | None, generator: torch.Generator | None
) -> list[TaskAnswers]:
    """Return what a network says of all sequences, and in self-distillation of those not hidden."""
    if distillation is None or generator is None:
        return [net.answers(part.pictures, part.present)]
    return list(pass_twice(net.answers, part.pictures, part.present > 0.5, generator))


def _backward(
    learned: Learned,
    losses: Losses,
    said: Sequence[TaskAnswers],
    share: float,
    distillation: SelfDistillation | None,
) -> dict[str, Tensor]:
    """Add the gradients of a part, which is a share of its batch, and return the terms of its loss."""
    total, terms = [], dict(losses.of)
    if losses.of:
        total.append(learned.weighting(losses.of, losses.shares))
    if distillation is not None:
        distance = share * map_distance(*(one.maps for one in said), stop_gradient=distillation.stop_gradient)
        total.append(distillation.weight * distance)
        terms[BETWEEN_PASSES] = distance
    if total:
        torch.stack(total).sum().backward()
    return terms


def take_step(
    learned: Learned,
    optimizer: torch.optim.Optimizer,
    batch: TaskBatch,
    *,
    outcomes: list[str],
    weights: Weights,
    training: Training,
    most: int,
    distillation: SelfDistillation | None = None,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Take one step, and return each task's mean loss in the batch; where memory does not suffice, part by part.

    A task without a label in the batch moves nothing: not the network, not another task's loss, not its own weight.
    With self-distillation a task's loss is the mean of those of both passes, and the distance between their features
    is returned too; the generator says what is hidden.
    """
    whole = masses(batch, outcomes, weights)
    optimizer.zero_grad()
    told: dict[str, Tensor] = {}
    for part in batch.parts(most):
        with precision(training, part.pictures.device):
            said = _passes(learned.net, part, distillation, generator)
        losses = mean_of([losses_of(one, part, whole, outcomes, weights) for one in said])
        terms = _backward(learned, losses, said, len(part.pictures) / len(batch.pictures), distillation)
        for task, loss in terms.items():
            told[task] = told.get(task, torch.zeros((), device=loss.device)) + loss.detach()
    if training.gradient_clip:
        torch.nn.utils.clip_grad_norm_(learned.parameters(), training.gradient_clip)
    optimizer.step()
    return told
