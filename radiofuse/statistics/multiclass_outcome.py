"""One model's answers about an outcome of several classes, scored in every resample."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from radiofuse.statistics.class_intervals import Ends, interval_of_class, interval_over_classes
from radiofuse.statistics.intervals import confusion_by_patient
from radiofuse.statistics.metrics import SMALLEST, Confusion
from radiofuse.statistics.multiclass_metrics import (
    MULTICLASS_METRICS,
    WEIGHTED_KAPPA,
    class_metrics,
    weighted_kappa,
)
from radiofuse.tables.class_rows import ClassRepeat, class_repeats_of

BOUNDS = (
    dict.fromkeys((*MULTICLASS_METRICS, "precision", "recall", "specificity", "f1"), (0.0, 1.0))
    | dict.fromkeys(("mcc", "kappa", WEIGHTED_KAPPA), (-1.0, 1.0))
    | {"log_loss": (-np.log(1 - SMALLEST),)}
)
WHOLE = ""  # the class of a metric of all classes


class MulticlassOutcome:
    """One model's repeats of an outcome of several classes.

    Parameters
    ----------
    repeats : sequence of ClassRepeat
    classes : sequence of str
        In the order of the columns of probabilities.
    order : sequence of str, optional
        The classes from the least to the greatest, where they have such an order.
    """

    whole = WHOLE
    # Chance keeps it above 0 and resamples add to that: where the probabilities were calibrated, not one of 360
    # percentile intervals of simulated cohorts of 60 to 400 patients held the truth.
    no_interval: tuple[str, ...] = ("ece",)
    pairing: tuple[str, ...] = ("repeat", "sample_id", "class")
    needs = "samples of every class"
    whole_lacks = "The rows of %s lack a class: AUC and what else needs all classes does not exist."
    resamples_lack = "Up to %d of %d resamples (%s) lack a class and are left out of the intervals that need all."

    def __init__(
        self, repeats: Sequence[ClassRepeat], classes: Sequence[str], order: Sequence[str] | None = None
    ) -> None:
        self.repeats, self.classes = repeats, list(classes)
        self.rank = None if order is None else np.array([list(order).index(name) for name in classes])
        self.metrics = tuple(name for name in MULTICLASS_METRICS if order is not None or name != WEIGHTED_KAPPA)

    @classmethod
    def of_rows(
        cls, rows: pd.DataFrame, classes: Sequence[str], threshold: float, order: Sequence[str] | None
    ) -> MulticlassOutcome:
        """Return the repeats of one model's rows; the most probable class is called, at no threshold."""
        return cls(class_repeats_of(rows, classes), classes, order)

    @staticmethod
    def has_all(rows: pd.DataFrame, classes: Sequence[str]) -> bool:
        """Say whether there are samples of every class."""
        return rows.loc[rows["label"] == 1, "class"].nunique() == len(classes)

    @staticmethod
    def exact_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[float, str] | None:
        """Return None: no metric of several classes has a test of its own here."""
        return None

    @staticmethod
    def unpaired_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> None:
        """Return None, for the same reason."""
        return

    def draws(self, counts: np.ndarray, metrics: Collection[str] | None = None) -> dict[tuple[str, str], np.ndarray]:
        """Return each metric, averaged over the repeats, for each column of ``counts``, by class and metric.

        Metrics of all classes come first, under the class ""; then those of each class against the rest.
        """
        metrics = self.metrics if metrics is None else metrics
        total: dict[tuple[str, str], np.ndarray] = {}
        for repeat in self.repeats:
            for key, values in self._draws_of(repeat, counts[repeat.patient], metrics).items():
                total[key] = total.get(key, 0.0) + values
        known = [name for name in self.metrics if (WHOLE, name) in total]
        keys = [(WHOLE, name) for name in known] + [key for name in self.classes for key in total if key[0] == name]
        return {key: total[key] / len(self.repeats) for key in keys}

    def _draws_of(
        self, repeat: ClassRepeat, weights: np.ndarray, metrics: Collection[str]
    ) -> dict[tuple[str, str], np.ndarray]:
        found = class_metrics(repeat.code, repeat.probability, weights, metrics)
        if self.rank is not None and WEIGHTED_KAPPA in metrics:
            call = repeat.probability.argmax(axis=1)
            found[None, WEIGHTED_KAPPA] = weighted_kappa(self.rank[repeat.code], self.rank[call], weights)
        return {(WHOLE if k is None else self.classes[k], metric): values for (k, metric), values in found.items()}

    def confusion(self) -> tuple[list[str], np.ndarray]:
        """Return the classes, and the mean counts of their samples by class and call."""
        identity = np.eye(len(self.classes))
        counted = [identity[r.code].T @ identity[r.probability.argmax(axis=1)] for r in self.repeats]
        return self.classes, np.mean(counted, axis=0)

    def interval_at_bound(self, cls: str, metric: str, value: float, confidence: float) -> Ends | None:
        """Return the interval, in closed form, of a metric that is as low or as high as it gets, or None.

        What measures agreement has none there, nor has a log loss; `interval_over_classes` says which the others have.
        """
        if value not in ((0.0, 2.0) if (cls, metric) == (WHOLE, "brier") else BOUNDS[metric]):
            return None
        if cls != WHOLE:
            return interval_of_class(self._confusions[self.classes.index(cls)], metric, value, confidence)
        if metric == "brier":  # certain of one class in every row: the share of wrong calls, twice
            low, high = interval_of_class(self._confusions[0], "brier", value / 2, confidence)
            return 2 * low, 2 * high
        return interval_over_classes(self._confusions, metric, value, confidence) or (np.nan, np.nan)

    @cached_property
    def _confusions(self) -> list[Confusion]:
        """Return each class against the rest, over patients."""
        code, probability, patient = (np.concatenate(parts) for parts in zip(*self.repeats, strict=True))
        call = probability.argmax(axis=1)
        return [confusion_by_patient(code == k, call == k, patient) for k in range(len(self.classes))]
