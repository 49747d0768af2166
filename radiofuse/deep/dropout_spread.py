"""How far a network's answer moves when its dropout goes on drawing: the spread of Monte-Carlo dropout.

References
----------
Gal Y, Ghahramani Z. Dropout as a Bayesian approximation: representing model uncertainty in deep learning. ICML 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from torch import nn

from radiofuse.deep.device import choose_device, own_chance
from radiofuse.deep.encoders.embedding import embed
from radiofuse.errors import RequestError
from radiofuse.store.picture_rows import PictureSource

PASSES = 20
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class DropoutSpread(NamedTuple):
    """Probabilities over passes, shape (n, n_classes) each."""

    mean: np.ndarray
    sd: np.ndarray


def dropout_spread(
    module: nn.Module,
    pictures: PictureSource,
    counts: np.ndarray,
    *,
    passes: int = PASSES,
    seed: int = 0,
    n_classes: int = 2,
    aggregate: str = "mean_logit",
    largest: np.ndarray | None = None,
    device: str = "auto",
) -> DropoutSpread:
    """Return mean and standard deviation of a network's probabilities over passes in which dropout draws.

    Only the dropout layers are in training mode: normalization keeps its statistics. The spread is that of the
    dropout, not the error of the model: a network can be wrong with little of it.

    Parameters
    ----------
    module : nn.Module
    pictures, counts, n_classes, aggregate, largest, device
        As for ``embed``.
    passes : int, default=20
    seed : int, default=0
        Of what is dropped; the same seed gives the same numbers.

    Raises
    ------
    RequestError
        If the network has no dropout, or is frozen.

    Examples
    --------
    >>> from radiofuse.deep.encoders.by_name import make_encoder
    >>> net = make_encoder("mobilenet_v2", 0, options={"width": 0.25, "dropout": 0.5})
    >>> pictures = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32)
    >>> spread = dropout_spread(net, pictures, np.array([2]), passes=5, device="cpu")
    >>> spread.mean.shape, bool((spread.sd > 0).all())
    ((1, 2), True)
    """
    layers = dropouts_of(module)
    options = {"device": device, "n_classes": n_classes, "aggregate": aggregate, "largest": largest}
    answers = []
    with drawing(layers), own_chance(seed, choose_device(device)):
        for _ in range(passes):
            _, logit = embed(module, pictures, counts, **options)
            logits = np.stack([np.zeros_like(logit), logit], axis=1) if logit.ndim == 1 else logit
            answers.append(softmax(logits.astype(np.float64), axis=1))
    return DropoutSpread(np.mean(answers, axis=0), np.std(answers, axis=0))


def dropouts_of(module: nn.Module) -> list[nn.Module]:
    """Return the layers of a network that dropout draws in.

    Raises
    ------
    RequestError
        If it has none, or is frozen.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, DROPOUTS) and layer.p > 0]
    if getattr(module, "frozen", False) or not layers:
        raise RequestError(
            f"{type(module).__name__} has no dropout to draw from, so that its answer has no spread of dropout. Train "
            "it with the option dropout above 0, such as options = { dropout = 0.4 }."
        )
    return layers


@contextmanager
def drawing(layers: list[nn.Module]) -> Iterator[None]:
    """Let layers draw inside the block though all else is put into eval mode, as ``module.eval()`` does."""

    def draw(layer: nn.Module, given: object) -> None:
        layer.training = True

    hooks = [layer.register_forward_pre_hook(draw) for layer in layers]
    try:
        yield
    finally:
        for hook, layer in zip(hooks, layers, strict=True):
            hook.remove()
            layer.eval()
