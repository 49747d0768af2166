"""The tests that a recipe asks for, as a page shows them: pairs of models, permuted labels, optimism."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.tables import Row, Table
from radiofuse.report.wording import DIGITS, METRICS
from radiofuse.wording import count, counted, number, p_value

PERMUTATION, HARRELL, PLUS_632 = "permutation", "harrell", "632+"
PAIR_TESTS = {
    "mcnemar": "Right calls, first alone minus second alone (McNemar)",
    "nri": "Net reclassification, without cutoffs (NRI)",
    "idi": "Integrated discrimination (IDI)",
    "resampled_t": "AUC, mean difference over folds (corrected resampled t)",
}
TITLES = {**METRICS, "calibration_slope": "Calibration slope"}
CAPTIONS = {
    HARRELL: "Corrected for optimism (Harrell)",
    PLUS_632: "Between training patients and those left out (.632+)",
}


def pairs_table(contents: Contents) -> Table | None:
    """The pairs of models that were asked for, test by test; of several classes each against the rest."""
    tests = contents.tests[contents.tests["test"].isin(PAIR_TESTS)]
    groups = tuple(
        (_pair_words(contents, a, b, name), tuple(_pair_row(row) for row in rows.itertuples()))
        for (a, b, name), rows in tests.groupby(["a", "b", "class"], sort=False)
    )
    header = ("What is compared", "Difference", "p", "Patients or folds")
    return Table("Pairs of models", header, groups, n_numbers=3) if groups else None


def _pair_words(contents: Contents, a: str, b: str, name: str) -> str:
    return f"{a} beside {b}" + (f", {name} against the rest" if contents.has_several_classes else "")


def _pair_row(row: Any) -> Row:
    what = "folds" if row.test == "resampled_t" else "patients"
    return PAIR_TESTS[row.test], number(row.value, 3), p_value(row.p_value), f"{count(row.n)} {what}"


def permutation_words(contents: Contents) -> str:
    """Return what the model reaches where labels have nothing to do with features; empty where nobody asked."""
    dealt = contents.protocol.get("split", "kfold") == "kfold"
    where = "in stratified folds dealt anew" if dealt else "in the folds of the run’s first repeat"
    return " ".join(_permuted(row, where) for row in _rows(contents, PERMUTATION))


def _rows(contents: Contents, *tests: str) -> Iterator[Any]:
    return contents.tests[contents.tests["test"].isin(tests)].itertuples()


def _permuted(row: Any, where: str) -> str:
    return (
        f"“{row.a}” was refitted, selection and all, to labels permuted between patients, {where}, "
        f"{counted(row.n, 'time')}: on average it then reached an AUC of {number(row.statistic)}, with the true labels "
        f"{number(row.value)}. Of all, the true labels among them, a share of {p_value(row.p_value)} "
        f"(the p-value; the least possible is {p_value(1 / (row.n + 1))}) did as well or better."
    )


def optimism_tables(contents: Contents) -> list[Table]:
    """What the model reaches on its own training patients, and what is left of it when that is corrected."""
    return [_optimism_table(rows, CAPTIONS[name]) for name, rows in _optimisms(contents)]


def _optimisms(contents: Contents) -> list[tuple[str, pd.DataFrame]]:
    rows = contents.tests[contents.tests["test"].isin(CAPTIONS)]
    return [(str(name), own) for name, own in rows.groupby("test", sort=False)]


def _optimism_table(rows: pd.DataFrame, caption: str) -> Table:
    shown = tuple(
        (
            TITLES.get(row.metric, row.metric),
            number(row.statistic, DIGITS.get(row.metric, 2)),
            number(row.value, DIGITS.get(row.metric, 2)),
            count(row.n),
        )
        for row in rows.itertuples()
    )
    header = ("Score", "On its training patients", "Corrected", "Resamples")
    return Table(f"{caption}: {rows['a'].iloc[0]}", header, (("", shown),), n_numbers=3)
