"""From the tables of a selection to one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.evaluate import calibration_line, calibration_points, roc_points
from radiofuse.evaluate.net_benefit import decision_curve
from radiofuse.report.figures import draw_calibration, draw_roc
from radiofuse.report.page import html_environment
from radiofuse.report.pictures import Picture
from radiofuse.report.selection_figures import (
    draw_chosen,
    draw_correlations,
    draw_curve,
    draw_honesty,
    draw_net_benefit,
    draw_path,
    draw_volcano,
)
from radiofuse.report.tables import Row, Table, name_value_table
from radiofuse.report.wording import METRICS, MISSING, counted, estimate, listed, number, p_value, percent

FUSION = "fusion"
UNNAMED = "features"  # the modality of columns that name none
TOP_FEATURES = 25
BARS = 15
MAPPED = 60  # survivors in the map of correlations, the best by rank
PER_BIN, MAX_BINS = 15, 10  # samples wanted behind each point of the calibration figure
LOSSES = {"gaussian": "Mean squared error", "binomial": "Deviance", "multinomial": "Deviance"}
STEP_WORDS = {
    "mann_whitney": "passed the Mann-Whitney test",
    "kruskal": "passed the Kruskal-Wallis test",
    "correlation": "left after pruning",
    "lasso": "with a non-zero LASSO coefficient",
}


@dataclass(frozen=True, eq=False)
class SelectionContents:
    """What a survey of selections found.

    Attributes
    ----------
    selection, cv_curve, path, predictions, performance, correlation : DataFrame
        As the command writes them.
    record : mapping
        As in ``selection.json``.
    """

    selection: pd.DataFrame
    cv_curve: pd.DataFrame
    path: pd.DataFrame
    predictions: pd.DataFrame
    performance: pd.DataFrame
    correlation: pd.DataFrame
    record: Mapping[str, Any]

    @property
    def modalities(self) -> list[str]:
        """The modalities, in the order of the table."""
        return list(self.record["flow"])

    @property
    def primary(self) -> str:
        """The model whose curves are drawn: the fusion, or the only modality; "" where nothing was predicted."""
        models = list(self.record["auc_nested"])
        return FUSION if FUSION in models else (models[0] if models else "")

    @property
    def nested(self) -> pd.DataFrame:
        """The honest predictions."""
        return self.predictions[self.predictions["selection"] == "nested"]

    def of(self, table: str, modality: str) -> pd.DataFrame:
        """Return one modality's rows of a table."""
        rows = getattr(self, table)
        return rows[rows["modality"] == modality].reset_index(drop=True)


def render_selection(contents: SelectionContents) -> str:
    """Return the report of a selection as HTML; every value is escaped."""
    record = contents.record
    return (
        html_environment()
        .get_template("selection.html")
        .render(
            title=f"Which features carry {record['label']}",
            lead=_lead(contents),
            banner=_banner(record),
            notes=record["notes"],
            flow=_flow_table(record),
            honesty=_honesty_picture(contents),
            honesty_table=_honesty_table(record),
            n_folds=f"{record['settings']['repeats']} × {record['settings']['folds']}",
            modalities=[_modality(contents, name) for name in contents.modalities],
            primary=contents.primary,
            fused=contents.primary == FUSION,
            performance=_performance_table(contents),
            model_pictures=_model_pictures(contents) if contents.primary else [],
            settings=name_value_table("Settings", record["settings"]),
            versions=name_value_table("Software", {"Python": record["python"], **record["libraries"]}),
            command=record["command"],
            version=record["radiofuse"],
            missing=MISSING,
        )
    )


# ---------------------------------------------------------------- words


def _lead(contents: SelectionContents) -> str:
    record = contents.record
    negative, positive = record["classes"]
    samples = max(flow["samples"] for flow in record["flow"].values())
    selected = [
        f"{flow['selected']} of {counted(flow['features'], 'feature')}" + (f" of {name}" if name != UNNAMED else "")
        for name, flow in record["flow"].items()
    ]
    text = (
        f"{record['label']}, {positive} against {negative}, in {counted(samples, 'sample')}: from all of them "
        f"{listed(selected)} were selected."
    )
    if not contents.primary:
        return text
    found = record["auc_nested"][contents.primary]
    auc = estimate(found["estimate"], found["low"], found["high"])
    return f"{text} A model on features selected inside the folds reaches an AUC of {auc} on patients it had not seen."


def _banner(record: Mapping[str, Any]) -> list[str]:
    said = []
    if not record["settings"]["nested"]:
        said.append("Optimistic: selection saw the test patients, as no outer folds were run.")
    if not record["complete"]:
        said.append(f"Interrupted: {record['folds_finished']} of {record['folds_planned']} outer folds were finished.")
    empty = [name for name, flow in record["flow"].items() if not flow["selected"]]
    if empty:
        said.append(f"Nothing was selected from all samples in {', '.join(empty)}: there is no signal to report.")
    return said


def _flow_sentence(flow: Mapping[str, Any]) -> str:
    steps = [f"{count:,} {STEP_WORDS.get(name, f'left by {name}')}" for name, count in flow["steps"].items()]
    return f"{counted(flow['samples'], 'sample')}, {', '.join([counted(flow['features'], 'feature'), *steps])}."


def _stability_sentence(record: Mapping[str, Any], modality: str) -> str:
    found = record["stability"].get(modality)
    if found is None:
        return ""
    sizes = f"{found['n_selections']} training folds chose {number(found['mean_selected'], 1)} features on average"
    if not _is_known(found["nogueira"]):
        return f"{sizes}."
    agreement = estimate(found["nogueira"], found["low"], found["high"])
    return f"{sizes}; their stability (Nogueira; 1: always the same, 0: chance) is {agreement}."


def _is_known(value: float | None) -> bool:
    return value is not None and np.isfinite(value)


# ---------------------------------------------------------------- tables


def _flow_table(record: Mapping[str, Any]) -> Table:
    rows: list[Row] = []
    for name, flow in record["flow"].items():
        counts = [flow["samples"], flow["positive"], flow["absent"], flow["imputed_cells"], flow["features"]]
        rows.append((name, *(f"{count:,}" for count in [*counts, flow["selected"]])))
    positive = f"Of class {record['classes'][1]}"
    header = ("Modality", "Samples", positive, "Without it", "Empty cells", "Features", "Selected")
    return Table("Samples and features", header, (("", tuple(rows)),), n_numbers=6)


def _honesty_table(record: Mapping[str, Any]) -> Table:
    rows = [(model, *(estimate(*found) for found in pair)) for model, *pair in _honesty_pairs(record)]
    header = ("Model", "auc_nested: selected inside the folds", "auc_optimistic: selected on all patients first")
    return Table("AUC with its 95% interval over patients", header, (("", tuple(rows)),), n_numbers=2)


def _honesty_pairs(record: Mapping[str, Any]) -> list[tuple]:
    kinds = [record["auc_nested"], record["auc_optimistic"]]
    models = [model for model in kinds[0] if model in kinds[1]]
    return [
        (model, *(tuple(kind[model][key] for key in ("estimate", "low", "high")) for kind in kinds)) for model in models
    ]


def _features_table(features: pd.DataFrame, modality: str) -> Table:
    rows = []
    for row in features.itertuples():
        auc = estimate(row.auc, row.auc_low, row.auc_high)
        sign = percent(row.sign_consistency)
        coef = f"{number(row.median_coef, 3)} ({sign})" if np.isfinite(row.median_coef) else MISSING
        final = "yes" if row.selected else "no"
        cells = (row.feature, number(row.times_selected, 0), number(row.mean_rank, 1), auc)
        rows.append((*cells, p_value(row.p), p_value(row.q_bh), coef, row.family, final))
    header = ("Feature", "Times chosen", "Mean rank", "AUC alone", "p", "Adjusted p", "Median coefficient (same sign)")
    caption = f"The {len(rows)} features of {modality} that were chosen most" if modality != UNNAMED else ""
    return Table(
        caption or f"The {len(rows)} features that were chosen most",
        (*header, "Family", "Final"),
        (("", tuple(rows)),),
        n_numbers=6,
    )


def _performance_table(contents: SelectionContents) -> Table:
    scores = contents.performance[contents.performance["selection"] == "nested"]
    metrics = [metric for metric in METRICS if metric in set(scores["metric"])]
    found = {(row.model, row.metric): estimate(row.estimate, row.low, row.high) for row in scores.itertuples()}
    rows = tuple((model, *(found[model, metric] for metric in metrics)) for model in scores["model"].unique())
    header = ("Model", *(METRICS[metric] for metric in metrics))
    caption = "Scores, features selected inside the folds; a probability of 0.5 and more counts as positive"
    return Table(caption, header, (("", rows),), n_numbers=len(metrics), emphasized=contents.primary)


# ---------------------------------------------------------------- pictures


def _modality(contents: SelectionContents, name: str) -> dict[str, Any]:
    features = contents.of("selection", name)
    ranked = features[features["rank"].notna()].sort_values("rank")
    shown = ranked.head(TOP_FEATURES)
    more = len(ranked) - len(shown)
    drawn = [
        _volcano_picture(contents, features),
        _chosen_picture(contents, name, ranked),
        *_lasso_pictures(contents, name),
        _correlation_picture(contents, name),
    ]
    return {
        "name": "Features" if name == UNNAMED else f"Features of {name}",
        "flow": _flow_sentence(contents.record["flow"][name]),
        "stability": _stability_sentence(contents.record, name),
        "table": _features_table(shown, name),
        "left_out": counted(more, "more feature that a fold chose", "more features that folds chose") if more else "",
        "pictures": [picture for picture in drawn if picture],
    }


def _volcano_picture(contents: SelectionContents, features: pd.DataFrame) -> Picture | None:
    if features["p"].isna().all():
        return None
    alpha = contents.record["settings"]["alpha"]
    below = int((features["p"] < alpha).sum())
    caption = (
        f"Each feature's test: {below:,} of {len(features):,} have p below {alpha:g} (dotted line), where "
        f"{alpha * len(features):.0f} would be expected by chance alone."
    )
    return Picture(
        draw_volcano(features, alpha), f"P-value over AUC of each feature: {below} below {alpha:g}.", caption
    )


def _chosen_picture(contents: SelectionContents, name: str, ranked: pd.DataFrame) -> Picture | None:
    top = ranked.head(BARS)
    found = contents.record["stability"].get(name)
    if found is None or top.empty:
        return None
    n_folds = found["n_selections"]
    alt = "; ".join(f"{row.feature} {row.times_selected:.0f}" for row in top.itertuples())
    caption = (
        f"How often training folds chose a feature; filled: also in the selection from all samples. "
        f"{_stability_sentence(contents.record, name)}"
    )
    return Picture(draw_chosen(name, top, n_folds), f"Times chosen of {n_folds}: {alt}.", caption)


def _lasso_pictures(contents: SelectionContents, name: str) -> list[Picture]:
    curve, path = contents.of("cv_curve", name), contents.of("path", name)
    curve = curve[curve["repeat"].isna()].reset_index(drop=True)
    if curve.empty or path.empty:
        return []
    least, one_se = (curve.loc[curve[rule]].iloc[0] for rule in ("is_min", "is_1se"))
    counts = f"{least.nzero:.0f} features at the minimum, {one_se.nzero:.0f} within one standard error of it"
    loss = LOSSES[contents.record["settings"]["family"]]
    return [
        Picture(
            draw_curve(curve, loss),
            f"Cross-validated error over the penalty: {counts}.",
            f"Error over the inner folds of all samples, with one standard error: {counts}.",
        ),
        Picture(
            draw_path(path, curve),
            f"Coefficients over the penalty: {counts}.",
            "Coefficients of the fit to all samples; the largest at the minimum are named.",
        ),
    ]


def _correlation_picture(contents: SelectionContents, name: str) -> Picture | None:
    pairs, ranks = contents.of("correlation", name), contents.of("selection", name).set_index("feature")["rank"]
    features = pd.unique(pairs[["feature_a", "feature_b"]].to_numpy().ravel())
    if len(features) < 2:
        return None
    first = sorted(
        features, key=lambda feature: (ranks.isna()[feature], 0 if ranks.isna()[feature] else ranks[feature])
    )
    shown = first[:MAPPED]
    r = pd.DataFrame(np.eye(len(shown)), index=shown, columns=shown)
    for row in pairs.itertuples():
        if row.feature_a in r.index and row.feature_b in r.index:
            r.loc[row.feature_a, row.feature_b] = r.loc[row.feature_b, row.feature_a] = row.r
    largest = np.abs(r.to_numpy()[np.triu_indices(len(r), 1)]).max()
    cap = f" The {len(shown)} that rank first, of {len(features)} in correlation.csv." if len(features) > MAPPED else ""
    caption = f"Correlations among the features left after pruning; the largest |r| is {number(largest)}.{cap}"
    return Picture(draw_correlations(r), f"Map of {len(shown)} features; largest |r| {number(largest)}.", caption)


def _honesty_picture(contents: SelectionContents) -> Picture | None:
    pairs = _honesty_pairs(contents.record)
    if not pairs or not np.isfinite([nested[0] for _, nested, _ in pairs]).all():
        return None
    gains = [optimistic[0] - nested[0] for _, nested, optimistic in pairs]
    alt = "; ".join(f"{model} {number(nested[0])} inside, {number(late[0])} outside" for model, nested, late in pairs)
    span = number(gains[0]) if len(gains) == 1 else f"{number(min(gains))} to {number(max(gains))}"
    caption = f"AUC with its 95% interval over patients. Selecting on all patients first moves it by {span}."
    return Picture(draw_honesty(pairs), f"AUC: {alt}.", caption)


def _model_pictures(contents: SelectionContents) -> list[Picture]:
    rows = contents.nested[contents.nested["model"] == contents.primary]
    if rows["label"].nunique() < 2:
        return []
    return [_roc_picture(contents), _calibration_picture(contents, rows), _decision_picture(rows)]


def _roc_picture(contents: SelectionContents) -> Picture:
    predictions, primary = contents.nested, contents.primary
    aucs = contents.record["auc_nested"]
    names = {model: f"{model} {number(aucs[model]['estimate'])}" for model in aucs}
    others = {names[model]: roc_points(predictions, model, n_resamples=1) for model in names if model != primary}
    found = aucs[primary]
    caption = (
        f"ROC curve with a pointwise 95% band over resampled patients; AUC "
        f"{estimate(found['estimate'], found['low'], found['high'])}."
    )
    drawn = draw_roc(roc_points(predictions, primary), names[primary], others)
    return Picture(drawn, f"ROC curves with AUC: {'; '.join(names.values())}.", caption)


def _calibration_picture(contents: SelectionContents, rows: pd.DataFrame) -> Picture:
    n_bins = int(np.clip(rows["sample_id"].nunique() // PER_BIN, 2, MAX_BINS))
    points = calibration_points(rows, contents.primary, n_bins=n_bins, strategy="quantile")
    line = calibration_line(rows, contents.primary)
    alt = "; ".join(
        f"{number(p.mean_probability)} predicted, {number(p.share_positive)} observed" for p in points.itertuples()
    )
    caption = (
        f"Calibration: slope {number(line.slope)}, intercept {number(line.intercept)} (1 and 0 would be ideal). Points "
        "are groups of samples of like probability, with their number and the 95% Wilson interval."
    )
    return Picture(draw_calibration(points), f"Calibration: {alt}.", caption)


def _decision_picture(rows: pd.DataFrame) -> Picture:
    curves = [
        decision_curve(repeat["label"].to_numpy(), repeat["probability"].to_numpy())
        for _, repeat in rows.groupby("repeat")
    ]
    curve = sum(curves[1:], curves[0]) / len(curves)
    best = np.maximum(curve["treat_all"], curve["treat_none"])
    better = curve.loc[curve["net_benefit"] > best + 1e-12, "threshold"]
    where = f"from {number(better.min())} to {number(better.max())}" if len(better) else "nowhere"
    caption = f"Decision curve, mean of the repeats. Treating by the model beats treating all and none {where}."
    return Picture(draw_net_benefit(curve), f"Net benefit: the model is best {where}.", caption)
