"""The kinds of models that tables and figures tell apart, and what each is called."""

from __future__ import annotations

TRIVIAL = "trivial"
FUSION, MODALITY, ARM, REFERENCE, ARM_MEMBER = "fusion", "modality", "arm", "reference", "arm member"
MODEL = "model"  # of a table of predictions that no bundle explains
KINDS = (FUSION, MODALITY, ARM, REFERENCE, ARM_MEMBER)  # in the order of every table and figure

HEADINGS = {
    FUSION: "Fusions",
    MODALITY: "Single modalities",
    ARM: "Fusions on other features",
    REFERENCE: "For comparison",
    ARM_MEMBER: "Single modalities on other features",
    MODEL: "Models",
}
