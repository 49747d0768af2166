"""The parts of a recipe, each a table of the TOML file: what it may say, its limits and its defaults."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from radiofuse.fuse.by_pattern import Missing
from radiofuse.names import did_you_mean
from radiofuse.select.choices import known_name
from radiofuse.tables.columns import is_modality


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _check_slices(value: Any) -> Any:
    if value not in ("all", "middle") and not (type(value) is int and value >= 1):
        raise ValueError('should be 1 or more, "all" or "middle"')
    return value


def _check_modality(name: str) -> str:
    if not is_modality(name):
        raise ValueError("should be a lower-case letter, then lower-case letters and digits, as t1ce")
    return name


def check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names, or raise a ValueError if one stands there twice."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"names {twice[0]!r} more than once")
    return names


def _known_names(steps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(known_name, steps))


_Names = Annotated[tuple[str, ...], AfterValidator(check_once)]
Some = Annotated[tuple[str, ...], Field(min_length=1)]
_Steps = Annotated[Some, AfterValidator(_known_names), AfterValidator(check_once)]


NO_RADIOMICS = "none"


class Radiomics(Part):
    """How images become features."""

    settings: str = "default"
    """A preset, a pyradiomics parameter file relative to the recipe, or "none"."""
    backend: str = "radiofuse"
    """The radiomics engine."""


class Harmonization(Part):
    """What scanner and site do to features is learned in training patients and taken out, inside every fold."""

    method: Literal["combat"] = "combat"
    """How."""
    site: str = "site"
    """The column of the cohort table that names the site or scanner of each sample."""
    covariates: _Names = ()
    """Clinical columns whose effect on the features must survive, as age."""
    unseen: Literal["pass", "error", "reference"] = "pass"
    """What becomes of a site without training patients: its features stay, it is refused, or it is learned."""
    mean_only: bool = False
    """Whether only shifts are taken out, not scales."""
    parametric: bool = True
    """Whether shifts are taken as normal and scales as inverse gamma, as ComBat has it."""


class Clinical(Part):
    """What is done to the clinical columns where a model reads them by themselves."""

    scale: Literal["z_score", "min_max", "quantile_normal", "age_100"] = "z_score"
    """Learned in training patients; "age_100": clinical__age over 100, the others as with "min_max"."""


class Selection(Part):
    """A selector by name, or several one after the other, with options: those of the method, or a table per step."""

    method: str | None = None
    """One selector."""
    steps: _Steps | None = None
    """Several selectors, one after the other."""
    options: dict[str, Any] = {}
    """Parameters of the selector by name; with steps, a table of them for each step."""
    protocol: Literal["in_folds", "as_published"] = "in_folds"
    """in_folds: on training patients alone; as_published: on all patients, before the split."""

    @model_validator(mode="after")
    def _one_way(self) -> Selection:
        if (self.method is None) == (self.steps is None):
            raise ValueError("give either method (one selector) or steps (several, one after the other)")
        steps = self.steps or ()
        for name, value in self.options.items() if steps else ():
            if not isinstance(value, dict):
                table = f"[select.options.{steps[0]}]"
                raise ValueError(f"options of steps stand in a table for each, as {table}; {name!r} stands in none")
            if name not in steps:
                raise ValueError(f"options are given for {name!r}, which is no step.{did_you_mean(name, steps)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The selectors, in order; none where every column is kept."""
        if self.method is None:
            return self.steps or ()
        return () if self.method == "none" else (self.method,)

    @property
    def title(self) -> str:
        """What stands for the selection in tables: the method, or the steps."""
        return self.method or ", ".join(self.steps or ())


class Step(Part):
    """A classifier by name, with its options."""

    method: str = "logistic"
    """Which one."""
    options: dict[str, Any] = {}
    """Its parameters by name."""
    search: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    """Values to try of its parameters, by name; chosen in inner folds of the training patients, selection included."""
    search_score: Literal["log_loss", "auc"] = "log_loss"
    """What the search goes by."""
    oversample: Literal["random", "smote"] | None = None
    """For the classifier, in training: "random" draws patients of smaller classes again, "smote" makes up rows."""
    mixup: Annotated[float, Field(gt=0)] | None = None
    """For the classifier, in training: rows are mixed of two, and their labels, by lambda from Beta(mixup, mixup)."""

    @model_validator(mode="after")
    def _search_of_something(self) -> Step:
        if self.mixup is not None and self.oversample is not None:
            raise ValueError("mixup mixes rows, and oversample draws some again; leave one of them out")
        given = self.model_fields_set & {"search", "search_score"}
        if given and not self.search:
            raise ValueError(
                f"{sorted(given)[0]} stands without an option to search, as search = {{ C = [0.1, 1, 10] }}; name one, "
                "or leave it out"
            )
        return self


Join = Literal["columns", "members", "logit", "auto"]


class Deep(Part):
    """One encoder per modality, or of several as its channels, trained on pictures of the training patients.

    ``join`` puts the output beside the radiomic columns before selection, or gives the late fusion the network's own
    answer: as a member, as a logit that is added as far as it is worth it, or as the log-loss says. ``folds`` are
    those that give training rows outputs of encoders that never saw them.
    """

    encoder: str = "san10_small"
    """The network, by name."""
    join: Join | None = None
    """Beside the radiomic columns before selection, as members of the late fusion of their own, by their logits with a
    ridge penalty toward the answer of the others, or auto: not at all, as members or by logits, whichever has the least
    log-loss. Left out, auto; columns of a frozen encoder, and with settings = "none"."""
    output: Literal["embedding", "logit"] = "embedding"
    """What of the network goes on: its embedding, or the one number it decides by."""
    protocol: Literal["crossfit", "as_published"] = "crossfit"
    """crossfit: training rows get outputs of encoders that never saw them."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Folds of the cross-fit inside the training rows."""
    options: dict[str, Any] = {}
    """The encoder's own options by name, as width or dropout."""
    channels: Annotated[tuple[str, ...], AfterValidator(check_once)] = ()
    """Modalities that one network reads as its channels; left out, each modality has a network of its own."""
    name: Annotated[str, AfterValidator(_check_modality)] = "stack"
    """What the network of several channels is called among the modalities."""
    size: Annotated[int, Field(ge=8, le=512)] = 72
    """Edge of a picture in pixels."""
    slices: Annotated[Any, AfterValidator(_check_slices)] = 1
    """How many slices with most tumor are read, "all" that have tumor, or the "middle" ones, which needs no mask."""
    cut: Literal["tumor", "image"] = "tumor"
    """Squares around the tumor, or whole slices."""
    plane: Literal["axial", "coronal", "sagittal"] = "axial"
    """Which slices."""
    dimensions: Literal[2, 3] = 2
    """3: a cube of ``size`` voxels around the tumor, in place of slices."""
    intensities: Literal["z_score", "min_max", "nyul"] = "z_score"
    """How intensities become numbers, measured on the training patients of each fold, for each channel."""
    over: Literal["tumor", "image"] = "tumor"
    """Which pixels z_score and min_max measure: the tumor's, or those that are not 0."""
    aggregate: Literal["mean_logit", "mean_probability", "mean_embedding", "vote", "largest", "attention"] = (
        "mean_logit"
    )
    """How a network's answers to the slices of a patient become the patient's; embeddings are averaged, with "largest"
    the slice with most tumor counts alone, with "attention" weights of the slices are learned."""
    training: dict[str, Any] = {}
    """How encoders are trained: epochs, batch_size, learning_rate and others by name."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where torch computes."""

    @model_validator(mode="after")
    def _pictures_fit_together(self) -> Deep:
        if self.slices == "middle" and self.model_fields_set & {"cut"} and self.cut == "tumor":
            raise ValueError('slices = "middle" needs no mask and cut = "tumor" needs one; write cut = "image"')
        if self.dimensions == 3 and self.model_fields_set & {"slices", "cut", "plane"}:
            raise ValueError("dimensions = 3 reads a cube: leave slices, cut and plane out")
        if self.aggregate == "largest" and self.needs_areas:
            raise ValueError(
                'aggregate = "largest" asks which slice has most tumor, and these pictures do not tell; write '
                'slices = 1, or slices = "all" with cut = "image"'
            )
        if not self.channels and "name" in self.model_fields_set:
            raise ValueError("name is that of the network of several channels; name channels, or leave it out")
        return self

    @property
    def reads_arrays(self) -> bool:
        """Whether pictures are other than axial squares around the tumor of one modality each."""
        others = self.slices == "middle" or self.cut == "image" or self.plane != "axial" or self.dimensions == 3
        return bool(self.channels) or others

    @property
    def needs_areas(self) -> bool:
        """Whether slices lie in another order than that of their tumor areas, and no mask tells these."""
        squares = self.slices == "all" and self.cut == "tumor" and self.reads_arrays
        return self.slices == "middle" or squares

    @property
    def needs_masks(self) -> bool:
        """Whether pictures are of the tumor, or lie where it is; a cube without a mask would lie elsewhere."""
        return self.slices != "middle"


class Fusion(Part):
    """How the modalities' probabilities become one; the first of ``combine`` is the model's answer.

    ``constrained`` names input methods of the constraint fusion, each evaluated as a model of its own.
    """

    combine: Annotated[Some, AfterValidator(check_once)] = ("mean", "vote", "regression", "nonnegative")
    """How probabilities are combined; the first is the model's answer, all are scored."""
    inner_folds: Annotated[int, Field(ge=2)] = 5
    """Folds that give the combiners out-of-fold probabilities."""
    calibrate: bool = True
    """Whether the mean of the members is calibrated on their out-of-fold probabilities; false leaves the plain mean."""
    missing: Missing = "renormalize"
    """How learned weights answer rows that lack a modality: renormalized, learned anew for what there is, or taught."""
    protocol: Literal["out_of_fold", "as_published"] = "out_of_fold"
    """out_of_fold: combiners learn from answers of members that never saw the patient; as_published: from those of
    members for their own training patients."""
    subsets: Literal["all"] | None = None
    """"all" evaluates every combination of modalities too, from the same fitted members."""
    constrained: _Names = ()
    """Input methods of the constraint fusion, each a model of its own."""
    constrained_options: dict[str, Any] = {}
    """Parameters of the constraint fusion by name."""


class ImpliedClass(Part):
    """Classes of some outcomes that imply those of others, as a codeletion implies an IDH mutation."""

    when: dict[str, str]
    """Classes by outcome: where all of these hold …"""
    then: dict[str, str]
    """… these hold too."""
    source: str = ""
    """Who says so."""
