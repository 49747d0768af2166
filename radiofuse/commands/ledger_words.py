"""The optimism ledger in words for the screen."""

from __future__ import annotations

import pandas as pd

from radiofuse.commands.screen import sentence_lines
from radiofuse.wording import number

METRICS = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}
HEADING = "What the usual shortcuts would have claimed; none was taken:"


def describe_ledger(ledger: pd.DataFrame) -> str:
    """Return a sentence per shortcut: what it would have claimed, the honest number, and the difference.

    Parameters
    ----------
    ledger : DataFrame
        As in the bundle.

    Examples
    --------
    >>> row = ("idh", "tuned", "the threshold tuned", "mean", "auc", 0.7, 0.8, 0.1, 0.05, 0.2, "")
    >>> columns = "outcome shortcut title model metric honest optimistic difference low high note".split()
    >>> print(describe_ledger(pd.DataFrame([row], columns=columns)).splitlines()[1])
    - the threshold tuned: AUC of mean 0.80, honestly 0.70 (+0.10, +0.05 to +0.20)
    """
    several = ledger["outcome"].nunique() > 1
    sentences = [_sentence(row, f"{row.outcome}, " if several else "") for row in ledger.itertuples()]
    return "\n".join([HEADING, *(line for sentence in sentences for line in sentence_lines(sentence))])


def _sentence(row: tuple, outcome: str) -> str:
    note = f"; {row.note}" if row.note else ""
    difference = f"({row.difference:+.2f}, {row.low:+.2f} to {row.high:+.2f})"
    numbers = f"{METRICS[row.metric]} of {row.model} {number(row.optimistic)}, honestly {number(row.honest)}"
    return f"- {outcome}{row.title}: {numbers} {difference}{note}"
