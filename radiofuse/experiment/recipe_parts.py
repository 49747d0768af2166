"""The parts of a recipe, each a table of the TOML file: what it may say, its limits and its defaults."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from radiofuse.imaging.regions import check_region
from radiofuse.names import did_you_mean
from radiofuse.select.choices import known_name
from radiofuse.tables.columns import modality_pattern
from radiofuse.tables.outcomes import AskedOutcome


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Phantom(Part):
    """A synthetic cohort that the package generates, for want of patient data."""

    n_patients: Annotated[int, Field(ge=20, le=1000)] = 60
    """How many patients are generated."""
    seed: int = 0
    """The same seed writes the same images."""


def _check_mask_label(value: Any) -> str | int | tuple[int, ...]:
    values = value if isinstance(value, list) and value else [value]
    if value != "any" and not all(type(one) is int and one for one in values):
        raise ValueError('should be "any", a whole number, or a list of whole numbers; 0 is the background')
    return tuple(value) if isinstance(value, list) else value


def _check_slices(value: Any) -> Any:
    if value != "all" and not (type(value) is int and value >= 1):
        raise ValueError('should be 1 or more, or "all"')
    return value


def check_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names, or raise a ValueError if one stands there twice."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"names {twice[0]!r} more than once")
    return names


def _check_pattern(text: str) -> str:
    modality_pattern(text)
    return text


def _code_as_text(value: Any) -> Any:
    return str(value) if type(value) in (int, float) else value


def _codes_as_text(values: Any) -> Any:
    """Return codes as the table has them: 9 and "9" mean the same."""
    return tuple(map(str, values)) if isinstance(values, list) else values


def _known_names(steps: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(known_name, steps))


_Names = Annotated[tuple[str, ...], AfterValidator(check_once)]
_Some = Annotated[tuple[str, ...], Field(min_length=1)]
_Steps = Annotated[_Some, AfterValidator(_known_names), AfterValidator(check_once)]


class Cohort(Part):
    """Which patients, which column is predicted, which modalities take part."""

    table: str | None = None
    """The cohort table, relative to the recipe; ${VARIABLE} is filled in."""
    phantom: Phantom | None = None
    """A generated cohort in place of a table."""
    participants: str | None = None
    """A table with one row per patient (BIDS participants.tsv): labels and clinical columns, joined by patient."""
    label: str | None = None
    """The column that is predicted; "idh=mutant" says which class is positive. For more, write [[outcomes]]."""
    label_per: Literal["patient", "sample"] = "patient"
    """Whose the label is: a patient has one, or each lesion or scan its own; folds stay by patient."""
    missing: Annotated[tuple[str, ...], BeforeValidator(_codes_as_text)] = ()
    """Values of the label that mean unknown."""
    ignore: tuple[str, ...] = ()
    """Columns that are neither label nor feature."""
    modalities: _Some | None = None
    """Which modalities take part; left out, all."""
    modality_pattern: Annotated[str, AfterValidator(_check_pattern)] | None = None
    """A regular expression with one named group that finds the modality in names of columns."""
    mask_label: Annotated[Any, AfterValidator(_check_mask_label)] = None
    """The region: "any" mask value, one value, or a list whose union it is."""
    region: Annotated[str, AfterValidator(check_region)] | None = None
    """The region by name, in place of mask_label: WT, TC, or a part that the column mask_regions names."""
    regions: Annotated[tuple[Annotated[str, AfterValidator(check_region)], ...], AfterValidator(check_once)] = ()
    """Several regions in one run: each has features of its own, t1ce__ET_original_…."""

    @model_validator(mode="after")
    def _one_source(self) -> Cohort:
        if (self.table is None) == (self.phantom is None):
            raise ValueError("give either table (a file) or phantom (a generated cohort)")
        if sum([self.mask_label is not None, self.region is not None, bool(self.regions)]) > 1:
            raise ValueError("give one of mask_label, region and regions")
        return self

    @property
    def of_crops(self) -> str | None:
        """The region that tumor crops are cut around: the one there is, or the first of several."""
        return self.regions[0] if self.regions else self.region


def _listed_spellings(values: Any) -> Any:
    """Return lists of spellings, where some are written as one text with commas."""
    if not isinstance(values, dict):
        return values
    return {name: one.split(",") if isinstance(one, str) else one for name, one in values.items()}


class PredictedOutcome(Part):
    """An outcome: which column holds it, and what its classes are."""

    column: str
    """The column of the cohort table, or of the participants."""
    name: str = ""
    """What it is called in tables and pages; left out, as its column."""
    kind: Literal["binary", "multiclass"] = "binary"
    """Two classes, or three and more."""
    positive: Annotated[str | None, BeforeValidator(_code_as_text)] = None
    """The class that the probabilities of a binary outcome speak of."""
    classes: Annotated[tuple[str, ...], BeforeValidator(_codes_as_text), AfterValidator(check_once)] = ()
    """The classes in order; left out, those that occur, ascending. Of two, the last is the positive one."""
    ordered: bool | None = None
    """Whether the order of the classes is a ranking; left out, it is one for WHO grades."""
    spellings: Annotated[dict[str, tuple[str, ...]] | None, BeforeValidator(_listed_spellings)] = None
    """How each class is also written; left out, the well-known spellings of IDH, 1p/19q, MGMT and WHO grade."""
    missing: Annotated[tuple[str, ...], BeforeValidator(_codes_as_text)] = ()
    """Values that mean unknown."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> PredictedOutcome:
        if self.kind == "binary" and len(self.classes) > 2:
            raise ValueError(f'{len(self.classes)} classes need kind = "multiclass"; a binary outcome has two')
        if self.kind == "multiclass" and self.positive is not None:
            raise ValueError("an outcome of several classes has no positive one; leave positive out, or ask for binary")
        if self.positive is not None and self.classes and self.positive not in self.classes:
            raise ValueError(f"positive = {self.positive!r} is none of the classes {', '.join(self.classes)}")
        return self

    @property
    def asked(self) -> AskedOutcome:
        """The same for whoever reads tables."""
        positive, classes = self.positive, self.classes
        if positive is not None and len(classes) == 2:  # the positive class is the last one
            classes = tuple(sorted(classes, key=lambda name: name == positive))
        return AskedOutcome(**{**self.model_dump(), "classes": classes})


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


class Selection(Part):
    """A selector by name, or several one after the other, with options: those of the method, or a table per step."""

    method: str | None = None
    """One selector."""
    steps: _Steps | None = None
    """Several selectors, one after the other."""
    options: dict[str, Any] = {}
    """Parameters of the selector by name; with steps, a table of them for each step."""

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

    method: str
    """Which one."""
    options: dict[str, Any] = {}
    """Its parameters by name."""
    search: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    """Values to try of its parameters, by name; chosen in inner folds of the training patients, selection included."""
    search_score: Literal["log_loss", "auc"] = "log_loss"
    """What the search goes by."""
    oversample: Literal["random", "smote"] | None = None
    """For the classifier, in training: "random" draws patients of smaller classes again, "smote" makes up rows."""


class Deep(Part):
    """One encoder per modality, trained on tumor crops of the training patients; its output joins the radiomics.

    ``join`` puts the output beside the radiomic columns before selection, or makes the encoder a member
    of the late fusion of its own. ``folds`` are those that give training rows outputs of encoders that
    never saw them.
    """

    encoder: str = "san10_small"
    """The network, by name."""
    join: Literal["columns", "members"] = "columns"
    """Beside the radiomic columns before selection, or as members of the late fusion of their own."""
    output: Literal["embedding", "logit"] = "embedding"
    """What of the network goes on: its embedding, or the one number it decides by."""
    protocol: Literal["crossfit", "as_published"] = "crossfit"
    """crossfit: training rows get outputs of encoders that never saw them."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Folds of the cross-fit inside the training rows."""
    size: Annotated[int, Field(ge=8, le=512)] = 72
    """Edge of a crop in pixels."""
    slices: Annotated[Any, AfterValidator(_check_slices)] = 1
    """How many slices of a tumor are cropped, or "all"."""
    training: dict[str, Any] = {}
    """How encoders are trained: epochs, batch_size, learning_rate and others by name."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where torch computes."""


class Fusion(Part):
    """How the modalities' probabilities become one; the first of ``combine`` is the model's answer.

    ``constrained`` names input methods of the constraint fusion, each evaluated as a model of its own.
    """

    combine: Annotated[_Some, AfterValidator(check_once)] = ("mean", "vote", "regression", "nonnegative")
    """How probabilities are combined; the first is the model's answer, all are scored."""
    inner_folds: Annotated[int, Field(ge=2)] = 5
    """Folds that give the combiners out-of-fold probabilities."""
    calibrate: bool = True
    """Whether the mean of the members is calibrated on their out-of-fold probabilities; false leaves the plain mean."""
    subsets: Literal["all"] | None = None
    """"all" evaluates every combination of modalities too, from the same fitted members."""
    constrained: _Names = ()
    """Input methods of the constraint fusion, each a model of its own."""
    constrained_options: dict[str, Any] = {}
    """Parameters of the constraint fusion by name."""


class PublishedRow(Part):
    """One row of a published table: the model that stands for it here, and the published values."""

    name: str
    """What the row is called."""
    model: str
    """The model that stands for it here."""
    published: tuple[float | None, ...]
    """One published value per metric."""


class PublishedTable(Part):
    """A published table to print with this run's values beside it: scores by row, or a fusion's weights."""

    title: str
    """What the table shows."""
    source: str
    """Where it was published."""
    outcome: str = ""
    """Of which outcome; left out, the first."""
    metrics: tuple[str, ...] = ()
    """The columns: auc, accuracy, precision, recall, f1 and others."""
    rows: tuple[PublishedRow, ...] = ()
    """A row per model: scores."""
    fusion: str | None = None
    """The combiner whose weights are shown, in place of rows."""
    published: dict[str, float] = {}
    """A published weight per member."""

    @model_validator(mode="after")
    def _one_kind(self) -> PublishedTable:
        if bool(self.rows) == (self.fusion is not None):
            raise ValueError("give either rows (scores) or fusion (its weights)")
        uneven = [row.name for row in self.rows if len(row.published) != len(self.metrics)]
        if uneven:
            raise ValueError(f"row {uneven[0]!r} needs one published value per metric, {len(self.metrics)} in all")
        return self
