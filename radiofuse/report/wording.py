"""How the report writes scores: their names, digits and intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

from radiofuse.wording import interval, number

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
}
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
