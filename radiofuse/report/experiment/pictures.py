"""The report's figures with their captions and the words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.figures import draw_weights
from radiofuse.report.experiment.sentences import best_modality
from radiofuse.report.figures import draw_auc, draw_roc
from radiofuse.report.kinds import ARM, FUSION, HEADINGS, KINDS, MODALITY, REFERENCE, TRIVIAL
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import score_cell
from radiofuse.statistics import roc_points
from radiofuse.tables.columns import CLINICAL
from radiofuse.wording import listed, number


def auc_picture(contents: Contents) -> Picture | None:
    """The AUC of every main model with its interval."""
    scores = contents.whole_scores[contents.whole_scores["metric"] == "auc"].set_index("model")
    models = [model for model in contents.main_models if model in scores.index]
    kinds = [contents.kind_of(model) for model in models]
    scores = scores.loc[models].reset_index().assign(kind=kinds, heading=[HEADINGS[kind] for kind in kinds])
    if not np.isfinite(scores["value"]).any():
        return None
    alt = "; ".join(f"{model} {score_cell(contents, model, 'auc')}" for model in models)
    return Picture(draw_auc(scores, contents.primary), f"AUC with interval: {alt}.", _auc_caption(contents))


def _auc_caption(contents: Contents) -> str:
    best = best_modality(contents)
    beside = f", the best single modality ({best}) {score_cell(contents, best, 'auc')}" if best else ""
    return (
        f"The fusion “{contents.primary}” has an AUC of {score_cell(contents, contents.primary, 'auc')}{beside}. "
        f"Circles: fusions, the diamond the primary one; squares: single modalities;{_arms_caption(contents)} "
        "triangles: for comparison."
    )


def _arms_caption(contents: Contents) -> str:
    return f" pentagons: {_arms_in_words(contents)};" if contents.arms else ""


def _arms_in_words(contents: Contents) -> str:
    """Return what the arms fuse: ``deep`` is no selection of features but the networks' own answers."""
    words = {
        "radiomics": "the same fusion on radiomic features alone",
        "deep": "the fusion of the networks' own softmax probabilities (deep)",
    }
    return listed([words[arm] for arm in contents.arms])


def roc_pictures(contents: Contents) -> list[Picture]:
    """ROC figures, the primary fusion in all: with single modalities, with other fusions, with other features."""
    predicted = set(contents.predictions["model"])
    # The trivial rule gives everybody about one number, whose curve says nothing.
    others = [model for model in contents.models if model in predicted - {contents.primary, TRIVIAL}]
    of_kind = {kind: [model for model in others if contents.kind_of(model) == kind] for kind in KINDS}
    single = of_kind[MODALITY] + of_kind[REFERENCE]
    beside_single = "the single modalities" + (" and clinical data" if CLINICAL in single else "")
    if contents.primary not in predicted or _has_one_label(contents.predictions):
        return []
    same = [model for model in of_kind[ARM] if model.endswith(f"_{contents.primary}")]
    beside_same = _arms_in_words(contents)
    panels = [(beside_single, single), ("the other fusions", of_kind[FUSION]), (beside_same, same)]
    return [_roc_picture(contents, what, models) for what, models in panels if models]


def _has_one_label(predictions: pd.DataFrame) -> bool:
    return predictions["label"].nunique() < 2


def _roc_picture(contents: Contents, what: str, models: Sequence[str]) -> Picture:
    names = {model: f"{model} {score_cell(contents, model, 'auc').value}" for model in (contents.primary, *models)}
    # One resample: no band is drawn of these.
    curves = {names[model]: roc_points(contents.predictions, model, n_resamples=1) for model in models}
    primary = roc_points(contents.predictions, contents.primary)
    alt = f"ROC curves with AUC: {'; '.join(names.values())}."
    caption = (
        f"ROC curve of the primary fusion (heavy line, with a pointwise 95% band over resampled patients) beside "
        f"{what}. The legend gives the AUC."
    )
    return Picture(draw_roc(primary, names[contents.primary], curves), alt, caption)


def weight_pictures(contents: Contents) -> list[Picture]:
    """The weights of every fusion that learned some; equal ones need no figure."""
    fusions = contents.fusion_weights.groupby("fusion", sort=False)
    return [_weight_picture(fusion, rows) for fusion, rows in fusions if _are_learned(rows)]


def _are_learned(rows: pd.DataFrame) -> bool:
    return rows["weight"].nunique() > 1 or bool((rows["low"] < rows["high"]).any())


def _weight_picture(fusion: str, rows: pd.DataFrame) -> Picture:
    alt = "; ".join(f"{row.member} {number(row.weight)}" for row in rows.itertuples())
    # The intercept, in brackets, is no member.
    heaviest = rows.loc[~rows["member"].str.startswith("(")].sort_values("weight", ascending=False)["member"].iloc[0]
    caption = f"{fusion}: {heaviest} has the largest weight in the final model."
    return Picture(draw_weights(fusion, rows), f"Weights of the fusion {fusion} in the final model: {alt}.", caption)
