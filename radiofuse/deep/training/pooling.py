"""Attention over a patient's pictures, learned from the training patients once their network is trained.

The network and its classifier stay as they are, and the weights begin as those of a mean: what is learned is which
pictures to listen to. The network has seen these patients, so that it is surer of them than it will be of others.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.aggregation import Said
from radiofuse.deep.device import one_thread
from radiofuse.deep.encoders.gated_attention import GatedAttention

STEPS, LEARNING_RATE, WEIGHT_DECAY = 200, 0.01, 0.01


def fit_pooling(said: Said, classify: nn.Module, labels: np.ndarray, seed: int) -> GatedAttention:
    """Return attention by which the weighted mean of each row's embeddings is classified best, by cross-entropy.

    Parameters
    ----------
    said : Said
        Embeddings of the training rows' pictures.
    classify : nn.Module
        The layer behind an embedding, in eval mode on the CPU; it is not changed.
    labels : ndarray of int, shape (n_rows,)
    seed : int
        Of the first weights; the same arguments give the same bits.
    """
    embedding = torch.from_numpy(said.embedding)  # (n_pictures, d)
    owner = torch.from_numpy(np.repeat(np.arange(len(said.counts)), said.counts))  # (n_pictures,)
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    with one_thread(), torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        pooling = GatedAttention(embedding.shape[1])
        pooling.center.copy_(embedding.mean(dim=0))
        pooling.spread.copy_(embedding.std(dim=0, correction=0).clamp_min(1e-6))
        optimizer = torch.optim.AdamW(pooling.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for _ in range(STEPS):
            weights = _of_rows(pooling.scores(embedding), owner, len(wanted))
            pooled = torch.zeros(len(wanted), embedding.shape[1]).index_add(0, owner, weights[:, None] * embedding)
            loss = functional.cross_entropy(classify(pooled), wanted)
            optimizer.zero_grad()
            loss.backward(inputs=list(pooling.parameters()))
            optimizer.step()
    return pooling.eval()


def _of_rows(scores: Tensor, owner: Tensor, n_rows: int) -> Tensor:
    """Return the softmax of scores (n_pictures,) among the pictures of each row.

    >>> _of_rows(torch.zeros(3), torch.tensor([0, 0, 1]), 2)
    tensor([0.5000, 0.5000, 1.0000])
    """
    highest = torch.full((n_rows,), -torch.inf).scatter_reduce(0, owner, scores.detach(), "amax")
    raised = (scores - highest[owner]).exp()
    return raised / torch.zeros(n_rows).index_add(0, owner, raised)[owner]
