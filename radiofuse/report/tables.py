"""Tables of a page: rows of cells that are written out, and those that every page of scored models has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiofuse.report.kinds import HEADINGS
from radiofuse.report.scored import Scored
from radiofuse.report.wording import (
    CLASSES_METRICS,
    DIGITS,
    FIXED_MODELS,
    FIXED_MODELS_TITLE,
    FURTHER_METRICS,
    IN_FILES_ONLY,
    METRICS,
    Estimate,
    estimate,
)
from radiofuse.statistics import confusion_table
from radiofuse.wording import MISSING, count, number, p_value, percent

CLASS = "class"  # beside the options of a part of a model
TOP_FEATURES = 10  # shown of one modality, in the table and in the figure of frequencies
POINT = ("threshold", "recall", "specificity", "precision", "npv")
POINT_TITLES = ("Sensitivity", "Specificity", "PPV", "NPV")
CALLS = ("true_positives", "false_positives", "false_negatives", "true_negatives")
CALLS_TITLES = ("True positives", "False positives", "False negatives", "True negatives")
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


def main_metrics(contents: Scored) -> dict[str, str]:
    """Return the metrics of the main table, with their titles."""
    metrics = _metrics_of_scores(contents)
    if not contents.learned_anew or "auc" not in metrics:
        return metrics
    return {"auc": metrics.pop("auc"), FIXED_MODELS: FIXED_MODELS_TITLE, **metrics}


def _metrics_of_scores(contents: Scored) -> dict[str, str]:
    present = dict.fromkeys(contents.whole_scores["metric"])
    if contents.has_several_classes:
        weighted = "kappa" if "weighted_kappa" in present else ""
        return {name: title for name, title in CLASSES_METRICS.items() if name in present and name != weighted}
    shown = [name for name in present if name not in IN_FILES_ONLY]
    # What another version scored comes last, under its own name.
    order = [*(name for name in METRICS if name in shown), *(name for name in shown if name not in METRICS)]
    return {name: METRICS.get(name, name) for name in order}


def further_metrics(contents: Scored) -> dict[str, str]:
    """Return the metrics of several classes that stand beside the main table, with their titles."""
    present, main = dict.fromkeys(contents.whole_scores["metric"]), main_metrics(contents)
    return {name: title for name, title in FURTHER_METRICS.items() if name in present and name not in main}


def scores_table(
    contents: Scored, models: Sequence[str], caption: str, metrics: Mapping[str, str] | None = None
) -> Table:
    """Models by metrics, with intervals, under the headings of their kinds; by default by those of the main table."""
    metrics = main_metrics(contents) if metrics is None else metrics
    groups = grouped(contents, {model: [_score_row(contents, model, list(metrics))] for model in models})
    header = ("Model", *metrics.values(), "Samples (patients)")
    return Table(caption, header, groups, n_numbers=len(header) - 1, emphasized=contents.primary)


def classes_table(contents: Scored, caption: str) -> Table:
    """The primary model's scores of each class against the rest."""
    views = {name: contents.of_class(name) for name in contents.classes}
    metrics = main_metrics(views[contents.classes[0]])
    rows = tuple(
        (name, *(score_cell(view, view.primary, metric) for metric in metrics), count(_n_patients(view)))
        for name, view in views.items()
    )
    header = ("Class", *metrics.values(), "Patients of the class")
    return Table(caption, header, (("", rows),), n_numbers=len(header) - 1)


def _n_patients(view: Scored) -> int:
    rows = view.predictions[(view.predictions["model"] == view.primary) & (view.predictions["label"] == 1)]
    return rows["patient_id"].nunique()


def models_by_class_table(contents: Scored, models: Sequence[str], caption: str) -> Table:
    """The scores of several models of each class against the rest, class by class."""
    views = {name: contents.of_class(name) for name in contents.classes}
    metrics = main_metrics(views[contents.classes[0]])
    groups = tuple(
        (f"{name} against the rest", tuple(_score_row(view, model, list(metrics)) for model in models))
        for name, view in views.items()
    )
    header = ("Model", *metrics.values(), "Samples (patients)")
    return Table(caption, header, groups, n_numbers=len(header) - 1, emphasized=contents.primary)


def calls_table(contents: Scored, caption: str) -> Table | None:
    """How often the primary model calls the samples of each class each class: a confusion matrix."""
    rows = contents.predictions[contents.predictions["model"] == contents.primary]
    if rows.empty:
        return None
    cells = confusion_table(rows)
    digits = 1 if rows["repeat"].nunique() > 1 else 0
    shown = tuple(
        (
            name,
            *(Estimate(number(cell.n, digits), f"({percent(cell.share)})") for cell in own.itertuples()),
            count(round(own["n"].sum())),
        )
        for name, own in cells.groupby("class", sort=False)
    )
    header = ("Class", *(f"Called {name}" for name in contents.classes), "Samples")
    return Table(caption, header, (("", shown),), n_numbers=len(header) - 1)


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
    """Return one value with its interval, as the whole report writes it.

    That of an AUC is the one for other patients to learn from, where it is known; that of ``scores.csv``, as of all
    other metrics, is asked for as `FIXED_MODELS`.
    """
    score = contents.score_of.get((model, "auc" if metric == FIXED_MODELS else metric))
    if metric == "auc":
        score = contents.learned_anew.get(model, score)
    if score is None:
        return Estimate(MISSING, "")
    return estimate(score.value, score.low, score.high, DIGITS.get(metric, 2))


COMPARISON_HEADER = ("Model", "Difference", "p", "p, Holm", "Patients", "Test")


def comparisons_table(contents: Scored, models: Sequence[str], where: str = "") -> Table:
    """What the primary model adds to each of some others."""
    rows = {row.b: comparison_row(row.b, row) for row in contents.comparisons.itertuples()}
    groups = grouped(contents, {model: [rows[model]] for model in models if model in rows})
    caption = f"AUC of {contents.primary} minus that of each other model{where}"
    return Table(caption, COMPARISON_HEADER, groups, n_numbers=4)


def comparison_row(model: str, row: Any) -> Row:
    """Return a difference with its tests, as a line of a table."""
    difference = estimate(row.difference, row.low, row.high)
    return model, difference, p_value(row.p_value), p_value(row.adjusted_p_value), count(row.n_patients), row.test


def points_table(contents: Scored, points: pd.DataFrame, caption: str, threshold: str) -> Table | None:
    """The calls of the main models at thresholds of their own, and what these are worth; None where there are none."""
    values = {(row.model, row.metric): row for row in points.itertuples()}
    known = [model for model in contents.main_models if (model, POINT[0]) in values]
    digits = 1 if contents.predictions["repeat"].nunique() > 1 else 0  # counts are means over the repeats
    cells = {model: [_points_row(model, values, digits)] for model in known}
    header = ("Model", threshold, *POINT_TITLES, *CALLS_TITLES)
    groups = grouped(contents, cells)
    return Table(caption, header, groups, n_numbers=len(header) - 1, emphasized=contents.primary) if known else None


def _points_row(model: str, values: Mapping[tuple[str, str], Any], digits: int) -> Row:
    threshold, *scored = (values[model, metric] for metric in POINT)
    counts = (number(values[model, metric].value, digits) for metric in CALLS)
    return model, _threshold(threshold), *(estimate(row.value, row.low, row.high) for row in scored), *counts


def _threshold(row: Any) -> Estimate | str:
    """Return from where on a model calls; at 0 in every fold it calls all, as the trivial rule may."""
    return "all are called" if row.high <= 0 else estimate(row.value, row.low, row.high)


def calibration_lines(contents: Scored, calibration: pd.DataFrame) -> Table:
    """Slope and intercept with intervals, and mean probabilities beside shares; of each class against the rest."""
    lines = calibration.rename(columns={"class": "of_class"})
    rows = {
        model: [_calibration_row(row, contents) for row in lines[lines["model"] == model].itertuples()]
        for model in contents.main_models
    }
    of_class = ("Class",) if contents.has_several_classes else ()
    header = ("Model", *of_class, "Slope", "Intercept", "Mean probability", "Share observed", "ECE")
    groups = grouped(contents, rows)
    return Table("Calibration of every model", header, groups, n_numbers=len(header) - 1, emphasized=contents.primary)


def _calibration_row(row: Any, contents: Scored) -> Row:
    of_class = (row.of_class,) if contents.has_several_classes else ()
    slope = estimate(row.slope, row.slope_low, row.slope_high)
    intercept = estimate(row.intercept, row.intercept_low, row.intercept_high)
    return row.model, *of_class, slope, intercept, number(row.predicted), number(row.observed), number(row.ece)


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
