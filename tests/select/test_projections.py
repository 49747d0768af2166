"""Projections in a selector's place: what they learn, what components are called, a run that uses them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from radiofuse.bundle.read import read_table
from radiofuse.classify.modality import modality_classifier
from radiofuse.errors import RequestError
from radiofuse.experiment.run import run_recipe
from radiofuse.select import PartialLeastSquares, PrincipalComponents
from radiofuse.statistics import auc
from tests.experiment.test_models_as_a_list import IDH, write


@pytest.fixture(scope="module")
def noise():
    rng = np.random.default_rng(0)
    return rng.normal(size=(80, 300)), np.tile([0, 1], 40)


def test_components_are_no_more_than_rows_and_columns_allow():
    X, y = np.random.default_rng(0).normal(size=(6, 4)), [0, 1, 0, 1, 0, 1]
    assert PrincipalComponents().fit(X).transform(X).shape == (6, 4)
    assert PartialLeastSquares(n_components=9).fit(X, y).transform(X).shape == (6, 4)
    share = PrincipalComponents(n_components=0.5).fit(X)
    held = share.projection_.explained_variance_ratio_
    assert held.sum() >= 0.5 > held[:-1].sum()


def test_partial_least_squares_are_those_of_the_label_as_numbers(noise):
    X, y = noise
    expected = PLSRegression(2, scale=False).fit(X, y.astype(float)).transform(X)
    np.testing.assert_allclose(PartialLeastSquares().fit(X, np.array(["a", "b"])[y]).transform(X), expected)


def test_the_label_is_looked_at_inside_the_fold_alone(noise):
    X, y = noise
    before = PartialLeastSquares().fit(X, y).transform(X)
    chain = modality_classifier("logistic", select="pls", random_state=0)
    inside, leaked = (
        auc(y, cross_val_predict(model, rows, y, cv=5, method="predict_proba")[:, 1])
        for model, rows in ((chain, X), (LogisticRegression(), before))
    )
    assert abs(inside - 0.5) < 0.2
    assert leaked > 0.95


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["t1__a", "t1__b", "t1__c"], ["t1__pca_1", "t1__pca_2"]),
        (["t1__a", "t2__b", "t2__c"], ["joined__pca_1", "joined__pca_2"]),
        (["a", "b", "c"], ["pca_1", "pca_2"]),
    ],
)
def test_components_are_called_by_their_modality(names, expected):
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 3)), columns=names)
    assert PrincipalComponents(n_components=2).fit(table).get_feature_names_out().tolist() == expected


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(RequestError, match="has no option 'components'"):
        modality_classifier("logistic", select="pca", select_options={"components": 3})


MODELS = """
[[models]]
[[models]]
name = "joined"
kind = "early"
joined = "after_selection"
select = { method = "pca", options = { n_components = 3 } }
"""


def test_a_recipe_may_project_each_modality(tmp_path):
    path = write(tmp_path, MODELS, cohort=IDH, select="pls")
    path.write_text(path.read_text().replace("repeats = 2", "repeats = 1"))
    bundle = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=True) / "bundle"
    scores = read_table(bundle, "scores").query("metric == 'auc'").set_index("model")["value"]
    assert scores.loc[["t1", "t2", "mean", "joined"]].between(0, 1).all()
    selected = read_table(bundle, "selected_features").groupby("model")["feature"].agg(set)
    assert selected["fusion"] == {"pls_1", "pls_2"}
    assert selected["joined"] == {"pca_1", "pca_2", "pca_3"}
    assert read_table(bundle, "stability")["nogueira"].isna().all(), "a projection selects nothing"
