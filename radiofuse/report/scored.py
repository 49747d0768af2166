"""What every page of scored models has: their scores, and one of them that the others stand beside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pandas as pd

WHOLE = ""  # the class of a metric of all classes


class Scored(ABC):
    """Scores of models by metric, one model that the others are compared with, and what each model is."""

    predictions: pd.DataFrame  # of one outcome
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    primary: str
    main_models: list[str]  # those of the main tables and figures, in order
    classes: tuple[str, ...]  # those that have probabilities; of two classes the positive one

    @abstractmethod
    def kind_of(self, model: str) -> str:
        """Say what a model is, one of ``KINDS`` or ``MODEL``."""

    @abstractmethod
    def of_class(self, name: str) -> Scored:
        """Return the same of one of several classes against the rest."""

    @property
    def has_several_classes(self) -> bool:
        """Whether there are more than two."""
        return len(self.classes) > 1

    @cached_property
    def whole_scores(self) -> pd.DataFrame:
        """The scores of the outcome as a whole, not of one of several classes against the rest."""
        return self.scores[self.scores["class"] == WHOLE] if self.has_several_classes else self.scores

    @property
    def learned_anew(self) -> Mapping[str, Any]:
        """The AUC by model with the interval for other patients to learn from; empty where nothing says it."""
        return {}

    @cached_property
    def score_of(self) -> dict[tuple[str, str], Any]:
        """The rows of `whole_scores` by model and metric."""
        return {(row.model, row.metric): row for row in self.whole_scores.itertuples()}
