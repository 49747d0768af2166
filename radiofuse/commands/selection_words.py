"""What a person or a program reads on the screen: one table, the flow above it, the two AUCs below it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

import pandas as pd

from radiofuse.commands.screen import sentence_lines, table_lines
from radiofuse.selection_run.tables import SelectionTables
from radiofuse.tables.labels import tell_classes
from radiofuse.tables.spreadsheet import write_csv
from radiofuse.wording import counted

SHOWN = 30  # features printed per modality; the other formats print all
COLUMNS = [
    "modality",
    "feature",
    "family",
    "selected",
    "times_selected",
    "mean_rank",
    "auc",
    "auc_low",
    "auc_high",
    "best_class",  # of several, the one whose AUC it is
    "p",
    "q_bh",
    "median_coef",
    "coef_class",
    "sign_consistency",
]
OF_CLASS = [
    "before AUC: the class that the feature tells best from the rest, whose AUC it is",
    "before coef: the class with the largest coefficient",
]
MEAN_AUC = "AUC of a model: the mean over the classes, each against the rest."
OPTIMISTIC = "optimistic: selection saw the test patients"


def describe(tables: SelectionTables, output_format: str) -> str:
    """Return the features that any selection chose, as "table", "csv" or "json"; only the first has more lines."""
    chosen = chosen_features(tables.selection)
    if output_format == "csv":
        write_csv(chosen, file := BytesIO())
        return file.getvalue().decode().rstrip("\n")
    if output_format == "json":
        return json.dumps(json.loads(chosen.to_json(orient="records", double_precision=15)), indent=1)
    record = tables.record
    flows = [flow_line(name, flow, record["words"]) for name, flow in record["flow"].items()]
    n_folds = {row.modality: row.n_selections for row in tables.stability.itertuples()}
    classes = tell_classes(record["label"], record["classes"], ordered=record.get("ordered", False))
    mean = [MEAN_AUC] if len(record["classes"]) > 2 else []
    below = [*_stability_lines(tables.stability), classes, *mean, *auc_lines(record)]
    return "\n".join([*_fitted(flows), "", *feature_lines(chosen, n_folds), "", *_fitted(below)])


def _fitted(sentences: Iterable[str]) -> list[str]:
    return [line for sentence in sentences for line in sentence_lines(sentence)]


def chosen_features(selection: pd.DataFrame) -> pd.DataFrame:
    """Return the printed columns of the features with a rank, by modality and rank."""
    ever = selection[selection["rank"].notna()]
    order = {name: place for place, name in enumerate(selection["modality"].unique())}
    ever = ever.assign(place=ever["modality"].map(order)).sort_values(["place", "rank"])
    return ever[[name for name in COLUMNS if name in ever]].reset_index(drop=True)


def flow_line(name: str, flow: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """Return how many features are left after each step of a modality; ``words`` are those of the steps.

    Examples
    --------
    >>> words = {"t_test": {"kept": "with p < 0.05 in the t-test"}, "lasso": {"kept": "with a coefficient"}}
    >>> flow_line("t1", {"features": 9, "steps": {"t_test": 3, "lasso": 2}, "selected": 2}, words)
    't1: 9 features -> 3 with p < 0.05 in the t-test -> 2 with a coefficient'
    """
    steps = [f"{left} {words[step]['kept']}" for step, left in flow["steps"].items()]
    return " -> ".join([f"{name}: {counted(flow['features'], 'feature')}", *steps])


def feature_lines(chosen: pd.DataFrame, n_folds: Mapping[str, int]) -> list[str]:
    """Return the chosen features as aligned columns, a star at those selected on all samples.

    Where the screen is too narrow, the numbers of a feature stand below its name.
    """
    if chosen.empty:
        return ["No feature was selected."]
    lines, left_out = [], 0
    for name, rows in chosen.groupby("modality", sort=False):
        lines += [_cells(row, n_folds.get(name)) for row in rows[:SHOWN].itertuples()]
        left_out += max(0, len(rows) - SHOWN)
    text = table_lines(_HEADINGS, lines, n_text=_TEXT_COLUMNS, stacked=True)
    more = [f"… and {left_out} more; --format csv prints all"] if left_out else []
    of_class = OF_CLASS if "best_class" in chosen else []
    return [*text, *more, *of_class, "* selected on all samples"]


_HEADINGS = ("  feature", "modality", "family", "times", "rank", "AUC (95 % interval)", "p", "q", "coef", "sign")
_TEXT_COLUMNS = 3  # the first ones are aligned to the left


def _cells(row: Any, n_folds: int | None) -> tuple[str, ...]:
    times = f"{row.times_selected:.0f}/{n_folds}" if n_folds else ""
    auc = f"{row.auc:.3f} ({row.auc_low:.3f}-{row.auc_high:.3f})"
    numbers = [_number(row.p, ".2g"), _number(row.q_bh, ".2g"), _number(row.median_coef, "+.4f")]
    name = f"{'*' if row.selected else ' '} {row.feature}"
    mean_rank, sign = _number(row.mean_rank, ".1f"), _number(row.sign_consistency, ".0%")
    if hasattr(row, "best_class"):
        auc, numbers[-1] = f"{row.best_class}: {auc}", f"{row.coef_class}: {numbers[-1]}" if numbers[-1] else ""
    return (name, row.modality, row.family, times, mean_rank, auc, *numbers, sign)


def _number(value: float, how: str) -> str:
    return "" if pd.isna(value) else format(value, how)


def _stability_lines(stability: pd.DataFrame) -> list[str]:
    lines = []
    for row in stability.itertuples():
        text = f"{row.modality}: {row.mean_selected:.1f} features on average over {row.n_selections} outer folds"
        if row.n_empty:
            text += f", none in {row.n_empty}"
        if pd.notna(row.nogueira):
            text += f"; stability (Nogueira) {row.nogueira:.2f}, mean Jaccard {row.mean_jaccard:.2f}"
        lines.append(text)
    return lines


def auc_lines(record: Mapping[str, Any]) -> list[str]:
    """Return the AUC of every model, nested before optimistic."""
    lines = []
    kinds = {
        "auc_nested": "nested: selection saw the training patients only",
        "auc_optimistic": OPTIMISTIC,
    }
    for key, words in kinds.items():
        lines += [
            f"{name}: AUC {found['value']:.3f} ({found['low']:.3f}-{found['high']:.3f})  {words}"
            for name, found in record[key].items()
        ]
    return lines
