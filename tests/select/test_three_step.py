"""The chain: equal to its steps by hand, its report, and noise."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from radiofuse.select import (
    CorrelationSelector,
    LassoSelector,
    MannWhitneySelector,
    NothingSelectedWarning,
    ThreeStepSelector,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 60)), np.arange(100) % 2
    X[:, :6] += y[:, None]
    X[:, 10:14] = X[:, :4] + 0.2 * X[:, 10:14]
    return pd.DataFrame(X, columns=[f"t1__f{i}" for i in range(60)]), y


def test_equals_its_steps_by_hand(table):
    X, y = table
    chain = ThreeStepSelector(random_state=0).fit(X, y)
    by_hand = X.to_numpy()
    columns = np.arange(60)
    lasso = LassoSelector(random_state=chain.steps_["lasso"].random_state)
    for step in (MannWhitneySelector(), CorrelationSelector(), lasso):
        kept = step.fit(by_hand, y).get_support()
        by_hand, columns = by_hand[:, kept], columns[kept]
    assert chain.get_support(indices=True).tolist() == columns.tolist()
    assert np.array_equal(chain.transform(X), by_hand)


def test_the_report_and_the_trace_tell_each_step(table):
    X, y = table
    chain = ThreeStepSelector(random_state=0).fit(X, y)
    report, trace = chain.report_, chain.trace_
    assert report["feature"].tolist() == list(X.columns)
    assert np.array_equal(report["removed_by"] == "mann_whitney", report["pvalue"] >= 0.05)
    assert np.array_equal(report["selected"], report["coef"].fillna(0) != 0)
    assert np.array_equal(report["selected"], chain.get_support())
    assert set(trace["feature"]) == set(report["feature"][~report["selected"]])
    pruned = report[report["removed_by"] == "correlation"]
    assert len(pruned) >= 4
    assert (pruned["dropped_for"] != "").all()
    assert (report["dropped_for"][report["removed_by"] != "correlation"] == "").all()
    for row in pruned.itertuples():
        assert report.set_index("feature").loc[row.dropped_for, "removed_by"] in ("", "lasso")
        assert np.isclose(row.r_with_kept, np.corrcoef(X[row.feature], X[row.dropped_for])[0, 1])
    by_correlation = trace[trace["step"] == "correlation"].set_index("feature")
    assert by_correlation["in_favor_of"].to_dict() == pruned.set_index("feature")["dropped_for"].to_dict()
    by_test = trace[trace["step"] == "mann_whitney"]
    assert np.array_equal(by_test["value"], report["pvalue"][report["pvalue"] >= 0.05])
    assert (trace[trace["step"] == "lasso"]["value"] == 0).all()


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_same_seed_same_answer_another_seed_other_folds(table):
    X, y = table
    one, same, other = (ThreeStepSelector(random_state=seed).fit(X, y) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one.report_, same.report_, check_exact=True)
    assert not np.array_equal(one.steps_["lasso"].cv_mean_, other.steps_["lasso"].cv_mean_)


def test_groups_reach_the_inner_folds(table):
    X, y = table
    groups = np.arange(100) // 4 * 2 + y  # patients with one class each
    alone, grouped = (
        ThreeStepSelector(random_state=0).fit(X, y, groups=given).steps_["lasso"] for given in (None, groups)
    )
    assert not np.array_equal(alone.cv_mean_, grouped.cv_mean_)


def test_noise_columns_added_leave_a_strong_feature_in(table):
    X, y = table
    noise = pd.DataFrame(np.random.default_rng(5).normal(size=(100, 400)), columns=[f"t1__n{i}" for i in range(400)])
    strong = X.assign(t1__strong=X["t1__f0"] + 3 * y)
    chosen = ThreeStepSelector(random_state=0).fit(pd.concat([strong, noise], axis=1), y).get_feature_names_out()
    assert "t1__strong" in chosen


def test_an_empty_first_step_ends_the_chain(table):
    X, y = table
    with pytest.warns(NothingSelectedWarning, match="MannWhitneySelector: none of 60 features passed"):
        chain = ThreeStepSelector(alpha=0, on_empty="intercept", random_state=0).fit(X, y)
    assert list(chain.steps_) == ["mann_whitney"]
    assert not chain.report_["selected"].any()
    assert chain.report_["coef"].isna().all()
    with pytest.warns(UserWarning, match="No features were selected"):
        assert chain.transform(X).shape == (100, 0)


def test_an_empty_first_step_falls_back_to_the_best(table):
    X, y = table
    with pytest.warns(NothingSelectedWarning):
        chain = ThreeStepSelector(alpha=0, random_state=0).fit(X, y)
    best = np.abs(chain.report_["auc"] - 0.5).argmax()
    assert chain.fallback_
    assert chain.get_support(indices=True).tolist() == [best]


def test_one_feature(table):
    X, y = table
    assert ThreeStepSelector(random_state=0).fit(X[["t1__f0"]], y).get_support().tolist() == [True]


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_selection_inside_the_folds_is_honest_and_outside_is_not():
    """Labels without signal: the chain in the Pipeline scores about .5, the chain in front of it does not."""
    inside, outside = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(80, 400)), rng.permutation(np.arange(80) % 2)
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NothingSelectedWarning)
            chain = make_pipeline(ThreeStepSelector(random_state=0), LogisticRegression())
            inside.append(cross_val_predict(chain, X, y, cv=folds, method="decision_function"))
            leaked = ThreeStepSelector(random_state=0).fit_transform(X, y)
        outside.append(cross_val_predict(LogisticRegression(), leaked, y, cv=folds, method="decision_function"))
        inside[-1], outside[-1] = roc_auc_score(y, inside[-1]), roc_auc_score(y, outside[-1])
    assert 0.42 < np.mean(inside) < 0.58
    assert np.mean(outside) > 0.65
