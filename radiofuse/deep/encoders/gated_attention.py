"""How much each picture of a patient counts, learned from embeddings: attention-based pooling of a bag."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HIDDEN = 32


class GatedAttention(nn.Module):
    """Weights of a patient's pictures, ``softmax(w (tanh(V h) * sigmoid(U h)))``; at first all are equal.

    Parameters
    ----------
    d : int
        Numbers of an embedding.
    hidden : int, default=32

    References
    ----------
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML, equation 9.

    Examples
    --------
    >>> GatedAttention(4)(torch.zeros(2, 4))
    tensor([0.5000, 0.5000], grad_fn=<SoftmaxBackward0>)
    """

    center: Tensor
    spread: Tensor

    def __init__(self, d: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.gates = nn.Linear(d, 2 * hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        nn.init.zeros_(self.score.weight)
        self.register_buffer("center", torch.zeros(d))
        self.register_buffer("spread", torch.ones(d))

    def scores(self, embedding: Tensor) -> Tensor:
        """Return a number per picture, shape (n,), of embeddings (n, d)."""
        content, gate = self.gates((embedding - self.center) / self.spread).chunk(2, dim=1)  # (n, hidden) each
        return self.score(content.tanh() * gate.sigmoid())[:, 0]

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the weights of one patient's pictures, shape (n,), of their embeddings (n, d); their sum is 1."""
        return self.scores(embedding).softmax(dim=0)
