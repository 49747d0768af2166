"""What a selection found, as the pages that tell of it read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.predictions.page import PredictionContents
from radiofuse.tables.features import FUSION
from radiofuse.tables.predictions import outcomes_of


@dataclass(frozen=True, eq=False)
class SelectionContents:
    """Tables and record of a selection.

    Attributes
    ----------
    selection, cv_curve, path, predictions, performance, correlation : DataFrame
        As the command writes them.
    record : mapping
        As in ``selection.json``.
    """

    selection: pd.DataFrame
    cv_curve: pd.DataFrame
    path: pd.DataFrame
    predictions: pd.DataFrame
    performance: pd.DataFrame
    correlation: pd.DataFrame
    record: Mapping[str, Any]

    @property
    def modalities(self) -> list[str]:
        """The modalities, in the order of the table."""
        return list(self.record["flow"])

    @property
    def models(self) -> list[str]:
        """Everything that was scored: a model per modality, and their fusion."""
        return list(self.record["auc_optimistic"])

    @property
    def headline(self) -> str:
        """The model that stands for all: the fusion, or the only modality; "" where nothing was scored."""
        return FUSION if FUSION in self.models else "".join(self.models[:1])

    @property
    def primary(self) -> str:
        """The model whose curves are drawn: the headline's, where it was selected inside the folds."""
        return self.headline if self.headline in self.record["auc_nested"] else ""

    @property
    def nested(self) -> SelectionContents:
        """The same with honest predictions and performance only."""
        parts = {name: getattr(self, name) for name in ("predictions", "performance")}
        return replace(self, **{name: rows[rows["selection"] == "nested"] for name, rows in parts.items()})

    @property
    def several(self) -> tuple[str, ...]:
        """The classes, where there are more than two."""
        classes = self.record["classes"]
        return tuple(classes) if len(classes) > 2 else ()

    @property
    def scored(self) -> PredictionContents:
        """Honest predictions and scores of several classes, as pages of predictions show them."""
        honest = self.nested
        (outcome,) = outcomes_of(honest.predictions)
        return PredictionContents(honest.predictions, self.primary, honest.performance, pd.DataFrame(), outcome)

    def of(self, table: str, modality: str) -> pd.DataFrame:
        """Return one modality's rows of a table."""
        rows = getattr(self, table)
        return rows[rows["modality"] == modality].reset_index(drop=True)

    def ranked(self, modality: str) -> pd.DataFrame:
        """Return the features of a modality that any selection chose, the best first."""
        features = self.of("selection", modality)
        return features[features["rank"].notna()].sort_values("rank", ignore_index=True)

    def auc(self, kind: str, model: str) -> tuple[float, float, float]:
        """Return value, low and high of ``auc_nested`` or ``auc_optimistic``; NaN for what does not exist."""
        found = self.record[kind].get(model, {})
        return tuple(as_float(found.get(key)) for key in ("value", "low", "high"))

    @property
    def auc_pairs(self) -> list[tuple[str, tuple[float, float, float], tuple[float, float, float]]]:
        """Model, nested and optimistic AUC of the models that have both."""
        pairs = [(model, self.auc("auc_nested", model), self.auc("auc_optimistic", model)) for model in self.models]
        return [pair for pair in pairs if np.isfinite([pair[1][0], pair[2][0]]).all()]

    @property
    def interval_method(self) -> str:
        """How the intervals of the scores were made."""
        methods = self.performance.loc[self.performance["metric"] == "auc", "method"]
        return methods.iloc[0] if len(methods) else ""


def as_float(value: float | None) -> float:
    """Return a number of the record; NaN for the null of ``selection.json``."""
    return float("nan") if value is None else float(value)
