"""The look of all figures: colors that stay apart in gray print, our own settings, and pieces that figures share.

Every function that draws takes ``ax`` and returns axes: those it is given, or those of a new figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from radiofuse.report.drawing import Drawing, drawing_of
from radiofuse.report.kinds import ARM, FUSION, MODALITY, MODEL, REFERENCE
from radiofuse.report.kinds import OTHER as OTHER_MODEL
from radiofuse.report.wording import shortened

INK, GREY, PALE = "#1c2733", "#66717d", "#c9d1d9"
PRIMARY, OTHER, BAND = "#0b3c5d", "#6b99be", "#e3edf4"  # dark to light: they stay apart in gray print
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
LEGEND_BELOW_IN = 0.5  # of the axis: room for its ticks and its name
LABEL_CHARACTERS, FEATURE_CHARACTERS = 27, 50
LEGEND_CHARACTERS, HALF_LEGEND_CHARACTERS = 33, 18  # of an entry that has the line for itself, or half of it


P = ParamSpec("P")


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


def drawn(plot: Callable[P, Axes]) -> Callable[P, Axes]:
    """Let a function draw in our style."""

    @wraps(plot)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Axes:
        with style():
            return plot(*args, **kwargs)

    return drawn


def new_axes(height_in: float, width_in: float = WIDTH_IN) -> Axes:
    """Return the axes of a new figure."""
    return Figure(figsize=(width_in, height_in)).add_subplot()


def axes_for(ax: Axes | None, height_in: float, width_in: float = WIDTH_IN) -> Axes:
    """Return the axes that are given, or those of a new figure."""
    return new_axes(height_in, width_in) if ax is None else ax


def uri_of(plot: Callable[..., Axes], *args: Any, **kwargs: Any) -> Drawing:
    """Return what a function draws on axes of its own as a ``data:`` address."""
    with style():
        return drawing_of(cast(Figure, plot(*args, **kwargs).figure))


def legend_below(axes: Axes, n_columns: int, **kwargs: Any) -> None:
    """Set the legend below the axis, where it hides nothing."""
    below = axes.transAxes + ScaledTranslation(0, -LEGEND_BELOW_IN, axes.figure.dpi_scale_trans)
    options = {"loc": "upper center", "borderaxespad": 0, "columnspacing": 1.2, **kwargs}
    axes.legend(bbox_to_anchor=(0.5, 0), bbox_transform=below, ncols=n_columns, **options)


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
        text.set_parse_math(False)  # ticks of given axes may be older than our style
        text.set_fontweight("bold" if name == bold else "normal")


def draw_band(axes: Axes, x: Sequence[float], low: Sequence[float], high: Sequence[float]) -> None:
    """Draw a band with an edge: its pale face alone is not seen by all."""
    axes.fill_between(x, low, high, facecolor=BAND, edgecolor=OTHER, linewidth=0.7)


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
