"""Small tables that the tests of selections share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import FeatureTable, RawTable, check_table

FAST = {"folds": 3, "repeats": 2, "inner": 4}


def two_modalities():
    """60 samples; t1__f0 carries the label, t1__f1 and t2__f0 some of it, t1__copy repeats; t2 is 5 times absent."""
    rng = np.random.default_rng(0)
    ids = [f"s{number:02d}" for number in rng.permutation(60)]
    rows = pd.DataFrame({"sample_id": ids, "idh": np.arange(60) % 2})
    t1 = {f"t1__f{i}": rng.normal(size=60) for i in range(20)}
    t2 = {f"t2__f{i}": rng.normal(size=60) for i in range(10)}
    rows = pd.concat([rows, pd.DataFrame({**t1, **t2})], axis=1)
    rows["t1__f0"] += 2 * rows["idh"]
    rows["t1__f1"] += 1.2 * rows["idh"]
    rows["t2__f0"] += 1.2 * rows["idh"]
    rows["t1__copy"] = 1 - rows["t1__f0"]
    rows["t1__flat"] = 1.0
    rows.loc[:4, [name for name in rows if name.startswith("t2__")]] = np.nan
    rows.loc[9, "t1__f3"] = np.nan
    return rows


def request_for(**options) -> SelectionRequest:
    return SelectionRequest("idh", "table.csv", **{**FAST, **options})


def checked(rows: pd.DataFrame, request: SelectionRequest) -> FeatureTable:
    raw = RawTable(rows, "idh", None, "table.csv", {"table.csv": "00"})
    return check_table(raw, request.roles, n_folds=request.folds)
