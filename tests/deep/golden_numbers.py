"""Small trainings and forward passes whose numbers are on record; run as a script, this file records them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from radiofuse.deep.device import one_thread
from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.encoders.embedding import embed
from radiofuse.deep.encoders.sanet import SANet
from radiofuse.deep.pictures import crops_as_pictures
from radiofuse.deep.scaling import fit_scaling, scaled
from radiofuse.deep.training.loop import train_encoder
from radiofuse.deep.training.options import Training

RECORD = Path(__file__).with_name("golden_numbers.json")
N, SLICES, SIZE = 12, 2, 16
PRIME = 100003
ENCODERS = ("san10", "san10_patchwise", "san10_roi72", "san10_patchwise_roi72", "san10_small")

# Rotated pixels are interpolated in single precision, which another processor rounds otherwise; a rectifier may then
# take the other side of its kink, and a training goes elsewhere. So what rotates here is a net without kinks.
TRAININGS = {
    "smooth net, defaults": ("smooth", {"learning_rate": 1e-3}),
    "smooth net, cosine, weights": ("smooth", {"schedule": "cosine", "balance": "weights", "flips": False}),
    "smooth net, sampler": ("smooth", {"balance": "sampler", "validation": 0.3, "patience": 1, "weight_decay": 0.1}),
    "pairwise": ("pairwise", {"learning_rate": 1e-3, "rotation_deg": 0.0}),
    "patchwise": ("patchwise", {"learning_rate": 1e-3, "rotation_deg": 0.0, "validation": 0.3}),
}


def pattern(*shape: int) -> np.ndarray:
    """Values between -1 and 1, of whole numbers alone: no generator draws them and no processor rounds them."""
    n = np.arange(min(math.prod(shape), PRIME))
    return np.resize(n * n * 7919 % PRIME / (PRIME // 2) - 1, shape)


class Smooth(nn.Module):
    """A convolution, batch normalization, a smooth bend and dropout."""

    embedding_dim = 4

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8)
        self.drop, self.axes = nn.Dropout(0.2), nn.Linear(8, self.embedding_dim)
        self.classify = nn.Linear(self.embedding_dim, 2)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.norm(self.conv(x))).square().mean(dim=(2, 3))  # (n, 8)
        return self.axes(self.drop(x))  # (n, 4)


class InDouble(nn.Module):
    """A net computed in double precision.

    In single precision Adam's first steps turn the rounding of gradients near 0 into steps of full length; in double
    precision they stay below its epsilon.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net, self.embedding_dim = net.double(), net.embedding_dim

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.embed(x.double())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.classify(self.embed(x)).float()  # as the weights of the classes in the loss


@torch.no_grad()
def with_fixed_weights(net: nn.Module) -> nn.Module:
    """Give matrices and biases the pattern; no bias is 0, where symmetric inputs would meet a rectifier's kink."""
    for name, parameter in net.double().named_parameters():
        if parameter.ndim > 1 or name.endswith("bias"):
            parameter.copy_(torch.from_numpy(pattern(*parameter.shape)) / math.sqrt(parameter[0].numel() + 9))
    return net


def make_net(kind: str) -> nn.Module:
    if kind == "smooth":
        return InDouble(with_fixed_weights(Smooth()))
    return InDouble(with_fixed_weights(SANet((1, 1), (5, 3), sa_type=kind, widths=(32, 64), embedding_dim=8)))


def trained(kind: str, options: dict[str, Any]) -> dict[str, list[float]]:
    """Losses of two epochs, then embeddings and logits of the first four rows."""
    images, counts = (100 + 10 * pattern(N, SLICES, SIZE, SIZE)).astype(np.float32), np.arange(N) % SLICES + 1
    labels = np.arange(N) % 3 // 2  # four of twelve
    images[labels == 1, :, : SIZE // 2] += 5
    pictures = crops_as_pictures(images, counts)
    scaling, net = fit_scaling("z_score", pictures, (pictures[:, 0] > 95).astype(np.uint8), counts), make_net(kind)
    pictures = scaled(pictures, counts, scaling)
    rows = {"counts": counts, "labels": labels, "groups": np.arange(N)}
    training = Training(epochs=2, batch_size=8, **options)
    history = train_encoder(net, pictures, **rows, training=training, seed=7, device="cpu")
    embedding, logit = embed(net, pictures[: counts[:4].sum()], counts[:4], device="cpu")
    return {
        "scaling": scaling.to_json(),
        "losses": history.losses,
        "validation losses": history.validation_losses,
        "embedding": embedding.ravel().tolist(),
        "logit": logit.tolist(),
    }


def passed(name: str) -> dict[str, list[float]]:
    """Sums of fresh weights, then logits and a few axes of one image by fixed weights, normalized by its moments."""
    net = make_encoder(name, seed=0)
    fresh = [parameter.double().abs().sum().item() for parameter in net.parameters()]
    with one_thread(), torch.no_grad():
        x = torch.from_numpy(pattern(1, 1, net.smallest, net.smallest))
        embedding = with_fixed_weights(net).train().embed(x)  # (1, d)
        logits = net.classify(embedding)
    return {"fresh weights": fresh[::8], "embedding": embedding[0, :8].tolist(), "logits": logits[0].tolist()}


def numbers_of_trainings() -> dict[str, dict[str, list[float]]]:
    return {name: trained(*how) for name, how in TRAININGS.items()}


def numbers_of_encoders() -> dict[str, dict[str, list[float]]]:
    """Those with more blocks run the same code; how many there are stands in the key."""
    return {name: passed(name) for name in ENCODERS}


if __name__ == "__main__":
    from radiofuse.deep.training.loop import TRAINING_VERSION

    versions = {"training": TRAINING_VERSION, "encoders": SANet.encoder_version}
    numbers = {"trainings": numbers_of_trainings(), "encoders": numbers_of_encoders()}
    RECORD.write_text(json.dumps({"versions": versions, **numbers}, indent=1) + "\n")
