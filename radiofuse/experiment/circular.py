"""Columns that define an outcome, or are defined by it: a model of them predicts a definition."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from radiofuse.tables import columns
from radiofuse.tables.outcomes import Outcome
from radiofuse.wording import some

# Since 2016 molecular markers are part of what a glioma is called, since 2021 also of its grade: Louis et al. (2021).
# The 2021 WHO Classification of Tumors of the Central Nervous System. Neuro-Oncology 23(8), 1231-1251.
_MOLECULAR = r"idh[12]?|1p_?19q|codel(etion|eted)?|cdkn2[ab]*|tert|egfr|atrx|chr7|chr10|gain7|loss10"
_HISTOLOGICAL = r"grade|diagnos[a-z]*|histolog[a-z]*|subtype|who|type"


def _named(name: str, words: str) -> bool:
    """Say whether one of some words stands in a name between underscores.

    >>> _named("final_pathologic_diagnosis", _HISTOLOGICAL), _named("shape_whorl", _HISTOLOGICAL)
    (True, False)
    """
    return re.search(rf"(^|_)({words})(_|$)", re.sub(r"[\s/.-]+", "_", name.casefold())) is not None


def circular_columns(outcome: Outcome, names: Iterable[str]) -> list[str]:
    """Return the columns that are part of an outcome's definition, or the other way round.

    Parameters
    ----------
    outcome : Outcome
    names : iterable of str
        Columns ``<modality>__<thing>`` that a cohort table brought.

    Examples
    --------
    >>> circular_columns(Outcome("who_grade", ("2", "3", "4"), "multiclass"), ["clinical__age", "clinical__idh"])
    ['clinical__idh']
    >>> circular_columns(Outcome("idh", ("wildtype", "mutant")), ["clinical__diagnosis", "clinical__idh2"])
    ['clinical__diagnosis']
    """
    pairs = ((_MOLECULAR, _HISTOLOGICAL), (_HISTOLOGICAL, _MOLECULAR))
    other = [theirs for ours, theirs in pairs if _named(outcome.name, ours)]
    things = {name: columns.split(name)[1] for name in names}
    return [name for name, thing in things.items() if any(_named(thing, words) for words in other)]


def circular_warnings(outcomes: Sequence[Outcome], names: Sequence[str]) -> list[str]:
    """Return a sentence for each outcome that some of the columns define, or are defined by."""
    found = {outcome: circular_columns(outcome, names) for outcome in outcomes}
    return [
        f"{some(circular)} and {outcome.name} are parts of one definition (WHO 2021): a model that reads the one "
        "predicts the other from its definition, not from images. List under ignore what is not known before "
        f"{outcome.name} is."
        for outcome, circular in found.items()
        if circular
    ]
