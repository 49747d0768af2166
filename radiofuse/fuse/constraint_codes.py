"""A fitted constraint network as arrays: codes of its branches, and the probabilities read off them, without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

_EPSILON = 1e-5  # of torch's layer normalization


def encode_branches(network: Mapping[str, np.ndarray], inputs: list[np.ndarray], present: np.ndarray) -> np.ndarray:
    """Return all codes, shape (n, 4 * n_branches), as ``ConstraintNet`` does."""
    codes = []
    for branch, features in enumerate(inputs):
        projected = _linear(network, f"project.{branch}", features)  # (n, 8)
        centered = projected - projected.mean(axis=1, keepdims=True)
        normalized = centered / np.sqrt((centered**2).mean(axis=1, keepdims=True) + _EPSILON)
        pair = [_linear(network, layer, normalized) for layer in ("invariant", f"specific.{branch}")]
        codes.append(np.hstack(pair) * present[:, [branch]])  # (n, 4)
    return np.hstack(codes)


def class_probabilities(network: Mapping[str, np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Return the probability of each class, shape (n, n_classes)."""
    return softmax(_linear(network, "classify", codes), axis=1)


def _linear(network: Mapping[str, np.ndarray], layer: str, inputs: np.ndarray) -> np.ndarray:
    return inputs @ network[f"{layer}.weight"].T + network[f"{layer}.bias"]
