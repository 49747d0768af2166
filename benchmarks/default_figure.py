"""The figure of `default_choice.py`: what each candidate has more than today's default, a mark for every task."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radiofuse.report.look import GREY, INK, PALE, PRIMARY, style
from radiofuse.tables.spreadsheet import write_csv

TITLES = {"log_loss": "log-loss below today's", "auc": "AUC above today's"}
SIGNS = {"log_loss": -1, "auc": 1}


def differences(scores: pd.DataFrame, today: str) -> pd.DataFrame:
    """Return a row per task and candidate: how much better than today's default it is, by log-loss and by AUC."""
    ours = scores[scores["candidate"] == today].set_index("task")
    rows = scores[scores["candidate"] != today].reset_index(drop=True)
    gains = {f"{one}_gain": sign * (rows[one] - rows["task"].map(ours[one])) for one, sign in SIGNS.items()}
    return rows[["task", "n", "candidate"]].assign(**gains)


def draw(scores: pd.DataFrame, today: str, path: Path) -> None:
    """Draw the differences into an SVG file, and write them as CSV beside it."""
    from matplotlib.figure import Figure

    gains = differences(scores, today)
    with path.with_suffix(".csv").open("wb") as file:
        write_csv(gains.round(4), file)
    names = list(gains["candidate"].drop_duplicates())[::-1]
    with style():
        figure = Figure(figsize=(8.2, 1.2 + 0.42 * len(names)))
        for axes, score in zip(figure.subplots(1, 2, sharey=True), SIGNS, strict=True):
            axes.axvline(0, color=GREY, linestyle=":", linewidth=1.2)
            for place, name in enumerate(names):
                values = gains.loc[gains["candidate"] == name, f"{score}_gain"]
                axes.plot(values, [place] * len(values), "o", ms=5, mfc=PALE, mec=GREY, label="a task")
                axes.plot([values.mean()], [place], "D", ms=8, mfc=PRIMARY, mec="white", label="their mean")
            axes.set(yticks=range(len(names)), yticklabels=names, xlabel=TITLES[score])
            axes.tick_params(axis="y", length=0, labelcolor=INK)
            axes.locator_params(axis="x", nbins=5)
        marks = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(marks.values(), marks.keys(), loc="outside upper center", ncols=2)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
