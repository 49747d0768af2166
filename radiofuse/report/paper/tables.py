"""The tables of a paper from a bundle's contents: those of the report, by the name of their file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radiofuse.bundle.steps import COMBINES, SELECTS
from radiofuse.report.experiment import run_tables, tables
from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.importance import agreement_table, sums_table
from radiofuse.report.experiment.patients import baseline_table, subgroups_table
from radiofuse.report.experiment.sample_size import size_table
from radiofuse.report.tables import Table, calibration_lines, calls_table, models_by_class_table


def paper_tables(contents: Contents) -> dict[str, Table]:
    """Return the tables by name: of several outcomes a number tells those of each."""
    found = {"cohort_flow": tables.flow_table(contents)}
    parts = [contents.of(outcome) for outcome in contents.outcomes]
    if len(parts) > 1:
        found["outcomes"] = tables.overview_table(parts)
    for place, part in enumerate(parts, 1):
        ending = f"_{place}" if len(parts) > 1 else ""
        found |= {f"{name}{ending}": _named(table, part, parts) for name, table in _of_outcome(part)}
    found |= {"models": tables.names_table(contents), "settings": tables.settings_table(contents)}
    found |= {"options": tables.options_table(contents), "versions": tables.versions_table(contents)}
    return {name: table for name, table in found.items() if has_rows(table)}


def _of_outcome(contents: Contents) -> Iterator[tuple[str, Table]]:
    named = {
        "baseline": baseline_table(contents),
        "scores": tables.main_scores(contents),
        "further_scores": tables.further_scores(contents),
        "comparisons": tables.main_comparisons(contents),
        "against_reference": tables.reference_table(contents),
        "operating_points": tables.calls_at_points(contents),
        "calibration": calibration_lines(contents, contents.calibration),
        "sample_size": size_table(contents),
        "stability": run_tables.stability_table(contents),
        "subgroups": subgroups_table(contents),
    }
    if contents.has_several_classes:
        title = "Each class against the rest: all models, out of fold"
        named["classes"] = models_by_class_table(contents, contents.main_models, title)
        named["calls"] = calls_table(contents, f"Calls of {contents.primary}, out of fold")
    own = contents.of_model(contents.selecting[0]) if contents.selecting else contents
    if SELECTS in contents.steps:
        named["selected_features"] = _features(own)
    if len(own.importance_sums):
        named["importance"] = sums_table(own.importance_sums)
        named["agreement"] = agreement_table(own.importance_agreement)
    if COMBINES in contents.steps:
        named["weights"] = tables.weights_table(own)
    yield from ((name, table) for name, table in named.items() if table is not None)


def _features(contents: Contents) -> Table | None:
    """The features that were chosen most often, modality by modality in one table."""
    own = {name: tables.selected_features(contents, name) for name in contents.members}
    shown = {name: tables.features_table(rows, name) for name, rows in own.items() if len(rows)}
    if not shown:
        return None
    first = next(iter(shown.values()))
    groups = tuple((name, rows) for name, table in shown.items() for _, rows in table.groups)
    return Table("Features chosen most often in the outer folds", first.header, groups, n_numbers=first.n_numbers)


def _named(table: Table, part: Contents, parts: Sequence[Contents]) -> Table:
    """Say whose a table is, where there are several outcomes."""
    if len(parts) == 1:
        return table
    return Table(f"{part.outcome.name}: {table.caption}", table.header, table.groups, table.n_numbers)


def rows_of(table: Table) -> list[list[str]]:
    """Return the cells as texts, row by row; the heading of its group stands first where there are any.

    >>> from radiofuse.report.wording import Estimate
    >>> rows_of(Table("c", ("a", "b"), (("g", (("x", Estimate("0.8", "(0.7 to 0.9)")),)),)))
    [['g', 'x', '0.8 (0.7 to 0.9)']]
    """
    with_heading = has_headings(table)
    return [[*([heading] if with_heading else []), *map(str, row)] for heading, rows in table.groups for row in rows]


def has_rows(table: Table) -> bool:
    """Whether a table says anything; one that does not is no file, and LaTeX could not print it."""
    return any(rows for _, rows in table.groups)


def has_headings(table: Table) -> bool:
    """Whether the rows of a table stand in groups with a heading."""
    return any(heading for heading, _ in table.groups)
