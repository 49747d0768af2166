"""Rows copied under the names of other patients: found in the numbers, refused by every door."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError
from radiofuse.experiment.few_rows import copied_patients
from radiofuse.experiment.problems import refuse
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.cohort import read_cohort
from radiofuse.tables.copies import copied_rows, copy_problems
from radiofuse.tables.features import RawTable, check_table


def noise(n=60, p=40, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


def pairs_of(values, patients=None):
    patients = np.arange(len(values)) if patients is None else patients
    return {tuple(pair) for pair in copied_rows(values, patients).tolist()}


def by_hand(values):
    """All pairs that agree to six digits in nine tenths of 20 or more columns that both fill."""
    found = set()
    for one, other in combinations(range(len(values)), 2):
        both = np.isfinite(values[one]) & np.isfinite(values[other])
        same = np.isclose(values[one], values[other], rtol=1e-6, atol=1e-6)[both]
        found |= {(one, other)} if both.sum() >= 20 and same.mean() >= 0.9 else set()
    return found


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_copies_are_those_of_a_comparison_of_all_pairs(scale):
    values = noise()
    values[10:20] = values[30:40]
    values[11, :4] += 1.0  # nine tenths agree
    values[12, :5] += 1.0  # fewer do
    values[13] = np.round(values[13], 6)
    assert pairs_of(values * scale) == by_hand(values) == {(10 + i, 30 + i) for i in range(10) if i != 2}


def test_absent_blocks_are_left_out():
    values = noise(p=60)
    values[5] = values[9]
    values[5, 25:] = np.nan
    values[6] = values[10]
    values[6, 15:] = np.nan  # 15 columns are too few to tell
    assert pairs_of(values) == {(5, 9)}


def test_rows_of_one_patient_may_agree():
    values = np.vstack([noise(20), noise(20)])
    assert not pairs_of(values, np.tile(np.arange(20), 2))
    assert len(pairs_of(values)) == 20


def test_a_table_that_holds_every_row_three_times_links_all_copies():
    pairs = pairs_of(np.vstack([noise(20)] * 3))
    assert {frozenset((one % 20, other % 20)) for one, other in pairs} == {frozenset((i,)) for i in range(20)}
    assert len(pairs) == 40


@pytest.mark.parametrize("k", [6, 7, 20, 59])
def test_the_more_copies_the_less_they_escape(k):
    values = noise()
    values[:k] = values[0]
    assert pairs_of(values) == {(row, row + 1) for row in range(k - 1)}


@pytest.mark.parametrize("k", [3, 10, 19])
def test_many_copies_that_differ_by_rounding_are_linked(k):
    values = noise(p=25)
    values[:k] = values[0] * (1 + 1e-8 * noise(k, 25, seed=1))
    assert pairs_of(values) == {(row, row + 1) for row in range(k - 1)}


def test_ten_rows_of_which_each_is_there_twice_are_found():
    assert len(pairs_of(np.vstack([noise(5)] * 2))) == 5


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).integers(2, size=(200, 60)).astype(float),
        np.ones((40, 60)),
        np.full((40, 60), np.nan),
        np.outer(noise(60, 1)[:, 0], np.ones(50)),  # one measurement fifty times
        np.vstack([noise(40, 19)] * 2),
        np.empty((0, 40)),
        np.empty((40, 0)),
        noise(1),
    ],
    ids=["binary", "constant", "empty", "collinear", "few columns", "no rows", "no columns", "one row"],
)
def test_what_agrees_by_nature_is_no_copy(values):
    assert not pairs_of(values)


def test_the_sentence_names_some_pairs_and_what_to_do():
    table = pd.DataFrame(np.vstack([noise(20)] * 2), index=[f"s{i:02d}" for i in range(40)])
    (problem,) = copy_problems(table.add_prefix("t1__f"), np.arange(40))
    assert "and 15 more" in problem
    assert "give the copies one patient id" in problem


def test_a_modality_copied_alone_is_found_and_a_whole_row_is_told_once():
    table = pd.DataFrame(noise(p=80), columns=[f"{name}__f{i}" for name in ("t1", "t2") for i in range(40)])
    table.iloc[5, :40] = table.iloc[3, :40]
    table.iloc[9] = table.iloc[8]
    whole, modality = copy_problems(table, np.arange(60))
    assert "in nearly all columns: 8 = 9. If" in whole
    assert "in nearly all columns of t1: 3 = 5. If" in modality
    assert "leave the cells empty" in modality
    assert not copy_problems(table, np.where(np.isin(np.arange(60), (3, 5, 8, 9)), 3, np.arange(60)))


@pytest.fixture
def copied():
    values = np.vstack([noise(20)] * 2)
    table = pd.DataFrame(values, columns=[f"t1__f{i}" for i in range(40)])
    ids = [f"s{i:02d}" for i in range(40)]
    return pd.concat([pd.DataFrame({"sample_id": ids, "patient_id": ids, "idh": [0, 1] * 20}), table], axis=1)


def one_patient_each(table):
    return table.assign(patient_id=[f"s{i % 20:02d}" for i in range(40)])


def test_select_refuses_copies_of_other_patients(copied):
    request = SelectionRequest("idh", "table.csv", folds=2)
    with pytest.raises(CohortError, match="Rows of different patients with the same numbers .*: s00 = s20"):
        check_table(RawTable(copied, "idh", None, "table.csv", {}), request.roles, n_folds=request.folds)
    check_table(RawTable(one_patient_each(copied), "idh", None, "table.csv", {}), request.roles, n_folds=request.folds)


def test_the_cohort_reader_refuses_copies_where_something_is_learned(tmp_path, copied):
    path = tmp_path / "cohort.csv"
    copied.to_csv(path, index=False)
    with pytest.raises(CohortError, match="Rows of different patients with the same numbers .*: s00 = s20"):
        read_cohort(path, labels="idh")
    assert len(read_cohort(path, ignore="idh")) == 40
    one_patient_each(copied).to_csv(path, index=False)
    assert len(read_cohort(path, labels="idh")) == 40


def test_a_study_refuses_copies_among_extracted_features(copied):
    rows = copied.set_index("sample_id")
    features = rows.filter(like="t1__").assign(t1__crop=range(40))
    with pytest.raises(CohortError, match="s00 = s20"):
        refuse(copied_patients(features, rows["patient_id"]))
    refuse(copied_patients(features, one_patient_each(rows)["patient_id"]))
