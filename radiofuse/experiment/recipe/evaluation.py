"""The table [evaluation] of a recipe: how patients are split, how often, and what is compared."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from radiofuse.experiment.recipe.parts import Part, check_once

YOUDEN = "youden"
HARRELL, PLUS_632 = "harrell", "632+"
KFOLD, BY_SITE, HOLDOUT, FIXED = "kfold", "leave_one_site_out", "holdout", "fixed"
OPTIONS_OF_SPLIT = {  # which entries say something to which way of splitting
    KFOLD: ("folds", "repeats"),
    BY_SITE: ("smallest_site",),
    HOLDOUT: ("share", "repeats"),
    FIXED: ("fixed", "test"),
}


def _ids_as_text(values: Any) -> Any:
    """Return ids, or lists of them, as the table has them: 7 and "7" mean the same."""
    if not isinstance(values, list):
        return values
    return tuple(_ids_as_text(one) if isinstance(one, list) else str(one) for one in values)


_Ids = Annotated[tuple[str, ...], Field(min_length=1)]
_Listed = Annotated[_Ids | Annotated[tuple[_Ids, ...], Field(min_length=1)] | None, BeforeValidator(_ids_as_text)]


class OperatingPoint(Part):
    """From which probability on a patient is called positive, by a rule; without an entry by Youden's."""

    sensitivity: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The greatest specificity with a sensitivity of at least this."""
    specificity: Annotated[float, Field(gt=0, lt=1)] | None = None
    """The greatest sensitivity with a specificity of at least this."""
    cost: Annotated[float, Field(gt=0)] | None = None
    """The least cost of wrong calls: what a missed positive costs, in false alarms."""

    @model_validator(mode="after")
    def _one_rule(self) -> OperatingPoint:
        if len(self.model_fields_set) > 1:
            raise ValueError("give one rule: sensitivity, specificity or cost")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The rule as ``choose_threshold`` takes it."""
        if self.cost is not None:
            return {"rule": "cost", "cost_fn": self.cost}
        for rule, value in (("sensitivity", self.sensitivity), ("specificity", self.specificity)):
            if value is not None:
                return {"rule": rule, "at_least": value}
        return {"rule": YOUDEN}

    @property
    def words(self) -> str:
        """The rule as a sentence goes on with it."""
        if self.cost is not None:
            return f"the least cost of wrong calls, a missed positive costing as much as {self.cost:g} false alarms"
        if self.sensitivity is not None:
            return f"the greatest specificity with a sensitivity of at least {self.sensitivity:g}"
        if self.specificity is not None:
            return f"the greatest sensitivity with a specificity of at least {self.specificity:g}"
        return "the greatest sum of sensitivity and specificity (Youden)"


def _point(value: Any) -> Any:
    """Return what a recipe says of the operating point as a table: "youden" is the one without an entry."""
    if isinstance(value, dict | OperatingPoint):
        return value
    if value != YOUDEN:
        raise ValueError('should be "youden", or one of { sensitivity = 0.9 }, { specificity = 0.9 } and { cost = 5 }')
    return {}


class Evaluation(Part):
    """How patients are split, always whole, and the intervals of what is scored.

    ``arms`` evaluates a fusion on one kind of features alone, for comparison: ``radiomics`` is the same fusion
    without encoders, ``deep`` fuses the networks' own softmax probabilities, without selection and classifier.
    """

    split: Literal["kfold", "leave_one_site_out", "holdout", "fixed"] = "kfold"
    """Repeated stratified folds, a fold for each site, a share of the patients, or lists of your own."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Of kfold: outer folds, of whole patients."""
    repeats: Annotated[int, Field(ge=1)] = 5
    """Of kfold and holdout: how often patients are dealt anew."""
    smallest_site: Annotated[int, Field(ge=1)] = 1
    """Of leave_one_site_out: sites with fewer patients than this are one fold together."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Of holdout: the share of the patients that is held out."""
    fixed: str | None = None
    """Of fixed: a table with sample_id or patient_id, fold, and perhaps repeat, relative to the recipe."""
    test: _Listed = None
    """Of fixed: the patients, or samples, that are tested on; a list of lists for several folds."""
    operating_point: Annotated[OperatingPoint, BeforeValidator(_point)] = OperatingPoint()
    """Of two classes: from which probability on a patient is called positive, chosen without the patient's fold."""
    resamples: Annotated[int, Field(ge=100)] = 2000
    """Bootstrap resamples of the patients, for intervals."""
    arms: Annotated[tuple[Literal["deep", "radiomics"], ...], AfterValidator(check_once)] = ()
    """The same fusion on one kind of features alone, for comparison."""
    ledger: bool = False
    """Whether the run also finds what the usual shortcuts would have claimed for its first model."""
    compare: tuple[tuple[str, str], ...] = ()
    """Pairs of answers to test against each other: McNemar, NRI, IDI, and the corrected resampled t over folds."""
    conformal: Annotated[float, Field(gt=0, lt=1)] | None = None
    """How often prediction sets are to hold the true class, as 0.9; left out, there are none."""
    recalibrations: Annotated[tuple[Literal["temperature", "platt", "isotonic"], ...], AfterValidator(check_once)] = ()
    """Ways to recalibrate every answer, each compared with the answer as it is."""
    spread_refits: Annotated[int, Field(ge=2)] | None = None
    """Bootstraps of the training patients that every model is refitted to: how far its answers move, left out, none."""
    reference: str | None = None
    """An answer that each other one is tested against, p-values adjusted together: "best", where it is combined."""
    permutations: Annotated[int, Field(ge=0)] = 0
    """How often the answering model is refitted, in folds, to labels permuted between patients."""
    optimism: Literal["harrell", "632+"] | None = None
    """Refits the answering model to resampled patients too: its optimism, or the .632+ bootstrap."""
    optimism_resamples: Annotated[int, Field(ge=10)] = 200
    """How often."""

    @model_validator(mode="after")
    def _options_of_its_split(self) -> Evaluation:
        others = {name for options in OPTIONS_OF_SPLIT.values() for name in options} - {*OPTIONS_OF_SPLIT[self.split]}
        unused = [name for name in type(self).model_fields if name in others & self.model_fields_set]
        if unused:
            own = " and ".join(OPTIONS_OF_SPLIT[self.split])
            raise ValueError(f'{unused[0]} says nothing to split = "{self.split}", which takes {own}; leave it out')
        if self.split == FIXED and (self.fixed is None) == (self.test is None):
            raise ValueError('split = "fixed" takes either fixed (a table with a column fold) or test (lists of ids)')
        return self

    @model_validator(mode="after")
    def _resamples_of_something(self) -> Evaluation:
        if "optimism_resamples" in self.model_fields_set and self.optimism is None:
            raise ValueError('optimism_resamples says how often optimism = "harrell" or "632+" resamples; name it too')
        return self

    @property
    def test_lists(self) -> list[tuple[str, ...]]:
        """The lists of ids that are tested on, one for each fold."""
        listed = self.test or ()
        return [one for one in listed if isinstance(one, tuple)] or [tuple(map(str, listed))]
