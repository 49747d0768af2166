"""The tables of a selection's report: rows of written-out cells, straight from the command's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.selection.contents import SelectionContents
from radiofuse.report.tables import Row, Table, calls_table, classes_table, name_value_table, scores_table
from radiofuse.report.wording import DIGITS, METRICS, Estimate, estimate
from radiofuse.tables.roles import UNNAMED
from radiofuse.wording import MISSING, number, p_value, percent

TOP_RANKED = 25  # features shown of one modality
AUC_HEADINGS = {
    "auc_nested": "auc_nested: selected inside the folds",
    "auc_optimistic": "auc_optimistic: selected on all patients first",
}


def flow_table(record: Mapping[str, Any]) -> Table:
    """Samples, gaps, and the features left after each step."""
    rows: list[Row] = []
    for name, flow in record["flow"].items():
        *steps, _ = flow["steps"].values()  # the last step's are the selected ones
        of_class = flow["by_class"].values() if "by_class" in flow else [flow["positive"]]
        counts = [flow["samples"], *of_class, *(flow[key] for key in ("absent", "imputed_cells", "features")), *steps]
        rows.append((name, *(f"{count:,}" for count in [*counts, flow["selected"]])))
    *steps, _ = next(iter(record["flow"].values()))["steps"]
    left = (f"After {record['words'][step]['heading']}" for step in steps)
    shown = record["classes"] if len(record["classes"]) > 2 else record["classes"][1:]
    samples = ("Samples", *(f"Class {name}" for name in shown), "Absent in", "Empty cells")
    header = ("Modality", *samples, "Features", *left, "Selected")
    return Table("Samples and features", header, (("", tuple(rows)),), n_numbers=len(header) - 1)


def honesty_table(contents: SelectionContents) -> Table:
    """The AUC of every model, selected inside the folds and selected outside; a kind that was not run is left out."""
    kinds = [kind for kind in AUC_HEADINGS if contents.record[kind]]
    rows = tuple((model, *(estimate(*contents.auc(kind, model)) for kind in kinds)) for model in contents.models)
    header = ("Model", *(AUC_HEADINGS[kind] for kind in kinds))
    mean = ", the mean of each class against the rest," if contents.several else ""
    caption = f"AUC{mean} with its 95% interval ({contents.interval_method})"
    return Table(caption, header, (("", rows),), n_numbers=len(kinds))


def features_table(contents: SelectionContents, modality: str) -> Table:
    """The features of a modality that rank first; columns that would tell nothing are left out."""
    ranked = contents.ranked(modality).head(TOP_RANKED)
    n_folds = contents.record["stability"].get(modality, {}).get("n_selections")
    numbers = {name: cells for name, cells in _numbers(ranked, n_folds).items() if not _is_empty(cells)}
    texts = {"Family": list(ranked["family"])} if ranked["family"].nunique() > 1 else {}
    if contents.several:
        texts |= {"Class of the AUC": list(ranked["best_class"]), "Class of the coefficient": _coef_classes(ranked)}
    texts["Final"] = ["yes" if one else "no" for one in ranked["selected"]]
    rows = tuple(zip(ranked["feature"], *numbers.values(), *texts.values(), strict=True))
    header = ("Feature", *numbers, *texts)
    return Table(_features_caption(len(ranked), modality, n_folds), header, (("", rows),), n_numbers=len(numbers))


def _coef_classes(ranked: pd.DataFrame) -> list[str]:
    return list(ranked["coef_class"].fillna("")) if "coef_class" in ranked else [""] * len(ranked)


def _numbers(ranked: pd.DataFrame, n_folds: int | None) -> dict[str, list[str | Estimate]]:
    signs = zip(ranked["median_coef"], ranked["sign_consistency"], strict=True)
    aucs = zip(ranked["auc"], ranked["auc_low"], ranked["auc_high"], strict=True)
    return {
        f"Times chosen of {n_folds}": [number(times, 0) for times in ranked["times_selected"]],
        "Mean rank": [number(rank, 1) for rank in ranked["mean_rank"]],
        "AUC alone": [estimate(*auc) for auc in aucs],
        "p": [p_value(p) for p in ranked["p"]],
        "p, BH": [p_value(p) for p in ranked["q_bh"]],
        "Median coefficient (same sign)": [_signed(coef, same) for coef, same in signs],
    }


def _is_empty(cells: list[str | Estimate]) -> bool:
    return all(getattr(cell, "value", cell) == MISSING for cell in cells)


def _signed(coef: float, same_sign: float) -> Estimate:
    return Estimate(number(coef, 3), f"({percent(same_sign)})" if np.isfinite(coef) else "")


def _features_caption(n_rows: int, modality: str, n_folds: int | None) -> str:
    of_what = "" if modality == UNNAMED else f" of {modality}"
    what = f"The {n_rows} features{of_what}" if n_rows > 1 else f"The only feature{of_what}"
    was = "were" if n_rows > 1 else "was"
    if n_folds is None:
        return f"{what} that {was} selected from all samples"
    return f"{what} that {was} chosen most" if n_rows > 1 else f"{what} that was ever chosen"


def performance_table(contents: SelectionContents) -> Table:
    """Every score of the models that selected inside the folds."""
    if contents.several:
        return scores_table(contents.scored, contents.models, "Scores, features selected inside the folds")
    scores = contents.nested.performance
    metrics = [metric for metric in METRICS if metric in set(scores["metric"])]
    found = {
        (row.model, row.metric): estimate(row.value, row.low, row.high, DIGITS.get(row.metric, 2))
        for row in scores.itertuples()
    }
    rows = tuple((model, *(found[model, metric] for metric in metrics)) for model in scores["model"].unique())
    header = ("Model", *(METRICS[metric] for metric in metrics))
    caption = "Scores, features selected inside the folds; a probability of 0.5 and more counts as positive"
    primary = contents.primary if len(rows) > 1 else ""
    return Table(caption, header, (("", rows),), n_numbers=len(metrics), emphasized=primary)


def class_tables(contents: SelectionContents) -> list[Table]:
    """The primary model's scores of each of several classes against the rest, and what it calls their samples."""
    if not contents.several:
        return []
    scored = contents.scored
    calls = calls_table(scored, f"Classes, and what the samples of each are called by {scored.primary}")
    against_rest = classes_table(scored, f"Each class against the rest: scores of {scored.primary}")
    return [against_rest, *([calls] if calls else [])]


def settings_table(record: Mapping[str, Any]) -> Table:
    """The options of the command that say something."""
    said = {name: value for name, value in record["settings"].items() if value is not None and value != []}
    return name_value_table("Settings, without empty ones", said)


def versions_table(record: Mapping[str, Any]) -> Table:
    """What computed it."""
    versions = {"radiofuse": record["radiofuse"], "Python": record["python"], **record["libraries"]}
    return name_value_table("Software", versions)


def inputs_table(record: Mapping[str, Any]) -> Table:
    """What was read."""
    return name_value_table("Files read, with their SHA-256", record["inputs"])
