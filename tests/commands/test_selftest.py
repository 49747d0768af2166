"""``python -m radiofuse.selftest``: pure noise scores like chance only where the selection is nested."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from radiofuse.commands.selftest import _table_of_shape, app, noise_like
from radiofuse.selection_run.request import SelectionRequest
from radiofuse.tables.features import RawTable, check_table

FAST = ["--folds", "4", "--repeats", "1", "--inner", "3"]


def aucs(text):
    found = re.findall(r"(\w+): (nested|optimistic) AUC (\S+) on average \((\S+?)-(\S+), (\d+) times\)", text)
    return {(model, kind): (float(mean), int(times)) for model, kind, mean, _, _, times in found}


def test_noise_of_a_shape(tmp_path):
    result = CliRunner().invoke(app, ["noise", "--shape", "80x200", "--times", "4", *FAST])
    assert result.exit_code == 0, result.output
    found = aucs(result.stdout)
    assert set(found) == {("noise", "nested"), ("noise", "optimistic")}
    assert abs(found["noise", "nested"][0] - 0.5) < 0.12
    assert found["noise", "optimistic"][0] > 0.7
    assert found["noise", "nested"][1] == 4
    assert "The truth is .500." in result.stdout


def test_noise_in_the_place_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    rows = pd.DataFrame({"idh": y, "t1__a": y + 0.01 * rng.normal(size=60), "t2__a": y * 1.0, "t2__b": y - 1.0})
    rows.to_csv(tmp_path / "table.csv", index=False)
    result = CliRunner().invoke(
        app, ["noise", str(tmp_path / "table.csv"), "--times", "2", "--label", "idh", "--alpha", "1", *FAST]
    )
    assert result.exit_code == 0, result.output
    assert {model for model, _ in aucs(result.stdout)} == {"t1", "t2", "fusion"}
    assert all(mean < 0.8 for mean, _ in aucs(result.stdout).values())  # what the table holds would give 1


def test_noise_keeps_gaps_and_patients_and_nothing_else():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(50, 9, size=(40, 3)), columns=["t1__a", "t1__b", "t2__a"])
    rows.loc[:4, "t2__a"] = np.nan
    rows = rows.assign(idh=np.repeat([0, 1], 20), patient_id=np.repeat([f"p{i}" for i in range(20)], 2))
    table = check_table(
        RawTable(rows, "idh", None, "memory", {}), SelectionRequest("idh", "table.csv").roles, n_folds=5
    )
    noisy = noise_like(table, 0, 0)
    assert noisy.features.isna().equals(table.features.isna())
    assert abs(noisy.features.mean().mean()) < 1
    assert table.features.mean().mean() > 40  # the table itself is as it was
    assert pd.Series(noisy.y).groupby(noisy.patients).nunique().max() == 1
    assert noisy.y.sum() == 20
    assert (noisy.y != table.y).any()
    assert noise_like(table, 0, 0).features.equals(noisy.features)
    assert not noise_like(table, 0, 1).features.equals(noisy.features)


def test_wrong_requests():
    for arguments, sentence in (
        (["--shape", "100"], "--shape is '100'; write it as SAMPLESxFEATURES"),
        (["nowhere.csv", "--label", "y"], "nowhere.csv was taken relative to the folder you are in"),
        (["--shape", "20x5", "--bogus", "1"], "No such option"),
    ):
        result = CliRunner().invoke(app, ["noise", *arguments])
        assert result.exit_code == 2
        assert sentence in result.stderr
    assert _table_of_shape("10x3").features.shape == (10, 3)


def test_options_without_effect_are_refused():
    for options, said in (
        (["--out", "somewhere"], "writes nothing"),
        (["--site", "scanner"], "name columns; give a TABLE"),
        (["--shape", "99999999x99999999"], "has more than 50,000,000 cells"),
    ):
        result = CliRunner().invoke(app, ["noise", "--shape", "60x5", *options])
        assert result.exit_code == 2
        assert said in result.stderr


def test_copied_rows_are_refused_as_the_selection_refuses_them(tmp_path):
    half = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 30))).add_prefix("t1__x").assign(idh=[0, 1] * 10)
    half.insert(0, "sample_id", [f"P{row}" for row in range(20)])
    copies = half.assign(sample_id=half["sample_id"].str.replace("P", "Q"))
    pd.concat([half, copies]).to_csv(tmp_path / "table.csv", index=False)
    result = CliRunner().invoke(app, ["noise", str(tmp_path / "table.csv"), "--label", "idh", "--times", "1", *FAST])
    assert result.exit_code == 3
    assert "same numbers in nearly all columns: P0 = Q0" in " ".join(result.stderr.split())


def test_the_closing_words_are_of_the_classes_that_there_are(tmp_path):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 5))).add_prefix("t1__x")
    table.insert(0, "sample_id", [f"P{row}" for row in range(60)])
    table.assign(grade=["2", "3", "4"] * 20).to_csv(tmp_path / "table.csv", index=False)
    given = ["noise", str(tmp_path / "table.csv"), "--label", "grade", "--times", "1"]
    result = CliRunner().invoke(app, [*given, "--steps", "kruskal", *FAST])
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "the mean over the classes, each against the rest" in said and "share of positives" not in said
