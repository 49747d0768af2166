"""What each member contributed to the answers for the rows that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from radiofuse.errors import RequestError
from radiofuse.estimators import Findings
from radiofuse.patients import Split

COLUMNS = ["sample_id", "repeat", "fold", "class", "member", "log_odds"]


def held_out_contributions(offered: Findings, X: pd.DataFrame, classes: np.ndarray) -> pd.DataFrame | None:
    """Return what members add to the first combiner's answer for held-out rows, in log-odds that add up to it.

    Parameters
    ----------
    offered : Findings
        Of a fitted model.
    X : DataFrame
        Rows held out. Those without any member are left out.
    classes : ndarray
        As the model was fitted on: places among those of the outcome.

    Returns
    -------
    DataFrame or None
        Columns sample_id, class (its place: of two the second), member, log_odds (of more than two classes
        log-probability). None for a model that fuses no members, and for a rule that is not linear with more members
        than exact values can be had of.
    """
    if offered.explaining is None:
        return None
    read = [column for block in offered.columns.values() for column in block]
    usable = X[read].notna().any(axis=1).to_numpy()
    if not usable.any():
        return None
    try:
        told = offered.explaining.contributions(X[usable])
    except RequestError:
        return None
    if told.columns.nlevels == 1:
        told.columns = pd.MultiIndex.from_product([told.columns, classes[1:]])
    told.columns = pd.MultiIndex.from_tuples([(member, str(place)) for member, place in told.columns])
    long = told.rename_axis(index="sample_id", columns=["member", "class"]).stack(["member", "class"])
    return long.rename("log_odds").reset_index()


def gather_contributions(findings: Sequence[dict[str, Any]], splits: Sequence[Split]) -> pd.DataFrame:
    """Return the contributions of all folds, with repeat and fold.

    Parameters
    ----------
    findings : sequence of dict
        What ``inspect_fold`` saw in each outer fold.
    splits : sequence of Split
        The folds, in that order.

    Returns
    -------
    DataFrame
        Columns sample_id, repeat, fold, class, member, log_odds; empty for a model that fuses no members.
    """
    parts = [
        found["contributions"].assign(repeat=split.repeat, fold=split.fold)
        for found, split in zip(findings, splits, strict=True)
        if found["contributions"] is not None
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
