"""The tables of AUCs beyond the scores: which runs have them, and of which models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.format import TABLES
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.scores.auc_tables import auc_tables
from radiofuse.statistics import best_of_models, cross_validated_intervals

RECIPE = """
title = "IDH"
seed = 7
[cohort]
table = "cohort.csv"
label = "idh"
modalities = ["t1"]
[evaluation]
resamples = 100
"""


def predictions(models=("t1", "mean", "trivial"), n=40):
    rng, ids = np.random.default_rng(0), [f"s{row:02d}" for row in range(n)]
    rows = pd.DataFrame({"outcome": "idh", "sample_id": ids, "patient_id": ids, "repeat": 0})
    rows = rows.assign(fold=rng.permutation(n) % 5, label=np.arange(n) % 2, **{"class": "1"})
    parts = [rows.assign(model=model, probability=0.5 * rng.random(n) + 0.2 * rows["label"]) for model in models]
    parts[-1] = parts[-1].assign(probability=0.5) if models[-1] == "trivial" else parts[-1]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def make_recipe(tmp_path):
    def make(more=""):
        (tmp_path / "r.toml").write_text(RECIPE + more)
        return read_recipe(tmp_path / "r.toml")

    return make


def test_folds_dealt_by_chance_have_both_tables_and_the_trivial_rule_was_no_choice(make_recipe):
    table = predictions()
    found = auc_tables(make_recipe(), table)
    pd.testing.assert_frame_equal(found["learning_intervals"], cross_validated_intervals(table))
    expected = best_of_models(table, ["t1", "mean"], n_resamples=100, random_state=7)
    pd.testing.assert_frame_equal(found["best_of_models"], expected)
    for name, rows in found.items():
        assert list(rows.columns) == list(TABLES[name].columns)


@pytest.mark.parametrize(
    "split", ['split = "leave_one_site_out"', 'split = "holdout"', 'split = "fixed"\ntest = ["s01"]']
)
def test_other_splits_say_nothing_of_other_training_sets(split, make_recipe):
    found = auc_tables(make_recipe(split), predictions())
    assert list(found["learning_intervals"].columns) == list(TABLES["learning_intervals"].columns)
    assert len(found["learning_intervals"]) == 0 and len(found["best_of_models"]) == 1


def test_one_model_is_no_choice(make_recipe):
    found = auc_tables(make_recipe(), predictions(("t1", "trivial")))
    assert len(found["best_of_models"]) == 0
    assert list(found["best_of_models"].columns) == list(TABLES["best_of_models"].columns)
