"""One model's answers about a binary outcome, scored in every resample."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from radiofuse.statistics.class_counts import CLASS_MEANS
from radiofuse.statistics.class_intervals import Ends, interval_of_class, interval_over_classes
from radiofuse.statistics.delong import delong, delong_test
from radiofuse.statistics.delong_unpaired import welch_test
from radiofuse.statistics.intervals import confusion_by_patient
from radiofuse.statistics.metrics import METRICS, SMALLEST, Confusion, confusion, score
from radiofuse.tables.predictions import Repeat, by_repeat, repeats_of

WEIGHTED_AT_ONCE = 16_000_000  # rows times resamples
BOUNDS = dict.fromkeys(METRICS, (0.0, 1.0)) | {"mcc": (-1.0, 1.0), "log_loss": (-np.log(1 - SMALLEST),)}


class BinaryOutcome:
    """One model's repeats of a binary outcome.

    Parameters
    ----------
    repeats : sequence of Repeat
    cls : str
        The positive class.
    threshold : float
        A row is called positive from this probability on.
    """

    no_interval: tuple[str, ...] = ()
    pairing: tuple[str, ...] = ("repeat", "sample_id")
    needs = "samples of both labels"
    whole_lacks = "All rows of %s have one label: AUC and what else needs both does not exist."
    resamples_lack = (
        "Up to %d of %d resamples (%s) have one label only and are left out of the intervals that need both."
    )

    def __init__(self, repeats: Sequence[Repeat], cls: str, threshold: float) -> None:
        self.repeats, self.whole, self.threshold = repeats, cls, threshold
        self.metrics = METRICS

    @classmethod
    def of_rows(
        cls, rows: pd.DataFrame, classes: Sequence[str], threshold: float, order: Sequence[str] | None
    ) -> BinaryOutcome:
        """Return the repeats of one model's rows; two classes need no order."""
        return cls(repeats_of(rows), classes[0], threshold)

    @staticmethod
    def has_all(rows: pd.DataFrame, classes: Sequence[str]) -> bool:
        """Say whether there are rows of both labels."""
        return rows["label"].nunique() == 2

    @staticmethod
    def exact_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[float, str] | None:
        """Return DeLong's p-value of an AUC and its name; None where it does not hold, or of anything else."""
        label, scores_a, scores_b = independent_labels(rows_a), by_repeat(rows_a), by_repeat(rows_b)
        if metric != "auc" or label is None or np.isnan(scores_a).any():
            return None
        _, p_value = delong_test(label, scores_a, scores_b)
        return None if np.isnan(p_value) else (p_value, "DeLong")

    @staticmethod
    def unpaired_p_value(metric: str, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> tuple[float, str] | None:
        """Return the same of rows of different patients."""
        of_rows = [(independent_labels(rows), by_repeat(rows)) for rows in (rows_a, rows_b)]
        sides = [(label, one) for label, one in of_rows if label is not None and not np.isnan(one).any()]
        if metric != "auc" or len(sides) < 2:
            return None
        found = [(delong(label, one[:, None, :]), len(label)) for label, one in sides]
        areas = [(side.auc.item(), side.covariance.item(), n_samples) for side, n_samples in found]
        p_value = welch_test(*areas).p_value
        return None if np.isnan(p_value) else (p_value, "DeLong, unpaired")

    def draws(self, counts: np.ndarray, metrics: Collection[str] | None = None) -> dict[tuple[str, str], np.ndarray]:
        """Return each metric, averaged over the repeats, for each column of ``counts``, by class and metric."""
        draws = resampled_scores(self.repeats, metrics or self.metrics, counts, self.threshold)
        return {(self.whole, metric): values for metric, values in draws.items()}

    def confusion(self) -> tuple[list[str], np.ndarray]:
        """Return both classes, the negative one first, and the mean counts of their samples by class and call."""
        names = [f"not {self.whole}", self.whole] if self.whole else ["0", "1"]
        counted = [confusion(r.label, r.probability >= self.threshold) for r in self.repeats]
        tp, fp, fn, tn = np.mean(np.array(counted), axis=0)
        return names, np.array([[tn, fp], [fn, tp]])

    def interval_at_bound(self, cls: str, metric: str, value: float, confidence: float) -> Ends | None:
        """Return the interval, in closed form, of a metric that is as low or as high as it gets, or None."""
        if value not in BOUNDS[metric]:
            return None
        if metric == "log_loss":
            return np.nan, np.nan
        label, probability, patient = (np.concatenate(parts) for parts in zip(*self.repeats, strict=True))
        c = confusion_by_patient(label, probability >= self.threshold, patient)
        if metric in CLASS_MEANS:
            return interval_over_classes([Confusion(c.tn, c.fn, c.fp, c.tp), c], metric, value, confidence)
        return interval_of_class(c, metric, value, confidence)


def independent_labels(rows: pd.DataFrame) -> np.ndarray | None:
    """Return the label of each sample, by id; None unless each patient has one and each label two patients or more."""
    samples = rows.drop_duplicates("sample_id").sort_values("sample_id")
    counts = samples["label"].value_counts()
    independent = samples["patient_id"].is_unique and len(counts) == 2 and counts.min() >= 2
    return samples["label"].to_numpy() if independent else None


def resampled_scores(
    repeats: Sequence[Repeat], metrics: Collection[str], counts: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Return each metric, averaged over the repeats, for each column of ``counts``."""
    totals = {metric: np.zeros(counts.shape[1]) for metric in metrics}
    for repeat in repeats:
        at_once = max(1, WEIGHTED_AT_ONCE // len(repeat.label))
        for start in range(0, counts.shape[1], at_once):
            weights = counts[repeat.patient, start : start + at_once]
            for metric in metrics:
                scores = score(metric, repeat.label, repeat.probability, weights, threshold=threshold)
                totals[metric][start : start + at_once] += scores
    return {metric: total / len(repeats) for metric, total in totals.items()}
