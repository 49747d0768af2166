"""The training of an encoder: one loop in plain sight that gives the same bits for the same seed.

A training that is killed continues from its checkpoint and ends with the bits of one that was not.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from radiofuse.deep.device import choose_device, deterministic_algorithms, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.training import ranks
from radiofuse.deep.training.checkpoint import Checkpoint, identity_of
from radiofuse.deep.training.examples import Examples, check_rows, held_out_rows
from radiofuse.deep.training.losses import Batch, mixed
from radiofuse.deep.training.narration import Narration
from radiofuse.deep.training.optimizers import learning_rate, set_learning_rate
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.order import epoch_order
from radiofuse.deep.training.pictures import digest_of_finite
from radiofuse.deep.training.state import State
from radiofuse.deep.training.step import augmented, take_step
from radiofuse.deep.training.validation import loss_and_auc, measure_moments
from radiofuse.deep.training.warm_up import warm_up
from radiofuse.errors import RequestError
from radiofuse.progress import Progress
from radiofuse.store.picture_rows import PictureSource

# Raised by hand whenever training, augmentation, scaling or embedding give other numbers: the key of a trained encoder
# holds it, so that encoders of other numbers are not found.
TRAINING_VERSION = 1


@dataclass(frozen=True)
class History:
    """What happened in a training.

    Attributes
    ----------
    losses : list of float
        Mean training loss per epoch.
    validation_losses : list of float
        Per epoch, of the patients held out; empty without validation.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    batch_size : int
        Pictures computed at once: less than asked for if the memory did not suffice.
    device : str
    validation_aucs : list of float
        Per epoch, of the rows of the patients held out.
    warm_up_losses, warm_up_spreads : list of float
        Per epoch of the warm-up: how little two views of a picture agree, from 1 to -1, and how far embeddings point
        apart, about 1 if everywhere and 0 if all are alike.
    """

    losses: list[float]
    validation_losses: list[float]
    best_epoch: int
    batch_size: int
    device: str
    validation_aucs: list[float] = field(default_factory=list)
    warm_up_losses: list[float] = field(default_factory=list)
    warm_up_spreads: list[float] = field(default_factory=list)


def train_encoder(
    module: nn.Module,
    pictures: PictureSource,
    counts: np.ndarray,
    labels: np.ndarray,
    *,
    groups: np.ndarray,
    training: Training,
    seed: int,
    device: str = "auto",
    n_classes: int = 2,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 20.0,
    on_epoch: Progress | None = None,
    beside: np.ndarray | None = None,
) -> History:
    """Train an encoder in place; it is left in eval mode on the CPU.

    Each picture is an example with its row's label. On the CPU the same arguments give the same bits,
    on one thread in whatever process; no global generator is touched. Where the memory of a GPU does not
    suffice, training starts again and computes each step in parts of half the size, which batch normalization
    sees apart. Where a process group of ``torch.distributed`` is there, as under torchrun, its processes train
    one encoder together, each a part of every step. What batch normalization knows of its inputs is measured
    with the weights that are kept, on pictures as they are, in place of averages over the training.

    Parameters
    ----------
    module : nn.Module
        As ``make_encoder`` returns it; ``forward`` gives logits of shape (n, n_classes).
    pictures : ndarray of float32, shape (n_pictures, channels, h, w) or (n_pictures, channels, d, h, w)
        Scaled, row after row. Also a memory-mapped array, or an object with ``shape`` that returns such an array
        for ``pictures[numbers]``: then one batch at a time is read from disk. ``crops_as_pictures`` makes them of
        the slices of crops.
    counts : ndarray of int, shape (n,)
        How many pictures each row has, 1 or more.
    labels : ndarray of int, shape (n,)
        0 or 1, of more classes 0 to ``n_classes - 1``.
    groups : ndarray of shape (n,)
        The patient of each row; validation takes whole patients.
    training : Training
    seed : int
        Of order, augmentation, validation patients and of layers that draw.
    device : str, default="auto"
        See ``choose_device``.
    n_classes : int, default=2
    checkpoint : Path, optional
        Where the state is kept so that the same call, made again, continues; removed at the end.
    checkpoint_every_s : float, default=20.0
        Seconds between two checkpoints, at least; 0 keeps every epoch.
    on_epoch : callable, optional
        Called with the number of epochs done and ``training.epochs``.
    beside : ndarray of shape (n, n_numbers), optional
        What the module reads of each row beside its pictures; it is then called as ``module(pictures, beside)``.

    Returns
    -------
    History

    Raises
    ------
    CohortError
        If the rows, or those left by validation, lack a class.
    ImageError
        ``not_finite`` if a picture holds NaN or infinity.
    RequestError
        If shapes do not fit, the loss is no longer finite, or a batch of one picture does not fit the memory.

    References
    ----------
    Wu, Johnson (2021). Rethinking "batch" in BatchNorm. arXiv 2105.07576, section 3 (moments measured anew).

    Examples
    --------
    >>> from radiofuse.deep.encoders.by_name import make_encoder
    >>> rng = np.random.default_rng(0)
    >>> pictures, labels = rng.normal(size=(4, 1, 72, 72)).astype(np.float32), np.array([0, 1, 0, 1])
    >>> history = train_encoder(
    ...     make_encoder("san10_small", 0), pictures, np.ones(4, int), labels, groups=np.arange(4),
    ...     training=Training(epochs=1), seed=0, device="cpu",
    ... )
    >>> history.best_epoch, history.batch_size
    (1, 16)
    """
    counts, labels = np.asarray(counts), np.asarray(labels)
    patients = np.asarray(groups, dtype=object).astype(str)
    check_rows(pictures, counts, labels, patients, n_classes)
    _refuse_pictures_alone(training, beside)
    pixels = digest_of_finite(pictures, counts)
    chosen = choose_device(device)
    split_seed, order_seed, layer_seed = np.random.SeedSequence(seed).generate_state(3).tolist()
    held_out = held_out_rows(labels, patients, training.validation, split_seed)
    train, held = (Examples.of(pictures, counts, labels, chosen, rows, beside) for rows in (~held_out, held_out))
    start = copy.deepcopy(module.to(chosen).state_dict())

    settings = {"training": training.for_key(), "seed": seed, "device": str(chosen), "ranks": ranks.n_ranks()}
    told = [counts, labels, patients, *([] if beside is None else [beside])]
    identity = identity_of(settings, told, start, pixels) if checkpoint else b""

    def run(most: int) -> History:
        saved = checkpoint and Checkpoint(checkpoint, identity + b"%d" % most, checkpoint_every_s)
        with own_chance(layer_seed, chosen):
            state = State.begin(module, start, training, order_seed)
            _run(state, _Data(train, held, n_classes, training.balance), most, saved, on_epoch)
        return History(**asdict(state.curves), best_epoch=state.best_epoch, batch_size=most, device=str(chosen))

    with one_thread(), deterministic_algorithms(training.deterministic):
        # of several processes one cannot begin again alone
        history = in_batches_that_fit(run, training.batch_size) if ranks.n_ranks() == 1 else run(training.batch_size)
    module.cpu().eval()
    return history


def _refuse_pictures_alone(training: Training, beside: np.ndarray | None) -> None:
    """Raise where an option of the training knows pictures alone and the module reads numbers beside them."""
    asked = [name for name in ("mixup", "warm_up") if getattr(training, name)]
    if beside is not None and asked:
        raise RequestError(
            f"The training option {asked[0]} knows pictures alone, and this network reads which modalities are there "
            "and numbers beside them. Leave it out."
        )


@dataclass(frozen=True, eq=False)
class _Data:
    """What is trained on, what is held out for validation, and how their classes are balanced."""

    train: Examples
    held: Examples
    n_classes: int
    balance: str

    def weights(self, *balances: str) -> Tensor | None:
        """Return what weighs the classes alike, shape (n_classes,), if the balance is one of these."""
        return self.train.class_weights(self.n_classes) if self.balance in balances else None


def _run(state: State, data: _Data, most: int, saved: Checkpoint | None, on_epoch: Progress | None) -> None:
    """Train epoch by epoch, from the checkpoint on if there is one, and leave the module with the weights to keep."""
    content = saved and saved.read()
    if content:
        state.restore(content)
    elif state.training.warm_up:
        warm_up(state, data.train, most)
    ranks.weights_as_first(state.module)
    leads, narration = ranks.rank() == 0, Narration(state.epoch)
    while not state.is_over:
        loss = _epoch(state, data, most)
        state.add(loss, _held_out(state, data, most) if len(data.held) else None)
        if saved and leads:
            saved.keep(state.content)
        if leads:
            narration.tell(state)
        if on_epoch:
            on_epoch(state.epoch, state.training.epochs)
    if state.best:
        state.module.load_state_dict(state.best)
    else:
        measure_moments(state.module, data.train, most)
    ranks.weights_as_first(state.module)
    if saved and leads:
        saved.remove()


def _held_out(state: State, data: _Data, most: int) -> tuple[float, float]:
    measure_moments(state.module, data.train, most)
    weights = data.weights("weights", "sampler", "oversampling")
    found = loss_and_auc(state.module, data.held, most, weights=weights, gamma=state.training.focal_gamma)
    return ranks.as_first(found, data.held.labels.device)


def _epoch(state: State, data: _Data, most: int) -> float:
    """Pass over all examples once, in steps of nearly equal size, and return the mean loss."""
    training, weights = state.training, data.weights("weights")  # (n_classes,)
    set_learning_rate(state.optimizer, learning_rate(training, state.epoch, state.plateau_numbers))
    order = epoch_order(data.train.labels, training, state.generator)
    steps = order.tensor_split(math.ceil(len(order) / training.batch_size))
    total = 0.0
    ranks.chance_of_rank(state.generator.initial_seed(), state.epoch)
    state.module.train()
    for chosen, x in zip(steps, data.train.batches(steps), strict=True):  # (b,), (b, channels, h, w)
        moved, labels = augmented(x, training, state.generator), data.train.labels[chosen.to(x.device)]
        batch = Batch(moved, labels, beside=data.train.beside_of(chosen))
        if training.mixup:
            batch = mixed(batch, training.mixup, state.generator)
        total += take_step(state, batch, weights, data.n_classes, most) * len(chosen)
    return float(total) / len(order)
