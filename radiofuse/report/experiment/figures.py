"""The figures that only an experiment has."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from radiofuse.report.figures import (
    FEATURE_CHARACTERS,
    GREY,
    INK,
    OTHER,
    PALE,
    PRIMARY,
    SMALL_PT,
    WIDTH_IN,
    drawn,
    entitle,
    name_rows,
)
from radiofuse.report.wording import shortened
from radiofuse.wording import number


@drawn
def draw_weights(fusion: str, weights: pd.DataFrame) -> Figure:
    """Draw one fusion's weights: the final model's, and mean and interval over the outer folds.

    Parameters
    ----------
    fusion : str
        The figure's title.
    weights : DataFrame
        ``member``, ``weight``, ``mean``, ``low``, ``high``; the first is on top.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.6 + 0.36 * len(weights)))
    axes = figure.add_subplot()
    entitle(axes, fusion)
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    places = np.arange(len(weights))
    axes.hlines(places, weights["low"], weights["high"], color=OTHER, linewidth=4, label="middle 95% of folds")
    axes.plot(weights["mean"], places, "|", color=PRIMARY, markersize=13, markeredgewidth=2, label="mean of folds")
    axes.plot(weights["weight"], places, "D", color=INK, markerfacecolor="white", markersize=6, label="final model")
    name_rows(axes, list(weights["member"]))
    axes.set_xlabel("Weight")
    figure.legend(loc="outside lower center", ncols=3, handlelength=1.4, columnspacing=1)
    return figure


@drawn
def draw_ledger(ledger: pd.DataFrame) -> Figure:
    """Draw the honest number of every shortcut beside the one that it would have claimed, its name above both.

    Parameters
    ----------
    ledger : DataFrame
        ``title``, ``honest``, ``optimistic``; the first is on top.
    """
    figure = Figure(figsize=(WIDTH_IN, 1.5 + 0.66 * len(ledger)))
    axes = figure.add_subplot()
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    places = np.arange(len(ledger))
    axes.hlines(places, ledger["honest"], ledger["optimistic"], color=PALE, linewidth=5)
    axes.plot(ledger["honest"], places, "D", color=PRIMARY, markersize=9, label="honest")
    open_circle = {"color": INK, "markerfacecolor": "white", "markersize": 9, "markeredgewidth": 1.6}
    axes.plot(ledger["optimistic"], places, "o", **open_circle, label="with the shortcut")
    lowest = min(0.4, np.nanmin([0.4, *ledger[["honest", "optimistic"]].min() - 0.12]))
    for place, row in zip(places, ledger.itertuples(), strict=True):
        _name_above(axes, lowest, place, row.title)
        _numbers_outside(axes, place, row.honest, row.optimistic)
    axes.set(xlim=(lowest, 1.12), ylim=(len(ledger) - 0.6, -0.95), yticks=[])
    axes.set_xticks([tick for tick in np.linspace(0, 1, 11) if tick >= lowest])
    axes.set_xlabel("AUC (0.5 = chance), or balanced accuracy")
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, handlelength=1.4, columnspacing=1.6)
    return figure


def _name_above(axes: Axes, left: float, place: int, title: str) -> None:
    lines = textwrap.wrap(shortened(title, 2 * FEATURE_CHARACTERS), FEATURE_CHARACTERS) or [""]
    axes.text(left, place - 0.22, "\n".join(lines[:2]), va="bottom", fontsize=SMALL_PT, linespacing=1.05)


def _numbers_outside(axes: Axes, place: int, honest: float, optimistic: float) -> None:
    """Write both numbers, each on its side of the pair, so that they never lie on one another."""
    low, high = (honest, optimistic) if honest <= optimistic else (optimistic, honest)
    for value, side, away in ((low, "right", -9), (high, "left", 9)):
        if np.isfinite(value):
            options = {"textcoords": "offset points", "ha": side, "va": "center", "fontsize": SMALL_PT}
            axes.annotate(number(value), (value, place), (away, 0), **options)
