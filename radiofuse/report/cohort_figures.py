"""Figures of the patients of a run, on axes of one's own or new ones: the same drawings as in the report."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from radiofuse.errors import RequestError
from radiofuse.report.look import GREY, INK, LABEL_CHARACTERS, PRIMARY, SMALL_PT, WIDTH_IN, axes_for, drawn, name_rows
from radiofuse.report.wording import shortened
from radiofuse.wording import count, number

TITLE_CHARACTERS = 12  # of a modality above its boxes
COLUMNS_AT_WIDTH = 4  # of boxes; more make the figure wider
STEP_CHARACTERS, LABELS_TAKE = 16, 1.9  # a line of a step's name, and the room for it in columns
BOX = {"boxstyle": "square,pad=0.35", "facecolor": "white", "edgecolor": PRIMARY, "linewidth": 1}


@drawn
def plot_cohort_flow(modality_flow: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how many samples of each modality are left from the cohort table to what is used: a box per step.

    Parameters
    ----------
    modality_flow : DataFrame
        ``modality``, ``step``, ``n_samples``: ``modality_flow.csv``.
    ax : Axes, optional
        Where to draw; by default axes of a new figure.

    Returns
    -------
    Axes
        Between two boxes stands how many were lost, where any were.

    Raises
    ------
    RequestError
        If the table has no row.

    Examples
    --------
    >>> import pandas as pd
    >>> flow = pd.DataFrame({"modality": "t1", "step": ["in the table", "used"], "n_samples": [12, 9]})
    >>> [text.get_text() for text in plot_cohort_flow(flow).texts if text.get_text()]
    ['in the table', 'used', 't1', '12', '9', '−3']
    """
    if modality_flow.empty:
        raise RequestError("The table of the cohort's flow has no row; there is nothing to draw.")
    counts = modality_flow.pivot_table(index="step", columns="modality", values="n_samples", sort=False)
    n_steps, n_columns = counts.shape
    width = WIDTH_IN * max(1.0, n_columns / COLUMNS_AT_WIDTH)
    axes = axes_for(ax, 0.7 + 0.75 * n_steps, width)
    for place, step in enumerate(counts.index):
        lines = "\n".join(textwrap.wrap(str(step), STEP_CHARACTERS))
        axes.text(-LABELS_TAKE, place, lines, va="center", fontsize=SMALL_PT, color=INK)
    for column, (name, told) in enumerate(counts.items()):
        title = shortened(str(name), TITLE_CHARACTERS)
        axes.text(column, -0.5, title, ha="center", va="bottom", fontsize=SMALL_PT, fontweight="bold")
        _draw_boxes(axes, column, told.to_numpy())
    axes.set(xlim=(-LABELS_TAKE, n_columns - 0.4), ylim=(n_steps - 0.6, -0.85))
    axes.set_axis_off()
    return axes


def _draw_boxes(axes: Axes, column: int, counts: np.ndarray) -> None:
    """Draw one modality's boxes from the top down, with arrows, and what was lost beside them."""
    for place, n in enumerate(counts):
        axes.text(column, place, count(n), ha="center", va="center", bbox=BOX)
    for place, (before, after) in enumerate(zip(counts, counts[1:], strict=False)):
        arrow = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 9, "shrinkB": 9}
        axes.annotate("", (column, place + 1), (column, place), arrowprops=arrow)
        if lost := before - after:
            told = f"\N{MINUS SIGN}{count(lost)}"
            axes.text(column + 0.06, place + 0.5, told, va="center", fontsize=SMALL_PT, color=INK)


@drawn
def plot_subgroups(subgroups: pd.DataFrame, whole: float | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the AUC with its interval in every group of patients that is large enough.

    Parameters
    ----------
    subgroups : DataFrame
        ``variable``, ``level``, ``metric``, ``value``, ``low``, ``high``: ``subgroups.csv`` of one outcome.
    whole : float, optional
        The AUC of all patients, drawn as a line.
    ax : Axes, optional
        As for `plot_cohort_flow`.

    Returns
    -------
    Axes

    Raises
    ------
    RequestError
        If no group has an AUC.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"variable": "sex", "level": ["0", "1"], "metric": "auc", "value": [0.7, 0.8],
    ...     "low": [0.6, 0.7], "high": [0.8, 0.9]})
    >>> [label.get_text() for label in plot_subgroups(rows).get_yticklabels()]
    ['sex: 0', 'sex: 1']
    """
    shown = subgroups[(subgroups["metric"] == "auc") & subgroups["value"].notna()]
    if shown.empty:
        raise RequestError("No group of patients has an AUC; there is nothing to draw.")
    axes = axes_for(ax, 0.9 + 0.34 * len(shown))
    axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1.2)
    if whole is not None:
        axes.axvline(whole, color=PRIMARY, linestyle="--", linewidth=1)
    name_rows(axes, [shortened(f"{row.variable}: {row.level}", LABEL_CHARACTERS) for row in shown.itertuples()])
    for place, row in enumerate(shown.itertuples()):
        axes.plot([row.low, row.high], [place, place], color=PRIMARY, linewidth=1.8, solid_capstyle="butt")
        axes.plot([row.value], [place], "o", color=PRIMARY, markersize=7)
        axes.text(1.02, place, number(row.value), transform=axes.get_yaxis_transform(), va="center", fontsize=SMALL_PT)
    axes.set_xlabel("AUC (0.5 = chance; dashed: all patients)")
    axes.set_xlim(min(0.45, float(shown["low"].min()) - 0.02), 1.005)
    return axes
