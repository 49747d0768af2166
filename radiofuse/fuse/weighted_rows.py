"""A fitted weighting network as arrays: weights of modalities and probabilities per row, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import softmax

from radiofuse.fuse.network_arrays import linear, normalized


def weigh_rows(
    network: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray], present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each class's probability and each modality's weight, as ``WeightingNet`` does.

    Parameters
    ----------
    network : mapping of str to ndarray
        Its ``state_dict``.
    inputs : sequence of ndarray
        Standardized features per modality, shape (n, n_features).
    present : ndarray of bool, shape (n, n_modalities)

    Returns
    -------
    probability : ndarray of shape (n, n_classes)
    weights : ndarray of shape (n, n_modalities)
        Of a row they add up to 1; 0 where a modality is absent.
    """
    projected = [linear(network, f"project.{place}", features) for place, features in enumerate(inputs)]  # (n, w) each
    scores = [linear(network, "score", np.tanh(linear(network, "hidden", vectors))) for vectors in projected]
    weights = softmax(np.where(present, np.hstack(scores), -np.inf), axis=1)  # (n, m)
    passed = sum(weights[:, [place]] * vectors for place, vectors in enumerate(projected))  # (n, w)
    for place in range(sum(name.startswith("head.") and name.endswith(".weight") for name in network)):
        passed = np.maximum(normalized(linear(network, f"head.{place}", passed)), 0)
    return softmax(linear(network, "classify", passed), axis=1), weights
