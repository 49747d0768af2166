"""The models that stand beside the one that answers: rows that lack their features do not stop them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse.evaluate import cross_validated_predictions
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.recipe.recipe import Recipe
from radiofuse.fuse import LateFusion
from radiofuse.fuse.named import Named


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2)), [f"s{n:02}" for n in range(40)], ["t1__a", "t1__crop"])
    X.loc[["s03", "s30"], "t1__a"] = np.nan  # fit for a crop, not for radiomics
    return X


def test_an_arm_answers_for_the_rows_that_have_its_features(table):
    y = np.arange(40) % 2
    fusion = LateFusion([("t1", LogisticRegression())], combine=["mean"], columns={"t1": ["t1__a"]})
    arm = Named(fusion, "radiomics", ["t1__a"])
    found = cross_validated_predictions({"arm": arm}, table, y, cv=4, random_state=0)
    by_model = found.groupby("model")["sample_id"].agg(set)
    assert by_model["radiomics_t1"] == by_model["radiomics_mean"] == set(table.index) - {"s03", "s30"}
    fitted, known = arm.fit(table, y, groups=table.index), table["t1__a"].notna()
    alone = fusion.fit(table[known], y[known])
    pd.testing.assert_frame_equal(
        fitted.predict_proba_each(table)[known], alone.predict_proba_each(table[known]).add_prefix("radiomics_")
    )
    assert fitted.predict_proba_each(table.loc[["s03"]]).isna().all(axis=None)


def test_a_fusion_without_a_name_answers_for_the_rows_that_have_its_modalities(table):
    y = np.arange(40) % 2
    recipe = Recipe.model_validate(
        {"folder": ".", "text": "", "title": "t", "name": "t", "cohort": {"table": "t.csv", "label": "idh"}}
        | {"fusion": {"combine": ["mean"], "calibrate": False}, "select": {"method": "none"}}
        | {"models": [{"modalities": ["t1"]}]}
    )
    inputs = Inputs(modalities=("t1", "t2"), blocks={"t1": ("t1__a",), "t2": ("t1__crop",)})
    model = list_models(recipe, inputs)["fusion"].fit(table, y, groups=np.arange(40))
    each = model.predict_proba_each(table)
    assert each.columns.to_list() == ["t1", "mean"]
    assert each.index[each["mean"].isna()].to_list() == ["s03", "s30"]
    nobody = model.predict_proba_each(table.loc[["s03"]])
    assert nobody.columns.to_list() == ["t1", "mean"]
    assert nobody.isna().all(axis=None)
