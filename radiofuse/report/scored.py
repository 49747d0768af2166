"""What every page of scored models has: their scores, and one of them that the others stand beside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import pandas as pd


class Scored(ABC):
    """Scores of models by metric, one model that the others are compared with, and what each model is."""

    scores: pd.DataFrame
    comparisons: pd.DataFrame
    primary: str
    main_models: list[str]  # those of the main tables and figures, in order

    @abstractmethod
    def kind_of(self, model: str) -> str:
        """Say what a model is, one of ``KINDS`` or ``MODEL``."""

    @cached_property
    def score_of(self) -> dict[tuple[str, str], Any]:
        """The rows of the scores by model and metric."""
        return {(row.model, row.metric): row for row in self.scores.itertuples()}
