"""The report's figures with their captions and the words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.figures import draw_weights
from radiofuse.report.experiment.sentences import best_modality
from radiofuse.report.experiment.tables import weights_by_fusion
from radiofuse.report.figures import draw_auc, draw_differences, draw_roc
from radiofuse.report.kinds import ARM, FUSION, HEADINGS, KINDS, MODALITY, OTHER, REFERENCE, TRIVIAL
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture, calibration_picture, decision_picture, stacked
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
    if contents.learned_anew:
        wider = [contents.learned_anew.get(model) for model in models]
        limits = {f"wider_{end}": [getattr(row, end, np.nan) for row in wider] for end in ("low", "high")}
        scores = scores.assign(**limits)
    alt = "; ".join(f"{model} {score_cell(contents, model, 'auc')}" for model in models)
    return Picture(
        uri_of(draw_auc, scores, contents.primary), f"AUC with interval: {alt}.", _auc_caption(contents), scores
    )


def reference_picture(contents: Contents) -> Picture | None:
    """What each main model has more than the reference of the recipe; None where it names none."""
    rows = contents.against_reference.rename(columns={"a": "model", "difference": "value"})
    rows = rows[rows["model"].isin(contents.main_models) & np.isfinite(rows["value"])]
    if rows.empty:
        return None
    reference, models = rows["b"].iloc[0], [model for model in contents.main_models if model in set(rows["model"])]
    kinds = [contents.kind_of(model) for model in models]
    rows = rows.set_index("model").loc[models].reset_index()
    rows = rows.assign(kind=kinds, heading=[HEADINGS[kind] for kind in kinds])
    alt = "; ".join(f"{row.model} {row.value:+.2f} ({row.low:+.2f} to {row.high:+.2f})" for row in rows.itertuples())
    better = [row.model for row in rows.itertuples() if row.value > 0 and row.adjusted_p_value < 0.05]
    caption = (
        f"What each model’s AUC has more than that of “{reference}”, on the same patients, with 95 % intervals. "
        f"An interval is of one comparison. Adjusted for their number, {_are(better)} better (p < 0.05)."
    )
    return Picture(
        uri_of(draw_differences, rows, reference), f"Differences in AUC from {reference}: {alt}.", caption, rows
    )


def _are(models: Sequence[str]) -> str:
    return f"{listed(models) or 'none'} {'are' if len(models) > 1 else 'is'}"


def _auc_caption(contents: Contents) -> str:
    best = best_modality(contents)
    beside = f", the best single modality ({best}) {score_cell(contents, best, 'auc')}" if best else ""
    mean = ", the mean of each class against the rest," if contents.has_several_classes else ""
    others = " hexagons: other models;" * any(contents.kind_of(model) == OTHER for model in contents.main_models)
    return (
        f"The {contents.answer} “{contents.primary}” has an AUC{mean} of "
        f"{score_cell(contents, contents.primary, 'auc')}{beside}. "
        f"Circles: fusions, the diamond the primary one; squares: single modalities;{_arms_caption(contents)}{others} "
        f"triangles: for comparison.{_lines_caption(contents)}"
    )


def _lines_caption(contents: Contents) -> str:
    if not contents.learned_anew:
        return ""
    return " Thick lines: the same models on other patients; thin ones: other patients to learn from, too."


def _arms_caption(contents: Contents) -> str:
    return f" pentagons: {_arms_in_words(contents)};" if contents.arms else ""


def _arms_in_words(contents: Contents) -> str:
    """Return what the arms fuse: ``deep`` is no selection of features but the networks' own answers."""
    words = {
        "radiomics": "the same fusion on radiomic features alone",
        "deep": "the fusion of the networks' own softmax probabilities (deep)",
    }
    return listed([words[arm] for arm in contents.arms])


def all_roc_pictures(contents: Contents) -> list[Picture]:
    """ROC figures; of several classes one of each against the rest."""
    return roc_pictures_by_class(contents) if contents.has_several_classes else roc_pictures(contents)


def roc_pictures(contents: Contents) -> list[Picture]:
    """ROC figures, the primary fusion in all: with single modalities, with other fusions, with other features."""
    predicted = set(contents.predictions["model"])
    # The trivial rule gives everybody about one number, whose curve says nothing.
    others = [model for model in contents.models if model in predicted - {contents.primary, TRIVIAL}]
    of_kind = {kind: [model for model in others if contents.kind_of(model) == kind] for kind in KINDS}
    single = of_kind[MODALITY] + of_kind[REFERENCE]
    if contents.primary not in predicted or _has_one_label(contents.predictions):
        return []
    same = [model for model in of_kind[ARM] if model.endswith(f"_{contents.primary}")]
    beside_same = _arms_in_words(contents)
    panels = [(_beside_single(single), single), ("the other fusions", of_kind[FUSION]), (beside_same, same)]
    return [_roc_picture(contents, what, models) for what, models in panels if models]


def roc_pictures_by_class(contents: Contents) -> list[Picture]:
    """Each class against the rest: the primary model's curve beside those of the single modalities."""
    drawn = []
    for name in contents.classes:
        view = contents.of_class(name)
        beside = [model for model in contents.main_models if contents.kind_of(model) in (MODALITY, REFERENCE)]
        own = view.predictions[view.predictions["model"] == contents.primary]
        if not own.empty and not _has_one_label(own):
            predicted = [model for model in beside if model in set(view.predictions["model"]) - {TRIVIAL}]
            drawn.append(_roc_picture(view, _beside_single(predicted), predicted, f"{name} against the rest"))
    return drawn


def calibration_pictures(contents: Contents) -> list[Picture]:
    """The calibration of the primary model; of several classes that of each."""
    if not contents.has_several_classes:
        pictures = [calibration_picture(contents.predictions, contents.primary)]
    else:
        views = {name: contents.of_class(name).predictions for name in contents.classes}
        pictures = [calibration_picture(rows, contents.primary, f"Class {name}") for name, rows in views.items()]
    return [picture for picture in pictures if picture]


def decision_curve_picture(contents: Contents) -> Picture | None:
    """The decision curve of the primary model; none of several classes."""
    curve = contents.decision_curves
    curve = curve[curve["model"] == contents.primary]
    if curve.empty:
        return None
    what = f"Net benefit of treating by “{contents.primary}”, with the middle 95% over resampled patients."
    return decision_picture(curve.assign(treat_none=0.0).reset_index(drop=True), what)


def _has_one_label(predictions: pd.DataFrame) -> bool:
    return predictions["label"].nunique() < 2


def _beside_single(models: Sequence[str]) -> str:
    return "the single modalities" + (" and clinical data" if CLINICAL in models else "")


def _roc_picture(contents: Contents, what: str, models: Sequence[str], title: str = "") -> Picture:
    names = {model: f"{model} {score_cell(contents, model, 'auc').value}" for model in (contents.primary, *models)}
    # One resample: no band is drawn of these.
    curves = {names[model]: roc_points(contents.predictions, model, n_resamples=1) for model in models}
    primary = roc_points(contents.predictions, contents.primary)
    where = f"{title}: " if title else ""
    alt = f"{where}ROC curves with AUC: {'; '.join(names.values())}."
    caption = (
        f"{where}ROC curve of the primary {contents.answer} (heavy line, with a pointwise 95% band over resampled "
        f"patients) beside {what}. The legend gives the AUC."
    )
    drawn = uri_of(draw_roc, primary, names[contents.primary], curves, title)
    return Picture(drawn, alt, caption, stacked({names[contents.primary]: primary, **curves}))


def weight_pictures(contents: Contents) -> list[Picture]:
    """The weights of every fusion that learned some, class by class where they differ; equal ones need no figure."""
    return [_weight_picture(fusion, rows) for fusion, rows in weights_by_fusion(contents) if _are_learned(rows)]


def _are_learned(rows: pd.DataFrame) -> bool:
    return rows["weight"].nunique() > 1 or bool((rows["low"] < rows["high"]).any())


def _weight_picture(fusion: str, rows: pd.DataFrame) -> Picture:
    alt = "; ".join(f"{row.member} {number(row.weight)}" for row in rows.itertuples())
    # The intercept, in brackets, is no member.
    own = rows.loc[~rows["member"].str.startswith("(")]
    shown = own["weight"].map(number)  # a difference that the page does not show makes none the heaviest
    heaviest = own.loc[shown == shown[own["weight"].idxmax()], "member"].drop_duplicates().tolist()
    have = "has the largest weight" if len(heaviest) == 1 else "have the largest weights, equal ones,"
    caption = f"{fusion}: {listed(heaviest)} {have} in the final model."
    return Picture(
        uri_of(draw_weights, fusion, rows), f"Weights of the fusion {fusion} in the final model: {alt}.", caption, rows
    )
