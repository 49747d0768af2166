"""The table the command reads: what is taken, what is left out, and every refusal."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError, RadiofuseError, RequestError
from radiofuse.select.table import check_table, read_feature_table


def plain_table(n=12):
    rng = np.random.default_rng(0)
    ids = [f"{number:03d}" for number in range(n)]
    features = {"t1__a": rng.normal(size=n), "t1__b": rng.normal(size=n), "t2__a": rng.normal(size=n)}
    return pd.DataFrame({"sample_id": ids, "idh": np.arange(n) % 2, **features})


def problems_of(table, **options):
    with pytest.raises(CohortError) as error:
        check_table(table, "idh", "table.csv", **options)
    return error.value.problems


def test_ids_stay_text_and_rows_are_sorted(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "sample_id,patient_id,idh,t1__a\nNA,007,1,1.5\n010,1e3,0,2.5\n007,007,1,3.5\n9,nan,0,4.5\n8,8,1,5.5\n"
    )
    table = read_feature_table(path, "idh")
    assert table.features.index.tolist() == ["007", "010", "8", "9", "NA"]
    assert table.patients.tolist() == ["007", "1e3", "8", "nan", "007"]
    assert table.y.tolist() == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "semicolon.csv", "t.csv.gz", "t.parquet", "indexed.parquet"])
def test_every_format_gives_the_same_table(tmp_path, name):
    table, path = plain_table(), tmp_path / name
    if name == "indexed.parquet":
        table.set_index("sample_id").to_parquet(path)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep={"t.tsv": "\t", "semicolon.csv": ";"}.get(name, ","))
    expected = check_table(table, "idh", "memory")
    pd.testing.assert_frame_equal(read_feature_table(path, "idh").features, expected.features, check_exact=True)


def test_a_table_without_modalities_is_one():
    table = plain_table().rename(columns=lambda name: name.replace("t1__", "x_").replace("t2__", "y_"))
    table["diagnostics_Versions"] = "3.0.1"
    checked = check_table(table.drop(columns="sample_id"), "idh", "memory", modality="ct", ignore=["y_a"])
    assert list(checked.features.columns) == ["ct__x_a", "ct__x_b"]
    assert checked.features.index[0] == "row01"
    assert checked.notes == ("1 diagnostics_* columns are no features and are left out.",)


def test_what_is_left_out_is_told():
    table = plain_table().assign(
        t1__diagnostics_Mask="x", t1__image="a.nii", clinical__age=50, grade=4, site="a", idh=[0, 1] * 5 + [None, None]
    )
    checked = check_table(table, "idh", "memory")
    assert list(checked.features.columns) == ["t1__a", "t1__b", "t2__a"]
    assert checked.notes == (
        "2 of 12 samples have no idh and are left out.",
        "1 clinical columns are left out: they are neither filtered nor pruned.",
        "1 diagnostics_* columns are no features and are left out.",
        "1 columns outside <modality>__<feature> are left out: grade.",
    )


def test_an_absent_modality_leaves_its_rows_out_and_no_others():
    table = plain_table()
    table.loc[:1, ["t1__a", "t1__b"]] = np.nan
    table.loc[2, "t1__a"] = np.nan
    checked = check_table(table, "idh", "memory")
    X, y, patients = checked.modality("t1")
    assert X.index.tolist() == patients.tolist() == [f"{number:03d}" for number in range(2, 12)]
    assert list(X.columns) == ["a", "b"]
    assert np.isnan(X.iloc[0, 0])
    assert len(checked.modality("t2")[1]) == 12


def test_every_problem_is_listed_together():
    table = plain_table().astype({"t1__b": object})
    table.loc[1, "sample_id"] = "000"
    table.loc[2, "sample_id"] = ""
    table.loc[3, "t1__a"] = np.inf
    table.loc[4, "t1__b"] = "high"
    assert problems_of(table) == [
        "1 rows have no sample_id.",
        "1 sample ids occur more than once: 000.",
        "Column t1__b is not numeric: sample 004 has 'high'.",
        "1 columns hold infinite values: t1__a.",
    ]


@pytest.mark.parametrize(("values", "found"), [([1] * 12, "1 different values (1)"), ([0, 1, 2] * 4, "3 different")])
def test_a_label_needs_two_values(values, found):
    assert found in problems_of(plain_table().assign(idh=values))[0]


def test_a_patient_of_both_classes_is_refused():
    assert (
        "1 patients have rows of both classes: p"
        in problems_of(plain_table().assign(patient_id=["p"] * 2 + list("abcdefghij")))[0]
    )


def test_a_class_smaller_than_the_folds_is_refused_by_modality():
    table = plain_table()
    table.loc[1:7, "t2__a"] = np.nan
    problem, _ = problems_of(table, n_folds=5)  # the other: class 0
    assert problem.startswith("t2: 3 patients of class 0 have features, fewer than the 5 outer folds.")


def test_a_table_without_features_is_refused():
    assert problems_of(plain_table()[["sample_id", "idh"]])[0] == "No feature column is left."


def test_text_labels_and_positive_class():
    checked = check_table(plain_table().assign(idh=["mutant", "wildtype"] * 6), "idh", "memory")
    assert checked.classes == ("mutant", "wildtype")
    assert checked.y.tolist() == [0, 1] * 6


def test_a_repeated_column_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("sample_id,idh,t1__a,t1__a\na,0,1,2\n")
    with pytest.raises(CohortError, match="Column names occur more than once: t1__a"):
        read_feature_table(path, "idh")


def test_a_wrong_request_is_told_apart_from_a_bad_file(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(RequestError, match="There is no table"):
        read_feature_table(path, "idh")
    plain_table().to_csv(path, index=False)
    with pytest.raises(RequestError, match="no column 'idj'. Did you mean 'idh'?"):
        read_feature_table(path, "idj")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\xff\xfe"),
        ("ragged.csv", b"sample_id,idh\na,1\nb,2,3,4\n"),
        ("cut.csv.gz", gzip.compress(b"sample_id,idh\n" + b"a,1\n" * 999, mtime=0)[:-30]),
        ("no.parquet", b"PAR1 and nothing more"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RadiofuseError, match="cannot be read as a CSV, TSV or Parquet table|no column 'idh'"):
        read_feature_table(path, "idh")
