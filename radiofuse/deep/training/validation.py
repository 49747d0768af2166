"""How good the present weights are on the patients held out, and what batch normalization knows of its inputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import batchnorm, dropout

from radiofuse.deep.training.examples import Examples
from radiofuse.deep.training.losses import classification_loss
from radiofuse.statistics.metrics import auc


@torch.no_grad()  # not inference_mode: what a module keeps for later steps must stay usable there
def loss_and_auc(
    module: nn.Module, held: Examples, batch_size: int, *, weights: Tensor | None, gamma: float
) -> tuple[float, float]:
    """Return the loss per picture, of labels that are neither smoothed nor blended, and the AUC per row."""
    module.eval()
    parts = torch.arange(len(held)).split(batch_size)
    logits = torch.cat(list(held.answers_in_order(module, parts)))  # (n, n_classes)
    return classification_loss(logits, held.labels, weights, gamma=gamma).item(), _auc(logits, held)


def _auc(logits: Tensor, held: Examples) -> float:
    """Return the AUC of the rows' mean logits; of more than two classes the mean of each against the rest."""
    rows, first, place = np.unique(held.rows, return_index=True, return_inverse=True)
    sums = np.zeros((len(rows), logits.shape[1]))  # (n_rows, n_classes)
    np.add.at(sums, place, logits.double().cpu().numpy())
    probability = torch.from_numpy(sums / np.bincount(place)[:, None]).softmax(dim=1).numpy()
    labels = held.labels.cpu().numpy()[first]  # (n_rows,)
    classes = range(logits.shape[1]) if logits.shape[1] > 2 else [1]
    return float(np.mean([auc(labels == label, probability[:, label]) for label in classes]))


@torch.no_grad()
def measure_moments(module: nn.Module, train: Examples, batch_size: int) -> None:
    """Give batch normalization the moments of the training pictures under the present weights.

    Its running averages are those of weights that have moved on, and a small cohort's training has few steps.
    """
    layers = list(module.train().modules())
    norms = {layer: layer.momentum for layer in layers if isinstance(layer, batchnorm._BatchNorm)}
    for layer in layers:
        if isinstance(layer, dropout._DropoutNd):
            layer.eval()
    order = torch.arange(len(train)).tensor_split(max(1, -(-len(train) // batch_size))) if norms else ()
    answers = train.answers_in_order(module, order)
    for number in range(1, len(order) + 1):
        for norm in norms:
            norm.momentum = 1 / number  # the mean over the batches so far
        next(answers)
    for norm, momentum in norms.items():
        norm.momentum = momentum
