"""How a column was read into the classes of an outcome, kept so that the column of another cohort is read alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.names import did_you_mean
from radiofuse.tables.cells import Codes, is_number, plain_number
from radiofuse.tables.labels import Label, unknown_labels
from radiofuse.tables.spellings import VOCABULARIES, Spellings, without_unknown
from radiofuse.wording import listed, some


@dataclass(frozen=True)
class LabelReading:
    """What stood in the column of an outcome.

    Attributes
    ----------
    column : str
    values : tuple of str
        The values that were known, after spellings; one that is no class of its own is set against the positive one.
    missing : tuple of str
        Values that mean unknown.
    spellings : mapping of str to sequence of str, optional
        How each class is also written.
    vocabulary : str, optional
        The key of ``VOCABULARIES`` whose spellings were used, where no others were given.
    also : mapping of str to sequence of str
        How values are also written in another cohort, by the value; of that cohort alone, and not kept in a bundle.
    """

    column: str
    values: tuple[str, ...]
    missing: tuple[str, ...] = ()
    spellings: Mapping[str, Sequence[str]] | None = None
    vocabulary: str | None = None
    also: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> LabelReading:
        """Return what ``to_json`` has written."""
        return cls(**{**said, "values": tuple(said["values"]), "missing": tuple(said["missing"])})

    def to_json(self) -> dict[str, Any]:
        """Return the same in types that JSON has.

        >>> LabelReading.from_json(LabelReading("idh", ("0", "1")).to_json()) == LabelReading("idh", ("0", "1"))
        True
        """
        spellings = self.spellings and {name: list(others) for name, others in self.spellings.items()}
        lists = {"values": list(self.values), "missing": list(self.missing)}
        return {"column": self.column, **lists, "spellings": spellings, "vocabulary": self.vocabulary}

    def _spelled(self, cells: pd.Series) -> pd.Series:
        stated = Spellings(self.also).applied(without_unknown(cells, self.missing))
        if self.spellings is None and self.vocabulary is None:
            return stated
        spellings = VOCABULARIES[self.vocabulary] if self.spellings is None else Spellings(self.spellings)
        return spellings.applied(stated)

    def read(self, cells: pd.Series, name: str, classes: Sequence[str]) -> Label:
        """Read the column of another cohort, in which classes may be absent; values that were not known are a problem.

        Parameters
        ----------
        cells : Series of str
        name : str
            The outcome's.
        classes : sequence of str
            In order; of two the second is the positive one.

        Examples
        --------
        >>> reading = LabelReading("grade", ("2", "3", "4"))
        >>> reading.read(pd.Series(["4", "3.0", ""]), "grade", ("2 or 3", "4")).y.tolist()
        [1.0, 0.0, nan]
        >>> reading.read(pd.Series(["1"]), "grade", ("2 or 3", "4")).problems[0][:53]
        'Column grade holds 1, which the model does not know: '
        """
        codes = Codes.of(self._spelled(cells), self.missing)
        # a word among numbers makes text of all of them, and 1.0 is still 1
        rows = codes.rows.map(plain_number, na_action="ignore") if all(map(is_number, self.values)) else codes.rows
        strangers = sorted(set(rows.dropna()) - set(self.values))
        if strangers:
            y = np.where(rows.notna(), 0.0, np.nan)
            return Label(y, (), codes.known, [self._unknown(strangers)], [])
        places = {value: float(classes.index(value)) if value in classes else 0.0 for value in self.values}
        y = rows.map(places).to_numpy(dtype=float)
        return Label(y, tuple(classes), codes.known, [], unknown_labels(codes, name, self.missing))

    def _unknown(self, strangers: Sequence[str]) -> str:
        return (
            f"Column {self.column} holds {some(strangers)}, which the model does not know: it learned from "
            f"{listed(self.values)}. Leave such cells empty, write them so, or say by --spelling which class they mean."
            f"{did_you_mean(strangers[0], self.values)}"
        )
