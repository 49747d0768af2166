"""Files and folders whose names are not UTF-8: used where that is possible, else refused in a sentence."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.bundle.read import read_description
from radiofuse.commands import terminal
from radiofuse.commands.select import app as select_app
from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.run import run_recipe
from radiofuse.tables.cohort import read_cohort

ODD = os.fsdecode(b"odd\xff")
RECIPE = """
cohort = { table = "t.csv", label = "idh" }
radiomics = { settings = "none" }
fusion = { combine = ["mean"], inner_folds = 2 }
evaluation = { folds = 2, repeats = 1, resamples = 100 }
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / ODD
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    classes, rng = np.arange(40) % 2, np.random.default_rng(0)
    features = {f"t1__f{at}": rng.normal(size=40) + classes for at in range(3)}
    table = pd.DataFrame({"sample_id": [f"s{at}" for at in range(40)], "idh": classes, **features})
    table.to_csv(folder / "t.csv", index=False)
    return folder


def test_a_selection_reads_and_writes_there(folder):
    options = ["--label", "idh", "--folds", "2", "--repeats", "1", "--inner", "3", "--no-report"]
    done = CliRunner().invoke(select_app, [str(folder / "t.csv"), *options, "--out", str(folder / "s")])
    assert done.exit_code == 0, done.stderr
    record = (folder / "s" / "selection.json").read_bytes()
    assert b"odd\\udcff" in record
    assert ODD in json.dumps(json.loads(record), ensure_ascii=False)


def test_a_run_reads_and_writes_there_and_is_named_readably(folder):
    recipe = folder / f"{ODD}.toml"
    recipe.write_text(RECIPE)
    out = run_recipe(recipe, out=folder / "out", report=False)
    assert read_description(out / "bundle")["title"] == "odd\\udcff"


def test_a_folder_that_no_cell_can_name_is_refused_where_images_lie_in_it(folder):
    (folder / "images.csv").write_text("sample_id,t1__image,mask\na,a.nii,b.nii\n")
    with pytest.raises(CohortError, match=r"name of its folder .*odd\\udcff is not UTF-8. Rename the folder"):
        read_cohort(folder / "images.csv", missing_files="keep")
    assert len(read_cohort(folder / "t.csv", labels="idh")) == 40


def test_a_name_that_cannot_be_written_is_a_sentence():
    app = terminal.command_app("A command of the tests.")

    @app.command()
    @terminal.answers
    def command(words: str = "") -> None:
        f"/data/{ODD}/x.csv".encode()

    refused = CliRunner().invoke(app, ["--words", "x"])
    assert refused.exit_code == terminal.INPUT
    assert refused.stderr == "Error: A name is not UTF-8: '/data/odd\\udcff/x.csv'. Rename the file or folder.\n"


def test_a_folder_in_the_place_of_a_recipe_is_said(tmp_path):
    with pytest.raises(RequestError, match="is a folder; name the recipe, a TOML file"):
        read_recipe(tmp_path)
