"""The optimism ledger: what the usual shortcuts would have claimed for a model, each beside the honest number.

A shortcut is a function of a `Question` that returns a `Claim`, or None where the model has no place for it; it stands
under its name in ``SHORTCUTS``, and the first line of its docstring says what it is.
"""

from radiofuse.ledger.choices import SHORTCUTS
from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.ledger.table import COLUMNS, ledger_table

__all__ = ["COLUMNS", "SHORTCUTS", "Claim", "Question", "ledger_table"]
