"""Tables for handing on, whose cells of fewer than ten patients are empty."""

from __future__ import annotations

import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.table_format import COUNT, NUMBER

FEWEST = 10  # patients; of fewer a count or a mean may be known to be of somebody
COUNTED_BY = {"modality_weights": "n_answers", "calibration_by_uncertainty": "n"}


def without_small_cells(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables of a bundle whose cells of fewer than ten patients, and what would tell these, are empty.

    Where a small cell is one of several that add up to a number known from elsewhere, the smallest of the others is
    emptied too, until two or more are empty that hold ten patients together.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As a bundle holds them, by name.

    References
    ----------
    Hundepool et al. (2012). Statistical Disclosure Control. Wiley, chapter 4: cells below a threshold, and secondary
    suppression.
    """
    rid = dict(tables)
    rid["baseline"] = _baseline(tables["baseline"])
    rid["subgroups"] = _subgroups(tables["subgroups"])
    rid["folds"], rid["fold_scores"] = _folds(tables["folds"], tables["fold_scores"])
    for name, column in COUNTED_BY.items():
        rid[name] = _emptied(tables[name], tables[name][column] < FEWEST, TABLES[name].of(COUNT, NUMBER))
    return rid


def _emptied(table: pd.DataFrame, rows: pd.Series, columns: list[str]) -> pd.DataFrame:
    """Return a table without the numbers of some rows."""
    if not rows.any():
        return table
    at = rows.to_numpy(bool)
    return table.assign(**{name: _with_gaps(table[name]).mask(at) for name in columns})


def _with_gaps(column: pd.Series) -> pd.Series:
    """Return a column that may have gaps: whole numbers stay whole beside one."""
    return column.astype("Int64") if pd.api.types.is_integer_dtype(column) else column


def _hidden(sizes: pd.Series) -> pd.Series:
    """Say which of several parts of a known whole are to be hidden."""
    hidden = sizes < FEWEST
    if not hidden.any():
        return hidden
    for place in sizes[~hidden].sort_values(kind="stable").index:
        if hidden.sum() > 1 and sizes[hidden].sum() >= FEWEST:
            break
        hidden[place] = True
    return hidden


def _baseline(table: pd.DataFrame) -> pd.DataFrame:
    """Empty what is told of classes where one cell is small, tests too, and levels that are small in all patients."""
    small, tested = pd.Series(False, table.index), pd.Series(False, table.index)
    for _, rows in table.groupby(["outcome", "variable"]):
        whole = rows["class"] == ""
        small[rows.index[whole]] = _hidden(rows.loc[whole, "n"])
        if (rows["n"] < FEWEST).any():
            small[rows.index[~whole]] = tested[rows.index] = True
    table = _emptied(table, tested, ["p_value", "smd"])
    return _emptied(table, small, TABLES["baseline"].of(COUNT, NUMBER))


def _subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """Empty the counts of groups with few patients of a class, which have no scores."""
    hidden = pd.Series(False, table.index)
    for _, rows in table.groupby(["outcome", "model", "variable"]):
        few = _hidden(rows.groupby("level")["n_smallest_class"].first())
        hidden[rows.index] = rows["level"].map(few).astype(bool)
    return _emptied(table, hidden, ["n_patients", "n_smallest_class"])


def _folds(folds: pd.DataFrame, scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Empty counts and scores of folds that are called by a site with few patients of a class."""
    hidden, key = pd.Series(False, folds.index), ["outcome", "repeat", "fold"]
    for _, rows in folds[folds["name"] != ""].groupby(["outcome", "repeat"]):
        few = _hidden(rows.groupby("fold")["n_test"].min())
        hidden[rows.index] = rows["fold"].map(few).astype(bool)
    of_folds = pd.MultiIndex.from_frame(folds.loc[hidden, key])
    rows = pd.Series(pd.MultiIndex.from_frame(scores[key]).isin(of_folds), scores.index, dtype=bool)
    return _emptied(folds, hidden, ["n_train", "n_test"]), _emptied(scores, rows, ["value"])
