"""A network of several modalities that is trained end to end from images, with a branch for clinical numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from radiofuse.deep.encoders.by_name import encoder_version, make_encoder
from radiofuse.deep.fusion.attention_joins import ChannelAttention, InputGate, SelfAttention
from radiofuse.deep.fusion.choices import (
    CHANNEL_ATTENTION,
    CONCATENATION,
    OF_ONE_ENCODER,
    RADIOMICS_ATTENTION,
    SCALAR_AVERAGE,
    SELF_ATTENTION,
    SQUEEZE_EXCITATION,
    WEIGHTING,
)
from radiofuse.deep.fusion.clinical_branch import ClinicalBranch
from radiofuse.deep.fusion.feature_maps import find_map, map_of
from radiofuse.deep.fusion.joins import Concatenation, Joined, ScalarAverage, Weighting
from radiofuse.deep.fusion.radiomics_attention import RadiomicsAttention, RadiomicsBranch
from radiofuse.deep.fusion.weighting_net import hide_modalities


class FusionNet(nn.Module):
    """Encoders of the modalities' pictures, joined, with clinical numbers beside them, and a head.

    ``forward`` takes pictures (b, modalities * channels, …) and the numbers beside them (b, modalities), 1 where a
    modality is there and 0 where it is not, behind which stand, where there are clinical columns, 1 or 0 for whether
    they are known and their scaled values, and then, where there are radiomic columns, 1 or 0 for each modality and its
    scaled values, modality after modality. What stands there of an absent modality has no influence.

    Parameters
    ----------
    modalities : int, default=1
    channels : int, default=1
        Of each modality's pictures.
    n_classes : int, default=2
    fusion : str, default="concatenation"
        One of ``FUSIONS``. "stacked" and "squeeze_excitation" have one encoder of all modalities' channels; the others
        have an encoder for each modality, of which all begin with the same weights.
    encoder : str, default="san10_small"
        As for ``make_encoder``.
    encoder_options : mapping, optional
        The encoder's own.
    weights : str, optional
        A file of weights that every encoder begins with.
    head : sequence of int, default=(128, 64)
        Units of the hidden layers behind the join, each with layer normalization, ReLU and dropout.
    dropout : float, default=0.3
        Of the head.
    width, scorer : int, default=256, 64
        Of the modality weighting block and of "radiomics_attention"; the width of "self_attention" too, in multiples of
        four with four heads.
    clinical : int, default=0
        Clinical columns.
    clinical_width : int, default=8
        Numbers that the clinical branch makes of them; 0 takes them as they are.
    clinical_attention : bool, default=False
        Whether clinical columns see each other by attention, as ``ClinicalBranch`` says.
    radiomics : int, default=0
        Radiomic columns of each modality, which "radiomics_attention" reads and no other.
    modality_dropout : bool, default=False
        Whether in training none, one or two of a row's modalities are hidden, with probability .5, .3 and .2.

    Attributes
    ----------
    joined_dim : int
        Numbers that enter the head.
    embedding_dim : int
        Numbers that leave it.

    Examples
    --------
    >>> net = FusionNet(2, encoder="mobilenet_v2", encoder_options={"width": 0.25}, fusion="weighting")
    >>> net(torch.zeros(3, 2, 32, 32), torch.ones(3, 2)).shape
    torch.Size([3, 2])
    """

    encoder_version = 1

    def __init__(
        self,
        modalities: int = 1,
        channels: int = 1,
        n_classes: int = 2,
        *,
        fusion: str = CONCATENATION,
        encoder: str = "san10_small",
        encoder_options: Mapping[str, Any] | None = None,
        weights: str | None = None,
        head: Sequence[int] = (128, 64),
        dropout: float = 0.3,
        width: int = 256,
        scorer: int = 64,
        clinical: int = 0,
        clinical_width: int = 8,
        clinical_attention: bool = False,
        radiomics: int = 0,
        modality_dropout: bool = False,
    ) -> None:
        super().__init__()
        self.modalities, self.channels = modalities, channels
        self.clinical, self.radiomics = clinical, radiomics
        options = {**(encoder_options or {}), **({} if weights is None else {"weights": weights})}
        self.encoders = _encoders(encoder, options, modalities, channels, stacked=fusion in OF_ONE_ENCODER)
        self.gate = InputGate(modalities) if fusion == SQUEEZE_EXCITATION else None
        self.map_layer, d = "", self.encoders[0].embedding_dim
        if fusion == CHANNEL_ATTENTION:
            self.map_layer, d = find_map(self.encoders[0], channels)
        self.branch = ClinicalBranch(clinical, clinical_width, attention=clinical_attention) if clinical else None
        n_others = self.branch.out_dim if self.branch else 0
        self.told = RadiomicsBranch(modalities, radiomics, width) if radiomics else None
        self.join = _join(fusion, modalities, d, n_others, {"width": width, "scorer": scorer})
        self.hide = HideModalities() if modality_dropout else None
        self.joined_dim = self.join.out_dim
        widths = [self.joined_dim, *head]
        self.head = nn.Sequential(*(_hidden(a, b, dropout) for a, b in zip(widths, widths[1:], strict=False)))
        self.embedding_dim = widths[-1]
        self.classify = nn.Linear(self.embedding_dim, n_classes)

    @staticmethod
    def encoder_inside(options: Mapping[str, Any]) -> str:
        """Return the name of the encoders inside, which begin with the weights."""
        return options.get("encoder", "san10_small")

    @staticmethod
    def version_inside(options: Mapping[str, Any]) -> str:
        """Return the version of the encoders inside, which the numbers depend on too."""
        return f" of {encoder_version(FusionNet.encoder_inside(options), options.get('encoder_options'))}"

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        """Return logits (b, n_classes)."""
        return self.classify(self.embed(x, beside))

    def embed(self, x: Tensor, beside: Tensor) -> Tensor:
        """Return what the last layer decides by, (b, embedding_dim)."""
        return self.head(self._joined(x, beside)[0])

    def weigh(self, x: Tensor, beside: Tensor) -> Tensor | None:
        """Return the weight of each modality, (b, modalities), or with clinical numbers weighed beside, one more."""
        return self._joined(x, beside)[1]

    def _joined(self, x: Tensor, beside: Tensor) -> Joined:
        present = beside[:, : self.modalities] > 0.5  # (b, m)
        if self.hide is not None:
            present = self.hide(present)
        others, known = self._others(beside)
        pictures = x.unflatten(1, (self.modalities, self.channels))  # (b, m, channels, …)
        shown = torch.where(present.view(*present.shape, *[1] * (x.ndim - 1)), pictures, 0.0)
        if self.gate is not None:
            shown = self.gate(shown)
        if len(self.encoders) < self.modalities:
            vectors = self.encoders[0].embed(shown.flatten(1, 2)).unsqueeze(1)  # (b, 1, d)
            return self.join(vectors, present.any(dim=1, keepdim=True), others, known)
        found = [self._read(net, shown[:, m], present[:, m]) for m, net in enumerate(self.encoders)]
        absent = torch.zeros_like(next(one for one in found if one is not None))
        vectors = torch.stack([absent if one is None else one for one in found], dim=1)
        if self.told is not None:
            vectors = torch.cat([vectors, self._told(self.told, beside, present)], dim=2)
        return self.join(vectors, present, others, known)

    def _read(self, encoder: nn.Module, x: Tensor, present: Tensor) -> Tensor | None:
        """Return embeddings (b, d) or maps (b, channels, …) of one modality, 0 in rows that lack it; None in training
        where all do.
        """

        def read(shown: Tensor) -> Tensor:
            return map_of(encoder, self.map_layer, shown) if self.map_layer else encoder.embed(shown)

        return of_present(read, x, present, apart=encoder.training and not getattr(encoder, "frozen", False))

    def _others(self, beside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clinical branch's numbers (b, n), and which rows have some."""
        if self.branch is None:
            return beside[:, :0], beside.new_zeros(len(beside), dtype=torch.bool)
        known, first = beside[:, self.modalities] > 0.5, self.modalities + 1
        return self.branch(beside[:, first : first + self.clinical], known), known

    def _told(self, branch: RadiomicsBranch, beside: Tensor, present: Tensor) -> Tensor:
        """Return what the radiomic features of each modality say, (b, m, n), 0 where it is absent or has none."""
        own = beside[:, -self.modalities * (1 + self.radiomics) :]
        known, values = own[:, : self.modalities] > 0.5, own[:, self.modalities :]
        return branch(values.unflatten(1, (self.modalities, self.radiomics)), known & present)


class HideModalities(_DropoutNd):
    """Hides modalities from rows in training, none, one or two of those that a row has."""

    def forward(self, present: Tensor) -> Tensor:
        """Return which modalities rows are shown, (b, m), one each at least."""
        if not self.training:
            return present
        return hide_modalities(present.cpu(), torch.default_generator).to(present.device)


def of_present(read: Callable[[Tensor], Tensor], x: Tensor, present: Tensor, *, apart: bool) -> Tensor | None:
    """Return what is read of one modality's pictures, 0 in rows that lack it; None where they are ``apart`` and all do.

    In training the rows that have the modality are passed ``apart``, so that the others are no part of the batch whose
    moments normalization takes; one by itself is passed twice, since a single number has no variance. Otherwise all
    rows are passed, and what is said of one does not depend, to the last bit, on how many others have the modality.
    """
    if not apart:
        found = read(x)
        return found * present.view(-1, *[1] * (found.ndim - 1))
    chosen = torch.nonzero(present).flatten()
    if not len(chosen):
        return None
    found = read(x[chosen] if len(chosen) > 1 else x[chosen.repeat(2)])[: len(chosen)]
    return found.new_zeros((len(x), *found.shape[1:])).index_copy(0, chosen, found)


def _encoders(name: str, options: Mapping[str, Any], modalities: int, channels: int, *, stacked: bool) -> nn.ModuleList:
    seed, number = torch.initial_seed(), 1 if stacked else modalities
    channels = modalities * channels if stacked else channels
    return nn.ModuleList(
        make_encoder(name, seed, options={**options, "channels": channels} if channels > 1 else options)
        for _ in range(number)
    )


def _join(fusion: str, modalities: int, d: int, n_others: int, options: Mapping[str, int]) -> nn.Module:
    if fusion in (WEIGHTING, RADIOMICS_ATTENTION):
        return (Weighting if fusion == WEIGHTING else RadiomicsAttention)(modalities, d, n_others, **options)
    if fusion == SELF_ATTENTION:
        return SelfAttention(modalities, d, n_others, width=options["width"])
    if fusion in (SCALAR_AVERAGE, CHANNEL_ATTENTION):
        return (ScalarAverage if fusion == SCALAR_AVERAGE else ChannelAttention)(modalities, d, n_others)
    return Concatenation(1 if fusion in OF_ONE_ENCODER else modalities, d, n_others)


def _hidden(n_in: int, n_out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.ReLU(), nn.Dropout(dropout))
