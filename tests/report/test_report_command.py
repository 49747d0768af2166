"""``python -m radiofuse.report`` from a shell's side."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from bundle_fixture import make_bundle
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from radiofuse.bundle.format import SCHEMA
from radiofuse.commands.report import app


def test_writes_where_asked_and_prints_the_path(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    result = CliRunner().invoke(app, [str(bundle), "--out", str(tmp_path / "own.html")])
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "own.html"))
    assert (tmp_path / "own.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_answers_a_missing_bundle_in_one_sentence(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path / "absent")])
    assert result.exit_code == 3
    assert "absent is not a bundle" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_names_the_extra_when_a_package_is_missing(tmp_path, package):
    make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    script = f"import sys; sys.modules[{package!r}] = None; from radiofuse.commands.report import app; app()"
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    expected = f"needs the package {package}; install the extra: pip install 'radiofuse[report]'."
    assert done.stderr.strip() == f"Error: The report {expected}"


def test_help_loads_nothing_heavy():
    heavy = "{'matplotlib', 'jinja2', 'pandas', 'sklearn', 'scipy', 'numpy'}"
    script = f"import sys, radiofuse.commands.report; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_takes_the_folder_of_a_run_as_predict_does(tmp_path):
    make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "report.html"))


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("bundle.json", lambda about: [about], "bundle.json: entries by name was expected, got [{"),
        ("bundle.json", lambda about: None, "bundle.json: entries by name was expected, got None"),
        ("bundle.json", lambda about: {}, "bundle.json has schema None"),
        ("bundle.json", lambda about: {"schema": SCHEMA}, "bundle.json lacks the entry name, title"),
        ("bundle.json", lambda about: about | {"modalities": "t1"}, "bundle.json, modalities: a list was expected"),
        (
            "bundle.json",
            lambda about: about | {"modalities": [1]},
            "bundle.json, modalities, item 1: text was expected",
        ),
        (
            "bundle.json",
            lambda about: about | {"n_features": {"t1": "9"}},
            "n_features, t1: a whole number was expected",
        ),
        ("bundle.json", lambda about: about | {"settings": {"radiomics": [1]}}, "settings, radiomics: null or entries"),
        ("bundle.json", lambda about: about | {"protocol": [1]}, "protocol in bundle.json lacks the entry folds"),
        (
            "bundle.json",
            lambda about: about | {"protocol": about["protocol"] | {"deep": {"encoder": "san10"}}},
            "whose networks had no join, output, protocol, folds, options, channels",
        ),
        ("manifest.json", lambda manifest: [*manifest], "entries by name was expected"),
        ("manifest.json", lambda manifest: manifest | {"environment": []}, "environment: entries by name was expected"),
        ("manifest.json", lambda manifest: manifest | {"files": {"scores.csv": 1}}, "text was expected, got 1"),
        ("manifest.json", lambda manifest: {"format": manifest["format"]}, "manifest.json lacks the entry files"),
    ],
)
def test_a_bundle_of_another_shape_is_one_sentence(tmp_path, file, change, said):
    bundle = make_bundle(tmp_path / "bundle", n_patients=20, n_repeats=1, modalities=("t1",), fusions=("mean",))
    (bundle / file).write_text(json.dumps(change(json.loads((bundle / file).read_text()))))
    if file != "manifest.json":
        manifest = json.loads((bundle / "manifest.json").read_text())
        manifest["files"][file] = hashlib.sha256((bundle / file).read_bytes()).hexdigest()
        (bundle / "manifest.json").write_text(json.dumps(manifest))
    result = CliRunner().invoke(app, [str(bundle)])
    assert (result.exit_code, said in result.stderr) == (3, True), (result.stderr, result.exception)


def test_a_place_below_a_file_is_one_sentence(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, [str(bundle), "--out", str(tmp_path / "file" / "report.html")])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: The report cannot be written to")


def test_a_changed_number_is_refused(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    scores = bundle / "scores.csv"
    scores.write_text(scores.read_text().replace("auc,0.", "auc,0.9", 1))
    result = CliRunner().invoke(app, [str(bundle)])
    assert result.exit_code == 3
    assert "scores.csv has changed" in result.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_page_of_ours_is_written_again_and_no_other_file_is_replaced(tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1",), fusions=("mean",))
    page, numbers = tmp_path / "report.html", tmp_path / "numbers.json"
    page.write_text("mine")
    numbers.write_text("mine")
    given = [["--out", str(place)] for place in (page, numbers, tmp_path / "numbers.html")]  # with numbers.json beside
    for words in ([], *given, *([*one, "--overwrite"] for one in (["--out", str(bundle / "report.html")], given[1]))):
        refused = CliRunner().invoke(app, [str(bundle), *words])
        assert refused.exit_code == 2
        assert page.read_text() == numbers.read_text() == "mine"
    assert not (tmp_path / "numbers.html").exists()
    assert [CliRunner().invoke(app, [str(bundle), *words]).exit_code for words in (["--overwrite"], [])] == [0, 0]
    printed = CliRunner().invoke(app, [str(bundle), "--out", "-"])
    assert printed.stdout == page.read_text(encoding="utf-8")


def test_a_table_of_predictions_gives_a_page_and_its_scores(tmp_path):
    rng = np.random.default_rng(0)
    truth = np.arange(40) % 2
    table = {"truth": np.where(truth, "pos", "neg"), "cnn": rng.uniform(0.2, 0.6, 40) + 0.3 * truth}
    pd.DataFrame(table | {"rad": rng.uniform(size=40)}).to_csv(tmp_path / "mine.csv", index=False)
    given = [str(tmp_path / "mine.csv"), "--label", "truth=pos", "--probability", "cnn", "--probability", "rad"]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    page, scores = tmp_path / "mine_report.html", tmp_path / "mine_report_scores.csv"
    assert result.stdout.split() == [str(page), str(scores)]
    assert "There is no column sample_id" in result.stderr
    areas = pd.read_csv(scores).query("metric == 'auc'").set_index("model")["value"]
    assert areas["cnn"] == pytest.approx(roc_auc_score(truth, table["cnn"]))
    assert "AUC of cnn minus that of each other model" in page.read_text()
    again = CliRunner().invoke(app, [*given, "--model", "rad"])
    assert again.exit_code == 0 and "AUC of rad minus" in page.read_text()
    scores.write_text("mine\n")
    refused = CliRunner().invoke(app, given)
    assert refused.exit_code == 2 and scores.read_text() == "mine\n"


def test_options_of_a_table_are_refused_of_a_bundle(tmp_path):
    result = CliRunner().invoke(app, [str(tmp_path), "--model", "mean"])
    assert result.exit_code == 2 and "a bundle says its own" in result.stderr
