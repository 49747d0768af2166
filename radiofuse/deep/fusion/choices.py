"""How networks of several modalities, trained end to end from images, join them."""

from __future__ import annotations

CONCATENATION, STACKED, WEIGHTING, SCALAR_AVERAGE = "concatenation", "stacked", "weighting", "scalar_average"

FUSIONS = {  # in the words of a report
    CONCATENATION: "an encoder for each modality, their embeddings side by side",
    STACKED: "one encoder, the modalities as its channels",
    WEIGHTING: "an encoder for each modality, their embeddings weighed anew for every patient",
    SCALAR_AVERAGE: "an encoder for each modality, their embeddings averaged with one learned weight for each",
}
WEIGHING = (WEIGHTING, SCALAR_AVERAGE)  # those that say how much each modality counts
