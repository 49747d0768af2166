"""How models that weigh their members anew in every row weighed those that were held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.estimators import Findings

COLUMNS = ["class", "calls", "member", "mean", "sd", "n_answers"]
ALL, RIGHT, WRONG = "all", "right", "wrong"


def held_out_weights(offered: Findings, X: pd.DataFrame, y: np.ndarray) -> pd.DataFrame | None:
    """Return the weights of held-out rows with what they are and whether they were called so.

    Parameters
    ----------
    offered : Findings
        Of a fitted model.
    X, y : DataFrame, ndarray
        Rows held out, and their labels, as the model was fitted on. Rows without any member are left out.

    Returns
    -------
    DataFrame or None
        Columns by member, and behind them class and right; None for a model that weighs all rows alike.
    """
    if offered.weighing is None:
        return None
    read = [column for block in offered.columns.values() for column in block]
    usable = X[read].notna().any(axis=1).to_numpy()
    if not usable.any():
        return None
    rows, labels = X[usable], y[usable]
    weights = offered.weighing.modality_weights(rows)
    return weights.assign(**{"class": labels, RIGHT: offered.weighing.predict(rows) == labels})


def summarize_row_weights(findings: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return mean and standard deviation of held-out weights: of all rows, of each class, by whether calls were right.

    Parameters
    ----------
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.

    Returns
    -------
    DataFrame
        Columns class (the place of one, empty for all), calls (all, right, wrong), member, mean, sd, n_answers: rows
        held out, counted once per repeat. An absent modality counts with its weight of 0. Of every class, right and
        wrong make all; the classes together make the rows without a class. Empty for a model that weighs all alike.
    """
    folds = [found["row_weights"] for found in findings if found["row_weights"] is not None]
    if not folds:
        return pd.DataFrame(columns=COLUMNS)
    rows = pd.concat(folds, ignore_index=True)
    return pd.DataFrame([line for part in _parts(rows) for line in _lines(*part)], columns=COLUMNS)


def _parts(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield class, calls and the rows that belong there, where there are some."""
    classes = [("", rows), *((str(name), part) for name, part in rows.groupby("class"))]
    for name, part in classes:
        for calls, chosen in ((ALL, part), (RIGHT, part[part[RIGHT]]), (WRONG, part[~part[RIGHT]])):
            if len(chosen):
                yield name, calls, chosen


def _lines(name: str, calls: str, rows: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    weights = rows.drop(columns=["class", RIGHT])
    for member, mean, sd in zip(weights, weights.mean(), weights.std(), strict=True):
        yield name, calls, member, mean, sd, len(rows)
