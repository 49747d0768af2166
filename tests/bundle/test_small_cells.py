"""Small cells of a bundle for handing on: empty, and not to be worked out from the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import TABLES
from radiofuse.bundle.small_cells import without_small_cells
from radiofuse.bundle.table_format import NUMBER


def table_of(name, rows, **same):
    """A table of the bundle's columns; columns that are not told are empty."""
    table = pd.DataFrame(rows).assign(**same)
    for column, kind in TABLES[name].columns.items():
        if column not in table:
            table[column] = np.nan if kind is NUMBER else "" if kind.value == "text" else 0
    return table[list(TABLES[name].columns)]


def rid_of(**tables):
    return without_small_cells({name: table_of(name, {"outcome": []}) for name in TABLES} | tables)


def test_a_class_of_one_patient_has_no_mean_and_no_test():
    rows = {"class": ["", "0", "1"], "n": [31, 30, 1], "mean": [50.0, 49.5, 65.0], "p_value": [0.2, np.nan, np.nan]}
    rid = rid_of(baseline=table_of("baseline", rows, outcome="idh", variable="age"))["baseline"]
    assert rid["mean"].tolist()[0] == 50.0 and rid["n"].tolist()[0] == 31
    assert rid.loc[1:, ["n", "mean"]].isna().all(axis=None) and rid["p_value"].isna().all()


def test_large_cells_stay():
    rows = {"class": ["", "0", "1"], "n": [40, 20, 20], "mean": [50.0, 49.5, 50.5], "p_value": [0.2, np.nan, np.nan]}
    told = table_of("baseline", rows, outcome="idh", variable="age")
    pd.testing.assert_frame_equal(rid_of(baseline=told)["baseline"], told)


@pytest.mark.parametrize(("sizes", "left"), [([30, 40, 2], [40]), ([30, 3, 2], []), ([30, 40, 8, 7], [30, 40])])
def test_a_small_group_cannot_be_worked_out_from_the_others(sizes, left):
    rows = {"level": list("abcd")[: len(sizes)], "n_patients": sizes, "n_smallest_class": sizes, "metric": "auc"}
    told = table_of("subgroups", rows, outcome="idh", model="mean", variable="site", value=0.8)
    rid = rid_of(subgroups=told)["subgroups"]
    assert rid["n_patients"].dropna().tolist() == rid["n_smallest_class"].dropna().tolist() == left
    assert (rid["value"] == 0.8).all()


def test_folds_of_small_sites_tell_neither_counts_nor_scores():
    rows = {"class": ["0", "1"] * 3, "fold": [0, 0, 1, 1, 2, 2], "name": [*"aabbcc"], "n_test": [30, 20, 2, 0, 11, 15]}
    folds = table_of("folds", rows, outcome="idh", repeat=0, n_train=50)
    scores = table_of("fold_scores", {"fold": [0, 1, 2], "value": [0.8, 1.0, 0.7]}, outcome="idh", repeat=0)
    rid = rid_of(folds=folds, fold_scores=scores)
    assert rid["folds"]["n_test"].dropna().tolist() == [30, 20] and rid["folds"]["n_train"].count() == 2
    assert rid["fold_scores"]["value"].dropna().tolist() == [0.8]
    unnamed = rid_of(folds=folds.assign(name=""), fold_scores=scores)
    assert unnamed["folds"]["n_test"].count() == 6 and unnamed["fold_scores"]["value"].count() == 3


def test_bins_of_few_patients_are_empty():
    bins = table_of("calibration_by_uncertainty", {"n": [1.0, 25.0], "confidence": [0.9, 0.8]}, outcome="idh")
    rid = rid_of(calibration_by_uncertainty=bins)["calibration_by_uncertainty"]
    assert rid["confidence"].isna().tolist() == [True, False]
