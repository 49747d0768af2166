"""The models of a recipe, a list: what each is, what it reads, how it selects, classifies and combines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from radiofuse.deep.fusion.choices import RADIOMICS_ATTENTION
from radiofuse.experiment.recipe.parts import Join, Missing, Part, Selection, Step, check_once
from radiofuse.experiment.recipe.self_training import Asked

LATE, EARLY, CONSTRAINED, CLINICAL, CHAINED = "late", "early", "constrained", "clinical", "chained"
WEIGHTING, NETWORK, MULTITASK = "weighting", "network", "multitask"
BY_NETWORK = (CONSTRAINED, WEIGHTING)  # one network on the selected features of all modalities
ON_IMAGES = (NETWORK, MULTITASK)  # one network on the pictures of all modalities
SELECTING = (LATE, EARLY, *BY_NETWORK)  # kinds of one outcome that select features by [select]
OWN_OPTIONS = {  # which entries say something to which kind; a class of one's own takes options
    LATE: (
        *("modalities", "reads", "join", "clinical", "select", "classify"),
        *("combine", "inner_folds", "calibrate", "missing", "subsets", "self_training"),
    ),
    EARLY: ("modalities", "reads", "clinical", "select", "classify", "joined", "self_training"),
    CONSTRAINED: ("modalities", "select", "branches", "options"),
    WEIGHTING: ("modalities", "clinical", "select", "options"),
    NETWORK: ("modalities", "clinical", "select", "options"),
    MULTITASK: ("modalities", "together", "subsets", "options"),
    CLINICAL: ("self_training",),
    CHAINED: ("modalities", "clinical", "select", "classify", "combine", "inner_folds", "order", "coherent"),
}
OWN_CLASS = ("modalities", "clinical", "options")
ALWAYS = ("name", "kind", "keep")

_Names = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(check_once)]
_Kinds = Annotated[tuple[Literal["radiomics", "deep"], ...], Field(min_length=1), AfterValidator(check_once)]


class RecipeModel(Part):
    """A model of a run.

    A model with a name answers under it: an early fusion named ``all`` as ``all``, a late one as ``all_mean`` and,
    for its members, ``all_t1``. One late fusion may go without a name and answers as ``mean`` and ``t1``.
    """

    name: Annotated[str, Field(pattern=r"^([A-Za-z][\w.+-]*)?$")] = ""
    """What it is called in tables; one late fusion may go without."""
    kind: str = LATE
    """late, early, constrained, weighting, network, multitask, clinical, chained, or a class of your own,
    package.module:Class."""
    modalities: _Names | None = None
    """Those it reads; left out, all that take part."""
    reads: _Kinds | None = None
    """Of a late fusion: radiomic and ready columns, or the networks' own answers; left out, what [deep] says. Of an
    early fusion: these columns, the embeddings of a network per modality, or both; left out, the columns."""
    join: Join | None = None
    """Of a late fusion: how networks join it; left out, as [deep] says."""
    clinical: bool = False
    """Whether the clinical columns take part: as a member or modality, or of an early fusion beside the features."""
    select: Selection | None = None
    """How it selects features; left out, as [select] says."""
    classify: Step | None = None
    """Its classifier; left out, as [classify] says."""
    combine: _Names | None = None
    """Of a late fusion: its combiners, the first of which answers; of a chain the one; left out, as [fusion] says."""
    inner_folds: Annotated[int, Field(ge=2)] | None = None
    """Of a late or chained fusion: folds that give out-of-fold probabilities; left out, as [fusion] says."""
    calibrate: bool | None = None
    """Of a late fusion: whether the mean of its members is calibrated; left out, as [fusion] says."""
    missing: Missing | None = None
    """Of a late fusion: what becomes of combiners that learn where a modality is absent; left out, as [fusion] says."""
    subsets: Literal["all", "none"] | None = None
    """Of a late fusion: "all" also evaluates every combination of its fitted members; left out, as [fusion] says. Of a
    multi-task network: "all" also evaluates its answer from every set of its modalities."""
    joined: Literal["before_selection", "after_selection"] = "before_selection"
    """Of an early fusion: whether columns are selected from all modalities together, or in each by itself."""
    branches: str | dict[str, list[str]] = "method3"
    """Of a constraint fusion: an input method, or the modalities of each branch."""
    order: _Names | None = None
    """Of a chain: the outcomes, each seen by those behind it; left out, those with the most labels first."""
    coherent: bool = False
    """Of a chain: whether its probabilities are made to obey what one outcome says of another."""
    together: bool = True
    """Of a multi-task network: whether one network learns all outcomes, or each outcome has one of its own."""
    self_training: Asked = None
    """true, or a table: it is fitted a second time, to rows without a label of which its first fits are sure."""
    options: dict[str, Any] = {}
    """Parameters of a constraint fusion, a modality weighting, a network, or a class of your own, by name."""
    keep: bool = True
    """Whether the bundle keeps it, for new patients."""

    @model_validator(mode="after")
    def _entries_of_its_kind(self) -> RecipeModel:
        if self.kind not in OWN_OPTIONS and ":" not in self.kind:
            known = ", ".join(OWN_OPTIONS)
            raise ValueError(f"no kind of model is called {self.kind!r}; choose from {known}, or package.module:Class")
        known = (*ALWAYS, *OWN_OPTIONS.get(self.kind, OWN_CLASS))
        strange = [entry for entry in sorted(self.model_fields_set) if entry not in known]
        if "subsets" in strange:
            raise ValueError(
                f"subsets combines the fitted members of a late fusion anew, and a model of kind {self.kind!r} learns "
                "from all its columns at once; list a model for each combination, with modalities"
            )
        if strange:
            raise ValueError(f"{strange[0]} says nothing to a model of kind {self.kind!r}; it takes {', '.join(known)}")
        if not self.name and self.self_training is not None:
            raise ValueError("a model with self_training needs a name, which stands before those of its stages")
        if not self.name and self.kind != LATE:
            raise ValueError(f"a model of kind {self.kind!r} needs a name")
        return self

    @model_validator(mode="after")
    def _entries_that_go_together(self) -> RecipeModel:
        if self.kind == NETWORK and self.select is not None and self.options.get("fusion") != RADIOMICS_ATTENTION:
            raise ValueError(
                "select chooses radiomic features, and of the networks on images only those with fusion = "
                f"{RADIOMICS_ATTENTION!r} read some; leave it out"
            )
        if self.join is not None and self.reads is not None:
            raise ValueError("reads names the members, and join says how networks join others; leave one out")
        if self.kind == EARLY and "deep" in (self.reads or ()) and "joined" in self.model_fields_set:
            raise ValueError(
                "joined says where columns are joined, and embeddings of networks always are behind their modality's "
                "own steps; leave joined out"
            )
        if self.kind == CHAINED and len(self.combine or ()) > 1:
            raise ValueError("a chained model has one combiner, which the links learn from; name one under combine")
        return self
