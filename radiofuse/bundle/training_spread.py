"""Mean and covariance of training patients as a table: what a bundle that is handed on has of their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from radiofuse.bundle.format import TABLES
from radiofuse.statistics.nearest_patients import telling_columns
from radiofuse.statistics.shrunk_distance import Spread, spread_of

CENTER, SCALE, MEAN, COVARIANCE, N_PATIENTS = "center", "scale", "mean", "covariance", "n_patients"
LOW, HIGH, LIMITS = "low", "high", ("limit_95", "limit_99")
AND = "+"  # between the modalities of a set


def training_spread(X: pd.DataFrame, patients: Sequence[str]) -> pd.DataFrame:
    """Return mean and covariance of training samples as a bundle holds them; no row of fewer than 20 patients.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_columns)
        Columns that the final models read; of more than fifty those in which the others are nearly linear.
    patients : sequence of str
    """
    X = X[telling_columns(X)]
    spread = spread_of(X, patients)
    told = [] if spread is None else list(_told(spread, X))
    return pd.DataFrame(told, columns=list(TABLES["training_spread"].columns))


def _told(spread: Spread, X: pd.DataFrame) -> Iterator[tuple[str, str, str, float]]:
    yield N_PATIENTS, "", "", float(spread.n_patients)
    for place, name in enumerate(spread.columns):
        yield CENTER, name, "", float(spread.center[name])
        yield SCALE, name, "", float(spread.scale[name])
        yield MEAN, name, "", float(spread.mean[place])
        yield LOW, name, "", float(X[name].min())
        yield HIGH, name, "", float(X[name].max())
    for place, name in enumerate(spread.columns):
        for other in range(place + 1):
            yield COVARIANCE, name, spread.columns[other], float(spread.covariance[place, other])
    for modalities, limits in spread.limits.items():
        for quantity, limit in zip(LIMITS, limits, strict=True):
            yield quantity, AND.join(modalities), "", limit


def spread_from(table: pd.DataFrame) -> tuple[Spread, pd.Series, pd.Series] | None:
    """Return what a bundle's table holds, and the lowest and highest number of each column; None where it is empty."""
    if table.empty:
        return None
    by_quantity = {name: own.set_index("column")["value"] for name, own in table.groupby("quantity", sort=False)}
    center = by_quantity[CENTER]
    covariance = table[table["quantity"] == COVARIANCE].pivot(index="column", columns="other", values="value")
    lower = covariance.reindex(index=center.index, columns=center.index).to_numpy()
    whole = np.where(np.isnan(lower), lower.T, lower)
    low, high = (by_quantity[one] for one in LIMITS)
    limits = {tuple(name.split(AND)): (low[name], high[name]) for name in low.index}
    n_patients = int(by_quantity[N_PATIENTS].iloc[0])
    mean = by_quantity[MEAN].reindex(center.index).to_numpy()
    spread = Spread(center, by_quantity[SCALE].reindex(center.index), mean, whole, limits, n_patients)
    return spread, by_quantity[LOW], by_quantity[HIGH]
