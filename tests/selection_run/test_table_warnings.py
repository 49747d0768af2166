"""What looks wrong with a table: constants, twins, leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from radiofuse.selection_run.table_warnings import (
    code_warnings,
    covariate_warnings,
    describe_table,
    identifier_columns,
    leak_warnings,
    twin_pairs,
)
from radiofuse.tables.features import FeatureTable


def table_of(features, sites=None, label="idh"):
    index = pd.Index([f"s{number:02d}" for number in range(len(features))], name="sample_id")
    features = features.set_axis(index)
    y = np.arange(len(features)) % 2
    return FeatureTable(features, y, index.to_numpy(str), pd.DataFrame(index=index), sites, label, ("0", "1"))


@pytest.fixture
def normal():
    names = [f"t1__f{number}" for number in range(4)]
    return pd.DataFrame(np.random.default_rng(0).normal(size=(40, 4)), columns=names)


def test_what_was_read_is_counted(normal):
    features = normal.assign(t1__flat=3.0, t1__rounded=1e6 + 1e-9 * np.arange(40), t1__twin=5 - 2 * normal["t1__f1"])
    features.loc[3, "t1__f0"] = np.nan
    features.loc[7] = np.nan
    read, block = describe_table(table_of(features))
    assert read == "Read 40 samples of 40 patients: 20 of class 1, 20 of class 0 (idh)."
    assert block == (
        "t1: 7 features; absent in 1 sample; 1 empty cell, imputed by the median of the training rows; 1 constant "
        "(flat); 1 constant but for rounding (rounded); 1 equal to an earlier one up to scale and shift."
    )


def test_twins_are_those_of_the_full_correlation_matrix():
    rng = np.random.default_rng(2)
    base = rng.normal(size=(50, 30))
    copies = base[:, rng.integers(30, size=12)] * rng.normal(size=12) + rng.normal(size=12)
    nearly = base[:, :5] + 1e-4 * rng.normal(size=(50, 5))
    values = np.hstack([base, copies, nearly])
    r = np.abs(np.corrcoef(values, rowvar=False))
    expected = sum((r[:column, column] > 1 - 1e-12).any() for column in range(values.shape[1]))
    assert len(twin_pairs(values)) == expected == 12


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-300, 1e160, 1e307])
def test_twins_are_found_at_every_scale(scale):
    values = np.random.default_rng(3).uniform(0.1, 1.0, size=(50, 4)) * scale
    values[:, 3] = 2 * values[:, 1]
    assert twin_pairs(values).tolist() == [[1, 3]]
    assert twin_pairs(values[:, :0]).shape == (0, 2)


def test_a_column_that_separates_the_classes_is_suspected(normal):
    table = table_of(normal)
    auc = np.array([0.5, 0.995, 0.001, 0.98])
    assert leak_warnings(table, "t1", auc) == [
        "t1: f1, f2 alone each separate the classes (AUC above 0.99). If that is no image feature, leave it out with "
        "--ignore."
    ]


def test_a_column_named_after_the_label_is_suspected(normal):
    table = table_of(normal.rename(columns={"t1__f2": "t1__Known_IDH_status"}))
    (found,) = leak_warnings(table, "t1", np.full(4, 0.5))
    assert found.startswith("t1: Known_IDH_status bears the name of the label.")
    assert leak_warnings(table_of(normal, label="f"), "t1", np.full(4, 0.5)) == []  # too short to mean anything


def test_a_column_that_tells_the_sites_apart_is_suspected(normal):
    sites = np.array(["a", "b", "c", "c"] * 10)
    scanner = np.where(sites == "a", 1.5, 3.0)
    table = table_of(normal.assign(t1__scanner=scanner, t1__flat=1.0), sites)
    (found,) = leak_warnings(table, "t1", np.full(6, 0.5))
    assert found.startswith("t1: scanner is the same within each site and differs between them.")


def test_covariates_that_know_the_label_are_suspected(normal):
    table = table_of(normal)
    covariates = pd.DataFrame(
        {"age": normal["t1__f0"], "grade": 1.0 - table.y, "IDH_2": normal["t1__f1"], "gaps": 2.0 * table.y}
    )
    covariates.loc[4:, "gaps"] = np.nan
    covariates["empty"] = np.nan
    advice = "If it is not known before the label is, leave it out of --covariates."
    assert covariate_warnings(replace(table, covariates=covariates)) == [
        f"Covariates: grade, gaps alone each separate the classes (AUC above 0.99). {advice}",
        f"Covariates: IDH_2 bears the name of the label. {advice}",
    ]
    assert covariate_warnings(table) == []


def test_columns_that_look_like_identifiers_are_told_whatever_they_separate(normal):
    rng = np.random.default_rng(1)
    numbers = {
        "register": 100200 + rng.permutation(70)[:40],
        "tens": 10 * rng.permutation(40),
        "MRN": rng.normal(size=40),
        "Patient ID": rng.integers(10**9, size=40),
        "caseId": rng.integers(3, size=40),
        "scanned": 20190000 + 100 * rng.integers(1, 13, 40) + rng.integers(1, 29, 40),
        "StudyDate": rng.normal(size=40),
        "Accession Number": rng.normal(size=40),
        "scanner_serial": rng.integers(3, size=40),
        "hash": rng.integers(10**15, 9 * 10**15, 40),
        "seconds": 1_500_000_000 + rng.permutation(10**8)[:40],
    }
    others = {
        "voxels": rng.permutation(10**6)[:40],  # whole and distinct, as large counts are
        "gray": rng.integers(60, size=40),
        "ones": np.ones(40),
        "TotalEnergy": np.floor(np.exp(rng.normal(21, 1, 40))),
        "update": rng.normal(size=40),
        "tenths": rng.permutation(40) / 10,
        "original_glcm_Idmn": rng.normal(size=40),
        "original_glcm_Id": rng.normal(size=40),
        "valid": rng.normal(size=40),
    }
    assert identifier_columns(pd.DataFrame({**others, **numbers})) == list(numbers)
    features = normal.assign(t1__register=numbers["register"])
    (sentence,) = leak_warnings(table_of(features), "t1", np.full(5, 0.5))
    assert sentence.startswith("t1: register looks like an identifier, whose order may know the label.")
    assert "--ignore" in sentence


def test_columns_too_short_or_empty_are_no_identifiers():
    few = pd.DataFrame({"count": np.arange(19.0), "gaps": [np.nan] * 19})
    assert identifier_columns(few) == []
    assert identifier_columns(pd.DataFrame({"count": [*range(20), np.nan]})) == ["count"]


@pytest.mark.parametrize(
    ("others", "code", "is_told"),
    [
        ([31.0, 52.5, 47.0, np.nan], -999, True),
        ([1.0, 2.0, 4.0], 9, True),
        ([0.0, 1.0, 1.0], 99, True),
        ([31.0, 52.5, 47.0], 99, True),
        ([31.0, 85.0, 47.0], 99, False),  # an age
        ([-1000.0, 52.5, 47.0], -999, False),
        ([31.0, 52.5, 47.0], -998, False),
    ],
)
def test_codes_for_unknown_far_from_all_other_values_are_told(others, code, is_told):
    told = code_warnings(pd.DataFrame({"clinical__a": [*others, code, code], "clinical__b": [*others, code, np.nan]}))
    expected = [
        f"Far from all other values: {code} in 2 rows of clinical__a. If that means unknown, empty these cells."
    ]
    assert told == (expected if is_told else [])
