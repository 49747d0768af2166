"""The column of a cohort table that holds an outcome, read into its classes.

Every kind has an entry in ``KINDS``. A later one, as time to event, is an entry there with its reader; what the
predictions of it look like stands in ``tables/predictions.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofuse.names import did_you_mean
from radiofuse.tables.cells import Codes, numbers_of
from radiofuse.tables.label_reading import LabelReading
from radiofuse.tables.labels import Label, Writer, as_entry, unknown_labels
from radiofuse.tables.outcomes import BINARY, MULTICLASS, AskedOutcome, Outcome
from radiofuse.tables.problems import problems_about, shown, spelling_problems
from radiofuse.tables.roles import SAMPLE
from radiofuse.tables.spellings import Spellings, name_of, vocabulary_for, without_unknown
from radiofuse.wording import counted, some


@dataclass(frozen=True)
class ReadOutcome:
    """An outcome with the code of every row; where it cannot be used, the label says why."""

    outcome: Outcome
    label: Label


def read_outcome(table: pd.DataFrame, asked: AskedOutcome) -> ReadOutcome:
    """Read an outcome's column.

    Parameters
    ----------
    table : DataFrame of str
        With the column, and ``sample_id`` for sentences.
    asked : AskedOutcome

    Returns
    -------
    ReadOutcome
        Codes are the places of the classes, NaN where unknown.

    Examples
    --------
    >>> table = pd.DataFrame({"sample_id": list("abcde"), "grade": ["G2", "G4", "G3", "G2", "[Not Available]"]})
    >>> read = read_outcome(table, AskedOutcome("grade", kind="multiclass", missing=("[Not Available]",)))
    >>> read.outcome.phrase, read.label.y.tolist()
    ('grade (2 < 3 < 4)', [0.0, 2.0, 1.0, 0.0, nan])
    """
    if asked.known is not None and asked.known.reading is not None:
        own = asked.known
        return ReadOutcome(own, asked.known.reading.read(table[asked.column], own.name, own.classes))
    stated = without_unknown(table[asked.column], asked.missing)
    spellings = _spellings(stated, asked)
    spelled = stated if spellings is None else spellings.applied(stated)
    label = KINDS[asked.kind](table.assign(**{asked.column: spelled}), asked, spellings)
    ordered = asked.ordered if asked.ordered is not None else spellings is not None and spellings.ordered
    ordered = ordered and asked.kind != BINARY
    reading = LabelReading(asked.column, tuple(label.values), asked.missing, asked.spellings, name_of(spellings))
    return ReadOutcome(Outcome(asked.called, label.classes, asked.kind, ordered, reading), label)


def _spellings(cells: pd.Series, asked: AskedOutcome) -> Spellings | None:
    if asked.spellings is not None:
        return Spellings(asked.spellings)
    return None if asked.plain else vocabulary_for(asked.column, cells)


def _binary(table: pd.DataFrame, asked: AskedOutcome, spellings: Spellings | None) -> Label:
    """Return a label of 0 and 1, or of two other words or codes; where 0 and 1 are among more, the others are named."""
    cells = table[asked.column]
    codes = Codes.of(cells, asked.missing)
    others = [value for value in codes.known if value not in map(codes.name, asked.classes)]
    if asked.classes and others:
        return _refused(codes, [_strangers(asked, others, asked.classes)])
    positive = asked.positive or next(reversed(asked.classes), None) or _last_of(spellings, codes.known)
    if positive is not None or not (set(codes.known) <= {"0", "1"} or {"0", "1"} <= set(codes.known)):
        return Label.of(cells, positive, asked.missing, write=_writer(asked))
    y = numbers_of(codes.rows)
    wrong = np.flatnonzero(codes.rows.notna() & ~y.isin((0, 1)))
    named = [f"{asked.column} of {shown(table[SAMPLE].iat[row])}: {cells.iat[row]!r}" for row in wrong]
    entry = _writer(asked)("label", f"{asked.column}=VALUE")
    advice = f"Write the two classes as 0 and 1 and leave unknown ones empty, or say {entry}."
    problems = problems_about("Labels that are not 0 or 1", named, advice)
    return Label(y.to_numpy(), ("0", "1"), codes.known, problems, unknown_labels(codes, asked.called, asked.missing))


def _writer(asked: AskedOutcome) -> Writer:
    """Return how the reader says what a sentence advises: by the short form ``label``, or in [[outcomes]]."""
    return as_entry if asked.plain else _in_outcomes


def _in_outcomes(name: str, value: str) -> str:
    """Return an entry of [[outcomes]], where the column has an entry of its own.

    >>> _in_outcomes("label", "idh=mutant"), _in_outcomes("label", ""), _in_outcomes("missing", "")
    ('positive = "mutant"', 'column', 'missing')
    """
    if name != "label":
        return as_entry(name, value)
    positive = value.partition("=")[2]
    return as_entry("positive", positive) if positive else "column"


def _last_of(spellings: Spellings | None, known: Sequence[str]) -> str | None:
    """Return the last class of a vocabulary, which is the one that is asked about, where two of its classes occur."""
    named = [] if spellings is None else [name for name in spellings.classes if name in known]
    return named[-1] if len(named) == 2 and len(known) == 2 else None


def _multiclass(table: pd.DataFrame, asked: AskedOutcome, spellings: Spellings | None) -> Label:
    codes = Codes.of(table[asked.column], asked.missing)
    classes = [codes.name(name) for name in asked.classes] or _in_order(codes.known, spellings)
    problems = [*_class_problems(asked, classes, codes.known), *spelling_problems(codes.known, asked.column)]
    if problems:
        return _refused(codes, problems)
    y = codes.rows.map({name: float(place) for place, name in enumerate(classes)}).to_numpy(dtype=float)
    return Label(y, tuple(classes), codes.known, [], unknown_labels(codes, asked.called, asked.missing))


def _in_order(known: Sequence[str], spellings: Spellings | None) -> list[str]:
    """Return the classes that occur: as the spellings list them, else ascending."""
    named = [] if spellings is None else [name for name in spellings.classes if name in known]
    return [*named, *(name for name in known if name not in named)]


def _class_problems(asked: AskedOutcome, classes: Sequence[str], known: Sequence[str]) -> Iterable[str]:
    others = [value for value in known if value not in classes]
    absent = [name for name in classes if name not in known]
    if others:
        yield _strangers(asked, others, classes)
    for name in absent:
        meant = did_you_mean(name, others)
        yield f"No sample has {asked.column} = {name!r}; its values are {some(known)}.{meant}"
    if len(classes) < 3 and not others and not absent:
        yield (
            f"Column {asked.column} holds {counted(len(classes), 'class', 'classes')} ({some(classes)}), and "
            f'kind = "{MULTICLASS}" needs three or more. Write kind = "{BINARY}" and positive = its positive class.'
        )


def _strangers(asked: AskedOutcome, others: Sequence[str], classes: Sequence[str]) -> str:
    return (
        f"Column {asked.column} also holds {some(others)}; its classes are {', '.join(classes)}. Add to classes, bring "
        "spellings together under spellings, or name under missing what means unknown."
    )


def _refused(codes: Codes, problems: list[str]) -> Label:
    return Label(np.where(codes.rows.notna(), 0.0, np.nan), (), codes.known, problems, [])


KINDS: dict[str, Callable[[pd.DataFrame, AskedOutcome, Spellings | None], Label]] = {
    BINARY: _binary,
    MULTICLASS: _multiclass,
}
