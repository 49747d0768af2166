"""Layers of a fitted network as arrays: they answer where torch is not installed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_EPSILON = 1e-5  # of torch's layer normalization


def linear(network: Mapping[str, np.ndarray], layer: str, inputs: np.ndarray) -> np.ndarray:
    """Return what a linear layer makes of rows, shape (..., n_out)."""
    return inputs @ network[f"{layer}.weight"].T + network[f"{layer}.bias"]


def normalized(inputs: np.ndarray) -> np.ndarray:
    """Return rows with mean 0 and variance 1, as layer normalization without gain and shift does.

    Examples
    --------
    >>> normalized(np.array([[1.0, 3.0]])).round(3)
    array([[-1.,  1.]])
    """
    centered = inputs - inputs.mean(axis=-1, keepdims=True)
    return centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + _EPSILON)
