"""The figures of a selection with their captions and the words for those who cannot see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from radiofuse.report.figures import draw_roc
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture, calibration_picture, decision_picture, frequency_picture, stacked
from radiofuse.report.predictions.page import curves_by_class
from radiofuse.report.selection import sentences
from radiofuse.report.selection.contents import SelectionContents
from radiofuse.report.selection.figures import (
    draw_correlations,
    draw_curve,
    draw_honesty,
    draw_path,
    draw_volcano,
)
from radiofuse.report.wording import estimate
from radiofuse.statistics import auc_interval, decision_points, roc_points
from radiofuse.wording import counted, number

MAPPED = 60  # survivors in the map of correlations, the best by rank
N_RESAMPLES = 500  # of the patients, for the bands
LOSSES = {"gaussian": "Mean squared error", "binomial": "Deviance", "multinomial": "Deviance"}
INTERVALS = {"delong": "DeLong", "newcombe": "Newcombe"}


def honesty_picture(contents: SelectionContents) -> Picture | None:
    """Every AUC inside the folds beside the one outside them."""
    pairs = contents.auc_pairs
    if not pairs:
        return None
    alt = "; ".join(
        f"{model} {number(nested[0])} nested, {number(optimistic[0])} optimistic" for model, nested, optimistic in pairs
    )
    ends = ("value", "low", "high")
    rows = [(model, *nested, *optimistic) for model, nested, optimistic in pairs]
    names = ["model", *(f"auc_{kind}_{end}" for kind in ("nested", "optimistic") for end in ends)]
    data = pd.DataFrame(rows, columns=names)
    return Picture(uri_of(draw_honesty, pairs), f"AUC with interval: {alt}.", sentences.gains(contents), data)


def selection_pictures(contents: SelectionContents, modality: str) -> list[Picture]:
    """What was tested, what correlates, and the LASSO's curve and path, as far as the steps were run."""
    drawn = [volcano_picture(contents, modality), correlation_picture(contents, modality)]
    return [picture for picture in [*drawn, *lasso_pictures(contents, modality)] if picture]


def volcano_picture(contents: SelectionContents, modality: str) -> Picture | None:
    """Each feature's p-value over its AUC."""
    features, settings = contents.of("selection", modality), contents.record["settings"]
    tested = features[features["p"].notna()]
    if tested.empty:
        return None
    alpha = settings["alpha"]
    below, n = int((tested["p"] < alpha).sum()), len(tested)
    line = " (dotted line)" if alpha > 0 else ""
    caption = (
        f"The test of each feature: {below:,} of {n:,} have p < {alpha:g}{line}; chance alone would give "
        f"about {alpha * n:,.0f}."
    )
    if settings["adjust"] != "none":
        passed = int(tested["passed_test"].astype(bool).sum())
        caption += f" {passed:,} of them passed, with {sentences.significance(settings)}."
    if contents.several:
        caption += " The AUC is that of the class which the feature tells best from the rest."
    later = _dropped_after_pruning(contents, modality)
    alt = f"P-value over AUC of {counted(n, 'feature')}: {below:,} with p < {alpha:g}."
    drawn = tested[["feature", "auc", "p", "passed_test", "kept_after_prune", "selected"]]
    return Picture(uri_of(draw_volcano, tested, alpha, later), alt, caption, drawn)


def _dropped_after_pruning(contents: SelectionContents, modality: str) -> str:
    """Name what fell after test and pruning: by the step that is left where there are three, else just later."""
    steps = list(contents.record["flow"][modality]["steps"])
    if len(steps) != 3 or contents.of("correlation", modality).empty:
        return "dropped later"
    return f"dropped by {contents.record['words'][steps[-1]]['heading']}"


def chosen_picture(contents: SelectionContents, modality: str) -> Picture | None:
    """How often training folds chose the features that rank first."""
    if modality not in contents.record["stability"]:
        return None
    ranked = contents.ranked(modality).rename(columns={"freq_outer": "frequency", "selected": "in_final_model"})
    picture = frequency_picture(ranked, modality)
    if picture is None:
        return None
    return replace(picture, caption=f"{picture.caption} {sentences.stability(contents.record, modality)}")


def lasso_pictures(contents: SelectionContents, modality: str) -> list[Picture]:
    """The cross-validation that chose the penalty on all samples, and the coefficients over the penalty."""
    curve, path = contents.of("cv_curve", modality), contents.of("path", modality)
    curve = curve[curve["repeat"].isna()].reset_index(drop=True)
    if curve.empty:
        return []
    settings = contents.record["settings"]
    loss, rules = LOSSES[settings["family"]], sentences.rules(curve, settings["rule"])
    said = f"{loss} over the penalty λ, mean of {settings['inner']} inner folds of all samples, and one standard error."
    drawn = curve[["lambda", "cvm", "cvlo", "cvup", "nzero", "is_min", "is_1se"]]
    pictures = [Picture(uri_of(draw_curve, curve, loss), f"{loss} over the penalty. {rules}", f"{said} {rules}", drawn)]
    if len(path):
        which = "Coefficients"
        if contents.several:
            path, which = _largest(path), "The largest coefficients over the classes"
        reached = counted(path["feature"].nunique(), "feature")
        caption = (
            f"{which} of the {reached} that the path reaches, on all samples; the legend names the largest at "
            "λ.min. Upright lines: λ.min (dashed) and λ.1se (dotted)."
        )
        data = path[["lambda", "feature", "coef"]]
        drawn = uri_of(draw_path, path, curve)
        pictures.append(Picture(drawn, f"Coefficients over the penalty. {rules}", caption, data))
    return pictures


def _largest(path: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficients of one class for each penalty and feature: of several the largest."""
    order = np.argsort(-path["coef"].abs().to_numpy(), kind="stable")
    return path.iloc[order].drop_duplicates(["lambda", "feature"])


def correlation_picture(contents: SelectionContents, modality: str) -> Picture | None:
    """Correlations among the features left after pruning, at most ``MAPPED`` of them."""
    pairs = contents.of("correlation", modality)
    shown = list(pd.unique(pairs[["feature_a", "feature_b"]].to_numpy().ravel())[:MAPPED])  # they come by rank
    if len(shown) < 2:
        return None
    pairs = pairs[pairs["feature_a"].isin(shown) & pairs["feature_b"].isin(shown)]
    r = pd.DataFrame(np.eye(len(shown)), index=shown, columns=shown)
    first, second = r.index.get_indexer(pairs["feature_a"]), r.index.get_indexer(pairs["feature_b"])
    values = r.to_numpy(copy=True)
    values[first, second] = values[second, first] = pairs["r"].fillna(0.0)
    features = contents.of("selection", modality)
    selected = set(features.loc[features["selected"].astype(bool), "feature"])
    left = int(features["kept_after_prune"].astype(bool).sum())
    which = f"the {len(shown)} that rank first of the {left:,}" if left > len(shown) else f"the {left:,}"
    largest = number(pairs["r"].abs().max())
    caption = f"Correlations among {which} features left after pruning, clustered; the largest |r| is {largest}."
    if selected & set(shown):
        caption += " Ticks at the left: selected features."
    drawn = uri_of(draw_correlations, pd.DataFrame(values, shown, shown), selected)
    alt = f"Map of the correlations of {len(shown)} features; largest |r| {largest}."
    return Picture(drawn, alt, caption, pairs[["feature_a", "feature_b", "r"]])


def model_pictures(contents: SelectionContents) -> list[Picture]:
    """ROC, calibration and decision curve of the primary model, of several classes of each against the rest.

    There are none where its rows have one label.
    """
    if not np.isfinite(contents.auc("auc_nested", contents.primary)[0]):
        return []
    if contents.several:
        return curves_by_class(contents.scored)
    calibration = calibration_picture(contents.nested.predictions, contents.primary)
    return [_roc_picture(contents), calibration, _decision_picture(contents)]


def _roc_picture(contents: SelectionContents) -> Picture:
    predictions, primary = contents.nested.predictions, contents.primary
    names = {
        model: f"{model} {number(contents.auc('auc_nested', model)[0])}" for model in contents.record["auc_nested"]
    }
    others = {names[model]: roc_points(predictions, model, n_resamples=1) for model in names if model != primary}
    caption = (
        f"ROC curve, mean of the repeats; the band is pointwise, 95% of {N_RESAMPLES} resamples of the patients. AUC "
        f"{estimate(*contents.auc('auc_nested', primary))}: {contents.interval_method}. {_delong(contents)}"
    )
    own = roc_points(predictions, primary, n_resamples=N_RESAMPLES)
    data = stacked({names[primary]: own, **others})
    drawn = uri_of(draw_roc, own, names[primary], others)
    return Picture(drawn, f"ROC curves with AUC: {'; '.join(names.values())}.", caption, data)


def _delong(contents: SelectionContents) -> str:
    rows = contents.nested.predictions
    rows = rows[rows["model"] == contents.primary]
    # DeLong's variance is of one score for each patient, so that repeats are averaged first.
    samples = rows.groupby("sample_id").agg(
        patient=("patient_id", "first"), label=("label", "first"), probability=("probability", "mean")
    )
    if samples["patient"].duplicated().any():
        return "Patients have several samples, for which DeLong's interval does not hold."
    if samples["label"].value_counts().min() < 2:
        return "DeLong's interval needs two patients of a class."
    found = auc_interval(samples["label"], samples["probability"])
    return (
        f"Of each patient's mean probability over the repeats: {estimate(found.auc, found.low, found.high)}, "
        f"{INTERVALS[found.method]}'s interval."
    )


def _decision_picture(contents: SelectionContents) -> Picture:
    curve = decision_points(contents.nested.predictions, contents.primary, confidence=0.95, n_resamples=N_RESAMPLES)
    what = (
        f"Decision curve, mean of the repeats, with a pointwise 95% band over {N_RESAMPLES} resamples of the patients."
    )
    return decision_picture(curve, what)
