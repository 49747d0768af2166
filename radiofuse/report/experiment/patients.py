"""Who the patients of a run are: their way into it, Table 1, and scores in groups of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.cohort_figures import plot_cohort_flow, plot_subgroups
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.tables import TITLES
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Row, Table
from radiofuse.report.wording import estimate
from radiofuse.wording import count, number, p_value, percent

ALL = ""  # the class of rows on all patients
SEX = ("sex", {"0": "female", "1": "male"})  # as the cohort table's door writes it


def flow_picture(contents: Contents) -> Picture | None:
    """How many samples of each modality are left at every step; None for a run without modalities."""
    flow = contents.modality_flow
    if flow.empty:
        return None
    told = (
        f"{name}: {', '.join(f'{row.step} {count(row.n_samples)}' for row in rows.itertuples())}"
        for name, rows in flow.groupby("modality", sort=False)
    )
    lost = flow.groupby("modality", sort=False)["n_samples"].agg(lambda n: n.iloc[0] - n.iloc[-1])
    most = f"{count(lost.max())} of {count(flow['n_samples'].max())}"
    which = f"each lost {most}" if lost.nunique() == 1 else f"{lost.idxmax()} lost most, {most}"
    caption = (
        f"Samples of each modality from the cohort table to what is used: {which if lost.max() else 'none was lost'}."
    )
    return Picture(uri_of(plot_cohort_flow, flow), f"Flow of samples. {'; '.join(told)}.", caption, flow)


def lost_table(contents: Contents) -> Table | None:
    """Why images or masks of a modality could not be used; None where all could."""
    rows = tuple((row.modality, row.step, row.note) for row in contents.modality_flow.itertuples() if row.note)
    return (
        Table("Why images or masks were not usable", ("Modality", "Step", "Reasons"), (("", rows),)) if rows else None
    )


def baseline_table(contents: Contents) -> Table | None:
    """Table 1: a column per class of the outcome, tests and missing values; None for a cohort that says nothing."""
    table = contents.baseline
    if table.empty:
        return None
    classes = list(contents.outcome.classes)
    groups = tuple((name, tuple(_variable_rows(rows, classes))) for name, rows in table.groupby("variable", sort=False))
    header = ("Characteristic", "All", *classes, "Missing", "p", "Difference")
    return Table("Patients by class (Table 1)", header, groups, n_numbers=len(classes) + 4)


def _variable_rows(rows: pd.DataFrame, classes: list[str]) -> Iterator[Row]:
    """Yield one row for a number, one per level for all else; tests stand in the first."""
    for place, (level, own) in enumerate(rows.groupby("level", sort=False)):
        by_class = own.set_index("class")
        of_all = by_class.loc[ALL]
        cells = (_summary(by_class.loc[name]) for name in (ALL, *classes))
        tests = (_tested(of_all), number(of_all["smd"])) if place == 0 and of_all["test"] else ("", "")
        missing = _missing(by_class, classes) if place == 0 else ""
        yield _level_name(of_all["variable"], level), *cells, missing, *tests


def _level_name(variable: str, level: str) -> str:
    """Return what a level is called; a number shows its median.

    >>> _level_name("sex", "0"), _level_name("site", "0"), _level_name("age", "")
    ('female', '0', 'median (quartiles)')
    """
    name, words = SEX
    return (words.get(level, level) if variable == name else level) or "median (quartiles)"


def _summary(row: pd.Series) -> Any:
    if row["level"]:
        return f"{count(row['n'])} ({percent(row['share'])})"
    return estimate(row["median"], row["low_quartile"], row["high_quartile"], 1)


def _missing(by_class: pd.DataFrame, classes: list[str]) -> str:
    """Return how many patients have no value, and of which classes they are."""
    n = by_class["missing"]
    return f"{count(n[ALL])} ({', '.join(count(n[name]) for name in classes)})" if n[ALL] else "0"


def _tested(row: pd.Series) -> str:
    return f"{p_value(row['p_value'])} ({row['test']})"


def subgroups_table(contents: Contents) -> Table | None:
    """Scores of the answer in groups of patients; None where no group is large enough to be scored."""
    table = contents.subgroups
    table = table[~table["variable"].isin(too_small(contents))]
    if table.empty:
        return None
    shown = [metric for metric in dict.fromkeys(table["metric"]) if metric]
    groups = tuple(
        (variable, tuple(_group_row(rows, shown) for _, rows in own.groupby("level", sort=False)))
        for variable, own in table.groupby("variable", sort=False)
    )
    header = ("Group", "Patients (rarest class)", *(TITLES[name] for name in shown), "AUC minus all others’", "p")
    return Table(f"Scores of {contents.primary} in groups of patients", header, groups, n_numbers=len(header) - 1)


def too_small(contents: Contents) -> list[str]:
    """Return what patients are grouped by without a group that is large enough to be scored."""
    scored = contents.subgroups["value"].notna().groupby(contents.subgroups["variable"], sort=False).any()
    return list(scored.index[~scored.to_numpy(bool)])


def _group_row(rows: pd.DataFrame, shown: list[str]) -> Row:
    first, by_metric = rows.iloc[0], rows.set_index("metric")
    scored = [by_metric.loc[name] if name in by_metric.index else None for name in shown]
    cells = ("" if row is None else estimate(row["value"], row["low"], row["high"]) for row in scored)
    known = np.isfinite(first["difference"])
    difference = estimate(first["difference"], first["difference_low"], first["difference_high"]) if known else ""
    told = p_value(first["p_value"]) if known else ""
    size = f"{count(first['n_patients'])} ({count(first['n_smallest_class'])})"
    return _level_name(first["variable"], first["level"]), size, *cells, difference, told


def subgroups_picture(contents: Contents) -> Picture | None:
    """The AUC in every group that is large enough."""
    rows = contents.subgroups[contents.subgroups["metric"] == "auc"].dropna(subset="value")
    if rows.empty:
        return None
    named = rows.assign(level=[_level_name(row.variable, row.level) for row in rows.itertuples()])
    alt = "; ".join(
        f"{row.variable} {row.level} {estimate(row.value, row.low, row.high)}" for row in named.itertuples()
    )
    score = contents.score_of.get((contents.primary, "auc"))
    whole = None if score is None else float(score.value)
    caption = (
        f"The AUC of {contents.primary} in groups of patients with ten or more of each class. Intervals that overlap "
        "do not show that groups are alike: most groups are too small to tell."
    )
    return Picture(
        uri_of(plot_subgroups, named, whole), f"Groups of patients, each with its AUC: {alt}.", caption, rows
    )
