"""The training of the U-Net: windows of patients, one step after another, the same bits for the same seed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.segmentation.losses import UNKNOWN, segmentation_loss
from radiofuse.deep.segmentation.options import SegmenterOptions
from radiofuse.deep.segmentation.unet import UNet
from radiofuse.deep.training.optimizers import learning_rate, make_optimizer, set_learning_rate
from radiofuse.errors import RequestError
from radiofuse.progress import Progress

logger = logging.getLogger(__name__)

GAIN, SHIFT = 0.1, 0.1  # by how much intensities of a training example are changed at most


def train_unet(
    volumes: Sequence[np.ndarray],
    classes: Sequence[np.ndarray],
    options: SegmenterOptions,
    *,
    n_classes: int = 4,
    seed: int = 0,
    device: str = "auto",
    on_epoch: Progress | None = None,
    title: str = "",
) -> tuple[UNet, list[float]]:
    """Train a U-Net, and return it in eval mode on the CPU with the mean loss of each epoch.

    Parameters
    ----------
    volumes : sequence of ndarray, shape (channels, d, h, w)
        Of each patient, NaN where a sequence is absent.
    classes : sequence of ndarray of int, shape (d, h, w)
        0 to n_classes - 1; -1 where unknown.
    options : SegmenterOptions
    n_classes : int, default=4
    seed : int, default=0
    device : str, default="auto"
    on_epoch : callable, optional
        Called with the number of epochs done and all.
    title : str, default=""
        What stands before each line of the log, as ``fold 2 of 5, ``.

    Raises
    ------
    RequestError
        If there is nothing to train on, or the loss is no longer finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> volume = rng.normal(size=(1, 8, 8, 8)).astype(np.float32)
    >>> options = SegmenterOptions(window=(8, 8, 8), widths=(4, 8), epochs=2, modality_dropout=False)
    >>> net, losses = train_unet([volume], [(volume[0] > 1).astype(np.int64)], options, n_classes=2)
    >>> len(losses), net(torch.zeros(1, 1, 8, 8, 8)).shape
    (2, torch.Size([1, 2, 8, 8, 8]))
    """
    if not len(volumes):
        raise RequestError("No patient has images with a mask, so there is nothing to train on.")
    chosen, training = choose_device(device), options.training()
    net_seed, draw_seed = np.random.SeedSequence(seed).generate_state(2).tolist()

    def run(batch_size: int) -> tuple[UNet, list[float]]:
        losses = []
        with own_chance(net_seed, chosen):
            net = UNet(len(volumes[0]), n_classes, **options.network()).to(chosen).train()
            optimizer, rng = make_optimizer(net, training), np.random.default_rng(draw_seed)
            for epoch in range(options.epochs):
                set_learning_rate(optimizer, learning_rate(training, epoch))
                examples = _epoch(volumes, classes, options, batch_size, rng)
                losses.append(_mean_loss(net, optimizer, examples, chosen, training.gradient_clip))
                logger.info("%sepoch %d of %d: loss %.3f", title, epoch + 1, options.epochs, losses[-1])
                if on_epoch:
                    on_epoch(epoch + 1, options.epochs)
        return net.cpu().eval(), losses

    with one_thread():
        return in_batches_that_fit(run, options.batch_size)


def _mean_loss(
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: Iterator[tuple[Tensor, Tensor]],
    device: torch.device,
    longest_gradient: float,
) -> float:
    losses = []
    for x, truth in examples:
        loss = segmentation_loss(net(x.to(device)), truth.to(device), over_batch=True)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), longest_gradient)
        optimizer.step()
        losses.append(loss.item())
    if not math.isfinite(sum(losses)):
        raise RequestError("The loss is no longer finite. Take a smaller learning rate, or check the intensities.")
    return float(np.mean(losses))


def _epoch(
    volumes: Sequence[np.ndarray],
    classes: Sequence[np.ndarray],
    options: SegmenterOptions,
    batch_size: int,
    rng: np.random.Generator,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of a window of every patient in random order, (b, channels, *window) and (b, *window)."""
    order = rng.permutation(len(volumes))
    for chosen in np.array_split(order, math.ceil(len(order) / batch_size)):
        examples = [draw_window(volumes[one], classes[one], options, rng) for one in chosen]
        x, truth = (np.stack(parts) for parts in zip(*examples, strict=True))
        yield torch.from_numpy(x), torch.from_numpy(truth)


def draw_window(
    volume: np.ndarray, classes: np.ndarray, options: SegmenterOptions, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return a window of a patient, flipped and brightened at random, float32, and its classes, int64.

    Where a volume is smaller than the window, zeros of unknown class are put around it.
    """
    around = [max(side - size, 0) for side, size in zip(options.window, classes.shape, strict=True)]
    if any(around):
        both = [(more // 2, more - more // 2) for more in around]
        volume = np.pad(volume, [(0, 0), *both])
        classes = np.pad(classes.astype(np.int64), both, constant_values=UNKNOWN)
    box = _box(classes, options, rng)
    axes = tuple(axis for axis in (-3, -2, -1) if rng.random() < 0.5)
    gain = 1 + GAIN * rng.uniform(-1, 1, (len(volume), 1, 1, 1))
    shift = SHIFT * rng.uniform(-1, 1, (len(volume), 1, 1, 1))
    changed = np.flip(volume[:, *box] * gain + shift, axes).astype(np.float32)
    return np.ascontiguousarray(changed), np.ascontiguousarray(np.flip(classes[box], axes), dtype=np.int64)


def _box(classes: np.ndarray, options: SegmenterOptions, rng: np.random.Generator) -> tuple[slice, ...]:
    """Return where a window lies: with a voxel of the tumor in its middle as often as asked, else anywhere."""
    last = np.array(classes.shape) - options.window
    start = rng.integers(last + 1)
    if last.any() and rng.random() < options.in_tumor:
        tumor = np.argwhere(classes > 0)
        if len(tumor):
            start = np.clip(tumor[rng.integers(len(tumor))] - np.array(options.window) // 2, 0, last)
    return tuple(slice(first, first + side) for first, side in zip(start, options.window, strict=True))
