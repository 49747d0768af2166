"""``python -m radiofuse.select``: what it prints, writes, refuses and answers."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.select.__main__ import app
from radiofuse.store import FeatureStore
from radiofuse.store.record import Block, Record, content_key

FAST = ["--outer", "3", "--repeats", "2", "--inner", "4"]


@pytest.fixture
def table():
    """Two modalities of 60 samples; t1__f0 carries the label, t1__copy repeats it, t2 is noise and 5 times absent."""
    rng = np.random.default_rng(0)
    ids = [f"s{number:02d}" for number in rng.permutation(60)]
    table = pd.DataFrame({"sample_id": ids, "idh": np.arange(60) % 2})
    t1 = {f"t1__f{i}": rng.normal(size=60) for i in range(20)}
    t2 = {f"t2__f{i}": rng.normal(size=60) for i in range(10)}
    table = pd.concat([table, pd.DataFrame({**t1, **t2})], axis=1)
    table["t1__f0"] += 2 * table["idh"]
    table["t1__copy"] = 1 - table["t1__f0"]
    table["t1__flat"] = 1.0
    table.loc[:4, [name for name in table if name.startswith("t2__")]] = np.nan
    table.loc[9, "t1__f3"] = np.nan
    return table


def run(table, out, *options):
    path = out.parent / "table.csv"
    table.to_csv(path, index=False)
    return CliRunner().invoke(app, [str(path), "--label", "idh", "--out", str(out), *FAST, *options])


def test_prints_the_flow_and_writes_three_tables(table, tmp_path):
    result = run(table, tmp_path / "out")
    assert result.exit_code == 0
    assert "t1: 60 samples (30 of class 1, 30 of class 0)" in result.stdout
    assert "22 features -> " in result.stdout
    assert "1 empty cells imputed with the median of the training rows; 1 constant features" in result.stdout
    assert "t2: 55 samples" in result.stdout
    assert "5 samples without this modality left out" in result.stdout
    assert "No reduced table is written" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["folds.csv", "selection.csv", "stability.csv"]
    selection = pd.read_csv(tmp_path / "out" / "selection.csv").set_index(["modality", "feature"])
    best = selection.loc[("t1", "f0")]
    assert best["selected"]
    assert best["frequency"] == 1
    assert (best["rank"], best["direction"], best["missing"]) == (1, "higher", 0)
    assert selection.loc[("t1", "f3"), "missing"] == 1
    assert selection.loc[("t1", "copy"), "dropped_for"] == "f0"
    folds = pd.read_csv(tmp_path / "out" / "folds.csv")
    assert (folds.groupby(["modality", "sample_id"])["repeat"].nunique() == 2).all()
    assert len(folds) == 2 * (60 + 55)


def test_what_it_prints_is_what_it_writes(table, tmp_path):
    result = run(table, tmp_path / "out", "--json")
    answer = json.loads(result.stdout)
    selection = pd.read_csv(tmp_path / "out" / "selection.csv")
    assert [row["feature"] for row in answer["selected"]] == selection.query("selected").sort_values(
        ["modality", "rank"]
    )["feature"].tolist()
    for flow in answer["flow"]:
        block = selection[selection["modality"] == flow["modality"]]
        assert flow["features"] == len(block)
        assert flow["passed_mann_whitney"] == (block["pvalue"] < 0.05).sum()
        assert flow["selected"] == block["selected"].sum()
    assert "score too well even on noise" in answer["why_no_table"]


def test_byte_identical_for_any_jobs_and_any_row_order(table, tmp_path):
    run(table, tmp_path / "one")
    run(table, tmp_path / "two", "--jobs", "2")
    run(table.sample(frac=1, random_state=1), tmp_path / "shuffled")
    for name in ("selection.csv", "folds.csv", "stability.csv"):
        one = (tmp_path / "one" / name).read_bytes()
        assert one == (tmp_path / "two" / name).read_bytes()
        assert one == (tmp_path / "shuffled" / name).read_bytes()


def test_patients_are_kept_whole(table, tmp_path):
    table["patient_id"] = [f"p{label}{number // 4}" for number, label in enumerate(table["idh"])]
    result = run(table, tmp_path / "out")
    assert "60 samples of 30 patients: p-values take samples as independent" in result.stderr
    folds = pd.read_csv(tmp_path / "out" / "folds.csv")
    assert (folds.groupby(["modality", "repeat", "patient_id"])["fold"].nunique() == 1).all()


def test_nothing_selected_is_an_answer_of_its_own(table, tmp_path):
    result = run(table, tmp_path / "out", "--alpha", "0")
    assert result.exit_code == 4
    assert "No feature was selected." in result.stdout
    assert "Nothing was selected" in result.stderr
    assert not pd.read_csv(tmp_path / "out" / "selection.csv")["selected"].any()


def test_unusable_input_lists_every_problem(table, tmp_path):
    table.loc[1, "sample_id"] = table.loc[0, "sample_id"]
    table["t1__f1"] = "high"
    table.loc[3, "t2__f1"] = -np.inf
    result = run(table, tmp_path / "out")
    assert result.exit_code == 3
    for part in ("3 problems", "more than once", "t1__f1 is not numeric", "1 columns hold infinite values: t2__f1"):
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--modality", "T1 ce"], "--modality is 'T1 ce'"),
        (["--outer", "40"], "fewer than the 40 outer folds"),
        (["--rule", "2se"], "'2se' is not one of"),
    ],
)
def test_a_wrong_request_is_one_sentence(table, tmp_path, options, sentence):
    result = run(table, tmp_path / "out", *options)
    assert result.exit_code in (2, 3)
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_place_that_cannot_be_written_is_one_sentence(table, tmp_path):
    (tmp_path / "file").write_text("")
    result = run(table, tmp_path / "file")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_reads_a_store_with_the_labels_of_a_cohort(table, tmp_path):
    names = [name for name in table if name.startswith("t1__") and table[name].notna().all()]
    features = [name.removeprefix("t1__") for name in names]
    block = Block.create("toy", features, {})
    store = FeatureStore(tmp_path / "store")
    with store.writer(block) as writer:
        for sample_id, values in zip(table["sample_id"], table[names].to_numpy(), strict=True):
            key = content_key(block, sample_id, None, None)
            writer.add(Record(key, sample_id, "t1", status="ok", values=values))
    cohort = tmp_path / "cohort.csv"
    images = {"t1__image": table["sample_id"] + ".nii", "mask": table["sample_id"] + "m.nii", "another_label": "x"}
    table[["sample_id", "idh"]].assign(**images).to_csv(cohort, index=False)
    arguments = [str(tmp_path / "store"), "--label", "idh", *FAST]
    refused = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "none")])
    assert refused.exit_code == 2
    assert "Name the cohort table with --cohort" in refused.stderr
    arguments += ["--cohort", str(cohort)]
    misnamed = CliRunner().invoke(app, [*arguments, "--label", "IDH", "--out", str(tmp_path / "none")])
    assert misnamed.exit_code == 2
    assert "has no column 'IDH' for --label; it has" in misnamed.stderr
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "a")])
    assert result.exit_code == 0, result.output
    run(table[["sample_id", "idh", *names]], tmp_path / "b")
    assert (tmp_path / "a" / "selection.csv").read_bytes() == (tmp_path / "b" / "selection.csv").read_bytes()


def test_as_a_process(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    command = [sys.executable, "-m", "radiofuse.select", str(tmp_path / "table.csv"), "--label", "idh", *FAST]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "f0 " in done.stdout
    assert "Warning" not in done.stderr


def test_help_says_why_no_table_is_written():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "No reduced table is written" in result.stdout
