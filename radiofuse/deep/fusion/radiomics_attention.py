"""Radiomic features of each modality in a network that is trained from images: they gate and weigh what it sees.

Of the network of Zhang and colleagues no code is public, and the paper that compares with it says no more than that it
adds radiomic features to a squeeze-and-excitation self-attention network; what stands here is an approximation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiofuse.deep.fusion.joins import Joined, copies, shares


class RadiomicsBranch(nn.Module):
    """Radiomic features of each modality, scaled, to ``width`` numbers each; 0 where a modality has none.

    Layers of all modalities begin alike, so that their order decides nothing.

    Parameters
    ----------
    n_modalities, n_columns : int
        Of every modality as many columns; those of shorter ones end with zeros.
    width : int

    Examples
    --------
    >>> branch = RadiomicsBranch(2, 5, 8)
    >>> known = torch.tensor([[True, True], [True, False], [False, False]])
    >>> told = branch(torch.ones(3, 2, 5), known)
    >>> told.shape, bool(told[1, 1].any())
    (torch.Size([3, 2, 8]), False)
    """

    def __init__(self, n_modalities: int, n_columns: int, width: int) -> None:
        super().__init__()
        layer = nn.Sequential(nn.Linear(n_columns, width), nn.LayerNorm(width), nn.ReLU())
        self.layers = copies(layer, n_modalities)

    def forward(self, values: Tensor, known: Tensor) -> Tensor:
        """Return (b, n_modalities, width) of values (b, n_modalities, n_columns), ``known`` (b, n_modalities)."""
        shown = torch.where(known.unsqueeze(2), values, 0.0)
        told = torch.stack([layer(shown[:, place]) for place, layer in enumerate(self.layers)], dim=1)
        return told * known.unsqueeze(2)


class RadiomicsAttention(nn.Module):
    """What is seen of each modality, gated channel by channel and weighed by its radiomic features.

    A modality's vector is its embedding and, behind it, what ``RadiomicsBranch`` says of it. The embedding, projected
    to ``width`` numbers, is multiplied by gates between 0 and 1 that one layer makes of the radiomic numbers. One
    scorer for all modalities gives each a score from its radiomic numbers alone, and the softmax over the modalities
    that are there makes weights of the scores. The joined vector is the weighted sum of embeddings and radiomic
    numbers, side by side, with the other numbers behind it. A modality without radiomic features has the gates and the
    score of zeros.

    An approximation of the radiomics-associated modality attention network of Zhang et al. (2022).

    Parameters
    ----------
    n_modalities, d : int
        ``d`` numbers of an embedding, behind which stand ``width`` radiomic ones.
    n_others : int, default=0
    width, scorer : int, default=256, 64

    References
    ----------
    Zhang et al. (2022). IDH mutation status prediction by a radiomics associated modality attention network. The Visual
    Computer; no code is public.
    Hu, Shen, Sun (2018). Squeeze-and-excitation networks. CVPR, section 3: gates of channels.
    Ilse, Tomczak, Welling (2018). Attention-based deep multiple instance learning. ICML, equation 8: the scorer.

    Examples
    --------
    >>> join = RadiomicsAttention(2, 4, width=8, scorer=4)
    >>> present = torch.tensor([[True, True], [True, False]])
    >>> joined, weights = join(torch.ones(2, 2, 4 + 8), present, torch.empty(2, 0), present[:, 0])
    >>> joined.shape, weights.tolist()[1]
    (torch.Size([2, 16]), [1.0, 0.0])
    """

    def __init__(self, n_modalities: int, d: int, n_others: int = 0, *, width: int = 256, scorer: int = 64) -> None:
        super().__init__()
        self.d, self.width = d, width
        self.project = copies(nn.Linear(d, width), n_modalities)
        self.excite = nn.Linear(width, width)
        self.score = nn.Sequential(nn.Linear(width, scorer), nn.Tanh(), nn.Linear(scorer, 1))
        self.out_dim = 2 * width + n_others

    def gates(self, told: Tensor) -> Tensor:
        """Return the gate of each channel, (…, width), of radiomic numbers (…, width)."""
        return torch.sigmoid(self.excite(told))

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector and the weights, (b, n_modalities)."""
        seen, told = vectors.split([self.d, self.width], dim=2)  # (b, m, d), (b, m, width)
        seen = torch.stack([layer(seen[:, place]) for place, layer in enumerate(self.project)], dim=1)
        weights = shares(self.score(told), present)  # (b, m)
        both = torch.cat([seen * self.gates(told), told], dim=2)  # (b, m, 2 * width)
        return torch.cat([(weights.unsqueeze(2) * both).sum(dim=1), others], dim=1), weights
