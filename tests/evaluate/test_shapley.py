"""Shapley values of held-out rows: closed form and all subsets agree, and all of them add up to the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse.evaluate.shapley import BASE, exact_shapley, held_out_shapley, log_odds_of, sampled_shapley


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = pd.DataFrame(rng.normal(3, 2, size=(90, 4)), columns=[f"t1__f{j}" for j in range(4)])
    X["t1__f0"] += y
    X["t1__f1"] -= y == 1
    X.index = [f"s{i}" for i in range(90)]
    return X, y


def chain_of(classifier, X, y):
    return make_pipeline(StandardScaler(), classifier).fit(X, y)


def summed(table):
    return table.groupby(["sample_id", "class"], sort=False)["shap"].sum().unstack("class")


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(), GaussianNB(), RandomForestClassifier(5, random_state=0)],
    ids=["linear", "bayes", "forest"],
)
def test_they_add_up_to_the_log_odds_of_the_answer(rows, classifier, many, n_classes, monkeypatch):
    X, y = rows
    if many:
        monkeypatch.setattr("radiofuse.evaluate.shapley.MOST_FEATURES", 2)
    y = np.minimum(y, n_classes - 1)
    chain = chain_of(classifier, X[::2], y[::2])
    told = log_odds_of(chain[-1], chain[:-1].transform(X[1::2]))
    np.testing.assert_allclose(summed(held_out_shapley(chain, X[1::2])).loc[X.index[1::2]], told, atol=1e-9)


def test_of_a_linear_model_they_are_coefficient_times_distance_from_the_training_mean(rows):
    X, y = rows
    X, held_out, y = X[::2], X[1::2], (y[::2] > 0).astype(int)
    table = held_out_shapley(chain_of(LogisticRegression(), X, y), held_out)
    coefficients = chain_of(LogisticRegression(), X, y)[-1].coef_[0] / X.std(ddof=0)
    wide = table.pivot(index="sample_id", columns="feature", values="shap").loc[held_out.index]
    pd.testing.assert_frame_equal(wide[list(X)], (held_out - X.mean()) * coefficients, check_names=False)
    np.testing.assert_allclose(wide[BASE], chain_of(LogisticRegression(), X, y)[-1].intercept_[0])


def test_closed_form_subsets_and_orders_agree_where_the_score_is_linear(rows):
    X, y = rows
    chain = chain_of(LogisticRegression(), X, y > 0)
    values = chain[:-1].transform(X)
    closed = values * chain[-1].coef_[0]
    for way in (exact_shapley, lambda *args: sampled_shapley(*args, np.random.default_rng(0))):
        parts, base = way(lambda rows: log_odds_of(chain[-1], rows), values)
        np.testing.assert_allclose(parts[:, :, 0], closed, atol=1e-9)
        np.testing.assert_allclose(base, chain[-1].intercept_)


def test_orders_come_near_all_subsets_and_nearer_the_more_there_are():
    rng = np.random.default_rng(1)
    weights, values = rng.normal(size=(6, 6)), rng.normal(size=(30, 6))

    def score(rows):  # interactions of pairs and threes
        return ((rows @ weights) * rows).sum(axis=1)[:, None] + np.tanh(rows[:, :3].prod(axis=1))[:, None]

    exact, _ = exact_shapley(score, values)
    few, many = (
        np.abs(sampled_shapley(score, values, np.random.default_rng(0), n)[0] - exact).mean() for n in (4, 400)
    )
    assert many < few / 3
    assert many < 0.02 * np.abs(exact).mean()


def test_an_unused_feature_gets_nothing_and_equal_ones_get_the_same():
    values = np.random.default_rng(0).normal(size=(5, 3))
    parts, _ = exact_shapley(lambda rows: (rows[:, :1] + rows[:, 1:2]) ** 3, np.column_stack([values, values[:, 0]]))
    assert (parts[:, 2:] == 0).all()
    symmetric, _ = exact_shapley(lambda rows: rows[:, :1] * rows[:, 1:2] * 1.0, values)
    np.testing.assert_allclose(symmetric[:, 0], symmetric[:, 1])
