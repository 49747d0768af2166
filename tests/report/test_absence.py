"""A run whose recipe asks for every combination: what the fusion loses without each, on screen and page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.read import read_description, read_table
from radiofuse.commands.run import app
from radiofuse.commands.run_words import describe_absences, describe_collinear
from radiofuse.experiment import run_recipe
from radiofuse.fuse.vote_ties import tie_rate
from radiofuse.report.absence import absences
from radiofuse.report.member_words import collinear_members, tie_words
from radiofuse.statistics import compare_models
from radiofuse.tables.predictions import slice_of

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
label = "idh=Mutant"
[radiomics]
settings = "none"
[select]
method = "none"
[classify]
method = "logistic"
[fusion]
combine = ["mean", "vote", "ridge_mean"]
inner_folds = 2
missing = "refit"
subsets = "all"
[evaluation]
folds = 2
repeats = 2
resamples = 100
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("absence"), np.random.default_rng(0), 60
    idh = np.arange(n) % 2
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": np.where(idh == 1, "Mutant", "WT")}
    for modality, strength in (("t1", 0.0), ("t1ce", 2.0), ("flair", 0.5)):
        table[f"{modality}__f"] = rng.normal(size=n) + strength * idh
    table = pd.DataFrame(table)
    table.loc[:3, "t1__f"] = np.nan
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store")


def test_every_set_of_absent_modalities_has_its_loss(run):
    about, comparisons = read_description(run / "bundle"), read_table(run / "bundle", "comparisons")
    found = absences(comparisons, "mean", about["protocol"]["words"]["models"])
    assert {one.absent for one in found[:3]} == {("t1",), ("t1ce",), ("flair",)}
    assert [len(one.absent) for one in found] == [1, 1, 1, 2, 2, 2]
    assert found[0].absent == ("t1ce",) and found[0].comparison.difference > 0.1
    assert {one.model for one in found[3:]} == {"t1", "t1ce", "flair"}
    predictions = slice_of(read_table(run / "bundle", "predictions"), "idh", "Mutant")
    own = compare_models(predictions, "mean", found[0].model, n_resamples=100)
    assert found[0].comparison.difference == pytest.approx(own.difference)


def test_screen_and_page_show_them(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    about, comparisons = read_description(run / "bundle"), read_table(run / "bundle", "comparisons")
    lines = describe_absences(comparisons, about).splitlines()
    assert lines[0].split("  ")[0] == "mean without" and len(lines) == 7
    assert lines[1].startswith("t1ce ")
    page = (run / "report.html").read_text()
    assert "mean without some modalities" in page and "Without 1 modality" in page and "Without 2 modalities" in page
    predictions = read_table(run / "bundle", "predictions")
    line = tie_words(predictions, "mean", about["protocol"]["words"]["models"])
    assert list(describe_collinear(predictions, about)) == []
    P = predictions.pivot(index=["repeat", "sample_id"], columns="model", values="probability")[["t1", "t1ce", "flair"]]
    assert line == f"The members’ votes tie in {tie_rate(P.to_numpy()):.0%} of the predictions, out of fold."
    assert line in page
    assert "learned anew for every pattern of absent modalities" in page


def test_a_run_without_combinations_shows_none(run):
    about, comparisons = read_description(run / "bundle"), read_table(run / "bundle", "comparisons")
    words = {name: said for name, said in about["protocol"]["words"]["models"].items() if "+" not in name}
    assert absences(comparisons, "mean", words) == []


@pytest.mark.parametrize("n_classes", [2, 3])
def test_members_that_repeat_each_other_are_named_where_weights_are_learned(n_classes):
    rng, parts = np.random.default_rng(0), []
    told = rng.dirichlet(np.ones(n_classes), 40)
    for model, near in (("t1", 0.0), ("t1ce", 1e-3), ("flair", 1.0)):
        each = (1 - near) * told + near * rng.dirichlet(np.ones(n_classes), 40)
        for label in range(n_classes == 2, n_classes):
            samples = {"sample_id": range(40), "repeat": 0, "fold": 0, "class": str(label), "model": model}
            parts.append(pd.DataFrame({**samples, "probability": each[:, label]}))
    words = {name: {"model": "fusion", "kind": "modality"} for name in ("t1", "t1ce", "flair")}
    words |= {name: {"model": "fusion", "kind": "fusion"} for name in ("mean", "nonnegative")}
    assert collinear_members(pd.concat(parts), "mean", words).startswith("Members t1 and t1ce say nearly the same")
    about = {"protocol": {"primary": "mean", "words": {"models": words}}}
    (warning,) = describe_collinear(pd.concat(parts).assign(outcome="idh"), about)
    assert warning.startswith("Warning: Members t1 and t1ce say nearly the same out of fold (variance inflation up to")
    assert tie_words(pd.concat(parts), "mean", words) == ""
    del words["nonnegative"]
    assert collinear_members(pd.concat(parts), "mean", words) == ""


def test_copies_are_named_on_screen_and_page_also_in_a_model_that_is_not_the_answer(tmp_path, capsys):
    rng, n = np.random.default_rng(0), 40
    table = pd.DataFrame({"sample_id": [f"s{row:02}" for row in range(n)], "idh": np.arange(n) % 2})
    table = table.assign(t1__f=rng.normal(size=n) + table["idh"], flair__f=rng.normal(size=n))
    table.assign(copy__f=table["t1__f"]).to_csv(tmp_path / "cohort.csv", index=False)
    recipe = RECIPE.replace("repeats = 2", "repeats = 1").replace('subsets = "all"', "calibrate = false")
    recipe = recipe.replace(', "vote", "ridge_mean"', "").replace("=Mutant", "")
    models = '[[models]]\nmodalities = ["t1", "flair"]\n' + "".join(
        f'[[models]]\nname = "{name}"\ncombine = ["nonnegative"]\n' for name in ("first", "second")
    )
    (tmp_path / "recipe.toml").write_text(recipe + models)
    with pytest.raises(SystemExit):
        app([str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "out"), "--store", str(tmp_path / "store")])
    said = "Members t1 and copy say the same out of fold, or one says what others say together"
    assert " ".join(capsys.readouterr().err.split()).count(f"Warning: first and second: {said}") == 1
    assert (tmp_path / "out" / "report.html").read_text().count(said) == 2
