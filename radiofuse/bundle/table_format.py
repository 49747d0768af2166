"""How a table of a bundle is described: what it holds, in words, and its columns in order, each of a kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "text"  # read as it is written: 007 stays 007, NA stays NA
    COUNT = "whole number"
    NUMBER = "number"
    FLAG = "true or false"


TEXT, COUNT, NUMBER, FLAG = Kind


@dataclass(frozen=True)
class TableFormat:
    """What a table holds, in words, and its columns in order."""

    holds: str
    columns: dict[str, Kind]

    def of(self, *kinds: Kind) -> list[str]:
        """Return the columns of some kinds."""
        return [name for name, kind in self.columns.items() if kind in kinds]

    @property
    def of_patients(self) -> bool:
        """Whether its rows are of single patients: then it is empty in a bundle made for handing on."""
        return not {"sample_id", "patient_id"}.isdisjoint(self.columns)
