"""How a trained network of several modalities weighs them in each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from radiofuse.deep.device import choose_device, one_thread
from radiofuse.deep.sample_rows import SampleRows
from radiofuse.deep.scaling import rows_of, scaled
from radiofuse.deep.weights import TrainedEncoder

AT_ONCE = 16  # rows, whose pictures are held in memory together


def weights_of_rows(trained: TrainedEncoder, samples: SampleRows, rows: Sequence[int], device: str) -> np.ndarray:
    """Return the weights of the modalities in each row, the mean over its pictures, shape (n, n_weights).

    Parameters
    ----------
    trained : TrainedEncoder
        A ``FusionNet`` whose join weighs.
    samples : SampleRows
    rows : sequence of int
    device : str
    """
    module, chosen = trained.module(), choose_device(device)
    module.to(chosen)
    parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
    with one_thread(), torch.no_grad():
        found = [_of_part(trained, module, samples, part, chosen) for part in parts]
    return np.concatenate(found) if found else np.empty((0, 0))


def _of_part(
    trained: TrainedEncoder, module: torch.nn.Module, samples: SampleRows, rows: Sequence[int], device: torch.device
) -> np.ndarray:
    counts = samples.counts(rows)
    pictures = scaled(samples.pictures(rows), counts, trained.scaling)
    beside = np.repeat(samples.beside[rows], counts, axis=0).astype(np.float32)
    x = torch.from_numpy(np.array(pictures[:], dtype=np.float32)).to(device)
    weights = module.weigh(x, torch.from_numpy(beside).to(device)).double().cpu().numpy()
    return np.stack([weights[row].mean(axis=0) for row in rows_of(counts)])
