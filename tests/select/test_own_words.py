"""A selector touches its own file and one line of a table: its words then stand wherever selectors are spoken of."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectKBest, SelectorMixin
from typer.testing import CliRunner

from radiofuse.commands.select import app
from radiofuse.experiment.models.glossary import describe_names
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.names import lookup
from radiofuse.select import SELECTORS, Words, build_chain
from radiofuse.select.words import words_of
from radiofuse.statistics.multiplicity import CORRECTIONS


class MeanGap(SelectorMixin, BaseEstimator):
    """Keep the columns whose class means lie apart."""

    words = Words(
        "gap between the means",
        heading="gap",
        kept="with a gap above {least:g}",
        removed="its gap is {least:g} or less",
    )
    command_options = {"alpha": "least"}

    def __init__(self, least=0.1):
        self.least = least

    def fit(self, X, y):
        X, y = np.asarray(X), np.asarray(y)
        self.n_features_in_ = X.shape[1]
        self.scores_ = np.abs(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0))
        return self

    def _get_support_mask(self):
        return self.scores_ > self.least


@pytest.fixture(autouse=True)
def in_the_table(monkeypatch):
    monkeypatch.setitem(SELECTORS, "mean_gap", f"{__name__}:MeanGap")


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 8)), np.arange(40) % 2
    X[:, :3] += y[:, None]
    frame = pd.DataFrame(X, columns=[f"t1__f{i}" for i in range(8)])
    frame.insert(0, "grade", y)
    frame.insert(0, "sample_id", [f"s{i:02d}" for i in range(40)])
    frame.to_csv(tmp_path / "features.csv", index=False)
    return tmp_path / "features.csv"


def test_the_command_its_tables_and_its_page_speak_of_it_in_its_words(table, tmp_path):
    options = ["--label", "grade", "--alpha", "0.4", "--folds", "2", "--repeats", "1", "--inner", "4"]
    said = CliRunner().invoke(app, [str(table), *options, "--steps", "MeanGap,lasso", "--out", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    n_left = json.loads((tmp_path / "out" / "selection.json").read_text())["flow"]["t1"]["steps"]["mean_gap"]
    assert 3 <= n_left < 8
    assert f"{n_left} with a gap above 0.4 ->" in " ".join(said.stdout.split())
    trace = pd.read_csv(tmp_path / "out" / "trace.csv")
    removed = trace[trace["step"] == "mean_gap"]
    assert set(removed["why"]) == {"its gap is 0.4 or less"}
    assert len(removed) == 8 - n_left
    assert removed["value"].max() <= 0.4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "After gap" in page
    assert f"{n_left} with a gap above 0.4" in page


def test_a_recipe_takes_it_and_the_glossary_has_its_words(tmp_path):
    text = '[cohort]\ntable = "cohort.csv"\nlabel = "idh"\n[select]\nmethod = "mean_gap"\n'
    (tmp_path / "own.toml").write_text(text)
    words = describe_names(read_recipe(tmp_path / "own.toml"), ["t1"])
    assert words["selector"] == {
        "title": "gap between the means",
        "does": "Keep the columns whose class means lie apart.",
    }
    assert words["models"]["t1"]["does"].startswith("gap between the means; then, as classifier,")


def test_one_without_words_is_spoken_of_by_its_name_and_docstring():
    words = words_of(SelectKBest(), "best")
    assert (words.heading, words.kept, words.removed) == ("best", "after best", "not selected by SelectKBest")
    assert words.title == "Select features according to the k highest scores"
    assert words_of(build_chain(["mean_gap", "lasso"], {})).title == "gap between the means, then LASSO"


@pytest.mark.parametrize("name", sorted(SELECTORS))
def test_built_in_selectors_have_words_and_options_that_exist(name):
    selector = lookup(name, SELECTORS, "selector")()
    words = words_of(selector, name)
    assert words.kept != f"after {name}"
    assert not words.removed.startswith("not selected by")
    assert set(getattr(selector, "command_options", {}).values()) <= set(selector.get_params())
    if "correction" in selector.get_params() and name != "three_step":
        for correction, title in CORRECTIONS.items():
            adjusted = words_of(selector.set_params(correction=correction))
            assert f"p adjusted after {title}" in adjusted.kept and f"p adjusted after {title}" in adjusted.removed
