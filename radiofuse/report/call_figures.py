"""Figures of precision, recall and calls, on axes of one's own or new ones: the same drawings as in the report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from sklearn.metrics import average_precision_score

from radiofuse.errors import RequestError
from radiofuse.report.look import (
    GREY,
    INK,
    LEGEND_CHARACTERS,
    OTHER,
    PRIMARY,
    SMALL_PT,
    axes_for,
    curve_style,
    draw_band,
    drawn,
    entitle,
    frame_unit_square,
    legend_below,
)
from radiofuse.report.wording import shortened
from radiofuse.statistics import precision_recall_points
from radiofuse.tables.predictions import rows_of_model
from radiofuse.wording import number, percent

SHARES = LinearSegmentedColormap.from_list("shares", ["#ffffff", "#7fb0d8"])  # dark text can be read on all of it


@drawn
def plot_precision_recall(
    predictions: pd.DataFrame,
    model: str | None = None,
    *,
    others: Sequence[str] = (),
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the precision-recall curve of a model with its band, and those of others.

    Parameters
    ----------
    predictions : DataFrame
        As ``cross_validated_predictions`` returns it, or ``predictions.csv`` read again: of one class of one outcome.
    model : str, optional
        The one drawn heavily, with a pointwise 95% band over resampled patients; by default the first.
    others : sequence of str, optional
        Models beside it.
    title : str, optional
    ax : Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    Axes
        The legend gives the average precision, the mean of the repeats. The dotted line is the share of positives:
        the precision of calls at random.

    Raises
    ------
    RequestError
        If the table has no such model, or one label only.

    Examples
    --------
    >>> import pandas as pd
    >>> predictions = pd.DataFrame({"sample_id": list("abcd"), "patient_id": list("abcd"), "repeat": 0, "fold": 0,
    ...     "model": "t1", "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> plot_precision_recall(predictions).get_legend().get_texts()[0].get_text()
    't1 0.83'
    """
    model = predictions["model"].iloc[0] if model is None else model
    own = rows_of_model(predictions, model)
    if own["label"].nunique() < 2:
        raise RequestError(f"The rows of {model} have one label only: there is no precision-recall curve.")
    axes = axes_for(ax, 5.15 + 0.12 * (1 + len(others)))
    if title:
        entitle(axes, title)
    axes.axhline(own["label"].mean(), color=GREY, linestyle=":", linewidth=1.2)
    curve = precision_recall_points(predictions, model)
    draw_band(axes, curve["recall"], curve["low"], curve["high"])
    for place, name in enumerate(others):
        points = precision_recall_points(predictions, name, n_resamples=1)
        label = _with_precision(predictions, name)
        axes.plot(points["recall"], points["precision"], label=label, **curve_style(place, len(others)))
    heavy = {"color": PRIMARY, "linewidth": 3, "label": _with_precision(predictions, model)}
    axes.plot(curve["recall"], curve["precision"], **heavy)
    frame_unit_square(axes, "Recall (sensitivity)", "Precision")
    legend_below(axes, 2, handlelength=3.4)
    return axes


def _with_precision(predictions: pd.DataFrame, model: str) -> str:
    return f"{shortened(model, LEGEND_CHARACTERS - 5)} {number(average_precision(predictions, model))}"


def average_precision(predictions: pd.DataFrame, model: str) -> float:
    """Return the average precision of a model, the mean of the repeats.

    >>> rows = pd.DataFrame({"model": "t1", "repeat": 0, "label": [0, 1, 0, 1], "probability": [0.1, 0.6, 0.7, 0.9]})
    >>> round(average_precision(rows, "t1"), 3)
    0.833
    """
    own = predictions[predictions["model"] == model]
    return float(np.mean([average_precision_score(r["label"], r["probability"]) for _, r in own.groupby("repeat")]))


@drawn
def plot_confusion(counts: pd.DataFrame, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw how many samples of each class were called each class, and which share of the class these are.

    Parameters
    ----------
    counts : DataFrame of shape (n_classes, n_classes)
        A row per true class, a column per called class.
    title, ax
        As for `plot_precision_recall`.

    Returns
    -------
    Axes
        The larger the share of the row, the darker the cell.

    Raises
    ------
    RequestError
        If the table holds no call.

    Examples
    --------
    >>> import pandas as pd
    >>> counts = pd.DataFrame([[8, 2], [1, 9]], index=["no", "yes"], columns=["no", "yes"])
    >>> [text.get_text() for text in plot_confusion(counts).texts]
    ['8\\n80%', '2\\n20%', '1\\n10%', '9\\n90%']
    """
    values = counts.to_numpy(float)
    if not values.sum():
        raise RequestError("The table holds no call; there is nothing to draw.")
    shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
    axes = axes_for(ax, 1.5 + 0.75 * len(values))
    if title:
        entitle(axes, title)
    axes.pcolormesh(shares, cmap=SHARES, vmin=0, vmax=1, edgecolors=OTHER, linewidth=0.8)
    digits = 0 if np.allclose(values, np.round(values)) else 1
    for (row, column), n in np.ndenumerate(values):
        told = f"{number(n, digits)}\n{percent(shares[row, column])}"
        axes.text(column + 0.5, row + 0.5, told, ha="center", va="center", color=INK, fontsize=SMALL_PT)
    middles = np.arange(len(values)) + 0.5
    axes.set_xticks(middles, [shortened(str(name), LEGEND_CHARACTERS // len(values)) for name in counts.columns])
    axes.set_yticks(middles, [shortened(str(name), LEGEND_CHARACTERS // 2) for name in counts.index])
    axes.set(ylim=(len(values), 0), xlabel="Called", ylabel="Class")
    axes.tick_params(length=0)
    return axes
