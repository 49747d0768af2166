"""Options that say how another hospital's table is written, for the commands that apply a bundle to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofuse.errors import RequestError
from radiofuse.wording import listed

if TYPE_CHECKING:
    from radiofuse.bundle.other_cohort import OtherCohort

Participants = Annotated[
    Path | None,
    typer.Option(help="A table with one row per patient (BIDS participants.tsv), joined by patient."),
]
ModalityPattern = Annotated[
    str | None,
    typer.Option(help="A regular expression with one group, modality, for other names of columns than the bundle's."),
]

Columns = Annotated[
    list[str] | None,
    typer.Option(help="OUTCOME=COLUMN, where the table calls the label otherwise; COLUMN alone for one outcome."),
]
Spellings = Annotated[
    list[str] | None,
    typer.Option(help="VALUE=SPELLINGS, as mutant=MUT,pos: how it is written here; of several, OUTCOME:VALUE=."),
]
Missing = Annotated[list[str] | None, typer.Option(help="A value of the labels that means unknown.")]
LabelPer = Annotated[
    str | None, typer.Option(help="patient or sample: whose the labels are. Default: as in the bundle's cohort.")
]


def written_otherwise(
    outcomes: Sequence[str],
    *,
    participants: Path | None,
    modality_pattern: str | None,
    columns: Iterable[str],
    spellings: Iterable[str],
    missing: Iterable[str],
    label_per: str | None,
) -> OtherCohort:
    """Return what the options of a command say; ``outcomes`` are those that it evaluates.

    Examples
    --------
    >>> nothing = {"participants": None, "modality_pattern": None, "missing": [], "label_per": None}
    >>> said = written_otherwise(["idh"], columns=["IDH_status"], spellings=["mutant=MUT, pos"], **nothing)
    >>> said.columns, said.spellings
    ({'idh': 'IDH_status'}, {'idh': {'mutant': ['MUT', 'pos']}})
    """
    from radiofuse.bundle.other_cohort import OtherCohort

    by_outcome: dict[str, dict[str, list[str]]] = {}
    for text in spellings:
        said, equals, others = text.partition("=")
        outcome, value = _outcome_of(said, ":", outcomes)
        if not (equals and outcome and value and others.strip()):
            raise RequestError(
                f"--spelling takes VALUE=SPELLINGS, with OUTCOME: in front where there are several, got {text!r}. "
                f'Write --spelling "{_example(outcomes, ":")}mutant=MUT, positive".'
            )
        by_outcome.setdefault(outcome, {}).setdefault(value, []).extend(one.strip() for one in others.split(","))
    named = [_column(text, outcomes) for text in columns]
    return OtherCohort(participants, modality_pattern, dict(named), by_outcome, list(missing), label_per)


def _column(text: str, outcomes: Sequence[str]) -> tuple[str, str]:
    outcome, column = _outcome_of(text, "=", outcomes)
    if not (outcome and column):
        raise RequestError(
            f"--column takes OUTCOME=COLUMN, or the column alone where there is one outcome, got {text!r}; the "
            f"outcomes are {listed(outcomes)}."
        )
    return outcome, column


def _outcome_of(text: str, mark: str, outcomes: Sequence[str]) -> tuple[str, str]:
    """Return the outcome that stands before a mark, or the only one there is, and the rest; "" where neither."""
    for name in outcomes:
        if text.startswith(name + mark):
            return name, text.removeprefix(name + mark).strip()
    return (outcomes[0] if len(outcomes) == 1 else ""), text.strip()


def _example(outcomes: Sequence[str], mark: str) -> str:
    return f"{outcomes[0]}{mark}" if len(outcomes) > 1 else ""
