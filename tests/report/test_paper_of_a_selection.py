"""The paper pack of a selection: its numbers, no path and no patient."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands.forms import app as forms_app
from radiofuse.commands.paper import app
from radiofuse.commands.select import app as select_app
from radiofuse.errors import BundleError
from radiofuse.report.selection.read import read_selection

NUMBER = re.compile(r"(?<![\w.+-])\d[\d,]*(?:\.\d+)?(?![\w])")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A selection of features of two modalities, one of them named NA, of patients named 007 and the like."""
    home = tmp_path_factory.mktemp("secret_place")
    rng, n = np.random.default_rng(0), 40
    label = np.arange(n) % 2
    table = {"sample_id": [f"{900 + i:05d}" for i in range(n)], "idh": np.where(label, "mutant", "wildtype")}
    for modality in ("t1", "NA"):
        table |= {f"{modality}__f{k}": rng.normal(size=n) + label * (k < 2) for k in range(6)}
    pd.DataFrame(table).to_csv(home / "table.csv", index=False)
    options = ["--label", "idh=mutant", "--folds", "3", "--repeats", "1", "--out", str(home / "out")]
    answer = CliRunner().invoke(select_app, [str(home / "table.csv"), *options])
    assert answer.exit_code == 0, answer.output
    answer = CliRunner().invoke(app, [str(home / "out")])
    assert answer.exit_code == 0, answer.output
    return home / "out"


def test_methods_say_the_steps_with_numbers_of_the_record(folder):
    text = (folder / "paper" / "methods.md").read_text().partition("## References")[0]
    record = (folder / "selection.json").read_text()
    known = [float(word) for word in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", record)]
    known += [2000.0, 95.0]  # resamples and the level of the intervals
    words = set(NUMBER.findall(re.sub(r"\[@[^\]]*\]", "", text)))
    versions = [json.loads(record)["python"], *json.loads(record)["libraries"].values()]
    words -= {word for version in [*versions, "0.1.0"] for word in NUMBER.findall(version)}
    digits = {word: len(word.partition(".")[2]) for word in words}
    assert not [
        word for word in words if not any(round(one, digits[word]) == float(word.replace(",", "")) for one in known)
    ]
    assert "Mann-Whitney U test" in text
    assert "3 outer folds" in text
    cited = {key for marks in re.findall(r"\[(@[^\]]*)\]", text) for key in re.findall(r"@(\w+)", marks)}
    assert cited == set(re.findall(r"^@\w+\{(\w+),$", (folder / "paper" / "references.bib").read_text(), re.MULTILINE))
    assert {"mann1947", "tibshirani1996", "nogueira2018"} <= cited


def test_no_path_and_no_patient_leaves_the_folder(folder):
    for path in (folder / "paper").iterdir():
        if path.suffix in (".md", ".csv", ".tex", ".svg", ".bib"):
            text = path.read_text()
            assert "secret_place" not in text, path.name
            assert not re.search(r"\b009\d\d\b", text), path.name


def test_tables_have_the_scores_and_texts_stay_texts(folder):
    scores = pd.read_csv(folder / "performance.csv").query("selection == 'nested' and metric == 'brier'")
    written = (folder / "paper" / "table_scores.csv").read_text()
    assert all(f"{value:.3f} (" in written for value in scores["value"])
    contents = read_selection(folder)
    assert set(contents.selection["modality"]) == {"t1", "na"}
    assert contents.predictions["sample_id"].str.len().unique().tolist() == [5]


def test_glmnet_finds_the_same_lasso(folder, tmp_path):
    rscript = shutil.which("Rscript")
    if rscript is None or subprocess.run([rscript, "-e", "library(glmnet)"], capture_output=True).returncode:
        pytest.skip("no Rscript with the package glmnet here: apt-get install r-base-core r-cran-glmnet")
    script = [rscript, "--vanilla", str(folder / "paper" / "replay_selection.R"), str(folder.parent / "table.csv")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(" same$", done.stdout, re.MULTILINE)) > 6
    for path in folder.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    curve = pd.read_csv(tmp_path / "cv_curve.csv")
    curve.loc[curve["is_min"], "cvm"] *= 1.01
    curve.to_csv(tmp_path / "cv_curve.csv", index=False)
    changed = subprocess.run([*script, str(tmp_path)], capture_output=True, text=True)
    assert changed.returncode == 1
    assert "error at lambda.min" in re.findall("^.* DIFFERS$", changed.stdout, re.MULTILINE)[0]


def test_a_table_that_has_changed_is_refused(folder, tmp_path):
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "performance.csv").write_text("model\n")
    with pytest.raises(BundleError, match=r"performance\.csv is missing or has changed"):
        read_selection(tmp_path)
    (tmp_path / "selection.json").write_text("[]")
    with pytest.raises(BundleError, match="lacks the entry settings"):
        read_selection(tmp_path)


def test_figures_come_with_their_numbers(folder):
    paper = folder / "paper"
    drawn = {path.stem for path in paper.glob("figure_*.svg")}
    assert drawn == {path.stem for path in paper.glob("figure_*.csv")}
    curve = pd.read_csv(paper / "figure_penalty_1_1.csv")
    own = pd.read_csv(folder / "cv_curve.csv").query("modality == 't1' and repeat.isna()")
    assert np.array_equal(curve["lambda"], own["lambda"])
    aucs = pd.read_csv(paper / "figure_aucs.csv").set_index("model")["auc_nested_value"]
    record = json.loads((folder / "selection.json").read_text())["auc_nested"]
    assert aucs.to_dict() == pytest.approx({model: one["value"] for model, one in record.items()})


def test_forms_of_a_selection_are_refused_with_what_to_run_instead(folder):
    answer = CliRunner().invoke(forms_app, [str(folder)])
    assert answer.exit_code == 2
    assert "is a selection" in " ".join(answer.output.split()) and "radiofuse run" in " ".join(answer.output.split())
    assert not (folder / "forms").exists()
