"""A fitted constraint network as arrays: codes of its branches, and the probabilities read off them, without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import softmax

from radiofuse.fuse.network_arrays import linear, normalized


def encode_branches(network: Mapping[str, np.ndarray], inputs: list[np.ndarray], present: np.ndarray) -> np.ndarray:
    """Return all codes, shape (n, 4 * n_branches), as ``ConstraintNet`` does."""
    codes = []
    for branch, features in enumerate(inputs):
        projected = normalized(linear(network, f"project.{branch}", features))  # (n, 8)
        pair = [linear(network, layer, projected) for layer in ("invariant", f"specific.{branch}")]
        codes.append(np.hstack(pair) * present[:, [branch]])  # (n, 4)
    return np.hstack(codes)


def class_probabilities(network: Mapping[str, np.ndarray], codes: np.ndarray) -> np.ndarray:
    """Return the probability of each class, shape (n, n_classes)."""
    return softmax(linear(network, "classify", codes), axis=1)
