"""How a number is written: every value of the report goes through here."""

from __future__ import annotations

import math
from dataclasses import dataclass

MISSING = "—"
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


def number(value: float, digits: int = 2) -> str:
    """Return a number with fixed decimals, never ``-0.00``; a dash for what does not exist.

    Examples
    --------
    >>> number(0.8349), number(-0.001), number(float("nan"))
    ('0.83', '0.00', '—')
    """
    return f"{value:z.{digits}f}" if math.isfinite(value) else MISSING


def estimate(value: float, low: float, high: float, digits: int = 2) -> Estimate:
    """Return a value with its interval.

    Examples
    --------
    >>> print(estimate(0.8412, 0.7561, 0.9149))
    0.84 (0.76 to 0.91)
    """
    known = math.isfinite(value) and math.isfinite(low) and math.isfinite(high)
    return Estimate(number(value, digits), f"({number(low, digits)} to {number(high, digits)})" if known else "")


def p_value(p: float) -> str:
    """Return a p-value with two digits; below .001 only that it is, since the far tail is an approximation.

    Examples
    --------
    >>> p_value(0.0312), p_value(7e-12)
    ('0.031', '< 0.001')
    """
    if not math.isfinite(p):
        return MISSING
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def count(value: float) -> str:
    """Return a count with thousands apart, a dash if it is unknown.

    Examples
    --------
    >>> count(12345.0)
    '12,345'
    """
    return f"{int(value):,}" if math.isfinite(value) else MISSING


def percent(share: float) -> str:
    """Return a share as whole percent.

    Examples
    --------
    >>> percent(0.416)
    '42%'
    """
    return f"{100 * share:.0f}%" if math.isfinite(share) else MISSING


def counted(n: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "patient"), counted(98, "patient"), counted(2, "modality", "modalities")
    ('1 patient', '98 patients', '2 modalities')
    """
    return f"{count(n)} {noun if n == 1 else plural or noun + 's'}"


def listed(names: list[str]) -> str:
    """Return names as running text.

    Examples
    --------
    >>> listed(["t1", "t1ce", "flair"])
    't1, t1ce and flair'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


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
