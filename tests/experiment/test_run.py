"""The main job end to end on a small phantom: the same numbers everywhere, and nothing peeked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.bundle.verify import verify_bundle
from radiofuse.commands.predict import app as predict_app
from radiofuse.commands.run import app as run_app
from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import BundleError, RequestError
from radiofuse.experiment.run import describe_fewer, run_recipe
from radiofuse.files.outputs import sha256_of
from radiofuse.imaging import file_sha256
from radiofuse.select import ThreeStepSelector
from radiofuse.statistics import compare_models, score_predictions
from radiofuse.store import FeatureStore, Record, content_key
from radiofuse.tables.cohort import read_cohort

RECIPE = """
title = "A small phantom <script>alert(1)</script>"
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
[radiomics]
settings = "quick.json"
[classify]
method = "{classifier}"
[fusion]
combine = ["mean", "vote", "regression", "nonnegative", "linear_regression"]
inner_folds = 2
[evaluation]
folds = 3
repeats = 2
resamples = 200
"""

QUICK = {
    "imageType": {"Original": {}},
    "featureClass": {"firstorder": [], "glcm": ["Contrast", "Idm", "Correlation"], "glrlm": ["RunEntropy"]},
    "setting": {"normalize": True, "normalizeScale": 100, "binWidth": 5},
}


def write_study(folder: Path, classifier: str = "logistic") -> Path:
    (folder / "quick.json").write_text(json.dumps(QUICK))
    recipe = folder / "study.toml"
    recipe.write_text(RECIPE.format(classifier=classifier))
    return recipe


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with a phantom cohort of 36 patients, a recipe, a filled store, and one finished run in out/."""
    folder = tmp_path_factory.mktemp("study")
    make_phantom_cohort(folder / "phantom", n_patients=36, seed=1)
    run_recipe(write_study(folder), out=folder / "out", store=folder / "store", n_jobs=2)
    return folder


@pytest.fixture(scope="module")
def predictions(study) -> pd.DataFrame:
    return read_table(study / "out" / "bundle", "predictions")


def test_everything_is_written(study):
    verify_bundle(study / "out" / "bundle")
    page = (study / "out" / "report.html").read_text()
    assert "<script>alert" not in page
    about = json.loads((study / "out" / "bundle" / "bundle.json").read_text())
    assert about["synthetic"] is True
    assert not [sentence for sentence in about["warnings"] if "synthetic" in sentence]  # a field of its own
    read = about["inputs"]
    assert read["cohort_sha256"] == sha256_of(study / "phantom" / "cohort.csv") and read["cohort_sha256"] in page
    files = list((study / "phantom").rglob("*.nii*"))
    assert read["images_sha256"] in page and 0 < read["n_images"] <= len({sha256_of(path) for path in files})


def test_the_options_really_used_are_in_the_bundle_and_on_the_page(study):
    protocol = json.loads((study / "out" / "bundle" / "bundle.json").read_text())["protocol"]
    (chain, *_) = protocol["options"]["chains"]
    assert chain["members"] == ["t1", "t1ce", "t2", "flair"]
    selector, classifier = ThreeStepSelector(), LogisticRegression(max_iter=1000)
    known = {**selector.get_params(deep=False), "random_state": 3}
    assert chain["steps"]["select"] == {"class": "ThreeStepSelector", **known}
    assert known["alpha"] == 0.05  # what a reader looks for first
    assert chain["steps"]["classify"]["C"] == classifier.C
    assert protocol["options"]["models"]["fusion"]["cv"] == 2
    page = (study / "out" / "report.html").read_text()
    for name in ("alpha", "threshold", "rule", "cv", "family", "keep"):
        assert f"{name} = {known[name]}" in page
    for option in ("C = 1.0", "solver = lbfgs", "max_iter = 1000"):
        assert option in page


def test_no_patient_is_in_two_folds_of_a_repeat(predictions):
    folds = predictions.groupby(["repeat", "patient_id"])["fold"].nunique()
    assert (folds == 1).all()


def test_every_labeled_sample_is_predicted_once_per_repeat(study, predictions):
    cohort = read_cohort(study / "phantom" / "cohort.csv")
    known = set(cohort.loc[cohort["idh"] != "", "sample_id"])
    for _, rows in predictions[predictions["model"] == "mean"].groupby("repeat"):
        assert sorted(rows["sample_id"]) == sorted(known)


def test_the_models_are_the_modalities_the_fusions_and_the_two_arms(predictions):
    expected = "t1 t1ce t2 flair mean vote regression nonnegative linear_regression clinical trivial".split()
    assert list(dict.fromkeys(predictions["model"])) == expected


def test_a_combiner_of_ones_own_has_one_name_everywhere(tmp_path, monkeypatch):
    (tmp_path / "mycomb.py").write_text(
        "from radiofuse.fuse.combiners import Mean\n\nclass LogitMean(Mean):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(30, 4)), columns=["t1__a", "t1__b", "t2__a", "t2__b"])
    table.insert(0, "sample_id", [f"s{n}" for n in range(30)])
    table.insert(1, "idh", np.arange(30) % 2)
    table.to_csv(tmp_path / "features.csv", index=False)
    (tmp_path / "own.toml").write_text(
        '[cohort]\ntable = "features.csv"\nlabel = "idh"\n[classify]\nmethod = "logistic"\n'
        '[select]\nmethod = "none"\n[fusion]\ncombine = ["mycomb:LogitMean", "mean"]\ninner_folds = 2\n'
        "calibrate = false\n"
        "[evaluation]\nfolds = 2\nrepeats = 1\nresamples = 100\n"
    )
    out = run_recipe(tmp_path / "own.toml", out=tmp_path / "out", store=tmp_path / "store", report=False)
    folder = out / "bundle"
    with pytest.raises(BundleError, match=r"its model holds the class mycomb:LogitMean\. Whom you trust"):
        load_bundle(folder)
    assert "`--trust`" in (folder / "card.md").read_text()
    bundle = load_bundle(folder, trust=["mycomb:LogitMean"])
    assert bundle.description["protocol"]["primary"] == "LogitMean"
    named = bundle.description["protocol"]["words"]["models"]
    assert [name for name, said in named.items() if said["kind"] == "fusion"] == ["LogitMean", "mean"]
    comparisons = read_table(folder, "comparisons")
    assert set(comparisons["a"]) == {"LogitMean"}
    assert set(comparisons["b"]) == set(read_table(folder, "predictions")["model"]) - {"LogitMean"}
    answers, _ = predict_cohort(bundle, tmp_path / "features.csv", store=tmp_path / "store")
    np.testing.assert_allclose(answers["probability"], answers[["t1", "t2"]].mean(axis=1), rtol=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_the_final_models_warn_of_is_a_sentence_of_the_log(tmp_path, caplog, n_jobs):
    label = np.arange(24) % 2
    values = (
        np.random.default_rng(0).normal(scale=0.01, size=(24, 3)) + label[:, None]
    )  # separable: the path has no end
    table = pd.DataFrame(values, columns=["t1__a", "t1__b", "t1__c"])
    table.insert(0, "sample_id", [f"s{n}" for n in range(24)])
    table.insert(1, "idh", label)
    table.to_csv(tmp_path / "features.csv", index=False)
    (tmp_path / "own.toml").write_text(
        '[cohort]\ntable = "features.csv"\nlabel = "idh"\n[fusion]\ncombine = ["mean"]\n'
        "[evaluation]\nfolds = 2\nrepeats = 1\nresamples = 100\n"
    )
    with caplog.at_level("WARNING", "radiofuse"):
        run_recipe(tmp_path / "own.toml", out=tmp_path / "out", store=tmp_path / "store", n_jobs=n_jobs, report=False)
    said = [record.getMessage() for record in caplog.records]
    assert any("while fitting the final models" in line and "least at the last of" in line for line in said), said


def test_scores_are_a_function_of_the_predictions(study, predictions):
    scores = read_table(study / "out" / "bundle", "scores")
    again = score_predictions(predictions, n_resamples=200, random_state=3)
    pd.testing.assert_frame_equal(scores, again, rtol=1e-12)


def test_comparisons_set_the_answer_beside_every_other_model(study, predictions):
    comparisons = read_table(study / "out" / "bundle", "comparisons").set_index("b")
    assert set(comparisons.index) == set(predictions["model"]) - {"mean"}
    one = compare_models(predictions, "mean", "t1ce", n_resamples=200, random_state=3)
    assert comparisons.loc["t1ce", "difference"] == pytest.approx(one.difference, rel=1e-12)


def test_the_trivial_rule_has_chance_auc(study):
    scores = read_table(study / "out" / "bundle", "scores").set_index(["model", "metric"])
    assert scores.loc[("trivial", "auc"), "value"] == 0.5


def test_the_same_seed_gives_the_same_bytes_whatever_the_jobs(study, tmp_path):
    again = run_recipe(study / "study.toml", out=tmp_path / "again", store=study / "store", n_jobs=1, report=False)
    for table in ("predictions", "scores", "selected_features", "fusion_weights", "cohort_flow"):
        name = f"{table}.csv"
        assert (again / "bundle" / name).read_bytes() == (study / "out" / "bundle" / name).read_bytes(), name


def test_row_and_column_order_do_not_matter(study, tmp_path, predictions):
    table = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str, keep_default_na=False)
    for column in table.columns[table.columns.str.endswith(("__image", "mask"))]:
        table[column] = [str(study / "phantom" / cell) if cell else "" for cell in table[column]]
    shuffled = table.sample(frac=1, random_state=5)
    (tmp_path / "phantom").mkdir()
    shuffled.to_csv(tmp_path / "phantom" / "cohort.csv", index=False)
    out = run_recipe(write_study(tmp_path), out=tmp_path / "out", store=study / "store", n_jobs=2, report=False)
    key = ["model", "repeat", "sample_id"]
    again = read_table(out / "bundle", "predictions").sort_values(key, ignore_index=True)
    before = predictions.sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(before, again[before.columns], rtol=1e-7)


def test_saved_loaded_and_predicted_numbers_are_equal(study, tmp_path):
    bundle = load_bundle(study / "out")
    predicted, failures = predict_cohort(bundle, study / "phantom" / "cohort.csv", store=tmp_path / "fresh", n_jobs=2)
    assert failures.empty
    store = FeatureStore(study / "store")
    features = store.read([store.blocks()[0].name])[bundle.description["columns"]]
    in_process = bundle.model.predict_proba_each(features)
    predicted = predicted.set_index("sample_id")
    np.testing.assert_array_equal(predicted["probability"], in_process.loc[predicted.index, "mean"])
    np.testing.assert_array_equal(predicted["t1ce"], in_process.loc[predicted.index, "t1ce"])


def test_training_samples_are_marked_by_id_by_patient_and_by_their_numbers(study, tmp_path):
    """A model answers about the patients it was fitted on far better than about others."""
    table = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str, keep_default_na=False).head(3)
    for column in [name for name in table if name.endswith("__image")] + ["mask"]:
        table[column] = [str(study / "phantom" / cell) if cell else "" for cell in table[column]]
    patients = list(table["patient_id"])
    table["sample_id"] = [table["sample_id"][0], "other-1", "other-2"]
    table["patient_id"] = [patients[0], patients[1], "nobody"]
    table.to_csv(tmp_path / "again.csv", index=False)
    predicted, _ = predict_cohort(load_bundle(study / "out"), tmp_path / "again.csv", store=study / "store")
    notes = predicted.set_index("sample_id")["note"]
    assert notes.iloc[0].startswith("trained on: this sample")
    assert notes["other-1"].startswith("trained on: patient ")
    assert notes["other-2"].startswith("trained on: the same numbers as training sample ")
    options = ["--out", str(tmp_path / "p.csv"), "--store", str(study / "store")]
    result = CliRunner().invoke(predict_app, [str(study / "out"), str(tmp_path / "again.csv"), *options])
    assert "the model was fitted on 3 of these 3 samples" in result.stderr


def test_absent_modalities_are_predicted_from_the_rest_and_noted(study, tmp_path):
    table = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str, keep_default_na=False).head(4)
    table = table.drop(columns="flair__image")
    for column in ("t1__image", "t1ce__image", "t2__image", "mask"):
        table[column] = [str(study / "phantom" / cell) if cell else "" for cell in table[column]]
    table.to_csv(tmp_path / "new.csv", index=False)
    predicted, _ = predict_cohort(load_bundle(study / "out"), tmp_path / "new.csv", store=study / "store")
    assert predicted["probability"].between(0, 1).all()
    assert predicted["note"].str.contains("flair").all()
    assert predicted["flair"].isna().all()


def test_a_tampered_bundle_is_refused_before_it_runs(study, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(study / "out" / "bundle", copy)
    with (copy / "model.bin").open("ab") as file:
        file.write(b"x")
    arguments = [str(copy), str(study / "phantom" / "cohort.csv"), "--out", str(tmp_path / "p.csv")]
    result = CliRunner().invoke(predict_app, arguments)
    assert result.exit_code == 3
    assert "model.bin has changed" in result.stderr
    assert not (tmp_path / "p.csv").exists()


def test_a_damaged_image_costs_itself_only(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    victim = sorted((tmp_path / "phantom").rglob("*t1ce*.nii.gz"))[0]
    victim.write_bytes(victim.read_bytes()[:-200])
    options = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "store"), "--jobs", "2"]
    shutil.copytree(study / "store", tmp_path / "store")
    result = CliRunner().invoke(run_app, [str(write_study(tmp_path)), *options])
    assert result.exit_code == 3, result.output
    failures = read_table(tmp_path / "out" / "bundle", "failures")
    assert list(failures["modality"]) == ["t1ce"]
    assert failures.loc[0, "code"] in ("file_truncated", "file_corrupted")
    assert failures.loc[0, "sample_id"] in result.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_finished_run_prints_the_scores_and_ends_with_the_report(study, tmp_path):
    options = ["--out", str(tmp_path / "out"), "--store", str(study / "store")]
    result = CliRunner().invoke(run_app, [str(study / "study.toml"), *options])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip().splitlines()[-1] == f"Report: {tmp_path / 'out' / 'report.html'}"
    assert "regression" in result.stdout


def test_a_missing_recipe_is_one_sentence(tmp_path):
    result = CliRunner().invoke(run_app, [str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "There is no recipe" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"mean", ', '"maen", ', "No combiner is called 'maen'"),
        ('"logistic"', '"logistik"', "No classifier is called 'logistik'"),
    ],
)
def test_a_misspelt_name_is_refused_before_anything_is_extracted(tmp_path, old, new, said):
    recipe = write_study(tmp_path)
    recipe.write_text(recipe.read_text().replace(old, new))
    result = CliRunner().invoke(run_app, [str(recipe), "--out", str(tmp_path / "out"), "--store", str(tmp_path / "s")])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(("out", "code"), [("file", 2), ("file/below", 2), ("other", 3)])
def test_a_useless_output_folder_is_refused_before_anything_is_extracted(tmp_path, out, code):
    (tmp_path / "file").touch()
    (tmp_path / "other" / "bundle").mkdir(parents=True)
    options = ["--out", str(tmp_path / out), "--store", str(tmp_path / "s")]
    result = CliRunner().invoke(run_app, [str(write_study(tmp_path)), *options])
    assert result.exit_code == code
    assert str(tmp_path / out) in result.stderr
    assert not (tmp_path / "s").exists()


def test_when_every_image_fails_the_images_are_named(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    for mask in (tmp_path / "phantom").rglob("*mask*.nii.gz"):
        mask.unlink()
    options = ["--out", str(tmp_path / "out"), "--store", str(tmp_path / "s")]
    result = CliRunner().invoke(run_app, [str(write_study(tmp_path)), *options])
    assert result.exit_code == 3
    assert "0 patients with idh = 0" in result.stderr
    assert "phantom-001 (t1) file_missing" in result.stderr


def test_prediction_names_what_failed_on_the_terminal_and_in_a_table(study, tmp_path):
    shutil.copytree(study / "phantom", tmp_path / "phantom")
    (tmp_path / "phantom" / "images" / "phantom-001" / "phantom-001_mask.nii.gz").unlink()
    options = ["--out", str(tmp_path / "p.csv"), "--store", str(study / "store")]
    cohort = str(tmp_path / "phantom" / "cohort.csv")
    result = CliRunner().invoke(predict_app, [str(study / "out"), cohort, *options])
    assert result.exit_code == 3
    assert "Without a probability, for the reason in the column note: phantom-001." in result.stderr
    assert set(pd.read_csv(tmp_path / "p_failures.csv")["sample_id"]) == {"phantom-001"}


def test_prediction_tries_again_what_its_content_made_hopeless_only_when_asked(study, tmp_path):
    bundle = load_bundle(study / "out")
    table = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str, keep_default_na=False).head(1)
    for column in table.columns[table.columns.str.endswith(("__image", "mask"))]:
        table[column] = [str(study / "phantom" / cell) if cell else "" for cell in table[column]]
    table.to_csv(tmp_path / "one.csv", index=False)
    store, block = FeatureStore(tmp_path / "store"), FeatureStore(study / "store").blocks()[0]
    (row,) = table.to_dict("records")
    digests = file_sha256(row["t1__image"]), file_sha256(row["mask"])
    key = content_key(block, *digests, bundle.description["settings"]["mask_label"])
    with store.writer(block) as writer:
        writer.add(Record(key, row["sample_id"], "t1", status="failed", error_code="empty_roi", message="Once."))
    told = []
    for retry_failed in (False, True):
        _, failures = predict_cohort(bundle, tmp_path / "one.csv", store=store.root, retry_failed=retry_failed)
        told.append(failures["message"].to_list())
    assert told == [["Once."], []]


def test_retry_failed_reaches_the_extraction_of_a_run(study, tmp_path, monkeypatch):
    def told(*arguments, **options):
        raise RequestError(f"retry_failed is {options['retry_failed']}.")

    monkeypatch.setattr("radiofuse.experiment.preparation.collect_features", told)
    arguments = [str(study / "study.toml"), "--out", str(tmp_path / "out"), "--store", str(study / "store")]
    for option in ([], ["--retry-failed"]):
        assert f"retry_failed is {bool(option)}." in CliRunner().invoke(run_app, [*arguments, *option]).stderr


def test_a_run_that_evaluates_fewer_patients_than_the_last_names_them(study, tmp_path):
    bundle = study / "out" / "bundle"
    patients = sorted(read_table(bundle, "predictions")["patient_id"].unique())
    assert describe_fewer(bundle, patients) == describe_fewer(tmp_path, patients) == ""
    words = describe_fewer(bundle, patients[2:])
    assert f"evaluates {len(patients) - 2} patients, the last one into this folder evaluated {len(patients)}" in words
    assert f"without {patients[0]}, {patients[1]}." in words
