"""The training of an encoder: one loop in plain sight that gives the same bits for the same seed.

A training that is killed continues from its checkpoint and ends with the bits of one that was not.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import batchnorm, dropout

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.training import augment
from radiofuse.deep.training.checkpoint import Checkpoint
from radiofuse.deep.training.examples import Examples, check_rows, held_out_rows
from radiofuse.deep.training.options import Training
from radiofuse.deep.training.pictures import Pictures, digest_of_finite
from radiofuse.deep.training.progress import Progress
from radiofuse.errors import RequestError

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


def train_encoder(
    module: nn.Module,
    pictures: Pictures,
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
) -> History:
    """Train an encoder in place; it is left in eval mode on the CPU.

    Each picture is an example with its row's label. On the CPU the same arguments give the same bits,
    on one thread in whatever process; no global generator is touched. Where the memory of a GPU does not
    suffice, training starts again with batches of half the size. What batch normalization knows of its inputs
    is measured with the weights that are kept, on pictures as they are, in place of averages over the training.

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
    Kingma, Ba (2015). Adam: a method for stochastic optimization. ICLR.
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
    pixels = digest_of_finite(pictures, counts)
    chosen = choose_device(device)
    split_seed, order_seed, layer_seed = np.random.SeedSequence(seed).generate_state(3).tolist()
    held_out = held_out_rows(labels, patients, training.validation, split_seed)
    train, held = (Examples.of(pictures, counts, labels, chosen, rows) for rows in (~held_out, held_out))
    start = copy.deepcopy(module.to(chosen).state_dict())

    settings = {"training": training.as_dict(), "seed": seed, "device": str(chosen)}
    identity = _digest(settings, pixels, [counts, labels, patients], start) if checkpoint else b""

    def run(batch_size: int) -> History:
        saved = checkpoint and Checkpoint(checkpoint, identity + b"%d" % batch_size, checkpoint_every_s)
        with own_chance(layer_seed, chosen):
            progress = Progress.begin(module, start, training, order_seed)
            _run(progress, _Data(train, held, n_classes), training, batch_size, saved, on_epoch)
        return History(progress.losses, progress.validation_losses, progress.best_epoch, batch_size, str(chosen))

    with one_thread():
        history = in_batches_that_fit(run, training.batch_size)
    module.cpu().eval()
    return history


class _Data(NamedTuple):
    """What is trained on, what is held out for validation, and of how many classes both are."""

    train: Examples
    held: Examples
    n_classes: int

    def weights(self) -> Tensor:
        return self.train.class_weights(self.n_classes)


def _run(
    progress: Progress,
    data: _Data,
    training: Training,
    batch_size: int,
    saved: Checkpoint | None,
    on_epoch: Progress | None,
) -> None:
    """Train epoch by epoch, from the checkpoint on if there is one, and leave the module with the weights to keep."""
    state = saved and saved.read()
    if state:
        progress.restore(state)
    weights = data.weights() if training.balance != "none" else None  # (n_classes,)
    while not progress.is_over(training):
        loss = _epoch(progress, data, training, batch_size)
        progress.add(loss, _validation_loss(progress.module, data, weights, batch_size))
        if saved:
            saved.keep(progress.state)
        if on_epoch:
            on_epoch(len(progress.losses), training.epochs)
    if progress.best:
        progress.module.load_state_dict(progress.best)
    else:
        _measure_moments(progress.module, data.train, batch_size)
    if saved:
        saved.remove()


def _epoch(progress: Progress, data: _Data, training: Training, batch_size: int) -> float:
    """Pass over all examples once, in steps of nearly equal size, and return the mean loss."""
    module, optimizer, generator = progress.module.train(), progress.optimizer, progress.generator
    train, n_classes = data.train, data.n_classes
    weights = data.weights() if training.balance == "weights" else None  # (n_classes,)
    for parameters in optimizer.param_groups:
        parameters["lr"] = _learning_rate(training, len(progress.losses))
    n, total = len(train.labels), 0.0
    order = _order(train.labels, training.balance, generator, n_classes)
    steps = order.tensor_split(math.ceil(n / batch_size))
    for rows, x in zip(steps, train.batches(steps), strict=True):  # (b,), (b, channels, h, w)
        options = {"flips": training.flips, "rotation_deg": training.rotation_deg, "n_axes": x.ndim - 2}
        x = augment.apply(x, augment.draw_params(generator, len(rows), **options))
        with _precision(training, x.device):
            labels = train.labels[rows.to(x.device)]  # (b,)
            loss = functional.cross_entropy(_logits(module, x, n_classes), labels, weights)
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


def _order(labels: Tensor, balance: str, generator: torch.Generator, n_classes: int) -> Tensor:
    """Return an epoch's examples, shape (n,): each once, or drawn so that all classes come equally often."""
    if balance != "sampler":
        return torch.randperm(len(labels), generator=generator)
    share = 1 / torch.bincount(labels, minlength=n_classes)[labels].cpu()  # (n,)
    return torch.multinomial(share, len(labels), replacement=True, generator=generator)


def _precision(training: Training, device: torch.device) -> torch.autocast:
    lower = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, torch.bfloat16, enabled=training.mixed_precision and lower)


def _logits(module: nn.Module, x: Tensor, n_classes: int) -> Tensor:
    logits = module(x)  # (b, n_classes)
    if logits.shape != (len(x), n_classes):
        raise RequestError(
            f"{type(module).__name__}.forward returned a tensor of shape {tuple(logits.shape)} for {len(x)} pictures; "
            f"({len(x)}, {n_classes}) was expected, the logits of classes 0 to {n_classes - 1}. Correct the encoder."
        )
    return logits


@torch.no_grad()  # not inference_mode: what a module keeps for later steps must stay usable there
def _validation_loss(module: nn.Module, data: _Data, weights: Tensor | None, batch_size: int) -> float | None:
    held = data.held
    if not len(held):
        return None
    _measure_moments(module, data.train, batch_size)
    module.eval()
    logits = torch.cat([module(x) for x in held.batches(torch.arange(len(held)).split(batch_size))])  # (n, n_classes)
    return functional.cross_entropy(logits, held.labels, weights).item()


@torch.no_grad()
def _measure_moments(module: nn.Module, train: Examples, batch_size: int) -> None:
    """Give batch normalization the moments of the training crops under the present weights.

    Its running averages are those of weights that have moved on, and a small cohort's training has few steps.
    """
    layers = list(module.train().modules())
    norms = {layer: layer.momentum for layer in layers if isinstance(layer, batchnorm._BatchNorm)}
    for layer in layers:
        if isinstance(layer, dropout._DropoutNd):
            layer.eval()
    for number, x in enumerate(train.in_order(batch_size) if norms else (), start=1):  # (b, channels, h, w)
        for norm in norms:
            norm.momentum = 1 / number  # the mean over the batches so far
        module(x)
    for norm, momentum in norms.items():
        norm.momentum = momentum


def _digest(settings: dict[str, Any], pixels: bytes, arrays: list[np.ndarray], start: dict[str, Tensor]) -> bytes:
    """Return a SHA-256 of all that a training depends on."""
    digest = hashlib.sha256(json.dumps([torch.__version__, settings], sort_keys=True).encode() + pixels)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    for name, tensor in start.items():
        digest.update(
            f"{name} {tuple(tensor.shape)}".encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes()
        )
    return digest.digest()
