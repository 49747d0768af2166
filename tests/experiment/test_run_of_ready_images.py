"""A recipe's table [images]: a run makes its images ready, and predict makes new ones ready in the same way."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.bundle import load_bundle, predict_cohort
from radiofuse.commands.extract import app as extract_app
from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import RequestError
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe

RECIPE = """[cohort]
table = "cohort.csv"
label = "idh"
modalities = ["t1"]
mask_label = 1
[images]
spacing_mm = [2, 2, 2]
scale = "z_score"
over = "image"
[radiomics]
settings = "default"
[select]
method = "mann_whitney"
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


def phantom(folder: Path) -> pd.DataFrame:
    """Return the rows of a generated cohort, paths absolute."""
    table = make_phantom_cohort(folder, n_patients=16, seed=0)
    rows = pd.read_csv(table, dtype=str)
    files = [name for name in rows if name.endswith("__image") or name == "mask" or name.endswith("__mask")]
    rows[files] = rows[files].map(lambda path: str(table.parent / path) if isinstance(path, str) else path)
    return rows


def test_a_run_of_regions_and_new_patients_of_the_same_regions(tmp_path: Path) -> None:
    rows = phantom(tmp_path / "phantom").assign(mask_regions="GTV=1 WT=1")
    rows.to_csv(tmp_path / "cohort.csv", index=False)
    text = RECIPE.replace("mask_label = 1\n", 'regions = ["GTV", "WT"]\n').replace(
        RECIPE[RECIPE.index("[images]") : RECIPE.index("[radiomics]")], ""
    )
    (tmp_path / "recipe.toml").write_text(text)
    bundle = (
        run_recipe(tmp_path / "recipe.toml", out=tmp_path / "out", store=tmp_path / "store", report=False) / "bundle"
    )
    refused = CliRunner().invoke(extract_app, ["--recipe", str(tmp_path / "recipe.toml"), "--perturb", "3"])
    assert refused.exit_code == 2 and "A recipe with regions goes without --perturb" in refused.output
    described = json.loads((bundle / "bundle.json").read_text())
    assert described["settings"]["regions"] == ["GTV", "WT"] and described["settings"]["mask_label"] is None
    names = [name for name in described["columns"] if not name.startswith("clinical__")]
    assert len(names) == 214 and all(name.startswith(("t1__GTV_", "t1__WT_")) for name in names)
    new = rows.iloc[:1].assign(sample_id="N1", patient_id="N1").drop(columns="idh")
    new.to_csv(tmp_path / "new.csv", index=False)
    answers, _ = predict_cohort(load_bundle(bundle), tmp_path / "new.csv", store=tmp_path / "other")
    assert answers["sample_id"].unique().tolist() == ["N1"]
    new.drop(columns="mask_regions").to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(RequestError, match="N1: The region GTV is not among those that mask_regions names"):
        predict_cohort(load_bundle(bundle), tmp_path / "bare.csv", store=tmp_path / "other")


def test_regions_that_cannot_be_perturbed_are_refused_before_any_image_is_read(tmp_path: Path) -> None:
    phantom(tmp_path / "phantom").assign(mask_regions="GTV=1").to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("mask_label = 1\n", 'region = "GTV"\n'))
    given = ["--recipe", str(tmp_path / "recipe.toml"), "--store", str(tmp_path / "store"), "--perturb", "3"]
    refused = CliRunner().invoke(extract_app, given)
    assert refused.exit_code == 2 and "A recipe with regions goes without --perturb" in refused.output
    assert not (tmp_path / "store").exists() and "Preparing" not in refused.output


def test_a_run_makes_images_ready_and_predict_does_the_same(tmp_path: Path) -> None:
    rows = phantom(tmp_path / "phantom")
    Path(rows["t1__image"].iloc[3]).write_bytes(b"no image")
    rows.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = run_recipe(tmp_path / "recipe.toml", out=tmp_path / "out", store=tmp_path / "store", report=False)
    bundle = out / "bundle"
    described = json.loads((bundle / "bundle.json").read_text())
    assert described["settings"]["images"]["scale"] == "z_score"
    failures = pd.read_csv(bundle / "failures.csv", keep_default_na=False)
    assert failures[["sample_id", "code"]].to_numpy().tolist() == [[rows["sample_id"].iloc[3], "wrong_extension"]]
    (folder,) = (tmp_path / "store" / "images").iterdir()
    assert len(list(folder.glob("*/t1.nii.gz"))) == rows["t1__image"].notna().sum() - 1
    call = [
        "--recipe",
        str(tmp_path / "recipe.toml"),
        "--store",
        str(tmp_path / "store"),
        "--failures",
        str(tmp_path / "f.csv"),
    ]
    extracted = CliRunner().invoke(extract_app, [*call, "--jobs", "1"])
    assert f"0 computed, {rows['t1__image'].notna().sum() - 1} found in the store, 0 failed" in extracted.output
    assert pd.read_csv(tmp_path / "f.csv")["code"].tolist() == ["wrong_extension"]
    new = rows.iloc[:2].assign(sample_id=["N1", "N2"], patient_id=["N1", "N2"])
    new.drop(columns="idh").to_csv(tmp_path / "new.csv", index=False)
    answers, _ = predict_cohort(load_bundle(bundle), tmp_path / "new.csv", store=tmp_path / "other_store")
    assert list(dict.fromkeys(answers["sample_id"])) == ["N1", "N2"]
    assert list((tmp_path / "other_store" / "images").glob("*/N1/t1.nii.gz"))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("spacing = [1, 1, 1]", "spacing_mm"),
        ('scale = "zscore"', "scale is one of z_score, white_stripe, unit_range, nyul"),
        ("n4 = 3", "n4"),
    ],
)
def test_entries_are_checked_with_the_recipe(tmp_path: Path, entry: str, sentence: str) -> None:
    text = RECIPE.partition("[images]")[0] + f"[images]\n{entry}\n"
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(RequestError, match=sentence):
        read_recipe(tmp_path / "recipe.toml")
