"""The training of an encoder: one loop in plain sight that gives the same bits for the same seed.

A training that is killed continues from its checkpoint and ends with the bits of one that was not.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import batchnorm, dropout

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.encoders.embedding import check_crops, real_slices
from radiofuse.deep.training import augment
from radiofuse.deep.training.checkpoint import Checkpoint
from radiofuse.errors import CohortError, RequestError
from radiofuse.progress import Progress

# Raised by hand whenever training, augmentation, scaling or embedding give other numbers: the key of a trained encoder
# holds it, so that encoders of other numbers are not found.
TRAINING_VERSION = 1
SCHEDULES = ("none", "cosine")
BALANCES = ("none", "weights", "sampler")


@dataclass(frozen=True)
class Training:
    """How an encoder is trained; the defaults are the published ones where the paper names them.

    Parameters
    ----------
    epochs : int, default=100
        The paper names no number.
    batch_size : int, default=16
        Crops in one step; an epoch's steps are of equal size, to one crop.
    learning_rate : float, default=1e-4
        Of Adam.
    weight_decay : float, default=0.0
        Of Adam: an L2 penalty.
    schedule : {"none", "cosine"}, default="none"
        "cosine" lets the learning rate fall to 0 over the epochs.
    balance : {"none", "weights", "sampler"}, default="none"
        "weights": both classes weigh the same in the loss. "sampler": crops are drawn with replacement,
        each class as often as the other.
    flips : bool, default=True
        Flip each axis of a crop with probability 1/2.
    rotation_deg : float, default=10.0
        Rotate each crop by an angle between minus and plus this.
    validation : float, default=0.0
        Share of the patients of each class that is not trained on; the epoch with the lowest loss on
        them is kept. 0: the last epoch is kept.
    patience : int, default=10
        Epochs without a lower validation loss after which training stops.
    mixed_precision : bool, default=True
        Compute in bfloat16 where a CUDA device does. The attention of an SA-Net stays in float32, so that of
        it this reaches the two last layers, embedding and classifier.

    Raises
    ------
    RequestError
        If a value is none of its kind.

    References
    ----------
    Adam with learning rate 1e-4 and batches of 16: Shi et al. (2023), section III.B.

    Examples
    --------
    >>> Training(epochs=15, learning_rate=1e-3).batch_size
    16
    """

    epochs: int = 100
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: Literal["none", "cosine"] = "none"
    balance: Literal["none", "weights", "sampler"] = "none"
    flips: bool = True
    rotation_deg: float = 10.0
    validation: float = 0.0
    patience: int = 10
    mixed_precision: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            self._check(name, _is_count(getattr(self, name)), "a whole number of 1 or more")
        for name in ("flips", "mixed_precision"):
            self._check(name, isinstance(getattr(self, name), bool), "true or false")
        for name, choices in (("schedule", SCHEDULES), ("balance", BALANCES)):
            self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        self._check("learning_rate", _is_number(self.learning_rate) and self.learning_rate > 0, "a number above 0")
        self._check("weight_decay", _is_number(self.weight_decay) and self.weight_decay >= 0, "0 or more")
        self._check("rotation_deg", _is_number(self.rotation_deg) and 0 <= self.rotation_deg <= 180, "0 to 180 degrees")
        self._check("validation", _is_number(self.validation) and 0 <= self.validation < 1, "a share of 0 to below 1")

    def _check(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise RequestError(f"The training option {name} is {getattr(self, name)!r}; expected {expected}.")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Training:
        """Return the training of named options; those left out keep their defaults.

        Raises
        ------
        RequestError
            If a name is unknown; the message lists the known ones.

        Examples
        --------
        >>> Training.from_options({"epochs": 15}).epochs
        15
        """
        known = [option.name for option in fields(cls)]
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise RequestError(f"No training option is called {unknown[0]!r}. Choose from {', '.join(known)}.")
        return cls(**options)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return asdict(self)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class History:
    """What happened in a training.

    Attributes
    ----------
    losses : list of float
        Mean training loss per epoch.
    validation_losses : list of float
        Per epoch; empty without validation.
    best_epoch : int
        The epoch whose weights were kept, counted from 1.
    batch_size : int
        Less than asked for if the memory did not suffice.
    device : str
    """

    losses: list[float]
    validation_losses: list[float]
    best_epoch: int
    batch_size: int
    device: str


@dataclass(frozen=True, eq=False)
class _Examples:
    """The real slices of some rows, each with its row's label."""

    images: Tensor  # (n, 1, h, w)
    labels: Tensor  # (n,) of int64

    @classmethod
    def of(cls, images: np.ndarray, counts: np.ndarray, labels: np.ndarray, device: torch.device) -> _Examples:
        real = real_slices(counts, images.shape[1])
        slices = torch.from_numpy(images[real].astype(np.float32, copy=False))[:, None]
        return cls(slices.to(device), torch.from_numpy(np.repeat(labels, counts).astype(np.int64)).to(device))

    def class_weights(self) -> Tensor:
        """Return what an example of each class weighs so that both classes weigh the same, shape (2,)."""
        return len(self.labels) / (2 * torch.bincount(self.labels, minlength=2))


@dataclass(eq=False)
class _Progress:
    """All that changes from epoch to epoch, as a checkpoint keeps it."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @classmethod
    def begin(cls, module: nn.Module, start: dict[str, Tensor], training: Training, seed: int) -> _Progress:
        module.load_state_dict(start)
        optimizer = torch.optim.Adam(module.parameters(), weight_decay=training.weight_decay, fused=True)
        return cls(module, optimizer, torch.Generator().manual_seed(seed))

    @property
    def best_epoch(self) -> int:
        """The first epoch with the lowest validation loss, or without validation the last; from 1."""
        return int(np.argmin(self.validation_losses)) + 1 if self.validation_losses else len(self.losses)

    def is_over(self, training: Training) -> bool:
        waited = len(self.losses) - self.best_epoch
        return len(self.losses) >= training.epochs or waited >= training.patience

    def add(self, loss: float, validation_loss: float | None) -> None:
        """Note an epoch, and its weights if they are the best so far."""
        self.losses.append(loss)
        if not math.isfinite(loss + (validation_loss or 0.0)):
            raise RequestError(
                f"The loss of epoch {len(self.losses)} is not a finite number. Lower learning_rate, or look at the "
                "intensities of the crops."
            )
        if validation_loss is not None:
            self.validation_losses.append(validation_loss)
            if self.best_epoch == len(self.losses):
                self.best = copy.deepcopy(self.module.state_dict())

    def state(self) -> dict[str, Any]:
        chance = {"generator": self.generator.get_state(), "layers": torch.get_rng_state()}
        if next(self.module.parameters()).is_cuda:
            chance["layers_cuda"] = torch.cuda.get_rng_state()
        parts = {"module": self.module.state_dict(), "optimizer": self.optimizer.state_dict()}
        return {**parts, **chance, "epochs": (self.losses, self.validation_losses, self.best)}

    def restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["layers"])
        if "layers_cuda" in state:
            torch.cuda.set_rng_state(state["layers_cuda"])
        self.losses, self.validation_losses, self.best = state["epochs"]


def train_encoder(
    module: nn.Module,
    images: np.ndarray,
    counts: np.ndarray,
    labels: np.ndarray,
    *,
    groups: np.ndarray,
    training: Training,
    seed: int,
    device: str = "auto",
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 20.0,
    on_epoch: Progress | None = None,
) -> History:
    """Train an encoder in place; it is left in eval mode on the CPU.

    Each real slice is an example with its row's label. On the CPU the same arguments give the same bits,
    on one thread in whatever process; no global generator is touched. Where the memory of a GPU does not
    suffice, training starts again with batches of half the size. What batch normalization knows of its inputs
    is measured with the weights that are kept, on crops as they are, in place of averages over the training.

    Parameters
    ----------
    module : nn.Module
        As ``make_encoder`` returns it; ``forward`` gives logits of shape (n, 2).
    images : ndarray of float32, shape (n, s, h, w)
        Scaled.
    counts : ndarray of int, shape (n,)
        How many of the s slices of each row are real; the rest is not looked at.
    labels : ndarray of int, shape (n,)
        0 or 1.
    groups : ndarray of shape (n,)
        The patient of each row; validation takes whole patients.
    training : Training
    seed : int
        Of order, augmentation, validation patients and of layers that draw.
    device : str, default="auto"
        See ``choose_device``.
    checkpoint : Path, optional
        Where the state is kept so that the same call, made again, continues; removed at the end.
    checkpoint_every_s : float, default=20.0
        Seconds between two checkpoints, at least; 0 keeps every epoch.
    on_epoch : callable, optional
        Called with the number of epochs done and ``training.epochs``.

    Returns
    -------
    History

    Raises
    ------
    CohortError
        If the rows, or those left by validation, hold one class only.
    ImageError
        ``not_finite`` if a real slice holds NaN or infinity.
    RequestError
        If shapes do not fit, the loss is no longer finite, or a batch of one crop does not fit the memory.

    References
    ----------
    Kingma, Ba (2015). Adam: a method for stochastic optimization. ICLR.
    Wu, Johnson (2021). Rethinking "batch" in BatchNorm. arXiv 2105.07576, section 3 (moments measured anew).

    Examples
    --------
    >>> from radiofuse.deep.encoders.by_name import make_encoder
    >>> rng = np.random.default_rng(0)
    >>> images, labels = rng.normal(size=(4, 1, 72, 72)).astype(np.float32), np.array([0, 1, 0, 1])
    >>> history = train_encoder(
    ...     make_encoder("san10_small", 0), images, np.ones(4, int), labels, groups=np.arange(4),
    ...     training=Training(epochs=1), seed=0, device="cpu",
    ... )
    >>> history.best_epoch, history.batch_size
    (1, 16)
    """
    labels, patients = np.asarray(labels), np.asarray(groups, dtype=object).astype(str)
    _check_rows(images, counts, labels, patients)
    chosen = choose_device(device)
    split_seed, order_seed, layer_seed = np.random.SeedSequence(seed).generate_state(3).tolist()
    held_out = _held_out_rows(labels, patients, training.validation, split_seed)
    train, held = (_Examples.of(images[n], counts[n], labels[n], chosen) for n in (~held_out, held_out))
    start = copy.deepcopy(module.to(chosen).state_dict())

    settings = {"training": training.as_dict(), "seed": seed, "device": str(chosen)}
    identity = _digest(settings, [images, counts, labels, patients], start) if checkpoint else b""

    def run(batch_size: int) -> History:
        saved = checkpoint and Checkpoint(checkpoint, identity + b"%d" % batch_size, checkpoint_every_s)
        with own_chance(layer_seed, chosen):
            progress = _Progress.begin(module, start, training, order_seed)
            _run(progress, train, held, training, batch_size, saved, on_epoch)
        return History(progress.losses, progress.validation_losses, progress.best_epoch, batch_size, str(chosen))

    with one_thread():
        history = in_batches_that_fit(run, training.batch_size)
    module.cpu().eval()
    return history


def _run(
    progress: _Progress,
    train: _Examples,
    held: _Examples,
    training: Training,
    batch_size: int,
    saved: Checkpoint | None,
    on_epoch: Progress | None,
) -> None:
    """Train epoch by epoch, from the checkpoint on if there is one, and leave the module with the weights to keep."""
    state = saved and saved.read()
    if state:
        progress.restore(state)
    weights = train.class_weights() if training.balance != "none" else None  # (2,)
    while not progress.is_over(training):
        loss = _epoch(progress, train, training, batch_size)
        progress.add(loss, _validation_loss(progress.module, train, held, weights, batch_size))
        if saved:
            saved.keep(progress.state)
        if on_epoch:
            on_epoch(len(progress.losses), training.epochs)
    if progress.best:
        progress.module.load_state_dict(progress.best)
    else:
        _measure_moments(progress.module, train, batch_size)
    if saved:
        saved.remove()


def _epoch(progress: _Progress, train: _Examples, training: Training, batch_size: int) -> float:
    """Pass over all examples once, in steps of nearly equal size, and return the mean loss."""
    module, optimizer, generator = progress.module.train(), progress.optimizer, progress.generator
    weights = train.class_weights() if training.balance == "weights" else None  # (2,)
    for parameters in optimizer.param_groups:
        parameters["lr"] = _learning_rate(training, len(progress.losses))
    n, total = len(train.labels), 0.0
    for rows in _order(train.labels, training.balance, generator).tensor_split(math.ceil(n / batch_size)):  # (b,)
        drawn = augment.draw_params(generator, len(rows), flips=training.flips, rotation_deg=training.rotation_deg)
        x = augment.apply(train.images[rows], drawn)  # (b, 1, h, w)
        with _precision(training, x.device):
            loss = functional.cross_entropy(_logits(module, x), train.labels[rows], weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(rows)  # a tensor, so that a GPU is waited for once per epoch
    return float(total) / n


def _learning_rate(training: Training, epoch: int) -> float:
    """Return the learning rate of an epoch, counted from 0; Loshchilov, Hutter (2017), equation 5, without restarts."""
    if training.schedule == "none":
        return training.learning_rate
    return training.learning_rate * (1 + math.cos(math.pi * epoch / training.epochs)) / 2


def _order(labels: Tensor, balance: str, generator: torch.Generator) -> Tensor:
    """Return an epoch's examples, shape (n,): each once, or drawn so that both classes come equally often."""
    if balance != "sampler":
        return torch.randperm(len(labels), generator=generator).to(labels.device)
    share = 1 / torch.bincount(labels, minlength=2)[labels].cpu()  # (n,)
    return torch.multinomial(share, len(labels), replacement=True, generator=generator).to(labels.device)


def _precision(training: Training, device: torch.device) -> torch.autocast:
    lower = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=training.mixed_precision and lower)


def _logits(module: nn.Module, x: Tensor) -> Tensor:
    logits = module(x)  # (b, 2)
    if logits.shape != (len(x), 2):
        raise RequestError(
            f"{type(module).__name__}.forward returned a tensor of shape {tuple(logits.shape)} for {len(x)} crops; "
            f"({len(x)}, 2) was expected, the logits of classes 0 and 1. Correct the encoder."
        )
    return logits


@torch.no_grad()  # not inference_mode: what a module keeps for later steps must stay usable there
def _validation_loss(
    module: nn.Module, train: _Examples, held: _Examples, weights: Tensor | None, batch_size: int
) -> float | None:
    if not len(held.labels):
        return None
    _measure_moments(module, train, batch_size)
    logits = torch.cat([module.eval()(x) for x in held.images.split(batch_size)])  # (n, 2)
    return functional.cross_entropy(logits, held.labels, weights).item()


@torch.no_grad()
def _measure_moments(module: nn.Module, train: _Examples, batch_size: int) -> None:
    """Give batch normalization the moments of the training crops under the present weights.

    Its running averages are those of weights that have moved on, and a small cohort's training has few steps.
    """
    layers = list(module.train().modules())
    norms = {layer: layer.momentum for layer in layers if isinstance(layer, batchnorm._BatchNorm)}
    for layer in layers:
        if isinstance(layer, dropout._DropoutNd):
            layer.eval()
    batches = train.images.tensor_split(math.ceil(len(train.images) / batch_size)) if norms else ()
    for number, x in enumerate(batches, start=1):  # (b, 1, h, w)
        for norm in norms:
            norm.momentum = 1 / number  # the mean over the batches so far
        module(x)
    for norm, momentum in norms.items():
        norm.momentum = momentum


def _check_rows(images: np.ndarray, counts: np.ndarray, labels: np.ndarray, patients: np.ndarray) -> None:
    check_crops(images, counts)
    n = len(images)
    if labels.shape != (n,) or patients.shape != (n,):
        raise RequestError(
            f"One label and one group per row were expected; for {n} rows the shapes are {labels.shape} and "
            f"{patients.shape}. Pass arrays of the same rows."
        )
    found = set(np.unique(labels).tolist())
    if not found <= {0, 1}:
        raise RequestError(f"Labels 0 and 1 were expected, and the labels are {sorted(found)}.")
    if found != {0, 1}:
        only = f"all have label {found.pop()}" if found else "there are none"
        raise CohortError(
            "The table of crops to train on",
            [f"Rows of both classes were expected, and of {n} rows {only}. Add patients of the other class."],
        )


def _held_out_rows(labels: np.ndarray, patients: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return which rows are kept for validation, bool (n,): that share of the patients of each class, one at least."""
    names, of_row = np.unique(patients, return_inverse=True)
    positive = np.bincount(of_row, labels) > 0  # (n_patients,)
    held_out, rng = np.zeros(len(names), dtype=bool), np.random.default_rng(seed)
    for members in (np.flatnonzero(~positive), np.flatnonzero(positive)) if share else ():
        if len(members) < 2:
            raise CohortError(
                "The table of crops to train on",
                [
                    "Validation holds out patients of both classes and leaves others of both to train on, and one "
                    f"class has {len(members)}. Add patients, or pass validation=0."
                ],
            )
        n_held = min(max(1, round(share * len(members))), len(members) - 1)
        held_out[rng.permutation(members)[:n_held]] = True
    return held_out[of_row]


def _digest(settings: dict[str, Any], arrays: list[np.ndarray], start: dict[str, Tensor]) -> bytes:
    """Return a SHA-256 of all that a training depends on."""
    digest = hashlib.sha256(json.dumps([torch.__version__, settings], sort_keys=True).encode())
    for array in map(np.asarray, arrays):
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    for name, tensor in start.items():
        digest.update(
            f"{name} {tuple(tensor.shape)}".encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.digest()
