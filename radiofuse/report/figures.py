"""The report's figures as SVG: equal input gives equal bytes, and no text is read as markup."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radiofuse.report.drawing import Drawing, drawing_of
from radiofuse.report.kinds import ARM, FUSION, MODALITY, MODEL, REFERENCE
from radiofuse.report.kinds import OTHER as OTHER_MODEL
from radiofuse.report.wording import shortened
from radiofuse.wording import number, percent

INK, GREY, PALE = "#1c2733", "#66717d", "#c9d1d9"
PRIMARY, OTHER, BAND = "#0b3c5d", "#7aa6c9", "#e3edf4"  # dark to light: they stay apart in gray print
KIND_STYLE = {
    FUSION: {"marker": "o", "color": "#2f6690", "markerfacecolor": "#2f6690"},
    MODALITY: {"marker": "s", "color": "#a4501f", "markerfacecolor": "white"},
    ARM: {"marker": "p", "color": "#3f7f6a", "markerfacecolor": "white"},
    OTHER_MODEL: {"marker": "h", "color": "#8a6bab", "markerfacecolor": "white"},
    REFERENCE: {"marker": "^", "color": GREY, "markerfacecolor": PALE},
}
KIND_STYLE[MODEL] = KIND_STYLE[FUSION]
# Curves differ in dash and marker as well, for gray print and for readers who see few colors.
CURVE_COLORS = ("#b3541e", "#3f7f6a", "#8a6bab", "#c08a1e", "#5b6670")
DASHES = ((0, (6, 1.6)), (0, (1.2, 1.2)), (0, (7, 1.6, 1.2, 1.6)), (0, (3, 1.4)), (0, (7, 1.4, 1, 1.4, 1, 1.4)))
MARKERS = ("s", "^", "D", "v", "P", "X", "o")

WIDTH_IN = 5.0  # narrow on purpose: at phone width 11 pt are still some 11 px
FONT_PT, SMALL_PT = 11, 10.5
NUMBERS_APART = 0.07  # of the axis: numbers of points nearer than that would lie on one another
LABEL_CHARACTERS, FEATURE_CHARACTERS = 27, 50
LEGEND_CHARACTERS, HALF_LEGEND_CHARACTERS = 33, 18  # of an entry that has the line for itself, or half of it


def style() -> AbstractContextManager:
    """Our own settings, whatever the user's matplotlibrc says."""
    settings = {
        **{key: value for key, value in mpl.rcParamsDefault.items() if not key.startswith("backend")},
        "text.parse_math": False,  # a name such as $\frac{a$ is a name
        "svg.hashsalt": "radiofuse",
        "font.size": FONT_PT,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": GREY,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
        "legend.fontsize": SMALL_PT,
        "figure.constrained_layout.use": True,
    }
    return mpl.rc_context(settings)


def drawn(draw: Callable[..., Figure]) -> Callable[..., Drawing]:
    """Let a function draw in our style and return the figure as a ``data:`` address."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Drawing:
        with style():
            return drawing_of(draw(*args, **kwargs))

    return drawn


def axes_for(ax: Axes | None, height_in: float, width_in: float = WIDTH_IN) -> Axes:
    """Return the axes that are given, or those of a new figure."""
    return Figure(figsize=(width_in, height_in)).add_subplot() if ax is None else ax


def uri_of(plot: Callable[..., Axes], *args: Any, **kwargs: Any) -> Drawing:
    """Return what a function draws on axes of its own, in our style, as a ``data:`` address."""
    with style():
        return drawing_of(cast(Figure, plot(*args, **kwargs).figure))


def figure_of(draw: Callable[..., str], *args: Any) -> Figure:
    """Return the figure itself of a function that is ``drawn``."""
    with style():
        # What is decorated returns the address, for a page.
        return draw.__wrapped__(*args)


@drawn
def draw_auc(scores: pd.DataFrame, primary: str) -> Figure:
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
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.34 * len(lines)))
    axes = figure.add_subplot()
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
    return figure


@drawn
def draw_differences(rows: pd.DataFrame, reference: str) -> Figure:
    """Draw each model's difference in AUC from one of them, with its interval: a forest plot.

    Parameters
    ----------
    rows : DataFrame
        ``model``, ``kind``, ``heading``, ``value``, ``low``, ``high``; models of one kind stand together.
    reference : str
        The model that all are held against.
    """
    lines = list(_under_headings(rows))
    figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.34 * len(lines)))
    axes = figure.add_subplot()
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
    return figure


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


def entitle(axes: Axes, title: str) -> None:
    """Set a bold title at the left, shortened where it is long."""
    axes.set_title(shortened(title, FEATURE_CHARACTERS), loc="left", fontsize=FONT_PT, fontweight="bold")


def name_rows(axes: Axes, names: Sequence[str], bold: str = "") -> None:
    """Name the rows of a picture from the top down, one of them in bold."""
    labels = [shortened(name, LABEL_CHARACTERS) for name in names]
    axes.set_yticks(range(len(names)), labels)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for name, text in zip(names, axes.get_yticklabels(), strict=True):
        text.set_fontweight("bold" if name == bold else "normal")


@drawn
def draw_roc(primary: pd.DataFrame, primary_label: str, others: dict[str, pd.DataFrame], title: str = "") -> Figure:
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
    figure = Figure(figsize=(WIDTH_IN, 5.15 + 0.25 * math.ceil((1 + len(others)) / n_columns)))
    axes = figure.add_subplot(aspect="equal")
    if title:
        entitle(axes, title)
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1.2)
    axes.fill_between(primary.false_positive_rate, primary.low, primary.high, color=BAND, linewidth=0)
    for place, (label, curve) in enumerate(others.items()):
        style = curve_style(place, len(others))
        axes.plot(
            curve.false_positive_rate, curve.true_positive_rate, label=shortened(label, LEGEND_CHARACTERS), **style
        )
    heavy = {"color": PRIMARY, "linewidth": 3, "label": shortened(primary_label, LEGEND_CHARACTERS)}
    axes.plot(primary.false_positive_rate, primary.true_positive_rate, **heavy)
    frame_unit_square(axes, "1 − specificity", "Sensitivity")
    figure.legend(loc="outside lower center", ncols=n_columns, handlelength=3.4, columnspacing=1.2)
    return figure


def curve_style(place: int, n_curves: int) -> dict:
    """Return how one of several curves beside the heavy one is drawn."""
    return {
        "color": CURVE_COLORS[place % len(CURVE_COLORS)],
        "linestyle": DASHES[place % len(DASHES)],
        "linewidth": 1.6,
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5.5,
        "markerfacecolor": "white",
        "markevery": (0.05 + 0.2 * place / n_curves, 0.25),  # by length, and not on top of one another
    }


def frame_unit_square(axes: Axes, x: str, y: str) -> None:
    """Set both axes from 0 to 1 with the same ticks, and their labels."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)


@drawn
def draw_calibration(points: pd.DataFrame, title: str = "") -> Figure:
    """Draw observed against predicted shares.

    Parameters
    ----------
    points : DataFrame
        ``mean_probability``, ``share_positive``, ``low``, ``high`` and ``n``, one row per group.
    title : str, optional
    """
    figure = Figure(figsize=(WIDTH_IN, 4.9))
    axes = figure.add_subplot(aspect="equal")
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
    return figure


@drawn
def draw_frequencies(modality: str, features: pd.DataFrame) -> Figure:
    """Draw one bar per feature, its name above it.

    Parameters
    ----------
    modality : str
        The figure's title.
    features : DataFrame
        ``feature``, ``frequency`` (0 to 1), ``in_final_model`` (bool); the first is on top.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.0 + 0.44 * len(features)))
    axes = figure.add_subplot()
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
    return figure


@drawn
def draw_net_benefit(curve: pd.DataFrame, title: str = "") -> Figure:
    """Draw the net benefit of the model, with its band, beside treating all and treating none.

    Parameters
    ----------
    curve : DataFrame
        ``threshold``, ``net_benefit``, ``treat_all``, ``treat_none``, ``low``, ``high``.
    title : str, optional
    """
    figure = Figure(figsize=(WIDTH_IN, 4.2))
    axes = figure.add_subplot()
    if title:
        entitle(axes, title)
    axes.fill_between(curve["threshold"], curve["low"], curve["high"], color=BAND, linewidth=0)
    axes.plot(curve["threshold"], curve["treat_all"], color=GREY, linestyle="--", linewidth=1.5, label="treat all")
    axes.plot(curve["threshold"], curve["treat_none"], color=INK, linestyle=":", linewidth=1.5, label="treat none")
    axes.plot(curve["threshold"], curve["net_benefit"], color=PRIMARY, linewidth=2.8, label="treat by the model")
    top = curve[["net_benefit", "treat_all", "high"]].max(axis=None)
    # Treating all falls without end; far below zero nothing is decided.
    axes.set(xlim=(0, 1), ylim=(-0.15 * top, 1.08 * top), xlabel="Threshold probability", ylabel="Net benefit")
    figure.legend(loc="outside lower center", ncols=3, handlelength=2.4, columnspacing=1)
    return figure
