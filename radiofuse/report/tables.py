"""Tables of a page: rows of cells that are written out, and those that every page of scored models has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radiofuse.report.kinds import HEADINGS
from radiofuse.report.scored import Scored
from radiofuse.report.wording import DIGITS, IN_FILES_ONLY, METRICS, Estimate, estimate
from radiofuse.wording import MISSING, count, p_value

CLASS = "class"  # beside the options of a part of a model
TOP_FEATURES = 10  # shown of one modality, in the table and in the figure of frequencies
Row = tuple[str | Estimate, ...]


@dataclass(frozen=True)
class Table:
    """A caption, a header, and groups of rows.

    The first cell of a row is its heading, the next ``n_numbers`` are numbers, the rest is text. ``muted`` are
    the places of cells that are not this run's own.
    """

    caption: str
    header: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    n_numbers: int = 0
    emphasized: str = ""
    muted: tuple[int, ...] = ()

    @property
    def has_missing(self) -> bool:
        """Whether a cell holds the dash that stands for a missing number."""
        return any(
            MISSING in (cell, getattr(cell, "value", "")) for _, rows in self.groups for row in rows for cell in row
        )


def scores_table(contents: Scored, models: Sequence[str], caption: str) -> Table:
    """Models by all metrics, with intervals, under the headings of their kinds."""
    present = [metric for metric in dict.fromkeys(contents.scores["metric"]) if metric not in IN_FILES_ONLY]
    # What another version scored comes last, under its own name.
    metrics = [*(m for m in METRICS if m in present), *(m for m in present if m not in METRICS)]
    groups = grouped(contents, {model: [_score_row(contents, model, metrics)] for model in models})
    header = ("Model", *(METRICS.get(metric, metric) for metric in metrics), "Samples (patients)")
    return Table(caption, header, groups, n_numbers=len(header) - 1, emphasized=contents.primary)


def grouped(contents: Scored, rows: Mapping[str, Sequence[Row]]) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    """Gather the rows of each model under the heading of its kind."""
    groups: dict[str, list[Row]] = {}
    for model in rows:
        groups.setdefault(HEADINGS[contents.kind_of(model)], []).extend(rows[model])
    return tuple((heading, tuple(found)) for heading, found in groups.items())


def _score_row(contents: Scored, model: str, metrics: Sequence[str]) -> Row:
    sizes = contents.scores.loc[contents.scores["model"] == model, ["n_samples", "n_patients"]].iloc[0]
    size = Estimate(count(sizes["n_samples"]), f"({count(sizes['n_patients'])})")
    return (model, *(score_cell(contents, model, metric) for metric in metrics), size)


def score_cell(contents: Scored, model: str, metric: str) -> Estimate:
    """Return one value of ``scores.csv`` with its interval, as the whole report writes it."""
    score = contents.score_of.get((model, metric))
    if score is None:
        return Estimate(MISSING, "")
    return estimate(score.value, score.low, score.high, DIGITS.get(metric, 2))


def comparisons_table(contents: Scored, models: Sequence[str], where: str = "") -> Table:
    """What the primary model adds to each of some others."""
    rows = {row.b: _comparison_row(row) for row in contents.comparisons.itertuples()}
    groups = grouped(contents, {model: [rows[model]] for model in models if model in rows})
    caption = f"AUC of {contents.primary} minus that of each other model{where}"
    return Table(caption, ("Model", "Difference", "p", "p, Holm", "Patients", "Test"), groups, n_numbers=4)


def _comparison_row(row: Any) -> Row:
    difference = estimate(row.difference, row.low, row.high)
    return row.b, difference, p_value(row.p_value), p_value(row.adjusted_p_value), count(row.n_patients), row.test


def name_value_table(caption: str, values: Mapping[str, Any]) -> Table:
    """Return one row per name; what is nested stands under joined names."""
    return Table(caption, ("Name", "Value"), (("", tuple(_flattened(values))),))


def _flattened(values: Mapping[str, Any], above: str = "") -> Iterator[Row]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{above}{name} · ")
        else:
            yield f"{above}{name}", written(value)


def written(value: object) -> str:
    """Return a setting's value as a page writes it."""
    if isinstance(value, list):
        return ", ".join(map(written, value)) or "none"
    if isinstance(value, dict):
        inside = f"({pairs(value)})" if set(value) - {CLASS} else ""
        return " ".join(filter(None, (value.get(CLASS), inside))) or "none"
    return "none" if value is None else str(value)


def pairs(options: Mapping[str, Any]) -> str:
    """Return options as a sentence lists them; a part of a model is told by its class.

    Examples
    --------
    >>> pairs({"step": 0.5, "estimator": {"class": "LogisticRegression", "C": 1.0}})
    'step = 0.5, estimator = LogisticRegression (C = 1.0)'
    """
    return ", ".join(f"{name} = {written(value)}" for name, value in options.items() if name != CLASS)
