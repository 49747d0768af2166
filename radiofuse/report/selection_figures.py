"""The figures of a selection: what was tested, what correlates, the LASSO's path, and what honesty costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from radiofuse.report.figures import (
    DASHES,
    GREY,
    INK,
    OTHER,
    PALE,
    PRIMARY,
    SMALL_PT,
    WIDTH_IN,
    drawn,
    entitle,
)
from radiofuse.report.wording import number, shortened

SMALLEST_P = 1e-300
NAMED_PATHS = 6  # coefficients of the final fit named beside their lines
NAME_CHARACTERS = 30
WARM = "#b3541e"
STAGES = (  # what became of a feature, from the first to fall to the last to stay
    ("p too large", {"marker": ".", "color": PALE, "markersize": 4}),
    ("pruned", {"marker": "x", "color": GREY, "markersize": 4}),
    ("dropped by LASSO", {"marker": "o", "color": OTHER, "markersize": 5, "markerfacecolor": "white"}),
    ("selected", {"marker": "D", "color": WARM, "markersize": 6}),
)


@drawn
def draw_volcano(selection: pd.DataFrame, alpha: float) -> Figure:
    """Draw each feature's p-value over its AUC, marked by how far it came.

    Parameters
    ----------
    selection : DataFrame
        ``auc``, ``p``, ``passed_mwu``, ``kept_after_prune``, ``selected`` of one modality.
    alpha : float
        Drawn as a line.
    """
    figure = Figure(figsize=(WIDTH_IN, 4.6))
    axes = figure.add_subplot()
    axes.axhline(-np.log10(max(alpha, SMALLEST_P)), color=GREY, linestyle=":", linewidth=1.2)
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    height = -np.log10(np.clip(selection["p"].to_numpy(float), SMALLEST_P, 1))
    stage = reached_stage(selection)
    for place, (label, style) in enumerate(STAGES):
        rows = stage == place
        if rows.any():
            label = f"{label} ({rows.sum():,})"
            axes.plot(selection["auc"][rows], height[rows], linestyle="none", label=label, **style)
    axes.set(xlabel="AUC of the feature alone (0.5 = chance)", ylabel="−log₁₀ p")
    figure.legend(loc="outside lower center", ncols=2, handletextpad=0.2, columnspacing=1)
    return figure


def reached_stage(selection: pd.DataFrame) -> np.ndarray:
    """Return the place in ``STAGES`` of each feature; a step that was not run stops none.

    Examples
    --------
    >>> steps = {"passed_mwu": [False, True], "kept_after_prune": [False, True], "selected": [False, True]}
    >>> reached_stage(pd.DataFrame(steps))
    array([0, 3])
    """
    decisions = selection[["passed_mwu", "kept_after_prune", "selected"]]
    steps = decisions.apply(pd.to_numeric, errors="coerce").astype(float).fillna(1.0).to_numpy()
    return np.cumprod(steps, axis=1).sum(axis=1).astype(int)


@drawn
def draw_correlations(r: pd.DataFrame) -> Figure:
    """Draw the size of the correlations, features in the order of an average-linkage clustering.

    Parameters
    ----------
    r : DataFrame of shape (n_features, n_features)
        Correlations; at least two features.
    """
    size = np.abs(r.to_numpy(float))
    distance = squareform(np.clip(1 - size, 0, None), checks=False)
    order = leaves_list(linkage(distance, "average", optimal_ordering=len(r) <= 100))
    figure = Figure(figsize=(WIDTH_IN, 4.4))
    axes = figure.add_subplot()
    image = axes.imshow(size[order][:, order], cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(f"{len(r)} features, like beside like")
    figure.colorbar(image, label="|r|", shrink=0.85)
    return figure


@drawn
def draw_path(path: pd.DataFrame, curve: pd.DataFrame) -> Figure:
    """Draw the coefficients over the penalty, as R's glmnet does, with the penalties that the two rules choose.

    Parameters
    ----------
    path : DataFrame
        ``lambda``, ``feature``, ``coef``: the non-zero ones of the final fit.
    curve : DataFrame
        ``lambda``, ``nzero``, ``is_min``, ``is_1se``.
    """
    figure = Figure(figsize=(WIDTH_IN, 4.6))
    axes = figure.add_subplot()
    lambdas = curve["lambda"].to_numpy()
    lines = path.pivot(index="lambda", columns="feature", values="coef").reindex(lambdas).fillna(0.0)
    at_minimum = lines.loc[curve.loc[curve["is_min"], "lambda"].iloc[0]].abs()
    named = list(at_minimum[at_minimum > 0].sort_values(ascending=False).index[:NAMED_PATHS])
    for feature in lines.columns.difference(named):
        axes.plot(lambdas, lines[feature], color=OTHER, linewidth=0.8)
    for place, feature in enumerate(named):
        style = {"color": (PRIMARY, WARM)[place % 2], "linestyle": DASHES[place // 2 % len(DASHES)]}
        axes.plot(lambdas, lines[feature], linewidth=1.9, label=shortened(feature, NAME_CHARACTERS), **style)
    _mark_rules(axes, curve)
    axes.set(xlabel="Penalty λ", ylabel="Coefficient per standard deviation")
    figure.legend(loc="outside lower center", ncols=1, handlelength=3)
    return figure


@drawn
def draw_curve(curve: pd.DataFrame, loss: str) -> Figure:
    """Draw the cross-validated loss with its standard error over the penalty, and both rules.

    Parameters
    ----------
    curve : DataFrame
        ``lambda``, ``cvm``, ``cvlo``, ``cvup``, ``nzero``, ``is_min``, ``is_1se``.
    loss : str
        Name of the vertical axis.
    """
    figure = Figure(figsize=(WIDTH_IN, 4.0))
    axes = figure.add_subplot()
    axes.vlines(curve["lambda"], curve["cvlo"], curve["cvup"], color=OTHER, linewidth=1.4)
    axes.plot(curve["lambda"], curve["cvm"], "o", color=PRIMARY, markersize=3.5)
    _mark_rules(axes, curve)
    axes.set(xlabel="Penalty λ", ylabel=loss)
    return figure


def _mark_rules(axes: Axes, curve: pd.DataFrame) -> None:
    """Set a falling logarithmic axis, the counts of features on top, and a line for each rule."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(curve["lambda"].max() * 1.1, curve["lambda"].min() / 1.1)
    for column, name, dash in (("is_min", "min", "--"), ("is_1se", "1se", ":")):
        chosen = curve.loc[curve[column]]
        if len(chosen):
            axes.axvline(chosen["lambda"].iloc[0], color=INK, linestyle=dash, linewidth=1.2)
            where = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": SMALL_PT}
            axes.annotate(name, (chosen["lambda"].iloc[0], 0.02), (-3, 0), ha="right", **where)
    ticks = np.unique(np.linspace(0, len(curve) - 1, 7).astype(int))
    top = axes.secondary_xaxis("top")
    top.set_xticks(curve["lambda"].iloc[ticks], curve["nzero"].iloc[ticks].astype(int).astype(str))
    top.set_xticks([], minor=True)
    top.set_xlabel("Features with a non-zero coefficient", fontsize=SMALL_PT)


@drawn
def draw_chosen(modality: str, features: pd.DataFrame, n_folds: int) -> Figure:
    """Draw how often each feature was chosen, and mark the final selection.

    Parameters
    ----------
    modality : str
        The figure's title.
    features : DataFrame
        ``feature``, ``times_selected``, ``selected``; the first is on top.
    n_folds : int
        Outer training folds.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.44 * len(features)))
    axes = figure.add_subplot()
    entitle(axes, modality)
    for place, row in enumerate(features.itertuples()):
        filled = {"facecolor": PRIMARY} if row.selected else {"facecolor": "white", "hatch": "////"}
        axes.barh(place, row.times_selected, height=0.34, edgecolor=PRIMARY, linewidth=0.8, **filled)
        axes.text(0, place - 0.27, shortened(row.feature, 50), va="bottom", fontsize=SMALL_PT)
        axes.text(
            row.times_selected + 0.01 * n_folds, place, f"{row.times_selected:.0f}", va="center", fontsize=SMALL_PT
        )
    axes.set(xlim=(0, 1.1 * n_folds), ylim=(len(features) - 0.6, -0.9), yticks=[])
    axes.set_xlabel(f"Training folds that chose it, of {n_folds}")
    axes.spines["left"].set_visible(False)
    return figure


@drawn
def draw_net_benefit(curve: pd.DataFrame) -> Figure:
    """Draw the net benefit of the model beside treating all and treating none.

    Parameters
    ----------
    curve : DataFrame
        ``threshold``, ``net_benefit``, ``treat_all``, ``treat_none``.
    """
    figure = Figure(figsize=(WIDTH_IN, 4.2))
    axes = figure.add_subplot()
    axes.plot(curve["threshold"], curve["treat_all"], color=GREY, linestyle="--", linewidth=1.5, label="treat all")
    axes.plot(curve["threshold"], curve["treat_none"], color=INK, linestyle=":", linewidth=1.5, label="treat none")
    axes.plot(curve["threshold"], curve["net_benefit"], color=PRIMARY, linewidth=2.8, label="treat by the model")
    top = max(curve["net_benefit"].max(), curve["treat_all"].max())
    axes.set(xlim=(0, 1), ylim=(-0.15 * top, 1.08 * top), xlabel="Threshold probability", ylabel="Net benefit")
    figure.legend(loc="outside lower center", ncols=3, handlelength=2.4, columnspacing=1)
    return figure


@drawn
def draw_honesty(pairs: Any) -> Figure:
    """Draw each model's AUC with selection inside the folds beside the one with selection outside them.

    Parameters
    ----------
    pairs : sequence of (str, (value, low, high), (value, low, high))
        Model, nested, optimistic; NaN for an interval that does not exist.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.5 + 0.62 * len(pairs)))
    axes = figure.add_subplot()
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    styles = (("inside the folds", PRIMARY, "D", PRIMARY), ("on all patients first", WARM, "o", "white"))
    for place, (_, *estimates) in enumerate(pairs):
        for shift, (value, low, high), (label, color, marker, face) in zip(
            (-0.16, 0.16), estimates, styles, strict=True
        ):
            named = {"label": f"selected {label}"} if place == 0 else {}
            axes.plot([low, high], [place + shift] * 2, color=color, linewidth=2)
            marked = {"color": color, "markersize": 8, "markerfacecolor": face, "linestyle": "none"}
            axes.plot([value], [place + shift], marker=marker, **marked, **named)
            axes.text(
                1.02, place + shift, number(value), transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT
            )
    axes.set_yticks(range(len(pairs)), [shortened(name, 20) for name, *_ in pairs])
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    lowest = np.nanmin([estimate[1] for _, *estimates in pairs for estimate in estimates] + [0.5])
    axes.set(xlim=(lowest - 0.05, 1.005), xlabel="AUC (0.5 = chance)")
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=2, handletextpad=0.2, columnspacing=1)
    return figure
