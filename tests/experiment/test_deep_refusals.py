"""Patients and tumors that an encoder must not meet twice, under whatever name; crops too rare to learn from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.experiment.preparation import prepare_rows  # noqa: E402
from radiofuse.experiment.recipe.recipe import read_recipe  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from radiofuse.progress import silent  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

RECIPE = """
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "none"
[deep]
encoder = "tiny_encoder:Tiny"
folds = 2
size = 16
training = { epochs = 1 }
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory, tiny_encoder):
    """A folder with a phantom cohort of 24 patients and one finished run in out/."""
    folder = tmp_path_factory.mktemp("study")
    make_phantom_cohort(folder / "phantom", n_patients=24, seed=1)
    (folder / "recipe.toml").write_text(RECIPE)
    run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    return folder


@pytest.fixture
def cohort(study, tmp_path):
    """A recipe in a folder of its own, and its cohort as a table to be changed."""
    for name in ("phantom", "recipe.toml"):
        (shutil.copytree if name == "phantom" else shutil.copy)(study / name, tmp_path / name)
    return tmp_path, pd.read_csv(tmp_path / "phantom" / "cohort.csv", dtype=str)


def prepare(folder: Path, rows: pd.DataFrame):
    rows.to_csv(folder / "phantom" / "cohort.csv", index=False)
    recipe = read_recipe(folder / "recipe.toml")
    return prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent)


def two_patients(rows: pd.DataFrame) -> tuple[int, int]:
    whole = rows[rows["idh"].notna() & rows["t1ce__image"].notna()].drop_duplicates("patient_id")
    return whole.index[0], whole.index[1]


def test_another_sample_of_a_training_patient_is_refused_and_others_are_answered(study, tmp_path):
    table = make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9)
    rows = pd.read_csv(table, dtype=str).drop_duplicates("patient_id").head(3)
    known = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str).dropna(subset=["idh", "t1ce__image"])
    rows = rows.assign(sample_id=["a", "b", "c"], patient_id=["a", known["patient_id"].iloc[0], "c"])
    rows.to_csv(table, index=False)
    answers, failures = predict_cohort(load_bundle(study / "out"), table, store=tmp_path / "store")
    assert answers["probability"].notna().to_list() == [True, False, True]
    assert set(failures["sample_id"]) == {"b"}
    assert set(failures["code"]) == {"encoder_saw_it"}
    assert failures["message"].str.contains("whom the encoder was trained on").all()


def test_an_encoder_whose_version_has_changed_is_said(study, tmp_path, caplog):
    table = make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9)
    rows = pd.read_csv(table, dtype=str).head(1).assign(sample_id="a", patient_id="a")
    rows.to_csv(table, index=False)
    bundle = load_bundle(study / "out")
    with caplog.at_level(logging.WARNING):
        predict_cohort(bundle, table, store=tmp_path / "store")
        assert "has another version" not in caplog.text
        for chain in bundle.model.members_.values():
            chain["encode"].encoder_.card["inputs"]["version"] = "another"
        predict_cohort(bundle, table, store=tmp_path / "store")
    assert [message for message in caplog.messages if "has another version than when it was trained" in message]


def test_copies_of_one_tumor_under_two_patients_are_refused_before_training(cohort):
    folder, rows = cohort
    one, other = two_patients(rows)
    for column in ("t1ce__image", "mask"):
        shutil.copy(folder / "phantom" / rows.at[one, column], folder / "phantom" / f"{column}_copy.nii.gz")
        rows.loc[other, column] = f"{column}_copy.nii.gz"
    names = rows.loc[[one, other], "sample_id"]
    with pytest.raises(CohortError, match=f"same content: t1ce of {names[one]} = t1ce of {names[other]}"):
        prepare(folder, rows)
    assert not (folder / "store" / "encoders").exists()
    rows.loc[other, "patient_id"] = rows.at[one, "patient_id"]
    rows.loc[other, "idh"] = rows.at[one, "idh"]
    assert set(names) <= set(prepare(folder, rows).X.index)


def test_a_modality_whose_crops_are_too_rare_is_named(cohort):
    folder, rows = cohort
    rows["flair__feature"] = np.arange(len(rows))
    rows["flair__image"] = rows["flair__image"].where(rows["idh"] != "1")
    with pytest.raises(CohortError, match=r"A tumor crop of flair is present in \d+ patients with idh = 0 and 0 with"):
        prepare(folder, rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there_is_refused_before_extraction(cohort):
    folder, rows = cohort
    (folder / "recipe.toml").write_text(RECIPE.replace("size = 16", 'size = 16\ndevice = "cuda"'))
    with pytest.raises(RequestError, match="'cuda' was asked for"):
        prepare(folder, rows)
    assert not (folder / "store").exists()
