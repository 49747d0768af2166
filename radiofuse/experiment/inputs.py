"""What there is to read for the models of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from radiofuse.experiment.models.member_chains import CropSource
from radiofuse.tables.outcomes import Outcome


@dataclass(frozen=True)
class Inputs:
    """What there is to read.

    Attributes
    ----------
    modalities : sequence of str
        In order: those that have columns in the feature table.
    blocks : mapping of str to list of str
        Columns of each modality without its crop, its site among them; empty where they are not known yet.
    clinical : sequence of str
        The clinical columns.
    source : CropSource, optional
        Needed to fit a model that reads tumor crops.
    outcome : Outcome, optional
        What a model of one outcome predicts: weights of its classes are given by their names.
    allowed : ndarray of bool, optional
        Which combinations of all outcomes' classes there can be, as ``allowed_combinations`` returns it.
    class_names : mapping of str to sequence of str, optional
        The classes of each outcome, for warnings.
    """

    modalities: Sequence[str]
    blocks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clinical: Sequence[str] = ()
    source: CropSource | None = None
    outcome: Outcome | None = None
    allowed: np.ndarray | None = None
    class_names: Mapping[str, Sequence[str]] | None = None

    def columns_of(self, modalities: Sequence[str], *, clinical: bool = False) -> list[str]:
        """Return the columns of some modalities, without crops; the clinical ones behind them, if asked for."""
        own = [column for name in modalities for column in self.blocks.get(name, ())]
        return [*own, *(self.clinical if clinical else ())]
