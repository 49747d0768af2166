"""Outcomes: what is predicted. A kind, its classes in order, and how a caller asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from radiofuse.errors import RequestError
from radiofuse.tables.columns import column_and_class, split
from radiofuse.tables.label_reading import LabelReading
from radiofuse.tables.labels import as_entry, positive_class
from radiofuse.tables.problems import problems_about

BINARY, MULTICLASS = "binary", "multiclass"


@dataclass(frozen=True)
class Outcome:
    """What a run predicts.

    Attributes
    ----------
    name : str
        What tables and pages call it.
    kind : str
        A key of ``KINDS`` of ``reading_outcomes``.
    classes : tuple of str
        In order; of a binary outcome the positive one is last.
    ordered : bool
        Whether the order of the classes is a ranking.
    reading : LabelReading, optional
        How the column that holds it was read.

    Examples
    --------
    >>> Outcome("idh", ("wildtype", "mutant")).positive
    'mutant'
    """

    name: str
    classes: tuple[str, ...]
    kind: str = BINARY
    ordered: bool = False
    reading: LabelReading | None = field(default=None, compare=False)

    @property
    def is_binary(self) -> bool:
        """Whether it has two classes, of which one is positive."""
        return self.kind == BINARY

    @property
    def positive(self) -> str:
        """The class that probabilities of a binary outcome speak of."""
        return self.classes[-1]

    @property
    def told(self) -> tuple[str, ...]:
        """The classes that have a probability of their own in a table of predictions."""
        return self.classes[-1:] if self.is_binary else self.classes

    @property
    def phrase(self) -> str:
        """The outcome as a sentence has it.

        >>> Outcome("idh", ("wildtype", "mutant")).phrase
        'idh = mutant'
        >>> Outcome("grade", ("2", "3", "4"), "multiclass", ordered=True).phrase
        'grade (2 < 3 < 4)'
        """
        if self.is_binary:
            return f"{self.name} = {self.positive}"
        return f"{self.name} ({' < '.join(self.classes) if self.ordered else ', '.join(self.classes)})"


def outcome_words(outcomes: Iterable[Outcome]) -> list[str]:
    """Return a sentence on what the probabilities of each outcome speak of.

    Examples
    --------
    >>> outcome_words([Outcome("grade", ("2", "3", "4"), "multiclass", ordered=True)])
    ['Classes of grade, in order: 2 < 3 < 4.']
    """
    return [
        positive_class(outcome.name, outcome.positive, as_entry)
        if outcome.is_binary
        else f"Classes of {outcome.name}, in order: {(' < ' if outcome.ordered else ', ').join(outcome.classes)}."
        for outcome in outcomes
    ]


@dataclass(frozen=True)
class AskedOutcome:
    """An outcome as a caller asks for it, before the table is read.

    Attributes
    ----------
    column : str
        Of the cohort table.
    name : str
        What it is called; default: as its column.
    kind : str
        A key of ``KINDS`` of ``reading_outcomes``.
    positive : str, optional
        The class that a binary outcome's probabilities speak of.
    classes : tuple of str
        In order; default: those that occur, ascending.
    ordered : bool, optional
        Whether the order is a ranking; default: as the vocabulary of well-known spellings says.
    spellings : mapping of str to sequence of str, optional
        How each class is also written; default: a vocabulary, where one knows every value of the column.
    missing : tuple of str
        Values that mean unknown.
    plain : bool
        Whether it was asked for by its column alone: then words stay as they are.
    known : Outcome, optional
        An outcome that a model predicts: its column is read as that of the model's own cohort was, whatever else is
        said here.
    """

    column: str
    name: str = ""
    kind: str = BINARY
    positive: str | None = None
    classes: tuple[str, ...] = ()
    ordered: bool | None = None
    spellings: Mapping[str, Sequence[str]] | None = None
    missing: tuple[str, ...] = ()
    plain: bool = False
    known: Outcome | None = None

    @property
    def called(self) -> str:
        """The outcome's name."""
        return self.name or self.column


Asked = str | AskedOutcome | Iterable[str | AskedOutcome] | None


def asked_outcomes(
    labels: str | AskedOutcome | Iterable[str | AskedOutcome] | None,
    columns: Sequence[str],
    missing: Sequence[str] = (),
) -> list[AskedOutcome]:
    """Return what a caller asks for, each outcome with its column in a table.

    Parameters
    ----------
    labels : str, AskedOutcome, or several
        A text as ``"grade=4"`` is a column of that name, or the positive class of the column ``grade``.
    columns : sequence of str
        Those of the table.
    missing : sequence of str
        Values that mean unknown, in columns that are asked for by a text.

    Raises
    ------
    RequestError
        If two outcomes have one name.
    """
    asked = []
    for one in [labels] if isinstance(labels, str | AskedOutcome) else labels or ():
        if isinstance(one, str):
            column, positive = column_and_class(one, columns)
            one = AskedOutcome(column, positive=positive, missing=tuple(missing), plain=True)
        asked.append(one)
    names = [one.called for one in asked]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise RequestError(f"Two outcomes are called {twice[0]!r}; name each column once, or give one another name.")
    return asked


def columns_asked(labels: Asked) -> list[str] | None:
    """Return the columns of what a caller asks for, each once, a text as it was written."""
    if labels is None:
        return None
    several = [labels] if isinstance(labels, str | AskedOutcome) else labels
    return list(dict.fromkeys(one if isinstance(one, str) else one.column for one in several))


def naming_problems(asked: Sequence[AskedOutcome], columns: Sequence[str]) -> list[str]:
    """Return sentences on outcomes whose name is that of a feature, or of another column: a model would learn from it.

    Examples
    --------
    >>> naming_problems([AskedOutcome("clinical__idh")], ["sample_id", "clinical__idh"])
    ['Outcomes that are called like a feature: clinical__idh. Rename the column, or give the outcome another name.']
    """
    like_features = [one.called for one in asked if split(one.called) is not None]
    own = {one.column for one in asked}
    taken = [one.called for one in asked if one.called in columns and one.called not in own]
    return [
        *problems_about(
            "Outcomes that are called like a feature",
            like_features,
            "Rename the column, or give the outcome another name.",
        ),
        *problems_about(
            "Outcomes that are called like another column",
            taken,
            "Rename that column, or give the outcome another name.",
        ),
    ]
