"""What a survey of selections found: as tables for files and as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.select.stability import measure_stability
from radiofuse.select.survey import ModalitySurvey
from radiofuse.select.table import FeatureTable

SHOWN = 30  # chosen features printed per modality; selection.csv holds all


def selection_table(surveys: Sequence[ModalitySurvey]) -> pd.DataFrame:
    """Return one row per feature: its numbers on all samples, and how often outer folds selected it.

    Columns: modality, feature, n and missing (samples with and without a value), median_0, median_1, U,
    pvalue, qvalue, auc, direction (of the feature in the positive class), passed_mann_whitney,
    kept_after_correlation, dropped_for, r_with_kept, coef, selected, frequency (share of outer folds),
    rank (among features that any selection chose: by frequency, then size of the coefficient, then p).
    """
    return pd.concat([_features_of(survey) for survey in surveys], ignore_index=True)


def _features_of(survey: ModalitySurvey) -> pd.DataFrame:
    X, steps = survey.X, survey.final.report_
    table = steps.drop(columns="feature")
    auc = steps["auc"]
    table.insert(0, "modality", survey.modality)
    table.insert(1, "feature", steps["feature"])
    table.insert(2, "n", X.notna().sum().to_numpy())
    table.insert(3, "missing", X.isna().sum().to_numpy())
    table.insert(4, "median_0", X[survey.y == 0].median().to_numpy())
    table.insert(5, "median_1", X[survey.y == 1].median().to_numpy())
    table.insert(6, "U", survey.final.steps_["mann_whitney"].statistics_)
    table.insert(10, "direction", np.select([auc > 0.5, auc < 0.5], ["higher", "lower"], ""))
    table["frequency"] = survey.chosen.mean(axis=0)
    table["rank"] = _rank(table)
    return table


def _rank(table: pd.DataFrame) -> pd.Series:
    ever = table[table["selected"] | (table["frequency"] > 0)]
    order = np.lexsort((ever["pvalue"], -ever["coef"].abs().fillna(0), -ever["frequency"]))
    return pd.Series(np.arange(1, len(ever) + 1), index=ever.index[order], dtype="Int64").reindex(table.index)


def folds_table(surveys: Sequence[ModalitySurvey]) -> pd.DataFrame:
    """Return modality, sample_id, patient_id, repeat and fold: where each sample was held out."""
    parts = []
    for survey in surveys:
        for split in survey.splits:
            held_out = {
                "modality": survey.modality,
                "sample_id": survey.X.index[split.test],
                "patient_id": survey.patients[split.test],
                "repeat": split.repeat,
                "fold": split.fold,
            }
            parts.append(pd.DataFrame(held_out))
    return pd.concat(parts, ignore_index=True)


def stability_table(surveys: Sequence[ModalitySurvey]) -> pd.DataFrame:
    """Return one row per modality: n_selections, n_features, mean_selected, n_empty and `Stability`."""
    rows = []
    for survey in surveys:
        sizes = survey.chosen.sum(axis=1)
        counts = {
            "modality": survey.modality,
            "n_selections": len(sizes),
            "n_features": survey.chosen.shape[1],
            "mean_selected": sizes.mean(),
            "n_empty": int((sizes == 0).sum()),
        }
        rows.append({**counts, **asdict(measure_stability(survey.chosen))})
    return pd.DataFrame(rows)


def count_flow(survey: ModalitySurvey, n_samples: int) -> dict[str, Any]:
    """Return the counts of one modality: samples, gaps, and the features left after each step."""
    steps = survey.final.report_
    spread = survey.X.max() - survey.X.min()
    return {
        "modality": survey.modality,
        "samples": len(survey.y),
        "positive": int(survey.y.sum()),
        "absent": n_samples - len(survey.y),
        "imputed_cells": int(survey.X.isna().sum().sum()),
        "constant_features": int((spread == 0).sum()),
        "features": len(steps),
        "passed_mann_whitney": int(steps["passed_mann_whitney"].sum()),
        "kept_after_correlation": int(steps["kept_after_correlation"].sum()),
        "selected": int(steps["selected"].sum()),
    }


def describe(
    surveys: Sequence[ModalitySurvey],
    table: FeatureTable,
    settings: Mapping[str, Any],
    selection: pd.DataFrame,
    stability: pd.DataFrame,
) -> str:
    """Return the findings as text: per modality the flow, the stability and the chosen features."""
    sections = []
    for survey, row in zip(surveys, stability.itertuples(), strict=True):
        chosen = selection[(selection["modality"] == survey.modality) & selection["selected"]]
        lines = _flow_lines(count_flow(survey, len(table.y)), table, settings)
        lines += [_stability_line(row), *_feature_lines(chosen.sort_values("rank"), len(survey.splits))]
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def _flow_lines(flow: Mapping[str, Any], table: FeatureTable, settings: Mapping[str, Any]) -> list[str]:
    negative, positive = table.classes
    tested = "q" if settings["adjust"] == "bh" else "p"
    lines = [
        f"{flow['modality']}: {flow['samples']} samples ({flow['positive']} of class {positive}, "
        f"{flow['samples'] - flow['positive']} of class {negative})",
        f"  {flow['features']} features -> {flow['passed_mann_whitney']} with {tested} < {settings['alpha']:g} -> "
        f"{flow['kept_after_correlation']} after pruning at |r| > {settings['threshold']:g} -> "
        f"{flow['selected']} selected (LASSO, {settings['rule']})",
    ]
    remarks = {
        "absent": "samples without this modality left out",
        "imputed_cells": "empty cells imputed with the median of the training rows",
        "constant_features": "constant features",
    }
    told = [f"{flow[what]} {sentence}" for what, sentence in remarks.items() if flow[what]]
    return [*lines, f"  {'; '.join(told)}"] if told else lines


def _stability_line(row: Any) -> str:
    text = f"  over {row.n_selections} outer training sets: {row.mean_selected:.1f} features on average"
    if row.n_empty:
        text += f", none in {row.n_empty}"
    if np.isnan(row.nogueira):
        return text
    return f"{text}; stability (Nogueira) {row.nogueira:.2f}, mean Jaccard {row.mean_jaccard:.2f}"


def _feature_lines(chosen: pd.DataFrame, n_splits: int) -> list[str]:
    if chosen.empty:
        return ["  No feature was selected."]
    width = max(len(name) for name in [*chosen["feature"][:SHOWN], "feature"])
    lines = [f"  {'feature':<{width}}         p         q    AUC     coef  chosen"]
    lines += [
        f"  {row.feature:<{width}}  {row.pvalue:8.2g}  {row.qvalue:8.2g}  {row.auc:5.3f}  {row.coef:+7.4f}  "
        f"{round(row.frequency * n_splits)}/{n_splits}"
        for row in chosen[:SHOWN].itertuples()
    ]
    return [*lines, f"  … and {len(chosen) - SHOWN} more in selection.csv"] if len(chosen) > SHOWN else lines
