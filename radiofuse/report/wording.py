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
DIGITS = {"brier": 3}


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
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    if len(text) <= length:
        return text
    half = (length - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
