"""The ledger of one outcome as a table."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable

import pandas as pd

from radiofuse.ledger.choices import SHORTCUTS
from radiofuse.ledger.claim import Claim
from radiofuse.ledger.question import Question
from radiofuse.names import lookup
from radiofuse.progress import Progress
from radiofuse.select import NothingSelectedWarning, PathEdgeWarning
from radiofuse.statistics.intervals import value_and_interval

COLUMNS = ["outcome", "shortcut", "title", "model", "metric"]
COLUMNS += ["honest", "optimistic", "difference", "low", "high", "note"]
CONFIDENCE = 0.95


def ledger_table(question: Question, on_done: Progress | None = None) -> pd.DataFrame:
    """Return a row for each shortcut that a model has a place for.

    Parameters
    ----------
    question : Question
    on_done : callable, optional
        Called with how many shortcuts are done, of how many.

    Returns
    -------
    DataFrame
        Columns outcome, shortcut, title (the shortcut in words), model (whose number it is), metric, honest,
        optimistic, difference, low and high (95% interval of the difference over resampled patients, models and
        choices held fixed), note.
    """
    rows = []
    with warnings.catch_warnings():  # the honest models said it already
        for said in (NothingSelectedWarning, PathEdgeWarning):
            warnings.simplefilter("ignore", said)
        for done, name in enumerate(SHORTCUTS, 1):
            shortcut = lookup(name, SHORTCUTS, "shortcut")
            if (claim := shortcut(question)) is not None:
                rows.append(_row(question, name, shortcut, claim))
            if on_done is not None:
                on_done(done, len(SHORTCUTS))
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(question: Question, name: str, shortcut: Callable[..., Claim | None], claim: Claim) -> tuple:
    difference, low, high = value_and_interval(claim.optimistic - claim.honest, CONFIDENCE)
    values = (float(claim.honest[0]), float(claim.optimistic[0]), difference, low, high)
    return (question.outcome.name, name, title_of(shortcut), claim.model, claim.metric, *values, claim.note)


def title_of(shortcut: Callable[..., object]) -> str:
    """Return a shortcut in words: the first line of its docstring.

    Examples
    --------
    >>> from radiofuse.ledger.best_in_hindsight import best_in_hindsight
    >>> title_of(best_in_hindsight)
    'the best of all models, chosen by these very scores'
    """
    title = (inspect.getdoc(shortcut) or "").partition("\n")[0].rstrip(".")
    return title[:1].lower() + title[1:]
