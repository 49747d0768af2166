"""What recalibrating would do, for the page: the answering model before and after, and the log loss of every model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.pictures import Picture, calibration_picture
from radiofuse.report.tables import Row, Table, grouped
from radiofuse.report.wording import estimate
from radiofuse.wording import number

METHODS = {"temperature": "Temperature", "platt": "Platt’s sigmoid", "isotonic": "Isotonic regression"}
METRICS = {
    "ece": "Calibration error (ECE)",
    "adaptive_ece": "The same, bins of equal count",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "slope": "Calibration slope",
    "intercept": "Calibration intercept",
    "auc": "AUC",
}
DIGITS = 3


def recalibration_table_of(contents: Contents) -> Table | None:
    """Each measure of the primary model before and after, by method and class; None where nothing is recalibrated."""
    rows = contents.recalibrations[contents.recalibrations["model"] == contents.primary]
    if rows.empty:
        return None
    groups = tuple(
        (
            METHODS[method] + (f", class {cls}" if contents.has_several_classes else ""),
            tuple(map(_row, part.itertuples())),
        )
        for (method, cls), part in rows.groupby(["method", "class"], sort=False)
    )
    header = ("Measure", "As it is", "Recalibrated", "Difference")
    return Table(f"{contents.primary} as it is, and recalibrated, out of fold", header, groups, n_numbers=3)


def _row(row: Any) -> Row:
    before, after = (number(value, DIGITS) for value in (row.before, row.after))
    return METRICS[row.metric], before, after, estimate(row.difference, row.low, row.high, DIGITS)


def recalibrated_models(contents: Contents) -> Table | None:
    """The log loss of every main model as it is and by each method; of several classes the mean over them."""
    rows = contents.recalibrations[contents.recalibrations["metric"] == "log_loss"]
    rows = rows[rows["model"].isin(contents.main_models)]
    if rows.empty:
        return None
    methods = [name for name in METHODS if name in set(rows["method"])]
    means = rows.groupby(["model", "method"])[["before", "after"]].mean()
    cells = {
        model: [(model, *_numbers([means.loc[model, "before"].iloc[0], *means.loc[model, "after"][methods]]))]
        for model in contents.main_models
        if model in means.index
    }
    header = ("Model", "As it is", *(METHODS[name] for name in methods))
    caption = "Log loss of all models, recalibrated" + " (mean of the classes)" * contents.has_several_classes
    return Table(caption, header, grouped(contents, cells), n_numbers=1 + len(methods), emphasized=contents.primary)


def _numbers(values: list[float]) -> list[str]:
    return [number(value, DIGITS) if np.isfinite(value) else "" for value in values]


def recalibration_pictures(contents: Contents) -> list[Picture]:
    """Observed against predicted shares of the primary model as it is, and by each method; class by class."""
    return [picture for picture in _pictures(contents) if picture]


def _pictures(contents: Contents) -> Iterator[Picture | None]:
    after = contents.recalibrated[contents.recalibrated["model"] == contents.primary]
    if after.empty:
        return
    parts: dict[str, pd.DataFrame] = {"As it is": contents.predictions}
    parts |= {METHODS[name]: rows for name, rows in after.groupby("method", sort=False)}
    for cls in contents.classes:
        for title, rows in parts.items():
            named = f"{title}, class {cls}" if contents.has_several_classes else title
            yield calibration_picture(rows[rows["class"] == cls], contents.primary, named)
