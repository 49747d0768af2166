"""What features matter: tables and figures of permutation, Shapley values and coefficients in held-out folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.importance_figures import (
    most_important,
    plot_beeswarm,
    plot_importance,
    plot_importance_sums,
    plot_waterfall,
)
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Row, Table
from radiofuse.report.wording import estimate
from radiofuse.wording import count, number

TOP = 12
MEASURES = {"importance": "permutation", "shap": "SHAP", "coefficient": "coefficient"}
GROUPS = {"family": "Families", "image type": "Image types", "modality": "Modalities"}


def importance_parts(contents: Contents) -> dict[str, Any] | None:
    """Return what the page says of importance: None for a model that selected no features."""
    if contents.importance_sums.empty:
        return None
    return {
        "pictures": [picture for measure in ("importance", "shap") if (picture := ranking_picture(contents, measure))],
        "sums": sums_table(contents.importance_sums),
        "sum_pictures": [picture for by in GROUPS if (picture := sums_picture(contents, by))],
        "agreement": agreement_table(contents.importance_agreement),
        "swarms": _swarms(contents),
        "waterfalls": _waterfalls(contents),
    }


def ranking_picture(contents: Contents, measure: str) -> Picture | None:
    """The most important features by one measure, with intervals; None where it was not computed."""
    features = contents.selected_features.dropna(subset=measure)
    if features.empty:
        return None
    top = features.nlargest(TOP, measure)
    alt = "; ".join(f"{row['modality']} {row['feature']} {_written(row, measure)}" for _, row in top.iterrows())
    above = int((features[f"{measure}_low"] > 0).sum())
    what = {"importance": "The fall of a modality’s AUC", "shap": "The mean absolute SHAP value"}[measure]
    caption = f"{what}, features with the largest {len(top)} of {len(features)}. The interval of {above} lies above 0."
    return Picture(uri_of(plot_importance, features, measure, top=TOP), f"{what}: {alt}.", caption, top)


def _written(row: pd.Series, measure: str) -> Any:
    return estimate(row[measure], row[f"{measure}_low"], row[f"{measure}_high"], 3)


def sums_table(sums: pd.DataFrame) -> Table:
    """Importance summed by family, image type and modality."""
    groups = tuple(
        (GROUPS[by], tuple(_sums_row(row) for _, row in rows.sort_values("shap", ascending=False).iterrows()))
        for by, rows in sums.groupby("by", sort=False)
    )
    header = ("Features", "Ever selected", "Selected per fold", "Drop in AUC, summed", "SHAP, summed")
    return Table("Importance by family, image type and modality", header, groups, n_numbers=4)


def _sums_row(row: pd.Series) -> Row:
    written = (_written(row, measure) for measure in ("importance", "shap"))
    return row["name"], count(row["n_features"]), number(row["mean_selected"], 1), *written


def sums_picture(contents: Contents, by: str) -> Picture | None:
    """Importance summed by one kind of groups; None where there is nothing to tell."""
    rows = contents.importance_sums
    rows = rows[(rows["by"] == by) & rows["shap"].notna()].sort_values("shap", ascending=False)
    if len(rows) < 2:
        return None
    alt = "; ".join(f"{row['name']} {_written(row, 'shap')}" for _, row in rows.iterrows())
    caption = f"{GROUPS[by]}: {rows['name'].iloc[0]} moves the answers most."
    title = GROUPS[by]
    return Picture(uri_of(plot_importance_sums, rows, by, "shap", title=title), f"SHAP, summed: {alt}.", caption, rows)


def agreement_table(agreement: pd.DataFrame) -> Table | None:
    """How alike the measures rank the features; None where there is nothing to compare."""
    rows = tuple(
        (row.modality or "all", f"{MEASURES[row.a]} and {MEASURES[row.b]}", number(row.spearman), count(row.n_features))
        for row in agreement.itertuples()
    )
    header = ("Modality", "Measures", "Rank correlation", "Features")
    return Table("How alike the measures rank the features", header, (("", rows),)) if rows else None


def _swarms(contents: Contents) -> list[Picture]:
    """Return the most important features' Shapley values, of several classes a picture for each."""
    pictures = []
    for name, rows in contents.shapley.groupby("class", sort=False):
        title = f"Class {name}" if contents.has_several_classes else ""
        alt = f"SHAP values of the most important features{f' for {name}' if title else ''}, one point per sample."
        caption = (
            f"{f'{title}. ' if title else ''}One point per held-out sample, the mean of the repeats; dark points have "
            f"high values of the feature, pale ones low. Right of 0 the feature spoke for {name}."
        )
        drawn = most_important(rows).drop(columns="sample_id")  # the page names no patient
        pictures.append(Picture(uri_of(plot_beeswarm, rows, title=title), alt, caption, drawn))
    return pictures


def _waterfalls(contents: Contents) -> list[Picture]:
    """Return what features added for the patient that was called most rightly, and for the one most wrongly."""
    rows = contents.predictions[contents.predictions["model"] == contents.primary]
    if rows.empty or contents.shapley.empty:
        return []
    each = rows.groupby(["sample_id", "class"])[["label", "probability"]].mean().reset_index()
    each = each[each["sample_id"].isin(contents.shapley["sample_id"])]
    if contents.has_several_classes:
        each = each[each["label"] == 1]
    error = (each["label"] - each["probability"]).abs().to_numpy()
    chosen = (
        {} if not len(each) else {"most rightly": each.iloc[error.argmin()], "most wrongly": each.iloc[error.argmax()]}
    )
    return [_waterfall(contents, words, row) for words, row in chosen.items()]


def _waterfall(contents: Contents, words: str, patient: pd.Series) -> Picture:
    """Draw the member that moved its own answer furthest from that for the mean training patient."""
    own = contents.shapley
    own = own[(own["sample_id"] == patient["sample_id"]) & (own["class"] == patient["class"])]
    moved = own[own["feature"] != "(base)"].groupby("member")["shap"].sum()
    member = moved.abs().idxmax()
    rows = own[own["member"] == member]
    total = float(rows["shap"].sum())
    of_class = patient["class"] if patient["label"] >= 0.5 else f"not {patient['class']}"
    alt = "; ".join(f"{row.feature} {row.shap:+.2f}" for row in rows.itertuples())
    caption = (
        f"A held-out patient ({of_class}), called {words}: {contents.primary} gives {patient['class']} a "
        f"probability of {number(patient['probability'])}. Here is the member that moved furthest, {member}: "
        f"log-odds of {number(total)}, a probability of {number(1 / (1 + np.exp(-total)))}."
    )
    uri = uri_of(plot_waterfall, rows, title=f"Called {words}: {member}")
    return Picture(
        uri, f"SHAP values of the patient called {words}, in {member}: {alt}.", caption, rows.drop(columns="sample_id")
    )
