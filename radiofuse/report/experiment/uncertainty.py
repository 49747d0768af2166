"""How well calibrated the answering model is where its refits agree, and where they do not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.report.experiment.contents import Contents
from radiofuse.report.experiment.figures import draw_uncertainty
from radiofuse.report.experiment.recalibrations import METHODS
from radiofuse.report.look import uri_of
from radiofuse.report.pictures import Picture
from radiofuse.report.tables import Row, Table
from radiofuse.statistics.uncertainty import OF_REFITS
from radiofuse.wording import number

NOBODY = "no patients"


def uncertainty_table(contents: Contents) -> Table | None:
    """Confidence, accuracy and error of the primary model by the spread of its refits; None where there are none."""
    rows = _of_refits(contents)
    if rows.empty:
        return None
    groups = tuple(
        (METHODS.get(method, "As it is"), tuple(map(_row, part.to_dict("records"))))
        for method, part in rows.groupby("method", sort=False)
    )
    header = ("Spread of refits", "Samples", "Mean confidence", "Called rightly", "Calibration error")
    caption = f"Calibration of {contents.primary} by the spread of its refits"
    return Table(caption, header, groups, n_numbers=4)


def uncertainty_picture(contents: Contents) -> Picture | None:
    """The same as a figure, of the model as it is."""
    rows = _of_refits(contents)
    rows = rows[rows["method"] == ""]
    if rows.empty:
        return None
    told = "; ".join(f"{_span(row)} {_error(row)}" for row in rows.to_dict("records"))
    caption = (
        f"Expected calibration error of “{contents.primary}” within bins of the spread of its refits to bootstraps of "
        "the training patients, with the number of samples. Chance alone keeps the error of a few samples far above 0."
    )
    return Picture(uri_of(draw_uncertainty, rows), f"Calibration error by spread of refits: {told}.", caption, rows)


def _of_refits(contents: Contents) -> pd.DataFrame:
    """Return the bins of the primary model up to the last one with a sample."""
    table = contents.calibration_by_uncertainty
    own = table[(table["model"] == contents.primary) & (table["uncertainty"] == OF_REFITS)]
    return own[own["from_uncertainty"] < own.loc[own["n"] > 0, "to_uncertainty"].max()]


def _row(row: dict) -> Row:
    if not row["n"]:
        return _span(row), NOBODY, "", "", ""
    return _span(row), number(row["n"], 0), *(number(row[name]) for name in ("confidence", "accuracy", "ece"))


def _span(row: dict) -> str:
    return f"{number(row['from_uncertainty'])} to {number(row['to_uncertainty'])}"


def _error(row: dict) -> str:
    return f"{number(row['ece'])} of {number(row['n'], 0)}" if np.isfinite(row["ece"]) else NOBODY
