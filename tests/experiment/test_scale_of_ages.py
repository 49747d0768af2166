"""A recipe says how ages are scaled; a new patient older or younger than those of training is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.bundle import load_bundle
from radiofuse.commands.predict import app
from radiofuse.errors import RequestError
from radiofuse.experiment import run_recipe
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.prepare.clinical_scale import NormalScoreScaler, UnitRangeScaler

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
RECIPE = """
[cohort]
table = "cohort.csv"
label = "idh"
[radiomics]
settings = "none"
[clinical]
scale = "{scale}"
[[models]]
clinical = true
combine = ["mean"]
inner_folds = 2
[select]
method = "none"
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


def cohort(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    idh = np.arange(n) % 2
    age = (60 - 15 * idh + rng.normal(0, 6, n)).round()
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": idh, "clinical__age": age}
    return pd.DataFrame(table | {f"t1__f{place}": rng.normal(size=n) for place in range(3)})


def write(folder: Path, scale: str, table: pd.DataFrame) -> Path:
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(scale=scale))
    return folder / "recipe.toml"


def test_ages_are_scaled_as_the_recipe_says_and_new_ones_beyond_them_are_told(tmp_path: Path) -> None:
    table = cohort()
    path = write(tmp_path, "min_max", table)
    run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    scaler = load_bundle(tmp_path / "out").model.members_["clinical"]["scale"]
    low, high = table["clinical__age"].min(), table["clinical__age"].max()
    assert isinstance(scaler, UnitRangeScaler)
    assert (scaler.low_.tolist(), scaler.width_.tolist()) == ([low], [high - low])

    new = table.head(3).drop(columns="idh").assign(sample_id=["n1", "n2", "n3"])
    new["clinical__age"], new["t1__f0"] = [low - 1, high, high + 2], [0.1, 0.2, 0.3]
    new.to_csv(tmp_path / "new.csv", index=False)
    given = [str(tmp_path / "out"), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]
    result = CliRunner().invoke(app, [*given, "--store", str(tmp_path / "store")])
    assert result.exit_code == 0, result.output
    notes = pd.read_csv(tmp_path / "p.csv", keep_default_na=False).set_index("sample_id")["note"]
    said = f"is outside that of training, {low:g} to {high:g}"
    assert notes.tolist() == [f"clinical__age {low - 1:g} {said}", "", f"clinical__age {high + 2:g} {said}"]
    assert "2 of these 3 samples have an age or another clinical number outside" in " ".join(result.stderr.split())


def test_every_scale_reaches_the_clinical_member(tmp_path: Path) -> None:
    for scale, expected in (("quantile_normal", NormalScoreScaler), ("age_100", UnitRangeScaler)):
        recipe = read_recipe(write(tmp_path, scale, cohort()))
        model = list_models(recipe, Inputs(["t1"], clinical=["clinical__age"]))["fusion"]
        assert type(dict(model.estimators)["clinical"]["scale"]) is expected


def test_a_scale_of_what_is_not_there_is_refused(tmp_path: Path) -> None:
    renamed = cohort().rename(columns={"clinical__age": "clinical__kps"})
    for scale, table, said in (
        (
            "min_max",
            cohort().drop(columns="clinical__age"),
            "scales clinical columns, and the cohort has none",
        ),
        ("age_100", renamed, 'scale = "age_100" under .clinical. needs the column clinical__age'),
        ("log", cohort(), "clinical.scale"),
    ):
        path = write(tmp_path, scale, table)
        with pytest.raises(RequestError, match=said):
            run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
