"""The kinds of models that tables and figures tell apart, and what each is called."""

from __future__ import annotations

TRIVIAL = "trivial"
FUSION, MODALITY, ARM, OTHER, REFERENCE = "fusion", "modality", "arm", "other", "reference"
ARM_MEMBER, MEMBER, SUBSET = "arm member", "member", "subset"
MODEL = "model"  # of a table of predictions that no bundle explains
DETAILS = (ARM_MEMBER, MEMBER, SUBSET)  # beside the main tables and figures, not in them
KINDS = (FUSION, MODALITY, ARM, OTHER, REFERENCE, ARM_MEMBER, MEMBER, SUBSET)  # in the order of every table and figure

HEADINGS = {
    FUSION: "Fusions",
    MODALITY: "Single modalities",
    ARM: "Fusions on other features",
    OTHER: "Other models",
    REFERENCE: "For comparison",
    ARM_MEMBER: "Single modalities on other features",
    MEMBER: "Members of further fusions",
    SUBSET: "Combinations of members",
    MODEL: "Models",
}
