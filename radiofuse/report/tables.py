"""The report's tables: rows of written-out cells, straight from the bundle's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from radiofuse.columns import join
from radiofuse.report.contents import FUSION, MODALITY, REFERENCE, Contents
from radiofuse.report.wording import DIGITS, METRICS, MISSING, Estimate, count, estimate, number, p_value, percent

Row = tuple[str | Estimate, ...]
TOP_FEATURES = 10
MAX_FAILURES = 200
HEADINGS = {FUSION: "Fusions", MODALITY: "Single modalities", REFERENCE: "For comparison"}


@dataclass(frozen=True)
class Table:
    """A caption, a header, and groups of rows.

    The first cell of a row is its heading, the next ``n_numbers`` are numbers, the rest is text.
    """

    caption: str
    header: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    n_numbers: int = 0
    emphasized: str = ""

    @property
    def has_missing(self) -> bool:
        """Whether a cell holds the dash that stands for a missing number."""
        return any(
            MISSING in (cell, getattr(cell, "value", "")) for _, rows in self.groups for row in rows for cell in row
        )


def flow_table(contents: Contents) -> Table:
    """How many samples and patients were there at each step."""
    flow = contents.flow
    rows = tuple((row.step, count(row.n_samples), count(row.n_patients), row.note) for row in flow.itertuples())
    header = ("Step", "Samples", "Patients", "Note")
    return Table("From the cohort table to what was scored", header, (("", rows),), n_numbers=2)


def scores_table(contents: Contents) -> Table:
    """All models by all metrics, with intervals."""
    present = dict.fromkeys(contents.scores["metric"])
    metrics = [*(m for m in METRICS if m in present), *(m for m in present if m not in METRICS)]
    groups = []
    for kind, heading in HEADINGS.items():
        models = [model for model in contents.models if contents.kind_of(model) == kind]
        if models:
            groups.append((heading, tuple(_score_row(contents, model, metrics) for model in models)))
    header = ("Model", *(METRICS.get(metric, metric) for metric in metrics), "Samples (patients)")
    return Table(
        "Scores with intervals, out of fold",
        header,
        tuple(groups),
        n_numbers=len(header) - 1,
        emphasized=contents.primary,
    )


def _score_row(contents: Contents, model: str, metrics: Sequence[str]) -> Row:
    sizes = contents.scores.loc[contents.scores["model"] == model, ["n_samples", "n_patients"]].iloc[0]
    size = Estimate(count(sizes["n_samples"]), f"({count(sizes['n_patients'])})")
    return (model, *(score_cell(contents, model, metric) for metric in metrics), size)


def score_cell(contents: Contents, model: str, metric: str) -> Estimate:
    """Return one value of ``scores.csv`` with its interval, as the whole report writes it."""
    score = contents.score_of.get((model, metric))
    if score is None:
        return Estimate(MISSING, "")
    return estimate(score.value, score.low, score.high, DIGITS.get(metric, 2))


def comparisons_table(contents: Contents) -> Table:
    """What the primary fusion adds to each other model."""
    rows = tuple(
        (
            row.b,
            estimate(row.difference, row.low, row.high),
            p_value(row.p_value),
            f"{count(row.n_patients)}",
            row.test,
        )
        for row in contents.comparisons.itertuples()
    )
    caption = f"AUC of {contents.primary} minus that of each other model"
    return Table(caption, ("Model", "Difference", "p", "Patients", "Test"), (("", rows),), n_numbers=3)


def selected_features(contents: Contents, modality: str) -> pd.DataFrame:
    """Return what was ever selected in a modality, the most often selected first."""
    rows = contents.features[contents.features["modality"] == modality]
    final = rows["in_final_model"].str.lower().isin(["true", "1"])
    names = [name.removeprefix(join(modality, "")) for name in rows["feature"]]
    rows = rows.assign(in_final_model=final, feature=names)[(rows["frequency"] > 0) | final]
    return rows.sort_values(["frequency", "importance", "feature"], ascending=[False, False, True])


def features_table(features: pd.DataFrame, modality: str) -> Table:
    """The features that were chosen most often in one modality."""
    rows = tuple(
        (
            row.feature,
            percent(row.frequency),
            number(row.importance, 3),
            number(row.mean_coefficient, 3),
            "yes" if row.in_final_model else "no",
        )
        for row in features.head(TOP_FEATURES).itertuples()
    )
    header = ("Feature", "Folds", "Importance", "Coefficient", "Final model")
    return Table(f"Selected features of {modality}", header, (("", rows),), n_numbers=3)


def weights_table(contents: Contents) -> Table:
    """Every fusion's weight for every member."""
    groups = tuple(
        (fusion, tuple(_weight_row(row) for row in rows.itertuples()))
        for fusion, rows in contents.weights.groupby("fusion", sort=False)
    )
    header = ("Member", "Final model", "Mean over folds (middle 95%)")
    return Table("Weights of the members in each fusion", header, groups, n_numbers=2)


def _weight_row(row: Any) -> Row:
    return row.member, number(row.weight), estimate(row.mean, row.low, row.high)


def failures_table(contents: Contents) -> Table:
    """Samples whose features could not be computed, and why; at most ``MAX_FAILURES`` of them."""
    failures = contents.failures.head(MAX_FAILURES)
    rows = tuple((row.sample_id, row.modality, row.code, row.message) for row in failures.itertuples())
    return Table("Samples that failed", ("Sample", "Modality", "Code", "Message"), (("", rows),))


def settings_table(contents: Contents) -> Table:
    """What the features were computed with."""
    settings = {**contents.about["settings"], "features per modality": contents.about["n_features"]}
    return _name_value_table("Settings of the features", settings)


def versions_table(contents: Contents) -> Table:
    """Python, platform and package versions of the run."""
    return _name_value_table("Software of the run", contents.environment)


def _name_value_table(caption: str, values: Mapping[str, Any]) -> Table:
    return Table(caption, ("Name", "Value"), (("", tuple(_flattened(values))),))


def _flattened(values: Mapping[str, Any], above: str = "") -> Iterator[Row]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{above}{name} · ")
        else:
            yield f"{above}{name}", _written(value)


def _written(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    return "none" if value is None else str(value)
