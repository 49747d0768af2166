"""The training of a multi-task network: one loop in plain sight that gives the same bits for the same seed."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from radiofuse.deep.device import choose_device, deterministic_algorithms, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.tasks.batches import Arrays, TaskRows
from radiofuse.deep.tasks.cutting import with_cut_tumors
from radiofuse.deep.tasks.distillation import SelfDistillation
from radiofuse.deep.tasks.losses import UncertaintyWeights, Weighting, class_weights
from radiofuse.deep.tasks.network import MultiTaskNet
from radiofuse.deep.tasks.siamese import SequencePretraining, pretrain
from radiofuse.deep.tasks.step import BETWEEN_PASSES, Learned, Weights, losses_of, moved, take_step
from radiofuse.deep.training.checkpoint import Checkpoint, identity_of
from radiofuse.deep.training.narration import Narration
from radiofuse.deep.training.optimizers import TIMES, learning_rate, make_optimizer, set_learning_rate
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.state import State
from radiofuse.errors import RequestError

CHECKPOINT_EVERY_S = 20.0


@dataclass(frozen=True)
class TaskHistory:
    """What happened in a training.

    Attributes
    ----------
    losses : list of float
        Sum of the tasks' mean losses per epoch, as they are before they are weighed.
    task_losses : dict of str to list of float
        Of each task.
    log_variances : dict of str to float
        By which each task's loss was weighed in the end.
    validation_losses : list of float
        Per epoch, the sum of the tasks' losses in the patients held out; empty without validation.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    batch_size : int
    device : str
    pretraining_losses, pretraining_spreads : list of float
        Of the epochs of the pre-training, as ``SiameseCurves`` has them; empty without.
    """

    losses: list[float]
    task_losses: dict[str, list[float]]
    log_variances: dict[str, float]
    validation_losses: list[float]
    best_epoch: int
    batch_size: int
    device: str
    pretraining_losses: list[float] = field(default_factory=list)
    pretraining_spreads: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class TaskPlan:
    """What is asked of a multi-task training beside ``Training``.

    Attributes
    ----------
    uncertainty_weighted : {"off", "kendall", "parent"}
    tumor_cutmix : float
        Probability that a row of a step has a part of another patient's tumor.
    self_distillation : SelfDistillation, optional
    pretraining : SequencePretraining, optional
        Without labels, on the rows to learn from, before the training.
    """

    uncertainty_weighted: Weighting = "kendall"
    tumor_cutmix: float = 0.0
    self_distillation: SelfDistillation | None = None
    pretraining: SequencePretraining | None = None


def train_tasks(
    net: MultiTaskNet,
    train: TaskRows,
    held: TaskRows | None,
    *,
    plan: TaskPlan,
    training: Training,
    seed: int,
    device: str = "auto",
    checkpoint: Path | None = None,
) -> TaskHistory:
    """Train a network in place; it is left in eval mode on the CPU.

    On the CPU the same arguments give the same bits, on one thread in whatever process; no global generator is touched.
    Where the memory of a GPU does not suffice, training starts again and computes each step in parts of half the size,
    which gives the same numbers but for rounding and what dropout draws: no layer looks at several rows.

    Parameters
    ----------
    net : MultiTaskNet
    train, held : TaskRows
        To learn from, and those held out, whose loss tells the epoch that is kept; None keeps the last one.
    plan : TaskPlan
    training : Training
    seed : int
    device : str
    checkpoint : Path, optional
        Where the state is kept so that the same call, made again, continues; removed at the end.

    Raises
    ------
    RequestError
        If an option is of networks of one outcome, the loss is no longer finite, or a batch of one patch does not fit
        the memory.
    """
    refuse_options(training)
    chosen = choose_device(device)
    order_seed, layer_seed = np.random.SeedSequence(seed).generate_state(2).tolist()
    learned = Learned(net, UncertaintyWeights(train.tasks, plan.uncertainty_weighted)).to(chosen)
    start = copy.deepcopy(learned.state_dict())
    weights = _weights(train, training, chosen)
    job = _Job(train, held and held.at_hand(), plan, training, weights, chosen)
    identity = _identity(job, start, seed) if checkpoint else b""

    def run(most: int) -> TaskHistory:
        saved = checkpoint and Checkpoint(checkpoint, identity + b"%d" % most, CHECKPOINT_EVERY_S)
        with own_chance(layer_seed, chosen):
            learned.load_state_dict(start)
            state = State(learned, training, _optimizer(learned, training), torch.Generator().manual_seed(order_seed))
            terms = [*train.tasks, *([BETWEEN_PASSES] if plan.self_distillation else [])]
            return _run(state, job, most, saved, {term: [] for term in terms})

    with one_thread(), deterministic_algorithms(training.deterministic):
        history = in_batches_that_fit(run, training.batch_size)
    net.cpu().eval()
    return history


OF_ONE_OUTCOME = {  # options of Training that know one outcome, and what they are where they are left out
    "mixup": 0.0,
    "warm_up": None,
    "search": None,
    "focal_gamma": 0.0,
    "label_smoothing": 0.0,
    "encoder_learning_rate": None,
    "watch": "loss",
}


def refuse_options(training: Training) -> None:
    """Raise where an option knows networks of one outcome alone."""
    asked = [name for name, usual in OF_ONE_OUTCOME.items() if getattr(training, name) != usual]
    asked += ["balance"] if training.balance not in ("none", "weights") else []
    if asked:
        raise RequestError(
            f"The training option {asked[0]} = {getattr(training, asked[0])!r} is of networks of one outcome, and this "
            'one has several tasks. Leave it out; classes are balanced by balance = "weights".'
        )


@dataclass(frozen=True, eq=False)
class _Job:
    train: TaskRows
    held: TaskRows | None
    plan: TaskPlan
    training: Training
    weights: Weights
    device: torch.device

    @property
    def outcomes(self) -> list[str]:
        return list(self.train.targets)


def _identity(job: _Job, start: dict[str, Tensor], seed: int) -> bytes:
    """Return a digest of what the training depends on; pixels are in the key that names the checkpoint."""
    settings = {"training": job.training.for_key(), "seed": seed, "device": str(job.device)}
    settings |= {"plan": asdict(job.plan)}
    return identity_of(settings, [job.train.present, *job.train.targets.values()], start, b"")


def _weights(train: TaskRows, training: Training, device: torch.device) -> Weights:
    if training.balance != "weights":
        return {}
    return {name: class_weights(torch.from_numpy(one).float()).to(device) for name, one in train.targets.items()}


def _optimizer(learned: Learned, training: Training) -> torch.optim.Optimizer:
    """Return the optimizer of the network and, without weight decay, of the tasks' log-variances."""
    optimizer = make_optimizer(learned.net, training)
    own = list(learned.weighting.parameters())
    if own:
        optimizer.add_param_group({"params": own, TIMES: 1.0, "weight_decay": 0.0})
    return optimizer


def _run(
    state: State, job: _Job, most: int, saved: Checkpoint | None, task_losses: dict[str, list[float]]
) -> TaskHistory:
    content = saved and saved.read()
    if content:
        task_losses |= content.pop("task_losses")
        state.restore(content)
    elif job.plan.pretraining:
        _pretrain(state, job, most)
    narration = Narration(state.epoch)
    while not state.is_over:
        loss = _epoch(state, job, most, task_losses)
        state.add(loss, None if job.held is None else (_held_out(state, job, job.held, most), math.nan))
        if saved:
            saved.keep(lambda: {**state.content(), "task_losses": task_losses})
        narration.tell(state)
    if state.best:
        state.module.load_state_dict(state.best)
    if saved:
        saved.remove()
    s = state.module.weighting.log_variances()
    told = state.curves.losses, task_losses, s, state.curves.validation_losses
    siamese = state.curves.warm_up_losses, state.curves.warm_up_spreads
    return TaskHistory(*told, state.best_epoch, most, str(job.device), *siamese)


def _pretrain(state: State, job: _Job, most: int) -> None:
    options = {"training": job.training, "generator": state.generator, "device": job.device, "most": most}
    curves = pretrain(state.module.net, job.train, job.plan.pretraining, **options)
    state.curves.warm_up_losses, state.curves.warm_up_spreads = curves.losses, curves.spreads


def _epoch(state: State, job: _Job, most: int, task_losses: dict[str, list[float]]) -> float:
    """Pass over all rows once, in steps of nearly equal size, and return the mean of the tasks' losses together."""
    training, n = job.training, len(job.train)
    set_learning_rate(state.optimizer, learning_rate(training, state.epoch, state.plateau_numbers))
    order = torch.randperm(n, generator=state.generator) if training.shuffle else torch.arange(n)
    steps = order.tensor_split(math.ceil(n / training.batch_size))
    state.module.train()
    seeds = torch.randint(1 << 62, (len(steps),), generator=state.generator).tolist()
    options = {"outcomes": job.outcomes, "weights": job.weights, "training": training, "most": most}
    options |= {"distillation": job.plan.self_distillation, "generator": state.generator}
    told: list[dict[str, Tensor]] = []
    for rows in _read(job, steps, seeds):
        batch = moved(rows.to(job.device), training, state.generator)
        told.append(take_step(state.module, state.optimizer, batch, **options))
    means = {task: float(torch.stack([one[task] for one in told if task in one]).mean()) for task in _tasks(told)}
    for task, losses in task_losses.items():
        losses.append(means.get(task, 0.0))
    return sum(means.values())


def _tasks(told: Sequence[dict[str, Tensor]]) -> list[str]:
    return list(dict.fromkeys(task for one in told for task in one))


def _read(job: _Job, steps: Sequence[Tensor], seeds: Sequence[int]) -> Iterator[Arrays]:
    """Yield the rows of one step after the other; the next are read while the ones before are computed."""

    def read(rows: Tensor, seed: int) -> Arrays:
        arrays = job.train.read(rows.tolist())
        if not job.plan.tumor_cutmix:
            return arrays
        patients = None if job.train.patients is None else job.train.patients[rows.numpy()]
        return with_cut_tumors(arrays, job.plan.tumor_cutmix, np.random.default_rng(seed), patients)

    with ThreadPoolExecutor(1) as reader:
        coming = None
        for rows, seed in zip(steps, seeds, strict=True):
            ready, coming = coming, reader.submit(read, rows, seed)
            if ready:
                yield ready.result()
        if coming:
            yield coming.result()


@torch.no_grad()
def _held_out(state: State, job: _Job, held: TaskRows, most: int) -> float:
    """Return the sum of the tasks' mean losses in the rows held out, none of them weighed."""
    state.module.eval()
    whole, total = held.masses(_on_cpu(job.weights)), 0.0
    for chosen in torch.arange(len(held)).split(most):
        part = held.read(chosen.tolist()).to(job.device)
        said = state.module.net.answers(part.pictures, part.present)
        total += sum(float(loss) for loss in losses_of(said, part, whole, job.outcomes, job.weights).of.values())
    return total


def _on_cpu(weights: Weights) -> Weights:
    return {name: one.cpu() for name, one in weights.items()}
