"""The tables [cohort] and [[outcomes]] of a recipe: which patients, and what is predicted of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from radiofuse.experiment.recipe.parts import Part, Some, check_once
from radiofuse.imaging.regions import check_region
from radiofuse.tables.columns import modality_pattern
from radiofuse.tables.outcomes import AskedOutcome


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


def _check_pattern(text: str) -> str:
    modality_pattern(text)
    return text


def _code_as_text(value: Any) -> Any:
    return str(value) if type(value) in (int, float) else value


def _codes_as_text(values: Any) -> Any:
    """Return codes as the table has them: 9 and "9" mean the same."""
    return tuple(map(str, values)) if isinstance(values, list) else values


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
    modalities: Some | None = None
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
    """The class that the probabilities of a binary outcome speak of; left out, the last of the spellings."""
    classes: Annotated[tuple[str, ...], BeforeValidator(_codes_as_text), AfterValidator(check_once)] = ()
    """The classes in order; left out, as the spellings list them, else ascending. Of two, the last is positive."""
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
