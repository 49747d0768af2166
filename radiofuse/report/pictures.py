"""Figures with their captions and the words for those who cannot see them: those of every page of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radiofuse.report.figures import draw_calibration, draw_frequencies, draw_net_benefit
from radiofuse.report.look import uri_of
from radiofuse.report.tables import TOP_FEATURES
from radiofuse.statistics import calibration_line, calibration_points
from radiofuse.wording import counted, listed, number, percent

PER_BIN, MAX_BINS = 15, 10  # samples wanted behind each point of the calibration figure
SHOWN_RANGES = 3  # of thresholds, told one by one


@dataclass(frozen=True)
class Picture:
    """A figure as a ``data:`` address, the text that replaces it, what it shows, and its numbers."""

    uri: str
    alt: str
    caption: str
    data: pd.DataFrame | None = None  # what is drawn, to be saved from the page


def stacked(curves: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return curves below each other, each under its name."""
    return pd.concat([curve.assign(model=name) for name, curve in curves.items()], ignore_index=True)


def calibration_picture(predictions: pd.DataFrame, model: str, title: str = "") -> Picture | None:
    """Observed against predicted shares of one model; a title says of which class, where there are several."""
    rows = predictions[predictions["model"] == model]
    if rows.empty:
        return None
    points = binned(rows, model)
    alt = "; ".join(
        f"{number(point.mean_probability)} predicted, {number(point.share_positive)} observed, n {number(point.n, 0)}"
        for point in points.itertuples()
    )
    alt = f"Calibration of {model}{_of(title)}: {alt}."
    return Picture(uri_of(draw_calibration, points, title), alt, _led(title, _calibration_caption(rows, model)), points)


def _of(title: str) -> str:
    return f", {title}" if title else ""


def _led(title: str, caption: str) -> str:
    return f"{title}. {caption}" if title else caption


def binned(predictions: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the calibration of a model in as many groups as its number of samples bears."""
    n_samples = predictions.loc[predictions["model"] == model, "sample_id"].nunique()
    n_bins = int(np.clip(n_samples // PER_BIN, 2, MAX_BINS))
    # Quantiles: each point rests on as many samples as the next.
    return calibration_points(predictions, model, n_bins=n_bins, strategy="quantile")


def _calibration_caption(predictions: pd.DataFrame, model: str) -> str:
    line = calibration_line(predictions, model)
    drawn = (
        "Each point is a group of samples of like probability, with its number of samples and the 95% Wilson "
        "interval of the observed share; on the dotted line, predicted and observed agree."
    )
    if not np.isfinite(line.slope):
        return f"{drawn} Slope and intercept do not exist for these predictions."
    reading = "; the probabilities are higher where there are fewer events" if line.slope < 0 else ""
    left_out = f" Left out of the line: {line.n_left_out:,} predictions of 0 or 1." if line.n_left_out else ""
    return (
        f"Calibration slope {number(line.slope)}, intercept {number(line.intercept)} (1 and 0 would be ideal)"
        f"{reading}.{left_out} {drawn}"
    )


def frequency_picture(features: pd.DataFrame, modality: str) -> Picture | None:
    """How often the top features of a modality were chosen."""
    top = features.head(TOP_FEATURES)
    if top.empty:
        return None
    alt = "; ".join(f"{row.feature} {percent(row.frequency)}" for row in top.itertuples())
    always = int((features["frequency"] >= 0.8).sum())
    caption = (
        f"{modality}: {always} of {len(features)} features were chosen in at least 80% of the outer folds. "
        "Filled bars: in the final model; hatched: not."
    )
    return Picture(uri_of(draw_frequencies, modality, top), f"Selection frequency in {modality}: {alt}.", caption, top)


def decision_picture(curve: pd.DataFrame, what: str, title: str = "") -> Picture:
    """Net benefit of treating by the model; ``what`` says whose curve it is and what its band is."""
    where = better_than_both(curve)
    caption = f"{what} By the line itself, treating by the model is better than treating all and treating none {where}."
    alt = f"Net benefit{_of(title)}: the model is best {where}."
    return Picture(uri_of(draw_net_benefit, curve, title), alt, _led(title, caption), curve)


def better_than_both(curve: pd.DataFrame) -> str:
    """At which thresholds the model's net benefit is above those of treating all and treating none.

    Examples
    --------
    >>> rows = {"threshold": [0.1, 0.2, 0.3, 0.4], "treat_all": 0.1, "treat_none": 0.0}
    >>> better_than_both(pd.DataFrame({**rows, "net_benefit": [0.2, 0.2, 0.0, 0.3]}))
    'at thresholds of 0.10 to 0.20 and 0.40'
    """
    # A difference by rounding is no benefit.
    better = curve["net_benefit"] > curve[["treat_all", "treat_none"]].max(axis=1) + 1e-12
    starts = (better & ~better.shift(fill_value=False)).cumsum()
    spans = [rows["threshold"].iloc[[0, -1]] for _, rows in curve[better].groupby(starts[better])]
    if not spans:
        return "at no threshold"
    if len(spans) > SHOWN_RANGES:
        return (
            f"at {better.sum()} of {counted(len(curve), 'threshold')} between {_span(curve.loc[better, 'threshold'])}"
        )
    return f"at thresholds of {listed([_span(span) for span in spans])}"


def _span(thresholds: pd.Series) -> str:
    return " to ".join(dict.fromkeys(number(thresholds.iloc[place]) for place in (0, -1)))
