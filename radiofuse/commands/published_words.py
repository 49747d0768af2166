"""Published tables with this run's values beside theirs, as text for the screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.bundle.format import FINALLY, IN_SAMPLE, SELECTED, WEIGHT
from radiofuse.commands.screen import sentence_lines, table_lines
from radiofuse.wording import interval, number

OTHER_COHORT = "The published values are of another cohort: a difference is no verdict on either."


def describe_published(rows: pd.DataFrame, *, of_several: bool = False) -> str:
    """Return the published tables as text for the terminal: one block per table, one line per row.

    Metrics for which the screen is too narrow follow below, with the rows' names once more.

    Parameters
    ----------
    rows : DataFrame
        As ``published_rows`` returns them.
    of_several : bool
        Whether the run has several outcomes: then each table says of which its values are.

    Returns
    -------
    str
        A score reads ``0.82 (0.74 to 0.90) [0.77]``, the published value in brackets. Empty without a row.
    """
    blocks = [_block(table, of_several=of_several) for _, table in rows.groupby("table", sort=False)]
    reading = "\n".join(sentence_lines(f"[ ] is the published value. {OTHER_COHORT}", indent=""))
    return "\n\n".join([*blocks, reading]) if blocks else ""


def _block(rows: pd.DataFrame, *, of_several: bool) -> str:
    shown, (title, source, outcome) = set(rows["metric"]), rows[["table", "source", "outcome"]].iloc[0]
    titles = sentence_lines(f"{title}; this run's values are of {outcome}" if of_several else title)
    cells = _weight_cells(rows) if WEIGHT in shown else _survivors(rows) if SELECTED in shown else _score_cells(rows)
    rows = [(name, *row) for name, *row in cells.itertuples()]
    return "\n".join([*titles, *sentence_lines(source), *table_lines(("", *cells.columns), rows)])


def _score_cells(rows: pd.DataFrame) -> pd.DataFrame:
    cells = rows.assign(cell=[_score_cell(row) for row in rows.itertuples()])
    table = cells.pivot(index="row", columns="metric", values="cell")
    return table.loc[rows["row"].drop_duplicates(), rows["metric"].drop_duplicates()]


def _score_cell(row: Any) -> str:
    theirs = f"[{_number(row.published)}]" if np.isfinite(row.published) else " " * len("[0.00]")
    return " ".join(part for part in (_number(row.value), _interval(row), theirs) if part)


def _weight_cells(rows: pd.DataFrame) -> pd.DataFrame:
    weights, in_sample = (rows[rows["metric"] == metric].set_index("row") for metric in (WEIGHT, IN_SAMPLE))
    return pd.DataFrame(
        {
            "final model": weights["value"].map(_number),
            "spread over folds": [_interval(row) or "-" for row in weights.itertuples()],
            "in sample": in_sample["value"].map(_number),
            "published": [f"[{_number(value)}]" for value in weights["published"]],
        }
    )


def _survivors(rows: pd.DataFrame) -> pd.DataFrame:
    in_folds, finally_ = (rows[rows["metric"] == metric].set_index("row") for metric in (SELECTED, FINALLY))
    return pd.DataFrame(
        {
            "mean over folds": in_folds["value"].map(_number),
            "final model": finally_["value"].map("{:.0f}".format),
            "published": in_folds["published"].map("[{:.0f}]".format),
        }
    )


def _interval(row: Any) -> str:
    return interval(row.low, row.high)


def _number(value: float) -> str:
    return number(value, missing="-")
