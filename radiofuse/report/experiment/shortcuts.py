"""What shortcuts would have claimed, as a page shows it: a table and a figure."""

from __future__ import annotations

from typing import Any

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.figures import draw_ledger
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Row, Table
from radiofuse.report.wording import METRICS, estimate
from radiofuse.wording import MISSING, number


def shortcuts_table(contents: Contents) -> Table | None:
    """The honest number of every shortcut, the one it would have claimed, and their difference."""
    if contents.ledger.empty:
        return None
    header = ("Shortcut", "Honest", "With the shortcut", "Difference", "Metric", "Model", "Note")
    rows = tuple(_row(row) for row in contents.ledger.itertuples())
    return Table("What shortcuts would have claimed", header, (("", rows),), n_numbers=3)


def _row(row: Any) -> Row:
    difference = estimate(row.difference, row.low, row.high)
    metric = METRICS.get(row.metric, row.metric)
    return row.title, number(row.honest), number(row.optimistic), difference, metric, row.model, row.note or MISSING


def shortcuts_picture(contents: Contents) -> Picture | None:
    """The same as a figure: a pair of marks for each shortcut."""
    ledger = contents.ledger.dropna(subset=["honest", "optimistic"])
    if ledger.empty:
        return None
    pairs = [(row, METRICS.get(row.metric, row.metric)) for row in ledger.itertuples()]
    named = [row.title if row.metric == "auc" else f"{row.title} ({metric.lower()})" for row, metric in pairs]
    said = "; ".join(f"{row.title}: {number(row.optimistic)}, honestly {number(row.honest)}" for row, _ in pairs)
    widest = max(ledger.itertuples(), key=lambda row: row.difference)
    caption = (
        f"Filled diamonds: honest; open circles: with the shortcut. The widest gap, "
        f"{estimate(widest.difference, widest.low, widest.high)}, is that of: {widest.title}."
    )
    return Picture(
        uri_of(draw_ledger, ledger.assign(title=named)), f"Honest and claimed scores: {said}.", caption, ledger
    )
