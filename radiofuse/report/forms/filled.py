"""A form filled from a run: its items in order, each with what the run says of it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.forms.data_facts import data_facts
from radiofuse.report.forms.fact import ANSWERS, HUMAN, NOT_APPLICABLE, YES, Fact
from radiofuse.report.forms.feature_facts import feature_facts
from radiofuse.report.forms.model_facts import model_facts
from radiofuse.report.forms.result_facts import result_facts

FORMS = {  # name -> title, and the publication that has the items
    "clear": ("CLEAR", "Kocak et al. 2023, Insights into Imaging 14:75"),
    "metrics": ("METRICS", "Kocak et al. 2024, Insights into Imaging 15:8"),
    "tripod_ai": ("TRIPOD+AI", "Collins et al. 2024, BMJ 385:e078378"),
    "claim_2024": ("CLAIM 2024", "Tejani et al. 2024, Radiology: Artificial Intelligence 6:e240300"),
}
BANDS = ((0.8, "excellent"), (0.6, "good"), (0.4, "moderate"), (0.2, "low"), (0.0, "very low"))


@dataclass(frozen=True)
class Item:
    """An item of a form by its number and our own short words, and the fact that answers it."""

    number: str
    section: str
    words: str
    fact: str
    weight: float | None


@dataclass(frozen=True)
class Form:
    """A filled form."""

    name: str
    entries: tuple[tuple[Item, Fact], ...]

    @property
    def title(self) -> str:
        """What the form is called."""
        return FORMS[self.name][0]

    @property
    def counts(self) -> dict[str, int]:
        """How many items have each answer."""
        found = Counter(fact.answer for _, fact in self.entries)
        return {answer: found[answer] for answer in ANSWERS}

    @property
    def score(self) -> tuple[float, float] | None:
        """The least and the greatest share of the weights, by what humans may answer; None where items have none."""
        asked = [(item.weight, fact.answer) for item, fact in self.entries if fact.answer != NOT_APPLICABLE]
        if any(weight is None for weight, _ in asked):
            return None
        weights = [(weight or 0.0, answer) for weight, answer in asked]
        whole = sum(weight for weight, _ in weights)
        least = sum(weight for weight, answer in weights if answer == YES)
        return least / whole, (least + sum(weight for weight, answer in weights if answer == HUMAN)) / whole


@cache
def items_of(name: str) -> tuple[Item, ...]:
    """Return the items of a form, in order."""
    with (Path(__file__).parent / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Item(
                row["item"], row["section"], row["words"], row["fact"], float(row["weight"]) if row["weight"] else None
            )
            for row in csv.DictReader(file)
        )


def facts_of(contents: Contents) -> dict[str, Fact]:
    """Return every fact of a run that forms ask for, by name."""
    return {
        **data_facts(contents),
        **feature_facts(contents),
        **model_facts(contents),
        **result_facts(contents),
    }


def fill(name: str, facts: Mapping[str, Fact]) -> Form:
    """Return a form with the facts of a run."""
    return Form(name, tuple((item, facts[item.fact]) for item in items_of(name)))


def band(share: float) -> str:
    """Return the quality that METRICS calls a share of its weights.

    >>> band(0.61), band(0.1)
    ('good', 'very low')
    """
    return next(name for least, name in BANDS if share >= least)
