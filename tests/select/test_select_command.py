"""``python -m radiofuse.select``: what it prints, writes, refuses and answers."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands import terminal
from radiofuse.commands.select import app
from radiofuse.selection_run import tables
from radiofuse.store import FeatureStore
from radiofuse.store.record import Block, Record, content_key
from tests.processes import LIMIT_S, heed_interrupts

FAST = ["--folds", "3", "--repeats", "2", "--inner", "4"]
FILES = (
    "correlation.csv",
    "cv_curve.csv",
    "folds.csv",
    "path.csv",
    "performance.csv",
    "predictions.csv",
    "report.html",
    "selection.csv",
    "selection.json",
    "stability.csv",
    "trace.csv",
)


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


def invoke(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


def run(table, folder, *options):
    path = folder / "table.csv"
    table.to_csv(path, index=False)
    return invoke(path, "--label", "idh", *FAST, *options)


def test_prints_one_table_and_says_what_it_read(table, tmp_path):
    result = run(table, tmp_path)
    assert result.exit_code == 0
    assert "t1: 22 features -> " in result.stdout
    assert "t2: 10 features -> " in result.stdout
    assert "6/6" in result.stdout
    assert "Positive class: idh = 1 " in result.stdout
    assert "t1: AUC 0." in result.stdout
    assert "nested: selection saw the training patients only" in result.stdout
    assert "fusion: AUC" in result.stdout
    for part in (
        "Read 60 samples of 60 patients: 30 of class 1, 30 of class 0 (idh).",
        "t1: 22 features; 1 empty cell, imputed by the median of the training rows; 1 constant (flat); 1 equal to an",
        "t2: 10 features; absent in 5 samples.",
        "Positive class: idh = 1 (--label idh=VALUE names another).",
    ):
        assert part in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv"]  # nothing is written unless asked for


def test_writes_every_table_and_the_record(table, tmp_path):
    result = run(table, tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "No reduced table is written" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == list(FILES)
    selection = pd.read_csv(tmp_path / "out" / "selection.csv", keep_default_na=False).set_index("feature")
    assert selection.loc["copy", "dropped_for"] == "f0"
    record = json.loads((tmp_path / "out" / "selection.json").read_text())
    path = tmp_path / "table.csv"
    assert record["inputs"] == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    assert record["command"] == f"radiofuse select {path} --label idh --inner 4 --folds 3 --repeats 2"
    assert record["settings"]["alpha"] == 0.05
    assert record["classes"][1] == record["positive"] == "1"
    performance = pd.read_csv(tmp_path / "out" / "performance.csv").set_index(["model", "selection", "metric"])
    assert record["auc_nested"]["t1"]["value"] == performance.loc[("t1", "nested", "auc"), "value"]
    assert not {"x", "f0"} & {path.stem for path in (tmp_path / "out").iterdir()}


def test_csv_and_json_print_nothing_else(table, tmp_path):
    printed = pd.read_csv(io.StringIO(run(table, tmp_path, "--format", "csv").stdout))
    answer = json.loads(run(table, tmp_path, "--format", "json").stdout)
    assert [row["feature"] for row in answer] == printed["feature"].tolist()
    assert printed.loc[0, ["modality", "feature", "times_selected"]].tolist() == ["t1", "f0", 6]


def test_byte_identical_for_any_jobs_and_any_row_order(table, tmp_path):
    for name, rows, jobs in (("one", table, "1"), ("two", table, "2"), ("shuffled", table.sample(frac=1), "1")):
        run(rows, tmp_path, "--out", tmp_path / name, "--jobs", jobs)
    for name in FILES:
        one = (tmp_path / "one" / name).read_bytes()
        assert one == (tmp_path / "two" / name).read_bytes()
        if name not in ("selection.json", "report.html"):  # which hold the hash of the file
            assert one == (tmp_path / "shuffled" / name).read_bytes()


def test_patients_are_kept_whole(table, tmp_path):
    table["who"] = [f"p{label}{number // 4}" for number, label in enumerate(table["idh"])]
    result = run(table, tmp_path, "--groups", "who", "--out", tmp_path / "out")
    assert "Read 60 samples of 30 patients" in result.stderr
    assert "p-values take samples as independent" in result.stderr
    folds = pd.read_csv(tmp_path / "out" / "folds.csv").query("part == 'test'")
    assert (folds.groupby(["modality", "repeat", "patient_id"])["fold"].nunique() == 1).all()


def test_nothing_selected_is_an_answer_of_its_own(table, tmp_path):
    result = run(table, tmp_path, "--alpha", "0", "--out", tmp_path / "out")
    assert result.exit_code == 4
    assert "No feature was selected." in result.stdout
    assert "Nothing was selected" in result.stderr
    assert "t1: no feature is left after step mann_whitney." in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == list(FILES)


def test_without_nesting_the_estimate_is_called_optimistic(table, tmp_path):
    result = run(table, tmp_path, "--no-nested")
    assert result.exit_code == 0
    assert "optimistic: selection saw the test patients" in result.stdout
    assert "nested:" not in result.stdout
    assert "No nested run: the AUC is optimistic" in result.stderr


def test_one_file_per_modality(table, tmp_path):
    for name in ("t1", "t2"):
        own = [column for column in table if column.startswith(f"{name}__")]
        part = table[["sample_id", *own]]
        part.columns = part.columns.str.removeprefix(f"{name}__")
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    table[["sample_id", "idh"]].to_csv(tmp_path / "labels.csv", index=False)
    files = ["--features", f"T1={tmp_path / 't1.csv'}", "--features", f"T2={tmp_path / 't2.csv'}"]
    labels = ["--labels", tmp_path / "labels.csv", "--label", "idh=1"]
    result = invoke(*files, *labels, *FAST, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.output
    run(table, tmp_path, "--out", tmp_path / "b")
    for name in ("selection.csv", "predictions.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_unusable_input_lists_every_problem(table, tmp_path):
    table.loc[1, "sample_id"] = table.loc[0, "sample_id"]
    table["t1__f1"] = "high"
    table.loc[3, "t2__f1"] = -np.inf
    result = run(table, tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 3
    for part in ("3 problems", "more than once", "t1__f1 is not numeric", "1 column with infinite values: t2__f1"):
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--modality", "T1 ce"], 2, "--modality is 'T1 ce'"),
        (["--folds", "40"], 3, "fewer than the 40 folds"),
        (["--rule", "2se"], 2, "'2se' is not one of"),
        (["--steps", "mannwitney"], 2, "mannwitney"),
        (["--label", "IDH"], 2, "has no column 'IDH'. Did you mean 'idh'?"),
        (["--label", "idh=2"], 3, "No sample has idh = '2'; its values are 0, 1."),
        (["--id", "scan"], 2, "has no column 'scan' for --id."),
        (["--groups", "scan"], 2, "has no column 'scan' for --groups."),
        (["--covariates", "age"], 3, "There is no column 'age' for --covariates."),
        (["--features", "t1=a.csv"], 2, "Name either one TABLE, or one file per modality"),
    ],
)
def test_a_wrong_request_is_one_sentence(table, tmp_path, options, code, sentence):
    result = run(table, tmp_path, *options)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_a_place_that_cannot_be_written_is_one_sentence(table, tmp_path):
    (tmp_path / "file").write_text("")
    result = run(table, tmp_path, "--out", tmp_path / "file")
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
    arguments = [tmp_path / "store", "--label", "idh", *FAST]
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert "Name the cohort table with --cohort" in refused.stderr
    arguments += ["--cohort", cohort]
    misnamed = invoke(*arguments, "--label", "IDH")
    assert misnamed.exit_code == 2
    assert "has no column 'IDH'" in misnamed.stderr
    result = invoke(*arguments, "--out", tmp_path / "a")
    assert result.exit_code == 0, result.output
    run(table[["sample_id", "idh", *names]], tmp_path, "--out", tmp_path / "b")
    assert (tmp_path / "a" / "selection.csv").read_bytes() == (tmp_path / "b" / "selection.csv").read_bytes()


def test_as_a_process(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    command = [sys.executable, "-m", "radiofuse.select", str(tmp_path / "table.csv"), "--label", "idh", *FAST]
    done = subprocess.run([*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert " f0\n" in done.stdout
    assert "python" not in done.stderr.lower()


def test_an_interrupted_process_answers_130_without_a_traceback(table, tmp_path):
    table.to_csv(tmp_path / "table.csv", index=False)
    command = [sys.executable, "-m", "radiofuse.select", str(tmp_path / "table.csv"), "--label", "idh"]
    long = ["--repeats", "5000", "--out", str(tmp_path / "out")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, *long], **pipes, preexec_fn=heed_interrupts) as process:
        assert process.stderr.readline().startswith("Read 60 samples")  # from here on it is dealing or selecting
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "Interrupted" in words
    assert "Traceback" not in words


def test_help_says_why_no_table_is_written():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "No reduced table is written" in result.stdout


@pytest.mark.data
def test_a_real_cohort_keeps_its_gap_between_the_two_estimates(data_dir, tmp_path):
    """159 gliomas, 2,030 features: the selection that saw the test patients looks far better than it is."""
    table = data_dir / "radmlbench" / "LGG-1p19qDeletion.gz"
    result = invoke(table, "--label", "Target", "--id", "ID", "--repeats", "2", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "selection.json").read_text())
    steps = record["flow"]["features"]["steps"]
    assert steps["mann_whitney"] == 457  # R 4.2: wilcox.test(exact = FALSE) < .05
    nested, optimistic = (record[key]["features"]["value"] for key in ("auc_nested", "auc_optimistic"))
    assert 0.72 < nested < 0.85
    assert optimistic > nested + 0.05


def test_a_step_named_twice_and_what_is_no_selector_are_refused(table, tmp_path):
    for steps, said in (
        ("mannwhitney,mann_whitney", "Step 'mann_whitney' is named twice"),
        ("os.path:join", "needs the argument 'a'"),
        ("sklearn.linear_model:LassoCV", "is no selector: it has no get_support"),
        ("reproducibility", "needs a table of ICCs"),
    ):
        result = run(table, tmp_path, "--steps", steps)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_options_reach_the_three_steps_as_one(table, tmp_path):
    assert run(table, tmp_path, "--steps", "three_step").exit_code == 0
    assert run(table, tmp_path, "--steps", "three_step", "--alpha", "0").exit_code == 4


def test_a_place_that_cannot_be_written_is_refused_before_the_work(table, tmp_path):
    (tmp_path / "taken").write_text("")
    result = run(table, tmp_path, "--out", tmp_path / "taken")
    assert result.exit_code == 2
    assert "Read 60 samples" not in result.stderr


def test_an_older_page_does_not_stand_beside_new_tables(table, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("old")
    (out / "selection.json").write_text('{"folds_planned": 5}')  # of an earlier selection
    run(table, tmp_path, "--out", out, "--no-report")
    assert (out / "selection.csv").exists()
    assert not (out / "report.html").exists()


def test_a_selection_replaces_the_files_that_it_lists_and_nothing_else(table, tmp_path):
    out, own = tmp_path / "out", ["--no-nested", "--out", tmp_path / "out"]
    assert run(table, tmp_path, *own).exit_code == 0
    listed = json.loads((out / "selection.json").read_text())["files"]
    assert listed == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES if name != "selection.json"
    }
    for name in ("report.html", "trace.csv"):
        before = (out / name).read_bytes()
        (out / name).write_text("mine")
        refused = run(table, tmp_path, *own)
        assert (refused.exit_code, (out / name).read_text()) == (2, "mine")
        assert f"holds {name}, which no earlier run of this command wrote so" in refused.stderr
        assert "Read 60 samples" not in refused.stderr
        (out / name).write_bytes(before)
    assert run(table, tmp_path, *own, "--no-report").exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == [name for name in FILES if name != "report.html"]
    (out / "report.html").write_text("mine")
    assert run(table, tmp_path, *own, "--no-report").exit_code == 0
    assert (out / "report.html").read_text() == "mine"
    assert run(table, tmp_path, *own, "--overwrite").exit_code == 0
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_reader_who_has_had_enough_costs_no_table(table, tmp_path, monkeypatch):
    monkeypatch.setattr("radiofuse.commands.selection_words.describe", raising(BrokenPipeError()))
    monkeypatch.setattr(terminal, "_write_no_more", lambda: None)
    result = run(table, tmp_path, "--no-nested", "--no-report", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert (tmp_path / "out" / "selection.json").is_file()


def raising(error):
    def body(*_):
        raise error

    return body


def test_a_selection_killed_while_it_wrote_does_not_block_the_next(table, tmp_path, monkeypatch):
    written, write = [], tables.write_file

    def killed(path, *words):
        written.append(path.name)
        if len(written) == 4:
            raise ZeroDivisionError
        return write(path, *words)

    with monkeypatch.context() as patch:
        patch.setattr(tables, "write_file", killed)
        assert run(table, tmp_path, "--no-nested", "--out", tmp_path / "out").exit_code == 1
    assert 0 < len(list((tmp_path / "out").glob("*.csv"))) < 9
    assert run(table, tmp_path, "--no-nested", "--no-report", "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "selection.json").is_file()
    assert not [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_an_input_is_not_replaced_by_a_table_of_the_same_name(table, tmp_path):
    table.to_csv(tmp_path / "selection.csv", index=False)
    before = (tmp_path / "selection.csv").read_bytes()
    options = ["--label", "idh", "--no-nested", "--out", tmp_path, "--overwrite"]
    refused = invoke(tmp_path / "selection.csv", *options)
    assert (refused.exit_code, (tmp_path / "selection.csv").read_bytes()) == (2, before)
    assert "is the input" in refused.stderr


def test_harmonization_is_part_of_the_recorded_model(table, tmp_path):
    sites = np.where(np.random.default_rng(1).random(60) < 0.5, "north", "south")
    result = run(
        table.drop(columns="t1__flat").assign(scanner=sites), tmp_path, "--site", "scanner", "--out", tmp_path / "o"
    )
    assert result.exit_code == 0
    model = json.loads((tmp_path / "o" / "selection.json").read_text())["models"]["t1"]
    assert model["combat"]["sites"] == ["north", "south"]
    assert np.shape(model["combat"]["gamma"]) == (2, len(model["features"]))
