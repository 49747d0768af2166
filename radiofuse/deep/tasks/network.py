"""A network of several outcomes and of the tumor's regions at once, on the sequences that a patient has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from radiofuse.deep.fusion.attention_joins import ChannelAttention
from radiofuse.deep.fusion.image_net import HideModalities
from radiofuse.deep.fusion.joins import ScalarAverage
from radiofuse.deep.tasks.blocks import Decoder, VoxelTransformer, levels, normalized
from radiofuse.deep.tasks.heads import CrossTaskHeads
from radiofuse.deep.tasks.sizes import sizes_of
from radiofuse.errors import RequestError


class Maps(NamedTuple):
    """What the encoder and the transformer make of a batch."""

    levels: list[Tensor]  # (b, width, …) of each level, the deepest last
    tokens: Tensor  # (b, dim, …) on the deepest level's grid


class TaskAnswers(NamedTuple):
    """What a network says of a batch."""

    logits: list[Tensor]  # of each outcome (b, n_classes)
    regions: Tensor | None  # (b, 1 + n_regions, d, h, w), logits, background first; None without regions
    maps: Maps


class MultiTaskNet(nn.Module):
    """Stems of the sequences averaged by learned weights, a 3-D encoder, a transformer, heads, and a decoder.

    ``forward`` takes patches (b, modalities * channels, d, h, w) and which sequences are there, (b, modalities), 1 or
    0; any of them may be absent, and what stands there of an absent one has no influence. With ``whole`` the whole
    volumes, made as small as the patches, stand behind them as as many channels more.

    Parameters
    ----------
    modalities, channels : int, default=1
        Sequences, and channels of each.
    n_classes : int, default=2
        Logits of all outcomes together: the sum of ``outcomes``.
    outcomes : sequence of int, default=(n_classes,)
        Classes of each outcome.
    regions : int, default=0
        Regions of the tumor that the decoder tells from the background; 0: no decoder.
    preset : {"small", "gmmas"}, default="small"
        The sizes below where they are left out.
    size : int, default=32
        Voxels along each side of the patches. Others are answered too: sides are filled up with zeros to a multiple of
        what the levels halve, and places between those that were learned are interpolated.
    widths, blocks : sequence of int, optional
        Channels and residual blocks of each level; each level but the first halves the grid.
    dim, layers, heads, mlp : int, optional
        Of the transformer: its width, its layers, attention heads, and hidden units.
    of_bottom, of_tokens, shared : int, optional
    hidden : sequence of int, optional
        Of the heads, as ``CrossTaskHeads`` has them.
    dropout : float, default=0.2
        Of the fused stems, of the transformer (half of it) and of the heads.
    whole : bool, default=False
        Whether a second encoder reads the whole volume; its maps are merged with the first one's by channel attention.
    modality_dropout : bool, default=False
        Whether in training none, one or two of a row's sequences are hidden, with probability .5, .3 and .2.

    References
    ----------
    After Liu et al. (GMMAS) and its public code; docs/multitask.md says where this network departs from it.
    Wang et al. (2021). TransBTS: multimodal brain tumor segmentation using transformer. MICCAI.

    Examples
    --------
    >>> net = MultiTaskNet(4, n_classes=5, outcomes=(2, 3), regions=3, size=16)
    >>> said = net.answers(torch.zeros(2, 4, 16, 16, 16), torch.tensor([[1.0, 0, 0, 1], [1, 1, 1, 1]]))
    >>> [logits.shape[1] for logits in said.logits], said.regions.shape
    ([2, 3], torch.Size([2, 4, 16, 16, 16]))
    """

    encoder_version = 1
    dimensions = 3

    def __init__(
        self,
        modalities: int = 1,
        channels: int = 1,
        n_classes: int = 2,
        *,
        outcomes: Sequence[int] | None = None,
        regions: int = 0,
        preset: str = "small",
        size: int = 32,
        widths: Sequence[int] | None = None,
        blocks: Sequence[int] | None = None,
        dim: int | None = None,
        layers: int | None = None,
        heads: int | None = None,
        mlp: int | None = None,
        of_bottom: int | None = None,
        of_tokens: int | None = None,
        shared: int | None = None,
        hidden: Sequence[int] | None = None,
        dropout: float = 0.2,
        whole: bool = False,
        modality_dropout: bool = False,
    ) -> None:
        super().__init__()
        own = {"widths": widths, "blocks": blocks, "dim": dim, "layers": layers, "heads": heads, "mlp": mlp}
        own |= {"of_bottom": of_bottom, "of_tokens": of_tokens, "shared": shared, "hidden": hidden}
        sizes = sizes_of(preset, own)
        self.outcomes = [n_classes] if outcomes is None else [int(n) for n in outcomes]
        _refuse_other_sum(self.outcomes, n_classes)
        self.modalities, self.channels, self.whole = modalities, channels, whole
        widths = list(sizes["widths"])
        self.stride = 2 ** (len(widths) - 1)
        self.encoder = _Encoder(modalities, channels, widths, sizes["blocks"], dropout)
        self.of_whole = _Encoder(modalities, channels, widths, sizes["blocks"], dropout) if whole else None
        self.merge = nn.ModuleList(ChannelAttention(2, width) for width in widths) if whole else None
        self.to_tokens = nn.Sequential(
            normalized(widths[-1]), nn.ReLU(), nn.Conv3d(widths[-1], sizes["dim"], 3, padding=1)
        )
        self.transformer = VoxelTransformer(
            sizes["dim"],
            -(-size // self.stride),
            layers=sizes["layers"],
            heads=sizes["heads"],
            hidden=sizes["mlp"],
            dropout=dropout / 2,
        )
        options = {name: sizes[name] for name in ("of_bottom", "of_tokens", "shared", "hidden")}
        self.task_heads = CrossTaskHeads(widths[-1], sizes["dim"], self.outcomes, dropout=dropout, **options)
        self.from_tokens = nn.Conv3d(sizes["dim"], widths[-1], 3, padding=1) if regions else None
        self.decoder = Decoder(widths, 1 + regions) if regions else None
        self.hide = HideModalities() if modality_dropout else None
        self.embedding_dim = len(self.outcomes) * self.task_heads.out_dim
        for weights in (weights for weights in self.parameters() if weights.ndim == 5):
            weights.data = weights.data.contiguous(memory_format=torch.channels_last_3d)  # a third faster on a CPU

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        """Return the logits of all outcomes one after the other, (b, n_classes)."""
        return torch.cat(self.task_heads(self.embed(x, beside).split(self.task_heads.out_dim, dim=1)), dim=1)

    def embed(self, x: Tensor, beside: Tensor) -> Tensor:
        """Return what the outcomes' last layers decide by, (b, embedding_dim)."""
        return torch.cat(self._embedded(self.maps(x, beside)), dim=1)

    def answers(self, x: Tensor, beside: Tensor) -> TaskAnswers:
        """Return logits of the outcomes and of the regions, and the maps that both were made of."""
        maps = self.maps(x, beside)
        return TaskAnswers(self.task_heads(self._embedded(maps)), self._regions(maps, x.shape[2:]), maps)

    def regions_of(self, x: Tensor, beside: Tensor) -> Tensor:
        """Return the logits of the regions, (b, 1 + n_regions, d, h, w), the background first.

        Raises
        ------
        RequestError
            If the network was made without regions.
        """
        regions = self._regions(self.maps(x, beside), x.shape[2:])
        if regions is None:
            raise RequestError("The network was made without regions, so that it draws no mask. Train it with masks.")
        return regions

    def weigh(self, beside: Tensor) -> Tensor:
        """Return the weight of each sequence in each row, (b, modalities)."""
        return self.encoder.average.weights(beside[:, : self.modalities] > 0.5)

    def maps(self, x: Tensor, beside: Tensor) -> Maps:
        """Return what encoder and transformer make of a batch.

        Raises
        ------
        RequestError
            If the shapes are others than the network's, or a row has no sequence.
        """
        present = self._present(x, beside)
        x = _filled_up(x, self.stride).unflatten(1, (-1, self.modalities, self.channels))  # (b, 1 or 2, m, channels, …)
        found = self.encoder(x[:, 0], present)
        if self.of_whole is not None and self.merge is not None:
            both = torch.ones(len(x), 2, dtype=torch.bool, device=x.device)
            others = self.of_whole(x[:, 1], present)
            found = [
                join.merged(torch.stack(pair, dim=1), both)
                for join, *pair in zip(self.merge, found, others, strict=True)
            ]
        return Maps(found, self.transformer(self.to_tokens(found[-1])))

    def _present(self, x: Tensor, beside: Tensor) -> Tensor:
        expected = (2 if self.whole else 1) * self.modalities * self.channels
        if x.ndim != 5 or x.shape[1] != expected or beside.shape[1] < self.modalities:
            raise RequestError(
                f"Patches of shape (n, {expected}, d, h, w) and which of {self.modalities} sequences are there were "
                f"expected; the shapes are {tuple(x.shape)} and {tuple(beside.shape)}. Make the network for them."
            )
        present = beside[:, : self.modalities] > 0.5  # (b, m)
        if not x.is_meta and not present.any(dim=1).all():
            row = int((~present.any(dim=1)).nonzero()[0])
            raise RequestError(
                f"Row {row} has none of the {self.modalities} sequences, and one at least is needed. Leave it out."
            )
        return present if self.hide is None else self.hide(present)

    def _embedded(self, maps: Maps) -> list[Tensor]:
        return self.task_heads.embed(maps.levels[-1], maps.tokens)

    def _regions(self, maps: Maps, sides: torch.Size) -> Tensor | None:
        if self.decoder is None or self.from_tokens is None:
            return None
        logits = self.decoder(maps.levels[-1] + self.from_tokens(maps.tokens), maps.levels[:-1])
        return logits[(..., *(slice(side) for side in sides))]


class _Encoder(nn.Module):
    """A stem for each sequence, their mean by learned weights, and levels of residual blocks."""

    def __init__(
        self, modalities: int, channels: int, widths: Sequence[int], blocks: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.stems = nn.ModuleList(nn.Conv3d(channels, widths[0], 3, padding=1) for _ in range(modalities))
        self.average = ScalarAverage(modalities, widths[0])
        self.drop = nn.Dropout3d(dropout)
        self.levels = levels(widths, blocks)

    def forward(self, x: Tensor, present: Tensor) -> list[Tensor]:
        """Return the maps of all levels, of sequences (b, m, channels, …)."""
        shown = torch.where(present.view(*present.shape, *[1] * (x.ndim - 2)), x, 0.0)
        stems = torch.stack([stem(shown[:, at]) for at, stem in enumerate(self.stems)], dim=1)  # (b, m, width, …)
        found = [self.drop(self.average.mean(stems, present))]
        for level in self.levels:
            found.append(level(found[-1]))
        return found[1:]


def _filled_up(x: Tensor, stride: int) -> Tensor:
    """Return volumes with zeros behind them: sides that the levels halve without a rest, to two voxels or more."""
    lacking = [max(-side % stride, 2 * stride - side) for side in x.shape[2:]]
    return functional.pad(x, [gap for side in reversed(lacking) for gap in (0, side)]) if any(lacking) else x


def _refuse_other_sum(outcomes: Sequence[int], n_classes: int) -> None:
    if not outcomes or min(outcomes) < 2 or sum(outcomes) != n_classes:
        raise RequestError(
            f"outcomes is {list(outcomes)} and n_classes {n_classes}; two classes or more of each outcome, and "
            "n_classes as their sum, were expected."
        )
