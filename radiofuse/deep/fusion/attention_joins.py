"""Joins and gates by attention, of networks that are trained from images: see ``joins`` for what they take and return.

Of the networks of Zhang and colleagues no code is public; what stands here are approximations in their spirit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiofuse.deep.fusion.joins import Joined, Projected

REDUCTION, HEADS = 8, 4


class InputGate(nn.Module):
    """Squeeze and excitation over the modalities of an input: each is multiplied by a gate between 0 and 1.

    The mean intensity of each modality passes two layers, and a sigmoid makes gates of what they say.

    References
    ----------
    Hu, Shen, Sun (2018). Squeeze-and-excitation networks. CVPR, section 3, over modalities in place of channels, as
    Zhang et al. (2021) weigh modalities in front of one network by the words of Shi et al. (2023).

    Examples
    --------
    >>> gate = InputGate(2)
    >>> x = torch.ones(3, 2, 1, 8, 8)
    >>> gate(x).shape, bool((gate.gates(x) > 0).all() and (gate.gates(x) < 1).all())
    (torch.Size([3, 2, 1, 8, 8]), True)
    """

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        hidden = max(2, n_modalities // 2)
        self.excite = nn.Sequential(nn.Linear(n_modalities, hidden), nn.ReLU(), nn.Linear(hidden, n_modalities))

    def gates(self, x: Tensor) -> Tensor:
        """Return the gate of each modality, (b, m), of pictures (b, m, channels, …)."""
        return torch.sigmoid(self.excite(x.flatten(2).mean(dim=2)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the pictures, each modality times its gate."""
        return x * self.gates(x).view(*x.shape[:2], *[1] * (x.ndim - 2))


class ChannelAttention(nn.Module):
    """Maps of all modalities, gated channel by channel by their means and maxima, added to the mean of the maps.

    The means and the maxima of the channels over the pixels pass the same two layers and then, side by side, one more,
    whose sigmoid is the gate of each channel. The gated maps are brought to the channels of one modality and added to
    the mean of those present; the mean over the pixels goes on, with the other numbers behind it. ``vectors`` are maps
    (b, n_modalities, channels, …) here.

    References
    ----------
    The merging of two maps in the public code of GMMAS, for any number of them.
    Woo, Park, Lee, Kweon (2018). CBAM: convolutional block attention module. ECCV, section 3.1.

    Examples
    --------
    >>> join = ChannelAttention(2, 16)
    >>> maps, present = torch.rand(3, 2, 16, 4, 4), torch.ones(3, 2, dtype=torch.bool)
    >>> join(maps, present, torch.empty(3, 0), present[:, 0])[0].shape
    torch.Size([3, 16])
    """

    def __init__(self, n_modalities: int, channels: int, n_others: int = 0) -> None:
        super().__init__()
        wide = n_modalities * channels
        narrow = max(1, wide // REDUCTION)
        self.squeeze = nn.Sequential(nn.Linear(wide, narrow), nn.ReLU(), nn.Linear(narrow, wide))
        self.gate = nn.Linear(2 * wide, wide)
        self.reduce = nn.Linear(wide, channels, bias=False)
        self.out_dim = channels + n_others

    def gates(self, maps: Tensor) -> Tensor:
        """Return the gate of each channel, (b, n_modalities * channels), of maps (b, n_modalities * channels, …)."""
        pixels = maps.flatten(2)
        seen = [self.squeeze(pixels.mean(dim=2)), self.squeeze(pixels.amax(dim=2))]
        return torch.sigmoid(self.gate(torch.cat(seen, dim=1)))

    def merged(self, maps: Tensor, present: Tensor) -> Tensor:
        """Return one map for all modalities, (b, channels, …), of maps (b, n_modalities, channels, …)."""
        there = present.view(*present.shape, *[1] * (maps.ndim - 2)).to(maps.dtype)
        mean = (maps * there).sum(dim=1) / there.sum(dim=1)
        wide = (maps * there).flatten(1, 2)  # (b, n_modalities * channels, …)
        gated = wide * self.gates(wide).view(*wide.shape[:2], *[1] * (wide.ndim - 2))
        return mean + self.reduce(gated.movedim(1, -1)).movedim(-1, 1)

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector, and no weights."""
        return torch.cat([self.merged(vectors, present).flatten(2).mean(dim=2), others], dim=1), None


class SelfAttention(nn.Module):
    """Modalities that see each other: projected, gated by squeeze and excitation, attended, and averaged.

    The clinical numbers are one more modality. An approximation of the modality self-attention network of Zhang et al.

    References
    ----------
    Zhang et al. (2021). IDH mutation status prediction by modality self attention network. Innovation in Medicine and
    Healthcare, 51-57; no code is public.
    Vaswani et al. (2017). Attention is all you need. NeurIPS.
    """

    def __init__(self, n_modalities: int, d: int, n_others: int = 0, *, width: int = 256) -> None:
        super().__init__()
        self.projected = Projected(n_modalities, d, n_others, width)
        n_tokens = self.projected.n_tokens
        self.excite = nn.Sequential(nn.Linear(n_tokens, n_tokens), nn.ReLU(), nn.Linear(n_tokens, n_tokens))
        self.attend = nn.MultiheadAttention(width, HEADS if width % HEADS == 0 else 1, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.out_dim = width

    def forward(self, vectors: Tensor, present: Tensor, others: Tensor, known: Tensor) -> Joined:
        """Return the joined vector, and no weights."""
        tokens, there = self.projected(vectors, present, others, known)  # (b, t, width), (b, t)
        shown = there.unsqueeze(2).to(tokens.dtype)
        gates = torch.sigmoid(self.excite((tokens * shown).mean(dim=2)))  # (b, t)
        gated = tokens * shown * gates.unsqueeze(2)
        seen, _ = self.attend(gated, gated, gated, key_padding_mask=~there, need_weights=False)
        passed = self.norm(gated + seen) * shown
        return passed.sum(dim=1) / shown.sum(dim=1), None
