"""The report's figures as SVG: equal input gives equal bytes, and no text is read as markup."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from radiofuse.report.look import (
    FEATURE_CHARACTERS,
    GREY,
    HALF_LEGEND_CHARACTERS,
    INK,
    KIND_STYLE,
    LABEL_CHARACTERS,
    LEGEND_CHARACTERS,
    OTHER,
    PRIMARY,
    SMALL_PT,
    axes_for,
    curve_style,
    draw_band,
    entitle,
    frame_unit_square,
    legend_below,
    name_rows,
    new_axes,
)
from radiofuse.report.wording import shortened
from radiofuse.wording import number, percent

NUMBERS_APART = 0.07  # of the axis: numbers of points nearer than that would lie on one another


def draw_auc(scores: pd.DataFrame, primary: str, ax: Axes | None = None) -> Axes:
    """Draw a dot with its interval for every model, under the heading of its kind.

    Parameters
    ----------
    scores : DataFrame
        ``model``, ``kind``, ``heading``, ``value``, ``low``, ``high``; the first row is drawn on top, and
        models of one kind stand together. ``wider_low`` and ``wider_high``, where they are there, are a thin line.
    primary : str
        The model to set in bold.
    """
    lines = list(_under_headings(scores))
    axes = axes_for(ax, 0.9 + 0.34 * len(lines))
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    name_rows(axes, [name for name, _ in lines], bold=primary)
    for place, (_, row) in enumerate(lines):
        if row is None:
            axes.get_yticklabels()[place].set(color=GREY, fontsize=SMALL_PT, fontweight="bold")
            continue
        _draw_interval(axes, place, row, KIND_STYLE[row.kind], bold=row.model == primary)
        axes.text(1.02, place, number(row.value), transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT)
    axes.set_xlabel("AUC (0.5 = chance)")
    # Chance stays in the picture, and what lies below it.
    ends = scores[[end for end in ("low", "wider_low") if end in scores]].to_numpy().ravel()
    axes.set_xlim(np.nanmin([0.45, *ends - 0.02]), 1.005)
    return axes


def draw_differences(rows: pd.DataFrame, reference: str) -> Axes:
    """Draw each model's difference in AUC from one of them, with its interval: a forest plot.

    Parameters
    ----------
    rows : DataFrame
        ``model``, ``kind``, ``heading``, ``value``, ``low``, ``high``; models of one kind stand together.
    reference : str
        The model that all are held against.
    """
    lines = list(_under_headings(rows))
    axes = new_axes(0.9 + 0.34 * len(lines))
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    name_rows(axes, [name for name, _ in lines])
    for place, (_, row) in enumerate(lines):
        if row is None:
            axes.get_yticklabels()[place].set(color=GREY, fontsize=SMALL_PT, fontweight="bold")
            continue
        _draw_interval(axes, place, row, KIND_STYLE[row.kind], bold=False)
        written = f"{row.value:+.2f}".replace("-", "\N{MINUS SIGN}")
        axes.text(1.02, place, written, transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT)
    axes.set_xlabel(f"AUC minus that of {shortened(reference, LABEL_CHARACTERS)}")
    return axes


def _under_headings(scores: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Yield the lines from the top: heading and None, then model and row for each of its models."""
    for heading, rows in scores.groupby("heading", sort=False):
        yield heading, None
        for row in rows.itertuples():
            yield row.model, row


def _draw_interval(axes: Axes, place: int, row: tuple, style: dict, *, bold: bool) -> None:
    width = 3 if bold else 1.6
    if hasattr(row, "wider_low"):
        axes.plot([row.wider_low, row.wider_high], [place, place], color=style["color"], linewidth=0.7)
    axes.plot([row.low, row.high], [place, place], color=style["color"], linewidth=width, solid_capstyle="butt")
    marker = {**style, "marker": "D"} if bold else style
    axes.plot([row.value], [place], linestyle="none", markersize=9 if bold else 7, **marker)


def draw_roc(
    primary: pd.DataFrame, primary_label: str, others: dict[str, pd.DataFrame], title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw ROC curves, the primary model's solid and heavy with its band, each other with its own dash and marker.

    Parameters
    ----------
    primary : DataFrame
        ``false_positive_rate``, ``true_positive_rate``, ``low``, ``high``.
    primary_label : str
        Its name in the legend.
    others : dict of str to DataFrame
        Legend label to curve; ``low`` and ``high`` are not drawn.
    title : str, optional
    """
    n_columns = 2 if max(map(len, [primary_label, *others])) <= HALF_LEGEND_CHARACTERS else 1
    axes = axes_for(ax, 5.15 + 0.25 * math.ceil((1 + len(others)) / n_columns))
    axes.set_aspect("equal")
    if title:
        entitle(axes, title)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=":")
    draw_band(axes, primary.false_positive_rate, primary.low, primary.high)
    for place, (label, curve) in enumerate(others.items()):
        style = curve_style(place, len(others))
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, label=shortened(label, LEGEND_CHARACTERS), **style
        )
    heavy = {"color": PRIMARY, "linewidth": 3, "label": shortened(primary_label, LEGEND_CHARACTERS)}
    axes.plot(primary.false_positive_rate, primary.true_positive_rate, **heavy)
    frame_unit_square(axes, "1 − specificity", "Sensitivity")
    legend_below(axes, n_columns, handlelength=3.4)
    return axes


def draw_calibration(points: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw observed against predicted shares.

    Parameters
    ----------
    points : DataFrame
        ``mean_probability``, ``share_positive``, ``low``, ``high`` and ``n``, one row per group.
    title : str, optional
    """
    axes = axes_for(ax, 4.9)
    axes.set_aspect("equal")
    if title:
        entitle(axes, title)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, linestyle=":")
    predicted, observed = points["mean_probability"], points["share_positive"]
    axes.vlines(predicted, points["low"], points["high"], color=OTHER, linewidth=2)
    axes.plot(predicted, observed, color=PRIMARY, marker="o", markersize=8, linewidth=1.2)
    told = -1.0
    for x, y, n in zip(predicted, observed, points["n"], strict=True):
        if x - told < NUMBERS_APART:
            continue
        told = x
        away = (8, -13) if y > 0.1 else (6, 6)  # points, clear of marker and axis
        axes.annotate(number(n, 0), (x, y), away, textcoords="offset points", fontsize=SMALL_PT)
    frame_unit_square(axes, "Predicted probability", "Observed share")
    return axes


def draw_frequencies(modality: str, features: pd.DataFrame) -> Axes:
    """Draw one bar per feature, its name above it.

    Parameters
    ----------
    modality : str
        The figure's title.
    features : DataFrame
        ``feature``, ``frequency`` (0 to 1), ``in_final_model`` (bool); the first is on top.
    """
    axes = new_axes(1.0 + 0.44 * len(features))
    entitle(axes, modality)
    for place, row in enumerate(features.itertuples()):
        final = {"facecolor": PRIMARY} if row.in_final_model else {"facecolor": "white", "hatch": "////"}
        axes.barh(place, row.frequency, height=0.34, edgecolor=PRIMARY, linewidth=0.8, **final)
        name = shortened(row.feature, FEATURE_CHARACTERS)
        axes.text(0, place - 0.27, name, va="bottom", fontsize=SMALL_PT)
        axes.text(row.frequency + 0.01, place, percent(row.frequency), va="center", fontsize=SMALL_PT)
    axes.set(xlim=(0, 1.1), ylim=(len(features) - 0.6, -0.9), yticks=[], xlabel="Share of outer folds that chose it")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25%", "50%", "75%", "100%"])
    axes.spines["left"].set_visible(False)
    return axes


def draw_net_benefit(curve: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw the net benefit of the model, with its band, beside treating all and treating none.

    Parameters
    ----------
    curve : DataFrame
        ``threshold``, ``net_benefit``, ``treat_all``, ``treat_none``, ``low``, ``high``.
    title : str, optional
    """
    axes = axes_for(ax, 4.2)
    if title:
        entitle(axes, title)
    draw_band(axes, curve["threshold"], curve["low"], curve["high"])
    axes.plot(curve["threshold"], curve["treat_all"], color=GREY, linestyle="--", linewidth=1.5, label="treat all")
    axes.plot(curve["threshold"], curve["treat_none"], color=INK, linestyle=":", linewidth=1.5, label="treat none")
    axes.plot(curve["threshold"], curve["net_benefit"], color=PRIMARY, linewidth=2.8, label="treat by the model")
    top = curve[["net_benefit", "treat_all", "high"]].max(axis=None)
    # Treating all falls without end; far below zero nothing is decided.
    axes.set(xlim=(0, 1), ylim=(-0.15 * top, 1.08 * top), xlabel="Threshold probability", ylabel="Net benefit")
    legend_below(axes, 3, handlelength=2.4, columnspacing=1)
    return axes
