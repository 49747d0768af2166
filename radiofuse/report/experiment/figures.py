"""The figure that only an experiment has."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radiofuse.report.figures import GREY, INK, OTHER, PRIMARY, WIDTH_IN, drawn, entitle, name_rows


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
