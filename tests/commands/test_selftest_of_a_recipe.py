"""``radiofuse selftest noise RECIPE``: honest scores find nothing in permuted labels, shortcuts do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands.selftest import app
from radiofuse.experiment.noise import with_permuted_labels
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.progress import silent

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "kruskal"
[[models]]
name = "joined"
kind = "early"
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture
def recipe(tmp_path):
    n, rng = 60, np.random.default_rng(0)
    idh = np.arange(n) // 2 % 2
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "patient_id": [f"p{row // 2:02}" for row in range(n)],
        "idh": np.where(idh, "mutant", "wildtype"),
        "who_grade": [["2", "3", "4", "4", "unknown"][row // 2 % 5] for row in range(n)],
    }
    values = {f"t1__f{place}": rng.normal(size=n) + 9 * idh * (place == 0) for place in range(150)}
    pd.DataFrame(table | values).to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def test_honest_scores_find_nothing_in_permuted_labels_and_shortcuts_do(recipe):
    call = ["noise", str(recipe), "--times", "3", "--store", str(recipe.parent / "store")]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    honest = re.findall(r"(idh|who_grade), joined: honest AUC (\S+) on average .*?; (\d) of 3 intervals hold", text)
    assert [outcome for outcome, *_ in honest] == ["idh", "who_grade"]
    assert all(abs(float(auc) - 0.5) < 0.2 for _, auc, _ in honest)  # the labels as they are give 1
    claimed = re.findall(r"before the split: claimed AUC (\S+) on average .*?, honestly (\S+) on", text)
    assert [float(one) > float(other) + 0.08 for one, other in claimed] == [True, True]
    assert not (recipe.parent / "out").exists()


def test_labels_move_between_patients_and_unknown_ones_stay(recipe):
    rows = prepare_rows(
        read_recipe(recipe), recipe.parent, store=recipe.parent / "store", n_jobs=1, progress=silent, report=False
    )
    shuffled = with_permuted_labels(rows, 0, 0)
    assert shuffled.y.isna().equals(rows.y.isna())
    assert not shuffled.y.equals(rows.y)
    for name in rows.y:
        assert shuffled.y[name].value_counts().equals(rows.y[name].value_counts())
        assert (shuffled.y[name].groupby(rows.groups).nunique(dropna=False) == 1).all()
    assert with_permuted_labels(rows, 0, 0).y.equals(shuffled.y)


def test_a_shape_and_a_recipe_together_are_refused(recipe):
    result = CliRunner().invoke(app, ["noise", str(recipe), "--shape", "10x10"])
    assert result.exit_code == 2
