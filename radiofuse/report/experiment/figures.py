"""The figures that only an experiment has."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from radiofuse.report.look import (
    FEATURE_CHARACTERS,
    GREY,
    INK,
    LEGEND_CHARACTERS,
    OTHER,
    PALE,
    PRIMARY,
    SMALL_PT,
    entitle,
    legend_below,
    name_rows,
    new_axes,
)
from radiofuse.report.wording import shortened
from radiofuse.wording import number

_GROUPS = (  # of patients: one filled, one open, for gray print
    {"facecolor": OTHER, "edgecolor": PRIMARY},
    {"facecolor": "white", "edgecolor": INK, "hatch": "////"},
)


def draw_weights(fusion: str, weights: pd.DataFrame) -> Axes:
    """Draw one fusion's weights: the final model's with its interval, and mean and range over the outer folds.

    Parameters
    ----------
    fusion : str
        The figure's title.
    weights : DataFrame
        ``member``, ``weight``, ``weight_low``, ``weight_high``, ``mean``, ``low``, ``high``; the first is on top.
    """
    axes = new_axes(1.6 + 0.36 * len(weights))
    entitle(axes, fusion)
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    places = np.arange(len(weights))
    below, above = places + 0.15, places - 0.15
    diamond = {"color": INK, "markerfacecolor": "white", "markersize": 6, "zorder": 3}
    axes.plot(weights["weight"], above, "D", label="final model", **diamond)
    limits = weights["weight_low"], weights["weight_high"]
    axes.hlines(above, *limits, color=INK, linewidth=1.2, label="its 95% interval")
    axes.plot(weights["mean"], below, "|", color=PRIMARY, markersize=9, markeredgewidth=2, label="mean of folds")
    axes.hlines(below, weights["low"], weights["high"], color=OTHER, linewidth=4, label="their middle 95%")
    name_rows(axes, list(weights["member"]))
    axes.set_xlabel("Weight")
    legend_below(axes, 2, handlelength=1.4, columnspacing=1)
    return axes


def draw_contributions(members: Mapping[str, Mapping[str, np.ndarray]], title: str, what: str) -> Axes:
    """Draw how far each member moved the answers for patients of either group: middle half, middle 90 %, median.

    Parameters
    ----------
    members : mapping of str to mapping
        Of each member, the contributions for the patients of each of two groups, by its name; the first is on top.
    title : str
    what : str
        The axis.
    """
    axes = new_axes(1.5 + 0.56 * len(members))
    if title:
        entitle(axes, title)
    axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
    for place, groups in enumerate(members.values()):
        for (name, values), away, style in zip(groups.items(), (-0.18, 0.18), _GROUPS, strict=False):
            _draw_box(axes, place + away, values, style, name if place == 0 else "")
    name_rows(axes, list(members))
    axes.set_xlabel(what)
    legend_below(axes, 2, handlelength=1.4, columnspacing=1.6)
    return axes


def _draw_box(axes: Axes, place: float, values: np.ndarray, style: Mapping[str, str], label: str) -> None:
    if not len(values):
        return
    lowest, low, middle, high, highest = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))
    axes.plot([lowest, highest], [place, place], color=style["edgecolor"], linewidth=1.2)
    named = {"label": shortened(label, LEGEND_CHARACTERS)} if label else {}
    axes.barh(place, high - low, left=low, height=0.24, linewidth=1, zorder=2, **style, **named)
    axes.plot([middle, middle], [place - 0.14, place + 0.14], color=INK, linewidth=2.4, zorder=3)


def draw_uncertainty(bins: pd.DataFrame) -> Axes:
    """Draw the calibration error within bins of uncertainty, with the number of samples; empty bins are named so.

    Parameters
    ----------
    bins : DataFrame
        ``from_uncertainty``, ``to_uncertainty``, ``n``, ``ece`` (NaN where n is 0), one row per bin.
    """
    axes = new_axes(3.6)
    left, right = bins["from_uncertainty"].to_numpy(), bins["to_uncertainty"].to_numpy()
    axes.bar(left, bins["ece"].fillna(0), width=right - left, align="edge", color=OTHER, edgecolor=PRIMARY)
    for start, end, n, error in zip(left, right, bins["n"], bins["ece"], strict=True):
        words, turned = (number(n, 0), 0) if n else ("no patients", 90)
        place = ((start + end) / 2, error if n else 0)
        options = {"textcoords": "offset points", "ha": "center", "va": "bottom", "fontsize": SMALL_PT}
        axes.annotate(words, place, (0, 3), rotation=turned, **options)
    axes.set(xlim=(0, right.max()), ylim=(0, 1.15 * max(0.1, bins["ece"].max())))
    axes.set_xticks([0, *right], ["0", *(number(edge) for edge in right)])
    axes.set_xlabel("Spread of refits (standard deviation of the probability)")
    axes.set_ylabel("Calibration error")
    return axes


def draw_ledger(ledger: pd.DataFrame) -> Axes:
    """Draw the honest number of every shortcut beside the one that it would have claimed, its name above both.

    Parameters
    ----------
    ledger : DataFrame
        ``title``, ``honest``, ``optimistic``; the first is on top.
    """
    axes = new_axes(1.5 + 0.66 * len(ledger))
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
    legend_below(axes, 2, handlelength=1.4, columnspacing=1.6)
    return axes


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
