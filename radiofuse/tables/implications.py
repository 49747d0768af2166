"""What one outcome says of another: a codeleted glioma is IDH-mutant, so that some pairs of classes cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.names import did_you_mean
from radiofuse.tables.outcomes import Outcome


@dataclass(frozen=True)
class Implication:
    """A class of some outcomes that implies one of others.

    Attributes
    ----------
    when, then : mapping of str to str
        Classes by outcome.
    source : str
        Who says so.

    Examples
    --------
    >>> Implication({"codel": "codeleted"}, {"idh": "mutant"}, "WHO 2021").phrase
    'codel = codeleted implies idh = mutant (WHO 2021)'
    """

    when: Mapping[str, str]
    then: Mapping[str, str]
    source: str = ""

    @property
    def phrase(self) -> str:
        """The implication as a sentence has it."""
        when, then = (
            " and ".join(f"{name} = {label}" for name, label in part.items()) for part in (self.when, self.then)
        )
        return f"{when} implies {then}" + (f" ({self.source})" if self.source else "")

    def contradicted(self, labels: pd.DataFrame) -> np.ndarray:
        """Return which rows of a table of classes, a column per outcome, say otherwise; unknown ones never do."""
        if not {*self.when, *self.then} <= set(labels):
            return np.zeros(len(labels), bool)
        holds = np.logical_and.reduce([labels[name] == label for name, label in self.when.items()])
        against = [labels[name].notna() & (labels[name] != label) for name, label in self.then.items()]
        return np.asarray(holds & np.logical_or.reduce(against))


def known_implications(outcomes: Sequence[Outcome]) -> list[Implication]:
    """Return what the classification of gliomas says of outcomes, told by the names of their classes.

    A tumor with 1p/19q codeletion is an oligodendroglioma only where it is IDH-mutant. Many genes are wildtype or
    mutant, as TERT, ATRX and TP53, of which the rule says nothing: an outcome is that of IDH where its name has the
    letters idh.

    References
    ----------
    Louis et al. (2021). The 2021 WHO Classification of Tumors of the Central Nervous System. Neuro-Oncology 23(8).

    Examples
    --------
    >>> outcomes = [Outcome("idh", ("wildtype", "mutant")), Outcome("codel", ("intact", "codeleted"))]
    >>> [one.phrase for one in known_implications(outcomes)]
    ['codel = codeleted implies idh = mutant (WHO 2021)']
    """
    codeleted = [one.name for one in outcomes if {"intact", "codeleted"} <= set(one.classes)]
    of_idh = [one for one in outcomes if "idh" in one.name.lower()]
    mutant = [one.name for one in of_idh if {"wildtype", "mutant"} <= set(one.classes)]
    return [Implication({one: "codeleted"}, {other: "mutant"}, "WHO 2021") for one in codeleted for other in mutant]


def check_implications(implications: Iterable[Implication], outcomes: Sequence[Outcome]) -> None:
    """Raise a RequestError where an implication names an outcome or a class that there is not, or one on both sides."""
    classes = {outcome.name: outcome.classes for outcome in outcomes}
    for one in implications:
        if both := sorted(set(one.when) & set(one.then)):
            raise RequestError(f"The implication {one.phrase!r} has {both[0]} on both sides; name another outcome.")
        for name, label in (*one.when.items(), *one.then.items()):
            known = classes.get(name, classes)
            wrong = label if name in classes else name
            if wrong not in known:
                what = f"the class {label!r} of {name}" if name in classes else f"the outcome {name!r}"
                raise RequestError(
                    f"An implication names {what}, which there is not; known are {', '.join(known)}."
                    f"{did_you_mean(wrong, known)}"
                )


def impossible_classes(implications: Sequence[Implication], outcomes: Sequence[Outcome]) -> list[str]:
    """Return the classes that no patient can have by what is said, as "idh = mutant".

    Examples
    --------
    >>> outcomes = [Outcome("idh", ("wildtype", "mutant")), Outcome("codel", ("intact", "codeleted"))]
    >>> other = Implication({"codel": "codeleted"}, {"idh": "wildtype"})
    >>> impossible_classes([*known_implications(outcomes), other], outcomes)
    ['codel = codeleted']
    """
    allowed = allowed_combinations(implications, outcomes)
    axes = range(allowed.ndim)
    return [
        f"{outcome.name} = {label}"
        for axis, outcome in enumerate(outcomes)
        for label, there in zip(
            outcome.classes, allowed.any(axis=tuple(one for one in axes if one != axis)), strict=True
        )
        if not there
    ]


def contradictions(
    implications: Iterable[Implication], labels: pd.DataFrame, patients: Sequence[str]
) -> dict[str, list[str]]:
    """Return the patients whose classes contradict an implication, by what it says.

    Parameters
    ----------
    implications : iterable of Implication
    labels : DataFrame of shape (n_samples, n_outcomes)
        Classes by name; missing where one is unknown.
    patients : sequence of str
        Of the rows.
    """
    found = {one.phrase: one.contradicted(labels) for one in implications}
    return {phrase: list(dict.fromkeys(np.asarray(patients)[rows])) for phrase, rows in found.items() if rows.any()}


def allowed_combinations(implications: Sequence[Implication], outcomes: Sequence[Outcome]) -> np.ndarray:
    """Return which combinations of classes there can be, bool, an axis per outcome with its classes in order.

    Examples
    --------
    >>> outcomes = [Outcome("idh", ("wildtype", "mutant")), Outcome("codel", ("intact", "codeleted"))]
    >>> allowed_combinations(known_implications(outcomes), outcomes).tolist()
    [[True, False], [True, True]]
    """
    sizes = [len(outcome.classes) for outcome in outcomes]
    places = np.indices(sizes).reshape(len(sizes), prod(sizes))
    combinations = pd.DataFrame(
        {one.name: np.asarray(one.classes, dtype=object)[own] for one, own in zip(outcomes, places, strict=True)}
    )
    against = [one.contradicted(combinations) for one in implications]
    return ~np.logical_or.reduce([np.zeros(prod(sizes), bool), *against]).reshape(sizes)
