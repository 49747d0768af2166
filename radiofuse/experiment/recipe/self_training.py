"""What a recipe may say of self-training: when a pseudo-label is kept, and how many labels are hidden for study."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from radiofuse.experiment.recipe.parts import Part

STAGES = ("stage_2", "stage_1", "supervised")  # what a self-trained model answers by, behind its name

_Share = Annotated[float, Field(ge=0, le=1)]
_Spread = Annotated[float, Field(ge=0)]
_Hidden = Annotated[float, Field(gt=0, lt=1)]


class Gate(Part):
    """When a pseudo-label is kept for one outcome; what is left out is as for the others."""

    confidence: _Share | None = None
    """Least mean probability of the class."""
    spread: _Spread | None = None
    """Largest standard deviation of it over the draws."""
    balance: bool | None = None
    """Whether as many are kept of each class as of the rarest."""


class SelfTraining(Part):
    """A model is fitted a second time, to pseudo-labels of rows without a label too."""

    confidence: _Share = 0.9
    """Least mean probability of the class that a row is given."""
    spread: _Spread = 0.05
    """Largest standard deviation of that probability over the draws."""
    negative: Annotated[float, Field(ge=0, lt=0.5)] | None = None
    """Also rule out classes of no more than this probability; left out, none."""
    negative_spread: _Spread = 0.005
    """Largest standard deviation of a class that is ruled out."""
    balance: bool = False
    """Whether as many pseudo-labels are kept of each class as of the rarest."""
    draws: Literal["bootstrap", "posterior"] = "bootstrap"
    """Fits to patients drawn again, or draws of the weights of a Bayesian regularized network."""
    n_draws: Annotated[int, Field(ge=1)] = 10
    """How many."""
    hidden_labels: _Hidden | dict[str, _Hidden] | None = None
    """Share of the training patients whose labels are hidden, to see how right their pseudo-labels are; by outcome, of
    those that are named alone."""
    outcomes: dict[str, Gate] = {}
    """Gates of single outcomes, by name."""

    @model_validator(mode="after")
    def _one_of_both(self) -> SelfTraining:
        balanced = self.balance or any(gate.balance for gate in self.outcomes.values())
        if self.negative is not None and balanced:
            raise ValueError("negative gives classes to rows that balance dropped; leave one of them out")
        return self

    def hidden_of(self, outcome: str) -> float | None:
        """Return the share of the labels of an outcome that are hidden, None for none."""
        return self.hidden_labels.get(outcome) if isinstance(self.hidden_labels, dict) else self.hidden_labels


def _as_table(value: Any) -> Any:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


Asked = Annotated[SelfTraining | None, BeforeValidator(_as_table)]
