"""A label out of codes or words: its classes, which one is positive, and what is unknown, alike for every table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofuse.names import did_you_mean
from radiofuse.tables.cells import Codes
from radiofuse.tables.problems import spelling_problems
from radiofuse.tables.spellings import asked_about
from radiofuse.wording import counted, some

MANY_VALUES = 10  # a column of more is hardly a label

Writer = Callable[[str, str], str]


def as_option(name: str, value: str) -> str:
    """Return how a command is told something.

    >>> as_option("label", "idh=mutant")
    '--label idh=mutant'
    """
    return f"--{name} {value}".rstrip()


def as_entry(name: str, value: str) -> str:
    """Return how a recipe, or a call, is told something.

    >>> as_entry("label", "idh=mutant"), as_entry("missing", "")
    ('label = "idh=mutant"', 'missing')
    """
    return f'{name} = "{value}"' if value else name


@dataclass(frozen=True, eq=False)
class Label:
    """A label: the class of each row.

    Attributes
    ----------
    y : ndarray of float, shape (n_samples,)
        The place of the row's class, NaN where unknown; of two classes 1 is the positive one, 0 all others.
    classes : tuple of str
        In order. Of two, the second is the positive one; the first names all that it is set against.
    values : list of str
        The known values, ascending.
    problems : list of str
        What keeps the column from being used; then `classes` are empty.
    notes : list of str
        What was left out or set against each other.
    """

    y: np.ndarray
    classes: tuple[str, ...]
    values: list[str]
    problems: list[str]
    notes: list[str]

    @classmethod
    def of(
        cls, cells: pd.Series, asked: str | None = None, missing: Sequence[str] = (), write: Writer = as_option
    ) -> Label:
        """Read a label of two classes.

        Parameters
        ----------
        cells : Series
            Its name is the column's.
        asked : str, optional
            The positive class; default: of two, the one that a vocabulary of the column's name lists last (mutant,
            codeleted, methylated), else the second in ascending order.
        missing : sequence of str
            Values that mean unknown.
        write : callable
            How the reader of a sentence says something: `as_option` or `as_entry`.

        Examples
        --------
        >>> label = Label.of(pd.Series(["mutant", "wildtype", "NA"], name="idh"), "mutant")
        >>> label.y.tolist(), label.classes
        ([1.0, 0.0, nan], ('wildtype', 'mutant'))
        """
        codes = Codes.of(cells, missing)
        values, name = codes.known, str(cells.name)
        positive = _default_positive(name, values) if asked is None else codes.name(asked)
        problems = spelling_problems(values, name)
        if not problems or asked is not None:  # else the number of values is told by how they are written
            problems += _problems(name, len(cells), values, positive, asked, write)
        if problems:
            return cls(np.where(codes.rows.notna(), 0.0, np.nan), ("", ""), values, problems, [])
        rest = [value for value in values if value != positive]
        y = np.where(codes.rows.notna(), (codes.rows == positive).astype(float), np.nan)
        notes = [*unknown_labels(codes, name, missing), *_set_against(name, positive, rest, write)]
        return cls(y, (" or ".join(rest), positive), values, [], notes)


def _default_positive(label: str, values: list[str]) -> str:
    if len(values) != 2:
        return ""
    return asked_about(label, values) or values[1]


def _problems(label: str, n_rows: int, values: list[str], positive: str, asked: str | None, write: Writer) -> list[str]:
    if not values:
        return [f"Column {label} is empty in all {n_rows} rows; a label of two values is needed."]
    if asked is not None and positive not in values:
        meant = did_you_mean(asked, values)
        return [f"No sample has {label} = {asked!r}; its values are {some(values)}.{meant}"]
    if len(values) < 2 or not positive:
        return [
            f"Column {label} holds {counted(len(values), 'different value')} ({some(values)}); two are needed."
            f"{_advice(label, len(values), write)}"
        ]
    return []


def _advice(label: str, n_values: int, write: Writer) -> str:
    """Return what to do about a label that has not two values."""
    if n_values > MANY_VALUES:
        return f" Name a column of two classes with {write('label', '')}, or write one that cuts these values in two."
    if n_values < 2:
        return f" Add samples of the other class, or name another column with {write('label', '')}."
    apart = f"Set one against the rest with {write('label', f'{label}=VALUE')}"
    return f" {apart}; leave out a value that means unknown with {write('missing', '')}."


def unknown_labels(codes: Codes, label: str, missing: Sequence[str]) -> list[str]:
    """Return a sentence on the samples whose label is empty, or a code that says so."""
    n_unknown = int(codes.rows.isna().sum())
    if not n_unknown:
        return []
    have, are = ("has", "is") if n_unknown == 1 else ("have", "are")
    stated = f" (empty, or {' or '.join(missing)})" if missing else ""
    return [f"{n_unknown} of {len(codes.rows)} samples {have} no {label}{stated} and {are} left out."]


def _set_against(label: str, positive: str, rest: Sequence[str], write: Writer) -> list[str]:
    if len(rest) < 2:
        return []
    classes = f"{label} = {positive} is set against {some(rest)}"
    return [f"{classes}; leave out a value that means unknown with {write('missing', '')}."]


def count_classes(y: np.ndarray, patients: Sequence, label: str, classes: Sequence[str]) -> str:
    """Return how many samples, patients, and samples of each class there are; all labels are known.

    Of two classes the positive one, the last, comes first.

    Examples
    --------
    >>> count_classes(np.array([1, 0, 0]), ["a", "b", "b"], "idh", ("wildtype", "mutant"))
    'Read 3 samples of 2 patients: 1 of class mutant, 2 of class wildtype (idh).'
    """
    places = range(len(classes)) if len(classes) > 2 else reversed(range(len(classes)))
    counts = ", ".join(f"{np.sum(np.asarray(y) == place)} of class {classes[place]}" for place in places)
    read = f"{counted(len(y), 'sample')} of {counted(len(set(patients)), 'patient')}"
    return f"Read {read}: {counts} ({label})."


def positive_class(label: str, positive: str, write: Writer = as_option) -> str:
    """Return which class the probabilities and the AUCs speak of.

    Examples
    --------
    >>> positive_class("idh", "mutant")
    'Positive class: idh = mutant (--label idh=VALUE names another).'
    """
    return f"Positive class: {label} = {positive} ({write('label', f'{label}=VALUE')} names another)."


def tell_classes(label: str, classes: Sequence[str], *, ordered: bool = False, write: Writer = as_option) -> str:
    """Return which class probabilities speak of, or which classes there are.

    Examples
    --------
    >>> tell_classes("grade", ["2", "3", "4"], ordered=True)
    'Classes of grade: 2 < 3 < 4 (--label grade=VALUE sets one against the rest, --missing VALUE leaves one out).'
    """
    if len(classes) <= 2:
        return positive_class(label, classes[-1], write)
    alone, less = write("label", f"{label}=VALUE"), write("missing", "VALUE")
    listed = (" < " if ordered else ", ").join(classes)
    return f"Classes of {label}: {listed} ({alone} sets one against the rest, {less} leaves one out)."
