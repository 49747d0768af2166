"""Published tables on the page, this run's values beside theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import FINALLY, IN_SAMPLE, SELECTED, WEIGHT
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.tables import TITLES
from radiofuse.report.tables import Table
from radiofuse.report.wording import DIGITS, Estimate, estimate
from radiofuse.wording import number


def published_tables(contents: Contents) -> list[Table]:
    """Every published table with this run's values beside its own."""
    tables = contents.published.groupby("table", sort=False)
    several = len(contents.outcomes) > 1
    return [_published_table(rows, _published_caption(rows, of_several=several)) for _, rows in tables]


def _published_table(rows: pd.DataFrame, caption: str) -> Table:
    shown = set(rows["metric"])
    if WEIGHT in shown:
        return _published_weights(rows, caption)
    return _survivors(rows, caption) if SELECTED in shown else _published_scores(rows, caption)


def _published_caption(rows: pd.DataFrame, *, of_several: bool) -> str:
    title, source, outcome = rows[["table", "source", "outcome"]].iloc[0]
    return f"{title} ({source})" + f"; this run's values are of {outcome}" * of_several


def _published_scores(rows: pd.DataFrame, caption: str) -> Table:
    metrics = list(rows["metric"].drop_duplicates())
    found = []
    for (name, _), cells in rows.groupby(["row", "model"], sort=False):
        by_metric = {cell.metric: cell for cell in cells.itertuples()}
        found.append((name, *(part for metric in metrics for part in _beside(by_metric[metric]))))
    header = ("", *(part for metric in metrics for part in (TITLES.get(metric, metric), "published")))
    muted = tuple(range(2, len(header), 2))
    groups = (("", tuple(found)),)
    return Table(caption, header, groups, n_numbers=len(header) - 1, muted=muted)


def _beside(cell: Any) -> tuple[Estimate, str]:
    digits = DIGITS.get(cell.metric, 2)
    return estimate(cell.value, cell.low, cell.high, digits), _theirs(cell.published, digits)


def _theirs(value: float, digits: int = 2) -> str:
    """Return a published value; nothing where there is none, since no number of this run is missing there."""
    return number(value, digits) if np.isfinite(value) else ""


def _published_weights(rows: pd.DataFrame, caption: str) -> Table:
    in_sample = rows[rows["metric"] == IN_SAMPLE].set_index("row")["value"]
    found = tuple(
        (row.row, estimate(row.value, row.low, row.high), number(in_sample[row.row]), _theirs(row.published))
        for row in rows[rows["metric"] == WEIGHT].itertuples()
    )
    header = ("Member", "Final model", "In sample", "published")
    return Table(caption, header, (("", found),), n_numbers=3, muted=(3,))


def _survivors(rows: pd.DataFrame, caption: str) -> Table:
    finally_ = rows[rows["metric"] == FINALLY].set_index("row")["value"]
    found = tuple(
        (row.row, number(row.value), f"{finally_[row.row]:.0f}", f"{row.published:.0f}")
        for row in rows[rows["metric"] == SELECTED].itertuples()
    )
    header = ("Selected features", "Mean over folds", "Final model", "published")
    return Table(caption, header, (("", found),), n_numbers=3, muted=(3,))
