"""How the report writes scores: their names, digits and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from radiofuse.wording import interval, listed, number, percent

METRICS = {
    "auc": "AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier",
    "slice_auc": "AUC of slices",
    "slice_accuracy": "Accuracy of slices",
}
# What is shown of an outcome of several classes as a whole; kappa only where no weighted one is there.
CLASSES_METRICS = {
    "auc": "AUC",
    "auc_hand_till": "Hand-Till AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "mcc": "MCC",
    "weighted_kappa": "Weighted kappa",
    "kappa": "Kappa",
    "brier": "Brier",
    "ece": "ECE",
    "slice_auc": "AUC of slices",
    "slice_accuracy": "Accuracy of slices",
}
FURTHER_METRICS = {  # the mean recalls are balanced accuracy and accuracy, which are there
    "weighted_auc": "Weighted AUC",
    "weighted_f1": "Weighted F1",
    "macro_precision": "Macro precision",
    "weighted_precision": "Weighted precision",
    "kappa": "Kappa",
    "log_loss": "Log loss",
}
FIXED_MODELS = "auc_fixed_models"  # of the main table: the AUC once more, with the interval of scores.csv
FIXED_MODELS_TITLE = "AUC, same models"
# Brier scores of models worth comparing differ in the third digit.
DIGITS = {"brier": 3}
# of two classes these repeat what the others say; they stand in scores.csv
IN_FILES_ONLY = {
    *(f"{mean}_{name}" for mean in ("macro", "weighted") for name in ("precision", "recall", "f1")),
    "log_loss",
}


@dataclass(frozen=True)
class Estimate:
    """A value with its interval, both already written out; ``interval`` may be empty."""

    value: str
    interval: str

    def __str__(self) -> str:
        return f"{self.value} {self.interval}".strip()


def estimate(value: float, low: float, high: float, digits: int = 2) -> Estimate:
    """Return a value with its interval.

    Examples
    --------
    >>> print(estimate(0.8412, 0.7561, 0.9149))
    0.84 (0.76 to 0.91)
    """
    return Estimate(number(value, digits), interval(low, high, digits) if math.isfinite(value) else "")


def shortened(text: str, length: int) -> str:
    """Return printable text of at most ``length`` characters, with the middle left out.

    Examples
    --------
    >>> shortened("wavelet-HHL_glszm_SmallAreaHighGrayLevelEmphasis", 21)
    'wavelet-HH…elEmphasis'
    """
    # XML, and so SVG, has no place for control characters.
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    if len(text) <= length:
        return text
    # The ends tell features apart: the filter in front, the name behind.
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def several_classes(*, ordered: bool = False) -> str:
    """Return what the metrics of several classes are."""
    agreement = (
        " Weighted kappa is agreement beyond chance, with quadratic weights: a call two classes off counts four times "
        "as much as the next class."
    )
    return (
        "The most probable class is the one that is called. AUC is the mean over the classes, each against the rest; "
        "that of Hand and Till is the mean over pairs of classes, which does not depend on how frequent they are. "
        "Balanced accuracy is the mean recall, macro F1 the plain mean of the classes' F1."
        f"{agreement if ordered else ''} ECE is the calibration error of the class that is called. For Brier (0 to 2, "
        "summed over the classes) and ECE lower is better, for all others higher."
    )


def patients_by_class(rows: pd.DataFrame, n_patients: int, classes: Sequence[str]) -> str:
    """Return how many patients are of each class; ``rows`` are those of the samples' own classes.

    Examples
    --------
    >>> rows = pd.DataFrame({"class": ["2", "2", "4"], "patient_id": ["a", "b", "c"]})
    >>> patients_by_class(rows, 3, ["2", "3", "4"])
    '2 (67%) of 2, 0 (0%) of 3 and 1 (33%) of 4'
    """
    own = rows.groupby(rows["class"].astype(str))["patient_id"].nunique()
    sizes = {name: own.get(name, 0) for name in classes}
    return listed([f"{n:,} ({percent(n / max(n_patients, 1))}) of {name}" for name, n in sizes.items()])
