"""The kinds of outcomes, and how the answers about each are scored: the one place that knows which there are.

A later kind, such as the time to an event, is one more line of `KINDS`: its class takes one model's rows and says
what every metric is in every resample.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.statistics.binary_outcome import BinaryOutcome
from radiofuse.statistics.multiclass_outcome import MulticlassOutcome
from radiofuse.tables.predictions import OutcomeRows
from radiofuse.wording import listed


class ModelOutcome(Protocol):
    """One model's answers about one outcome."""

    metrics: tuple[str, ...]  # of the outcome as a whole
    whole: str  # the class that these metrics stand under
    no_interval: tuple[str, ...]  # metrics whose resamples say nothing of other patients
    pairing: tuple[str, ...]  # what tells the rows of a model apart
    needs: str  # what a comparison cannot do without
    whole_lacks: str  # what is said where the AUC does not exist: of which models
    resamples_lack: str  # and where it does not in some resamples: how many, of how many, of which model

    @classmethod
    def of_rows(
        cls, rows: pd.DataFrame, classes: Sequence[str], threshold: float, order: Sequence[str] | None
    ) -> ModelOutcome:
        """Take one model's rows of the outcome."""

    @staticmethod
    def has_all(rows: pd.DataFrame, classes: Sequence[str]) -> bool:
        """Say whether the rows hold what a comparison needs."""

    @staticmethod
    def exact_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[float, str] | None:
        """Return the p-value of a test of this metric and its name, where there is one that holds for paired rows."""

    @staticmethod
    def unpaired_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[float, str] | None:
        """Return the same of rows of different patients."""

    def draws(self, counts: np.ndarray, metrics: Collection[str] | None = None) -> dict[tuple[str, str], np.ndarray]:
        """Return each metric for each column of ``counts``, by class and metric."""

    def confusion(self) -> tuple[list[str], np.ndarray]:
        """Return the classes, and the mean counts of their samples by class (rows) and call (columns)."""

    def interval_at_bound(self, cls: str, metric: str, value: float, confidence: float) -> tuple[float, float] | None:
        """Return an interval where the resamples do not differ as the metric is at its bound; None where it is not."""


KINDS: dict[str, type[ModelOutcome]] = {"binary": BinaryOutcome, "multiclass": MulticlassOutcome}

Ordered = Mapping[str, Sequence[str]] | Sequence[str] | None


def orders_of(outcomes: Sequence[OutcomeRows], ordered: Ordered) -> dict[str, Sequence[str] | None]:
    """Return the order of the classes of each outcome that has one.

    Raises
    ------
    RequestError
        An order of an outcome that is not there, or of other classes than it has.

    Examples
    --------
    >>> orders_of([OutcomeRows("grade", ("3", "2", "4"), pd.DataFrame())], ["2", "3", "4"])
    {'grade': ['2', '3', '4']}
    """
    names = [outcome.name for outcome in outcomes]
    if ordered is not None and not isinstance(ordered, Mapping):
        if len(names) > 1:
            raise RequestError(
                f"The predictions hold the outcomes {listed(names)}; say whose classes are ordered: {{name: classes}}."
            )
        ordered = {names[0]: ordered}
    orders = {name: list(map(str, order)) for name, order in (ordered or {}).items()}
    unknown = [name for name in orders if name not in names]
    if unknown:
        raise RequestError(f"ordered names {listed(unknown)}, and the predictions hold {listed(names)}; correct it.")
    for outcome in outcomes:
        if outcome.name in orders and sorted(orders[outcome.name]) != sorted(outcome.classes):
            raise RequestError(
                f"The predictions of {outcome.title} are of the classes {listed(outcome.classes)}, and ordered names "
                f"{listed(orders[outcome.name])}; name each class once, from the least to the greatest."
            )
    return {name: orders.get(name) for name in names}
