"""How networks of several modalities, trained end to end from images, join them."""

from __future__ import annotations

from typing import Literal

CONCATENATION, STACKED, WEIGHTING, SCALAR_AVERAGE = "concatenation", "stacked", "weighting", "scalar_average"
CHANNEL_ATTENTION, SQUEEZE_EXCITATION, SELF_ATTENTION = "channel_attention", "squeeze_excitation", "self_attention"
RADIOMICS_ATTENTION = "radiomics_attention"

Fusion = Literal[
    "concatenation",
    "stacked",
    "weighting",
    "scalar_average",
    "channel_attention",
    "squeeze_excitation",
    "self_attention",
    "radiomics_attention",
]

FUSIONS = {  # in the words of a report
    CONCATENATION: "an encoder for each modality, their embeddings side by side",
    STACKED: "one encoder, the modalities as its channels",
    WEIGHTING: "an encoder for each modality, their embeddings weighed anew for every patient",
    SCALAR_AVERAGE: "an encoder for each modality, their embeddings averaged with one learned weight for each",
    CHANNEL_ATTENTION: "an encoder for each modality, the channels of their last maps gated by means and maxima",
    SQUEEZE_EXCITATION: "one encoder, the modalities as its channels, each times a gate learned from their means",
    SELF_ATTENTION: "an encoder for each modality, their embeddings gated and attending to each other, as Zhang et al. "
    "(2021) describe, whose code is not public",
    RADIOMICS_ATTENTION: "an encoder for each modality, their embeddings gated and weighed by the radiomic features of "
    "the modality, an approximation of Zhang et al. (2022), whose code is not public",
}
WEIGHING = (WEIGHTING, SCALAR_AVERAGE, RADIOMICS_ATTENTION)  # those that say how much each modality counts
OF_ONE_ENCODER = (STACKED, SQUEEZE_EXCITATION)
