"""The label of a table that features are selected from: two classes, or several in the order of their spellings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radiofuse.tables.cells import Codes, is_number, plain_number
from radiofuse.tables.labels import MANY_VALUES, Label, as_option
from radiofuse.tables.outcomes import MULTICLASS, AskedOutcome
from radiofuse.tables.reading_outcomes import read_outcome
from radiofuse.tables.roles import SAMPLE
from radiofuse.wording import some


def read_label(cells: pd.Series, asked: str | None = None, missing: Sequence[str] = ()) -> tuple[Label, bool]:
    """Read a label of two classes, or of three and more; also return whether their order is a ranking.

    Several classes are those that `read_outcome` finds, so that ``G2`` and ``WHO II`` are grade 2. A column that they
    leave with fewer than three is a label of two classes, which are to be written in one way each.

    Parameters
    ----------
    cells : Series
        Its name is the column's.
    asked : str, optional
        The positive class; all other values are set against it.
    missing : sequence of str
        Values that mean unknown.

    Examples
    --------
    >>> label, ordered = read_label(pd.Series(["G4", "G2", "WHO II", "3", ""], name="who_grade"))
    >>> label.classes, label.y.tolist(), ordered
    (('2', '3', '4'), [2.0, 0.0, 0.0, 1.0, nan], True)
    >>> read_label(pd.Series(["4", "2", "3"], name="who_grade"), "4")[0].classes
    ('2 or 3', '4')
    """
    known = Codes.of(cells, missing)
    if asked is None and len(known.known) > 2:
        name = str(cells.name)
        table = pd.DataFrame({SAMPLE: "", name: known.rows.fillna("").astype("str")})
        read = read_outcome(table, AskedOutcome(name, kind=MULTICLASS, missing=tuple(missing)))
        n_classes = len(read.label.values)
        if 2 < n_classes <= MANY_VALUES:
            return _of_numbers_refused(read.label, name), read.outcome.ordered
    return Label.of(cells, asked, missing), False


def _of_numbers_refused(label: Label, name: str) -> Label:
    """Return a label, or why it is none: numbers with decimals are measured, not classes."""
    measured = [value for value in label.values if is_number(value) and "." in plain_number(value)]
    if not measured or label.problems:
        return label
    problem = (
        f"Column {name} holds numbers that are no classes ({some(measured)}). Name a column of classes with "
        f"{as_option('label', '')}, or write one that cuts these values into classes."
    )
    return Label(label.y, (), label.values, [problem], [])
