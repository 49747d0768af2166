"""The figures of a selection: what was tested, what correlates, the LASSO's path, and what honesty costs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from radiofuse.report.look import DASHES, GREY, INK, LEGEND_CHARACTERS, OTHER, PRIMARY, SMALL_PT, legend_below, new_axes
from radiofuse.report.wording import shortened
from radiofuse.wording import number

Interval = tuple[float, float, float]  # value, low, high

# A p of 0 has no logarithm.
SMALLEST_P = 1e-300
NAMED_PATHS = len(DASHES)  # coefficients named in the legend, each with a dash of its own
NAMED_ROWS, ROW_CHARACTERS = 12, 22  # a map of few features has room for their names
WARM = "#b3541e"
STAGES = (  # what became of a feature, from the first to fall to the last to stay
    {"marker": ".", "color": "#8793a0", "markersize": 4},
    {"marker": "x", "color": GREY, "markersize": 4},
    {"marker": "o", "color": OTHER, "markersize": 5, "markerfacecolor": "white"},
    {"marker": "D", "color": WARM, "markersize": 6},
)
DECADE_TICKS = 300  # from that ratio of the penalties on, ticks at powers of ten only
APART = (400, 60)  # places told apart along the axes of the volcano: points nearer than that would coincide


def draw_volcano(selection: pd.DataFrame, alpha: float, dropped_later: str) -> Axes:
    """Draw each feature's p-value over its AUC, marked by how far it came.

    Parameters
    ----------
    selection : DataFrame
        ``auc``, ``p``, ``passed_test``, ``kept_after_prune``, ``selected`` of one modality.
    alpha : float
        Drawn as a line.
    dropped_later : str
        Name of what fell after pruning.
    """
    axes = new_axes(4.6)
    if alpha > 0:
        axes.axhline(-np.log10(alpha), color=GREY, linestyle=":", linewidth=1.2)
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    points = np.column_stack([selection["auc"], -np.log10(np.clip(selection["p"].to_numpy(float), SMALLEST_P, 1))])
    names, stage = ("test not passed", "pruned", dropped_later, "selected"), reached_stage(selection)
    for place, (name, style) in enumerate(zip(names, STAGES, strict=True)):
        reached = points[stage == place]
        if len(reached):
            label = f"{name} ({len(reached):,})"
            axes.plot(*one_of_each(reached).T, linestyle="none", label=label, **style)
    axes.set(xlabel="AUC of the feature alone (0.5 = chance)", ylabel="−log₁₀ p")
    legend_below(axes, 2, handletextpad=0.2, columnspacing=1, markerscale=1.3)
    return axes


def one_of_each(points: np.ndarray) -> np.ndarray:
    """Return one of the points that nobody could tell apart, so that many features make no large file.

    Examples
    --------
    >>> one_of_each(np.array([[0.5, 1.0], [0.50001, 1.001], [0.7, 1.0]]))
    array([[0.5, 1. ],
           [0.7, 1. ]])
    """
    _, first = np.unique(np.round(points * APART), axis=0, return_index=True)
    return points[np.sort(first)]


def reached_stage(selection: pd.DataFrame) -> np.ndarray:
    """Return the place in ``STAGES`` of each feature; a step that was not run stops none.

    Examples
    --------
    >>> steps = {"passed_test": [False, True], "kept_after_prune": [False, True], "selected": [False, True]}
    >>> reached_stage(pd.DataFrame(steps))
    array([0, 3])
    """
    decisions = selection[["passed_test", "kept_after_prune", "selected"]]
    steps = decisions.apply(pd.to_numeric, errors="coerce").astype(float).fillna(1.0).to_numpy()
    return np.cumprod(steps, axis=1).sum(axis=1).astype(int)


def draw_correlations(r: pd.DataFrame, selected: Collection[str]) -> Axes:
    """Draw the size of the correlations, features in the order of an average-linkage clustering.

    Parameters
    ----------
    r : DataFrame of shape (n_features, n_features)
        Correlations; at least two features.
    selected : collection of str
        Features marked at the left; all are named there if they are few.
    """
    size = np.abs(r.to_numpy(float))
    # Rounding leaves some |r| above 1, and a clustering takes no negative distance.
    distance = squareform(np.clip(1 - size, 0, None), checks=False)
    order = leaves_list(linkage(distance, "average", optimal_ordering=True))
    axes = new_axes(4.4)
    image = axes.imshow(size[order][:, order], cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    names = r.index[order]
    marked = np.flatnonzero(names.isin(selected))
    axes.set(xticks=[], yticks=marked, yticklabels=[""] * len(marked))
    axes.tick_params(axis="y", length=6, width=1.6, color=INK)
    if len(r) <= NAMED_ROWS:
        labels = [shortened(name, ROW_CHARACTERS) for name in names]
        axes.set_yticks(range(len(r)), labels, minor=True, fontsize=SMALL_PT)
        axes.tick_params(axis="y", which="minor", length=0, pad=9)
    axes.set_xlabel(f"{len(r)} features, like beside like")
    axes.figure.colorbar(image, ax=axes, label="|r|", shrink=0.85)
    return axes


def draw_path(path: pd.DataFrame, curve: pd.DataFrame) -> Axes:
    """Draw the coefficients over the penalty, as R's glmnet does, with the penalties that the two rules choose.

    Parameters
    ----------
    path : DataFrame
        ``lambda``, ``feature``, ``coef``: the non-zero ones of the final fit.
    curve : DataFrame
        ``lambda``, ``nzero``, ``is_min``, ``is_1se``.
    """
    axes = new_axes(4.0 + 0.24 * NAMED_PATHS)
    lambdas = curve["lambda"].to_numpy()
    lines = path.pivot(index="lambda", columns="feature", values="coef").reindex(lambdas).fillna(0.0)
    at_minimum = lines.loc[curve.loc[curve["is_min"], "lambda"].iloc[0]].abs()
    named = list(at_minimum[at_minimum > 0].sort_values(ascending=False).index[:NAMED_PATHS])
    for feature in lines.columns.difference(named):
        axes.plot(lambdas, lines[feature], color=OTHER, linewidth=0.8)
    for place, feature in enumerate(named):
        style = {"color": (PRIMARY, WARM)[place % 2], "linestyle": DASHES[place], "linewidth": 1.9}
        axes.plot(lambdas, lines[feature], label=shortened(feature, LEGEND_CHARACTERS), **style)
    _mark_rules(axes, curve)
    axes.set(xlabel="Penalty λ", ylabel="Coefficient per standard deviation")
    legend_below(axes, 1, handlelength=3)
    return axes


def draw_curve(curve: pd.DataFrame, loss: str) -> Axes:
    """Draw the cross-validated loss with its standard error over the penalty, and both rules.

    Parameters
    ----------
    curve : DataFrame
        ``lambda``, ``cvm``, ``cvlo``, ``cvup``, ``nzero``, ``is_min``, ``is_1se``.
    loss : str
        Name of the vertical axis.
    """
    axes = new_axes(4.0)
    axes.vlines(curve["lambda"], curve["cvlo"], curve["cvup"], color=OTHER, linewidth=1.4)
    axes.plot(curve["lambda"], curve["cvm"], "o", color=PRIMARY, markersize=3.5)
    _mark_rules(axes, curve)
    axes.set(xlabel="Penalty λ", ylabel=loss)
    return axes


def _mark_rules(axes: Axes, curve: pd.DataFrame) -> None:
    """Set a falling logarithmic axis, the counts of features on top, and a line for each rule."""
    _set_penalty_axis(axes, curve["lambda"])
    bottom, top = axes.get_ylim()
    axes.set_ylim(bottom, top + 0.2 * (top - bottom))  # room for the names of the rules
    for column, name, dash in (("is_min", "λ.min", "--"), ("is_1se", "λ.1se", ":")):
        chosen = curve.loc[curve[column], "lambda"].iloc[0]
        axes.axvline(chosen, color=INK, linestyle=dash, linewidth=1.2)
        where = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": SMALL_PT}
        height = 0.93 if column == "is_min" else 0.86  # one below the other, since the lines may be close
        axes.annotate(
            name, (chosen, height), (3, 0), **where, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}
        )
    ticks = np.unique(np.linspace(0, len(curve) - 1, 7).astype(int))
    counts = axes.secondary_xaxis("top")
    counts.set_xticks(curve["lambda"].iloc[ticks], curve["nzero"].iloc[ticks].astype(int).astype(str))
    counts.set_xticks([], minor=True)
    counts.set_xlabel("Features with a non-zero coefficient", fontsize=SMALL_PT)


def _set_penalty_axis(axes: Axes, penalties: pd.Series) -> None:
    largest, smallest = penalties.max(), penalties.min()
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if largest < DECADE_TICKS * smallest else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(largest * 1.1, smallest / 1.1)


def draw_honesty(pairs: Sequence[tuple[str, Interval, Interval]]) -> Axes:
    """Draw each model's AUC with selection inside the folds beside the one with selection outside them.

    Parameters
    ----------
    pairs : sequence of (str, (value, low, high), (value, low, high))
        Model, nested, optimistic; NaN for an interval that does not exist.
    """
    axes = new_axes(1.5 + 0.62 * len(pairs))
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    for place, (_, nested, optimistic) in enumerate(pairs):
        _draw_auc(axes, place - 0.17, nested, PRIMARY, {"marker": "D", "label": "auc_nested"})
        hollow = {"marker": "o", "markerfacecolor": "white", "label": "auc_optimistic"}
        _draw_auc(axes, place + 0.17, optimistic, WARM, hollow)
    axes.set_yticks(range(len(pairs)), [shortened(name, 20) for name, *_ in pairs])
    axes.set_ylim(len(pairs) - 0.4, -0.6)
    lowest = np.nanmin([0.5, *(low for _, *aucs in pairs for _, low, _ in aucs)])
    axes.set(xlim=(lowest - 0.05, 1.005), xlabel="AUC (0.5 = chance)")
    axes.tick_params(axis="y", length=0)
    handles, labels = axes.get_legend_handles_labels()
    legend_below(axes, 2, handles=handles[:2], labels=labels[:2], handletextpad=0.2)
    return axes


def _draw_auc(axes: Axes, height: float, auc: Interval, color: str, marked: dict[str, str]) -> None:
    value, low, high = auc
    axes.plot([low, high], [height, height], color=color, linewidth=2)
    axes.plot([value], [height], color=color, linestyle="none", markersize=8, **marked)
    beside = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": SMALL_PT}
    axes.text(1.02, height, number(value), **beside)
