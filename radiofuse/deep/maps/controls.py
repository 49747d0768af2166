"""What a map is held against: the same network with random weights, and the middle of the picture."""

from __future__ import annotations

import numpy as np
from torch import nn

from radiofuse.deep.encoders.by_name import make_encoder
from radiofuse.deep.encoders.options import FROZEN, WEIGHTS
from radiofuse.deep.weights import TrainedEncoder

OTHER_SEED = 7919  # of weights that were never trained; any would do
SPREAD = 0.25  # of a side of the picture, the standard deviation of the center prior


def untrained(trained: TrainedEncoder) -> nn.Module:
    """Return a network of the same architecture with random weights, in eval mode.

    Raises
    ------
    RequestError
        If the encoder cannot be made without its weights.
    """
    options = {name: value for name, value in trained.options.items() if name not in (WEIGHTS, FROZEN)}
    return make_encoder(trained.card["encoder"], OTHER_SEED, trained.n_classes, options).eval()


def center_prior(shape: tuple[int, ...]) -> np.ndarray:
    """Return a Gaussian at the middle of pictures, which knows nothing of what they show.

    Parameters
    ----------
    shape : tuple of int
        Pixels along each side.

    Returns
    -------
    ndarray of float32
        1 in the middle; its standard deviation is a quarter of each side.

    Examples
    --------
    >>> center_prior((3, 3)).astype(float).round(2).tolist()
    [[0.17, 0.41, 0.17], [0.41, 1.0, 0.41], [0.17, 0.41, 0.17]]
    """
    axes = np.meshgrid(*(((np.arange(n) - (n - 1) / 2) / (SPREAD * n)) ** 2 for n in shape), indexing="ij")
    return np.exp(-0.5 * np.sum(axes, axis=0)).astype(np.float32)
