"""The branch of clinical numbers in a network that is trained from images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOKEN, HEADS = 16, 4


class ClinicalBranch(nn.Module):
    """Clinical numbers, scaled, to a few others: by two layers, by attention among them, or as they are.

    A row without any of them gets zeros.

    Parameters
    ----------
    n_columns : int
    width : int
        Numbers it returns; 0 returns those that it is given.
    attention : bool
        Each column is first a token of 16 numbers, its value times one learned vector plus another, and the tokens see
        each other once, by four heads.

    References
    ----------
    Song et al. (2019). AutoInt: automatic feature interaction learning via self-attentive neural networks. CIKM: the
    tokens and the attention with a residual, of which this is the least form.

    Examples
    --------
    >>> branch = ClinicalBranch(2, 8, attention=True)
    >>> branch(torch.ones(3, 2), torch.tensor([True, True, False])).shape, branch.out_dim
    (torch.Size([3, 8]), 8)
    """

    def __init__(self, n_columns: int, width: int, *, attention: bool = False) -> None:
        super().__init__()
        self.out_dim = width or n_columns
        self.tokens = _Attention(n_columns) if attention and width else None
        given = n_columns * TOKEN if self.tokens else n_columns
        layers = [nn.Linear(given, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)] if width else []
        self.layers = nn.Sequential(*layers)

    def forward(self, values: Tensor, known: Tensor) -> Tensor:
        """Return the numbers (b, out_dim) of values (b, n_columns), 0 in rows that are not ``known`` (b,)."""
        passed = values if self.tokens is None else self.tokens(values)
        return self.layers(passed) * known.unsqueeze(1)


class _Attention(nn.Module):
    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.scale, self.shift = (nn.Parameter(torch.randn(n_columns, TOKEN) / TOKEN**0.5) for _ in range(2))
        self.attend = nn.MultiheadAttention(TOKEN, HEADS, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        tokens = values.unsqueeze(2) * self.scale + self.shift  # (b, n_columns, TOKEN)
        seen, _ = self.attend(tokens, tokens, tokens, need_weights=False)
        return torch.relu(tokens + seen).flatten(1)
