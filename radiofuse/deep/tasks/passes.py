"""What a multi-task network says again and again while its dropout goes on drawing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from radiofuse.deep.device import choose_device, in_batches_that_fit, one_thread, own_chance
from radiofuse.deep.dropout_spread import drawing, dropouts_of
from radiofuse.deep.pictures import named_rows
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.scaling import scaled
from radiofuse.deep.weights import TrainedEncoder

AT_ONCE = 8  # patches, which are held in memory together


def dropout_passes(
    trained: TrainedEncoder, rows: SampleRows, n_passes: int, *, seed: int, device: str
) -> list[np.ndarray]:
    """Return the logits of each pass, shape (n, 1) or (n, sum of classes), as the cache keeps a network's answers.

    Parameters
    ----------
    trained : TrainedEncoder
    rows : SampleRows
    n_passes : int
    seed : int
    device : str

    Raises
    ------
    RequestError
        If the network has no dropout.
    """
    chosen, module = choose_device(device), trained.module()
    layers = dropouts_of(module.to(chosen))

    def passes(most: int) -> list[np.ndarray]:
        with drawing(layers), own_chance(seed, chosen), torch.no_grad():
            return [np.concatenate(list(_logits(module, trained, rows, chosen, most))) for _ in range(n_passes)]

    with one_thread():
        return in_batches_that_fit(passes, AT_ONCE) if len(rows.pointers) else [np.empty((0, 1))] * n_passes


def _logits(
    module: torch.nn.Module, trained: TrainedEncoder, rows: SampleRows, device: torch.device, most: int
) -> Iterator[np.ndarray]:
    for x, present in batches_of(trained, rows, device, most):
        logits = module(x, present).double().cpu().numpy()
        yield logits[:, 1:] - logits[:, :1] if logits.shape[1] == 2 else logits


def batches_of(
    trained: TrainedEncoder, rows: SampleRows, device: torch.device, most: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield scaled patches of some rows after the other, and which sequences are there."""
    for numbers in np.array_split(np.arange(len(rows.pointers)), -(-len(rows.pointers) // most)):
        chosen = numbers.tolist()
        with named_rows(rows, chosen):
            pictures = scaled(rows.pictures(chosen), rows.counts(chosen), trained.scaling)
            x = torch.from_numpy(np.array(pictures[:], dtype=np.float32)).to(device)
        yield x, torch.from_numpy(rows.beside[numbers].astype(np.float32)).to(device)
