"""Files to one table: every format gives the same numbers, and files are joined by id."""

from __future__ import annotations

import gzip
import hashlib
import os

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import CohortError, RadiofuseError, RequestError
from radiofuse.selection_run.reading import read_raw
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import check_table


def plain_table(n=12):
    rng = np.random.default_rng(0)
    ids = [f"{number:03d}" for number in range(n)]
    features = {"t1__a": rng.normal(size=n), "t1__b": rng.normal(size=n), "t2__a": rng.normal(size=n)}
    return pd.DataFrame({"sample_id": ids, "idh": np.arange(n) % 2, **features})


def as_read(table):
    """The table as files give it back: labels are codes, and stay text."""
    return table.assign(idh=table["idh"].astype("str"))


def read(path, label="idh", **options):
    return read_raw(SelectionRequest(label, path, **options))


def refused(error, path, label="idh", **options):
    with pytest.raises(error) as caught:
        read(path, label, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "semicolon.csv", "t.csv.gz", "bare.gz", "t.parquet", "i.parquet"])
def test_every_format_gives_the_same_table(tmp_path, name):
    table, path = plain_table(), tmp_path / name
    if name == "i.parquet":
        table.set_index("sample_id").to_parquet(path)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(table.to_csv(index=False).encode()))
    else:
        table.to_csv(path, index=False, sep={"t.tsv": "\t", "semicolon.csv": ";"}.get(name, ","))
    found = read(path)
    pd.testing.assert_frame_equal(found.rows, as_read(table), check_exact=True, check_dtype=False)
    assert found.inputs == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}


def test_every_digit_is_read(tmp_path):
    rng = np.random.default_rng(1)
    texts = [f"{value:.17g}" for value in rng.normal(size=2000) * 10.0 ** rng.integers(-12, 12, 2000)]
    path = tmp_path / "digits.csv"
    path.write_text("idh,x\n" + "".join(f"{number % 2},{text}\n" for number, text in enumerate(texts)))
    assert read(path).rows["x"].tolist() == [float(text) for text in texts]


def test_long_codes_stay_exact_beside_gaps(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "sample_id,idh,site,x\na,900000000000207008,,1\nb,900000000000207009,90071992547409931,2\nc,NA,1,3\n"
    )
    rows = read(path, site="site").rows
    assert rows["idh"].tolist()[:2] == ["900000000000207008", "900000000000207009"]
    assert rows["site"].tolist()[1] == "90071992547409931"


def test_ids_stay_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("sample_id,patient_id,idh,t1__a\nNA,007,1,1.5\n010,1e3,0,NA\n007,007,1,\n")
    rows = read(path).rows
    assert rows["sample_id"].tolist() == ["NA", "010", "007"]
    assert rows["patient_id"].tolist() == ["007", "1e3", "007"]
    assert rows["t1__a"].isna().tolist() == [False, True, True]


def test_ids_of_other_names(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("scan,who,patient_id,idh,x\n01,a,z,1,1.5\n02,b,z,0,2.5\n")
    rows = read(path, sample_id="scan", groups="who").rows
    assert rows[["sample_id", "patient_id"]].to_numpy().tolist() == [["01", "a"], ["02", "b"]]
    assert "scan" not in rows
    same = read(path, sample_id="who", groups="who").rows
    assert same["sample_id"].tolist() == same["patient_id"].tolist() == ["a", "b"]
    assert "has no column 'skan' for --id. Did you mean 'scan'?" in refused(RequestError, path, sample_id="skan")
    assert "has no column 'whom' for --groups." in refused(RequestError, path, groups="whom")


def test_the_label_may_name_its_positive_value(tmp_path):
    path = tmp_path / "table.csv"
    plain_table().rename(columns={"idh": "idh=1"}).to_csv(path, index=False)
    assert read(path, "idh=1").label == "idh=1"  # a column of that very name comes first
    plain_table().to_csv(path, index=False)
    found = read(path, "idh=1")
    assert (found.label, found.positive) == ("idh", "1")
    assert "no column 'idj'. Did you mean 'idh'?" in refused(RequestError, path, "idj=1")


def test_a_wrong_request_is_told_apart_from_a_bad_file(tmp_path):
    path = tmp_path / "table.csv"
    assert "There is no table at" in refused(RequestError, path)
    path.write_text("sample_id,idh,t1__a,t1__a\na,0,1,2\n")
    assert "Columns that occur more than once: t1__a. Keep one of each name." in refused(CohortError, path)
    with pytest.raises(RequestError, match="either one TABLE, or one file per modality"):
        SelectionRequest("idh")
    with pytest.raises(RequestError, match="write it as NAME=FILE"):
        read_raw(SelectionRequest("idh", features=["t1.csv"]))
    with pytest.raises(RequestError, match="names 't1' twice"):
        read_raw(SelectionRequest("idh", features=["t1=a.csv", "T1=b.csv"]))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.csv.gz", gzip.compress(b"sample_id,idh\n" + b"a,1\n" * 999, mtime=0)[:-30]),
        ("no.parquet", b"PAR1 and nothing more"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert "cannot be read as a CSV, TSV or Parquet table" in refused(CohortError, path)


def test_a_transposed_table_is_recognized(tmp_path):
    path = tmp_path / "table.csv"
    plain_table().set_index("sample_id").T.to_csv(path, index_label="feature")
    assert "looks transposed: its first column holds names of features (idh, t1__a" in refused(CohortError, path)


def write_modalities(tmp_path, second_ids=slice(None)):
    table = plain_table()
    table[["sample_id", "idh", "t1__a", "t1__b"]].to_csv(tmp_path / "t1.csv", index=False)
    table[["sample_id", "t2__a"]].iloc[second_ids].rename(columns={"t2__a": "a"}).to_csv(
        tmp_path / "t2.csv", index=False
    )
    return [f"T1={tmp_path / 't1.csv'}", f"T2={tmp_path / 't2.csv'}"]


def test_one_file_is_not_two_modalities(tmp_path):
    rows = pd.DataFrame({"sample_id": ["a", "b"], "idh": [0, 1], "x": [1.0, 2.0]})
    for name in ("t1.csv", "again.csv"):
        rows.to_csv(tmp_path / name, index=False)
    for other in ("t1.csv", "again.csv"):
        request = SelectionRequest(label="idh", features=(f"t1={tmp_path / 't1.csv'}", f"t2={tmp_path / other}"))
        with pytest.raises(RequestError, match="the same content for t1 and t2: .*t1.csv and .*Correct one"):
            read_raw(request)


def test_modality_files_are_joined_by_id(tmp_path):
    files = write_modalities(tmp_path, slice(None, None, -1))
    found = read(None, features=files)
    pd.testing.assert_frame_equal(found.rows, as_read(plain_table()), check_exact=True, check_dtype=False)
    assert len(found.inputs) == 2


def test_ids_missing_in_one_modality_are_refused_by_name(tmp_path):
    files = write_modalities(tmp_path, slice(3, None))
    sentence = refused(CohortError, None, features=files)
    assert "t2.csv lacks 3 samples that another modality has: 000, 001, 002." in sentence
    found = read(None, features=files, intersect=True)
    assert found.rows["sample_id"].tolist() == plain_table()["sample_id"].tolist()[3:]
    assert found.notes == ("3 samples not in every file, left out (--intersect).",)


def test_repeated_ids_and_contradictions_between_files_are_refused(tmp_path):
    files = write_modalities(tmp_path, [0, *range(12)])
    assert "1 sample id more than once: 000" in refused(CohortError, None, features=files)
    files = write_modalities(tmp_path)
    plain_table().drop(columns=["t1__a", "t1__b"]).assign(idh=1).to_csv(tmp_path / "t2.csv", index=False)
    assert "Column idh differs from that of another file." in refused(CohortError, None, features=files)


def test_labels_may_stand_in_a_file_of_their_own(tmp_path):
    table = plain_table().assign(age=50, other=1)
    table.drop(columns=["idh", "age", "other"]).to_csv(tmp_path / "t.csv", index=False)
    extra = pd.DataFrame({"sample_id": ["zzz"], "idh": [1], "age": [1], "other": [2]})
    labels = pd.concat([table[["sample_id", "idh", "age", "other"]][:10], extra])
    labels.to_csv(tmp_path / "labels.csv", index=False)
    found = read(tmp_path / "t.csv", labels=tmp_path / "labels.csv", covariates=["age"])
    assert found.rows["idh"].tolist() == as_read(table)["idh"].tolist()[:10]
    assert "other" not in found.rows
    assert found.notes == (
        "2 samples not in the labels file, left out: 010, 011.",
        f"1 sample of {tmp_path / 'labels.csv'} without features: zzz.",
    )


def write_labels(tmp_path, labels):
    plain_table().drop(columns="idh").to_csv(tmp_path / "t.csv", index=False)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    return {"path": tmp_path / "t.csv", "labels": tmp_path / "labels.csv"}


def test_labels_per_patient_are_joined_to_features_per_scan(tmp_path):
    scans = plain_table().drop(columns="idh").rename(columns={"sample_id": "scan"})
    scans.insert(1, "who", [f"p{number // 3}" for number in range(12)])
    scans.to_csv(tmp_path / "t.csv", index=False)
    labels = pd.DataFrame({"who": ["p3", "p0", "p1", "p9"], "idh": ["mutant", "wild type", "mutant", "mutant"]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    asked = {"path": tmp_path / "t.csv", "labels": tmp_path / "labels.csv", "sample_id": "scan", "groups": "who"}
    found = read(**asked)
    assert found.rows["patient_id"].tolist() == ["p0"] * 3 + ["p1"] * 3 + ["p3"] * 3
    assert found.rows["idh"].tolist() == ["wild type"] * 3 + ["mutant"] * 6
    assert found.notes == (
        "1 patient not in the labels file, left out: p2.",
        f"1 patient of {tmp_path / 'labels.csv'} without features: p9.",
        "Labels of 3 patients joined to 9 samples by who.",
    )
    pd.concat([labels, labels[:1]]).to_csv(tmp_path / "labels.csv", index=False)
    assert "1 patient id more than once: p3." in refused(CohortError, **asked)


def test_labels_of_other_samples_are_refused(tmp_path):
    labels = plain_table()[["sample_id", "idh"]]
    asked = write_labels(tmp_path, labels.assign(sample_id="q" + labels["sample_id"]))
    assert f"None of the 12 samples is in {asked['labels']} (000 against q000)" in refused(CohortError, **asked)
    asked = write_labels(tmp_path, labels[:0])
    assert "It has a header and no rows" in refused(CohortError, **asked)


def test_every_file_shares_the_name_of_the_id(tmp_path):
    asked = write_labels(tmp_path, plain_table()[["sample_id", "idh"]].rename(columns={"sample_id": "scan"}))
    assert "has no column 'sample_id', but scan, idh. Name the column of ids with --id" in refused(
        RequestError, **asked
    )
    sentence = refused(RequestError, **asked, sample_id="sample_id")
    assert f"{asked['labels']} has no column 'sample_id' for --id." in sentence
    assert "Every file must hold the ids under the same name. It has scan, idh." in sentence


def test_a_label_beside_the_features_may_not_contradict_the_labels_file(tmp_path):
    table = plain_table()
    asked = write_labels(tmp_path, table[["sample_id", "idh"]])
    table.assign(idh=table["idh"].astype(float).where(table.index > 0)).to_csv(asked["path"], index=False)
    assert read(**asked).rows["idh"].tolist() == as_read(table)["idh"].tolist()
    table.assign(idh=table["idh"].where(table.index > 1, 1 - table["idh"])).to_csv(asked["path"], index=False)
    text = table["idh"].map({0: "0.0", 1: "1"}).where(table.index != 3, "NULL")
    table.assign(idh=text).to_csv(asked["path"], index=False)
    assert read(**asked).rows["idh"].tolist() == as_read(table)["idh"].tolist()  # the same numbers, written otherwise
    table.assign(idh=table["idh"].where(table.index > 1, 1 - table["idh"])).to_csv(asked["path"], index=False)
    sentence = "Column idh differs from that beside the features in 2 samples: 000, 001."
    assert sentence in refused(CohortError, **asked)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"covariates": ["idh"]}, "--covariates names 'idh', which is the label already"),
        ({"covariates": ["idh"], "label": "idh=1"}, "--covariates names 'idh', which is the label already"),
        ({"covariates": ["sample_id"]}, "which is the sample id already"),
        ({"covariates": ["who"], "groups": "who"}, "which is --groups already"),
        ({"covariates": ["site"], "site": "site"}, "which is --site already"),
        ({"sample_id": "idh"}, "Column 'idh' is named as the label and as --id; name another with --label."),
        ({"groups": "idh"}, "is named as the label and as --groups"),
        ({"site": "idh", "label": "idh=1"}, "is named as the label and as --site"),
        ({"label": "patient_id"}, "Column 'patient_id' is named as the label and as the patient id"),
    ],
)
def test_a_column_is_not_two_things_at_once(tmp_path, options, sentence):
    path = tmp_path / "table.csv"
    plain_table().assign(who="a", site="b", patient_id="c").to_csv(path, index=False)
    assert sentence in refused(RequestError, path, **options)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.xlsx", b"PK\x03\x04", "is a spreadsheet; save its sheet as a CSV file"),
        ("latin.csv", "idh,größe\n1,2\n".encode("latin-1"), "Save it as CSV, encoded in UTF-8."),
        ("utf16.csv", "idh,x\n1,2\n".encode("utf-16"), "Save it as CSV, encoded in UTF-8."),
        ("sep.csv", b"sep=,\nidh,x\n1,2\n", "is 'sep=,', not the names of the columns. Delete that line."),
        ("note.csv", b"# made by hand\nidh;x\n1;2\n", "is '# made by hand', not the names of the columns"),
        ("long.csv", b"idh,x\n1,2,\n0,3,\n", "The header has 2 fields, other lines do not: line 2 has 3, line"),
        (
            "short.csv",
            b"a,idh,x\n1,2,3\n1\n1,2,\n0,3\n",
            "The header has 3 fields, other lines do not: line 3 has 1, line",
        ),
        ("blank.csv", b"\n \n\n", "It is empty"),
    ],
)
def test_files_that_are_no_plain_table_are_told_apart(tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)
    assert sentence in refused(RadiofuseError, path)


def test_a_folder_and_a_pipe_are_no_tables(tmp_path):
    assert "is a folder, and no feature store" in refused(RequestError, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe, and a table is read more than once" in refused(RequestError, tmp_path / "pipe")


@pytest.mark.parametrize("quoted", ['"a,b,c,d,e"', "a,b,c,d,e"])
def test_the_delimiter_is_not_that_inside_a_name(tmp_path, quoted):
    path = tmp_path / "table.csv"
    path.write_text(f"\n{quoted};idh;x\n1;0;3\n")
    assert list(read(path).rows.columns) == ["a,b,c,d,e", "idh", "x"]


def test_headers_too_long_for_one_field_are_read(tmp_path):
    path = tmp_path / "table.csv"
    names = [f"t1__{'x' * 100}{number}" for number in range(2000)]
    path.write_text(f"idh,{','.join(names)}\n{','.join('1' for _ in range(2001))}\n")
    assert read(path).rows.shape == (1, 2001)


def test_prefixes_in_upper_case_are_those_of_their_file(tmp_path):
    plain_table().rename(columns={"t1__a": "T1__a", "t1__b": "b", "t2__a": "c"}).to_csv(tmp_path / "t.csv", index=False)
    found = read(None, features=[f"t1={tmp_path / 't.csv'}"]).rows
    assert list(found.columns) == ["sample_id", "idh", "t1__a", "t1__b", "t1__c"]


def test_a_column_without_a_name_is_no_label(tmp_path):
    plain_table().assign(**{"": 1.0}).to_csv(tmp_path / "t.csv", index=False)
    assert len(read(tmp_path / "t.csv").rows) == 12


def test_gaps_in_the_first_column_do_not_hide_that_the_label_is_absent(tmp_path):
    (tmp_path / "t.csv").write_text("grade ?,x\na,1\n,2\n")
    assert "has no column 'idh'. It has " in refused(RequestError, tmp_path / "t.csv")


def test_a_table_of_images_is_no_table_of_features(tmp_path):
    (tmp_path / "cohort.csv").write_text("sample_id,idh,t1__image,mask\na,0,a.nii.gz,m.nii.gz\nb,1,b.nii.gz,m.nii.gz\n")
    request = SelectionRequest("idh", tmp_path / "cohort.csv")
    with pytest.raises(CohortError, match="The table names images; features of images become a table with: radiofuse"):
        check_table(read_raw(request), request.roles, n_folds=2)


@pytest.mark.parametrize("asked", [None, "mutant"])
def test_a_label_in_two_spellings_is_told_once(tmp_path, asked):
    rows = pd.DataFrame({"sample_id": list("abc"), "idh": ["mutant", "Mutant", "wildtype"], "x": [1.0, 2.0, 3.0]})
    rows.to_csv(tmp_path / "t.csv", index=False)
    request = SelectionRequest(f"idh={asked}" if asked else "idh", tmp_path / "t.csv")
    with pytest.raises(CohortError) as caught:
        check_table(read_raw(request), request.roles, n_folds=2)
    assert caught.value.problems == [
        "Values of idh that differ in spelling only: 'Mutant' = 'mutant'. Write each in one way."
    ]


def test_labels_of_a_store_stand_in_its_cohort_table(tmp_path):
    (tmp_path / "store" / "blocks").mkdir(parents=True)
    with pytest.raises(RequestError, match="--labels goes with a table; of the store .* in the table of --cohort"):
        read_raw(SelectionRequest("idh", tmp_path / "store", labels=tmp_path / "l.csv", cohort=tmp_path / "c.csv"))
