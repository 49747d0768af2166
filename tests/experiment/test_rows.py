"""A recipe and its cohort: what does not fit together is said before anything is extracted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_description, read_table
from radiofuse.commands import extract
from radiofuse.commands.run import app
from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.progress import silent

RECIPE = """
[cohort]
table = "cohort.csv"
label = "idh"
[classify]
method = "{classifier}"
[fusion]
combine = ["mean", "regression"]
inner_folds = {inner}
[evaluation]
folds = 3
repeats = 1
resamples = 100
"""


def ready_features(n_positive: int = 12, n_negative: int = 18) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [n_negative, n_positive])
    table = pd.DataFrame({"sample_id": [f"s{i:02}" for i in range(len(y))], "idh": y})
    for modality in ("t1", "t2"):
        for j in range(6):
            table[f"{modality}__f{j}"] = rng.normal(size=len(y)) + y * (j < 2)
    return table.assign(clinical__age=rng.normal(50, 10, len(y)))


def write(folder: Path, table: pd.DataFrame, *, inner: int = 3, classifier: str = "logistic") -> Path:
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.toml").write_text(RECIPE.format(inner=inner, classifier=classifier))
    return folder / "study.toml"


def prepare(path: Path):
    return prepare_rows(read_recipe(path), path.parent / "out", store="unused", n_jobs=1, progress=silent)


def test_a_study_is_the_labeled_rows_in_the_order_of_their_ids(tmp_path):
    table = ready_features()
    table.loc[[2, 20], "idh"] = np.nan
    study = prepare(write(tmp_path, table.sample(frac=1, random_state=0)))
    assert list(study.X.index) == sorted(set(table["sample_id"]) - {"s02", "s20"})
    assert study.modalities == ["t1", "t2"]
    assert list(study.flow["n_samples"]) == [30, 2, 0, 28]
    assert not study.synthetic
    assert study.settings["ready_made"] == ["t1", "t2"]  # a page says so; clinical columns are told apart


def test_clinical_columns_are_numbers_whatever_they_are_called(tmp_path):
    numbers = {f"clinical__{thing}": np.arange(30.0) % 7 + 1 for thing in ("image", "mask", "mask_label")}
    study = prepare(write(tmp_path, ready_features().assign(**numbers)))
    assert sorted({*numbers, "clinical__age"}) == [name for name in study.X if name.startswith("clinical__")]
    assert study.failures.empty


def test_a_recipe_without_radiomics_has_nothing_to_extract(tmp_path, monkeypatch):
    path = write(tmp_path, ready_features())
    path.write_text(path.read_text() + '[radiomics]\nsettings = "none"\n')
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(extract.app, ["--recipe", "study.toml"])
    assert done.exit_code == 2
    assert 'study.toml says settings = "none" under [radiomics], so there is nothing to extract' in done.stderr


def test_a_modality_too_rare_for_the_folds_is_named(tmp_path):
    table = ready_features()
    table.loc[table["idh"] == 1, table.columns.str.startswith("t2__")] = np.nan
    table.loc[29, table.columns.str.startswith("t2__")] = 0.5
    with pytest.raises(CohortError, match="t2 is present in 18 patients with idh = 0 and 1 with 1, fewer than the 3"):
        prepare(write(tmp_path, table))


def test_too_many_inner_folds_are_refused_at_once(tmp_path):
    with pytest.raises(CohortError, match=r"5 patients, 3 are left to train on .* inner_folds = 4"):
        prepare(write(tmp_path, ready_features(n_positive=5), inner=4))


def test_a_modality_called_like_a_model_is_refused(tmp_path):
    table = ready_features().rename(columns=lambda name: name.replace("t2__", "mean__"))
    with pytest.raises(CohortError, match="a modality is called 'mean', which is the name of a model"):
        prepare(write(tmp_path, table))


def test_the_order_of_columns_moves_no_number_even_of_a_network(tmp_path):
    table = ready_features()
    shuffled = table.sample(frac=1, axis=1, random_state=1)
    first = run_recipe(write(tmp_path / "a", table, classifier="brnn"), out=tmp_path / "a" / "out", report=False)
    second = run_recipe(write(tmp_path / "b", shuffled, classifier="brnn"), out=tmp_path / "b" / "out", report=False)
    key = ["model", "sample_id"]
    tables = [read_table(out / "bundle", "predictions").sort_values(key, ignore_index=True) for out in (first, second)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_the_model_does_not_depend_on_the_number_of_processes(tmp_path):
    path = write(tmp_path, ready_features())
    outs = [run_recipe(path, out=tmp_path / f"out{n_jobs}", n_jobs=n_jobs, report=False) for n_jobs in (1, 2)]
    bundles = [load_bundle(out) for out in outs]
    X = pd.read_csv(tmp_path / "cohort.csv", index_col="sample_id")
    pd.testing.assert_frame_equal(*[bundle.model.predict_proba_each(X) for bundle in bundles], check_exact=True)
    assert {bundle.model.n_jobs for bundle in bundles} == {None}


def test_words_give_the_numbers_of_zero_and_one_and_the_positive_class_is_named(tmp_path, caplog):
    caplog.set_level("INFO", logger="radiofuse")
    table = ready_features()
    words = table.assign(idh=table["idh"].map({0: "wild type", 1: "mutant"})).astype({"idh": object})
    words.loc[[2, 20], "idh"] = ["pending", "NULL"]
    table.loc[[2, 20], "idh"] = np.nan
    path = write(tmp_path / "words", words)
    path.write_text(path.read_text().replace('label = "idh"', 'label = "idh=mutant"\nmissing = ["pending"]'))
    result = CliRunner().invoke(app, [str(path), "--out", str(tmp_path / "out"), "--no-report"])
    assert result.exit_code == 0, result.output
    said = 'Positive class: idh = mutant (label = "idh=VALUE" names another).'
    assert result.stdout.startswith(said)
    assert "Positive class" not in caplog.text  # it stands with the scores
    assert "samples have no idh (empty, or pending) and are left out." in caplog.text
    assert f"of class mutant, {int((table['idh'] == 0).sum())} of class wild type (idh)." in caplog.text
    plain = run_recipe(write(tmp_path / "plain", table), out=tmp_path / "plain" / "out", report=False)
    before, after = (read_table(folder / "bundle", "predictions") for folder in (plain, tmp_path / "out"))
    assert set(before.pop("class")) == {"1"}
    assert set(after.pop("class")) == {"mutant"}
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    bundle = load_bundle(tmp_path / "out")
    assert [outcome.phrase for outcome in bundle.outcomes] == ["idh = mutant"]
    answers, _ = predict_cohort(bundle, path.parent / "cohort.csv", store=tmp_path / "store")
    assert set(answers["class"]) == {"mutant"}


def test_lesions_with_labels_of_their_own_are_dealt_by_patient(tmp_path):
    table = ready_features(n_positive=18, n_negative=18)
    table.insert(1, "patient_id", [f"p{i % 9}" for i in range(36)])  # two lesions of each class in every patient
    path = write(tmp_path, table)
    with pytest.raises(CohortError, match=r"both classes of idh: p0, .* say label_per = \"sample\", and folds stay by"):
        prepare(path)
    path.write_text(path.read_text().replace('label = "idh"', 'label = "idh"\nlabel_per = "sample"'))
    predictions = read_table(run_recipe(path, out=tmp_path / "out", report=False) / "bundle", "predictions")
    one = predictions[predictions["model"] == "regression"]
    assert sorted(one["sample_id"]) == sorted(table["sample_id"])
    assert (one.groupby("patient_id")["fold"].nunique() == 1).all()
    assert (one.groupby("patient_id")["label"].nunique() == 2).all()
    for train, test in inner_folds(3, table["idh"].to_numpy(), table["patient_id"].to_numpy(), 0):
        assert not set(table["patient_id"][train]) & set(table["patient_id"][test])


def test_a_pattern_of_modalities_is_kept_for_new_patients(tmp_path):
    table = ready_features()
    path = write(tmp_path / "plain", table)
    plain = read_table(run_recipe(path, out=tmp_path / "plain" / "out", report=False) / "bundle", "predictions")
    renamed = table.rename(columns=lambda name: name.replace("t1__", "T1_").replace("t2__", "T2_"))
    path = write(tmp_path / "renamed", renamed)
    path.write_text(path.read_text().replace("[classify]", "modality_pattern = '^(?P<modality>T[12])_'\n[classify]"))
    out = run_recipe(path, out=tmp_path / "out", report=False)
    pd.testing.assert_frame_equal(read_table(out / "bundle", "predictions"), plain, check_exact=True)
    bundle = load_bundle(out)
    answers, _ = predict_cohort(bundle, path.parent / "cohort.csv", store=tmp_path / "store")
    features = table.set_index("sample_id")[bundle.description["columns"]]
    expected = bundle.model.predict_proba_each(features)["mean"]
    np.testing.assert_array_equal(answers["probability"], expected.loc[answers["sample_id"]])
    path.write_text(path.read_text().replace("?P<modality>", ""))
    with pytest.raises(RequestError, match=r"cohort.modality_pattern: The modality pattern .* must name one group"):
        read_recipe(path)


def test_columns_that_know_the_label_are_told_before_the_folds_and_beside_the_scores(tmp_path, caplog):
    table = ready_features()
    assert prepare(write(tmp_path / "clean", table)).warnings() == []
    table = table.assign(clinical__died=table["idh"], t1__idh_status=0.0, t2__mutated=7 - 3 * table["idh"])
    path = write(tmp_path / "leaky", table)
    folder = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    told = read_description(folder / "bundle")["warnings"]
    advice = " What is not known before the label is belongs under ignore in the recipe."
    assert f"t2__mutated, clinical__died alone each separate the classes (AUC above 0.99).{advice}" in told
    assert f"t1__idh_status bears the name of the label.{advice}" in told
    assert {sentence for sentence in told if advice in sentence} <= set(caplog.messages)


def test_masks_that_no_expert_drew_are_told_with_their_maker(tmp_path):
    table = ready_features()
    table["mask_source"] = [f"U-Net 4f2a, fold {i % 2 + 1} of 2" if i % 3 else "command: nnunet" for i in range(30)]
    table.loc[0, "mask_source"] = ""
    told = prepare(write(tmp_path, table)).warnings()
    assert [sentence.partition(",")[0] for sentence in told if "expert" in sentence] == [
        "The masks of 20 samples of 30 were made by U-Net 4f2a",
        "The masks of 9 samples of 30 were made by command: nnunet",
    ]
    assert sum("Whom that program was trained on is not known" in sentence for sentence in told) == 1
