"""Answers of some members: what a fusion says of patients who lack the others, as its ``missing`` says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse.fuse import LateFusion
from radiofuse.fuse.by_pattern import by_pattern
from radiofuse.fuse.combiners import Nonnegative, Regression

NAMES = ["t1", "t2", "flair"]


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    grade = np.arange(90) % 3
    table = pd.DataFrame({f"{name}__{f}": rng.normal(size=90) + (f == "a") * grade for name in NAMES for f in "ab"})
    table.loc[:5, ["t1__a", "t1__b"]] = np.nan
    table.loc[4:6, ["t2__a", "t2__b"]] = np.nan
    return table, grade


def fusion(names=NAMES, **options):
    return LateFusion([(name, LogisticRegression()) for name in names], cv=3, random_state=0, **options)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("combine", ["mean", "vote", "regression", "linear_regression", "nonnegative"])
def test_a_combination_answers_as_a_fusion_of_these_members_alone(cohort, combine, n_classes):
    table, grade = cohort
    y = np.minimum(grade, n_classes - 1)
    each = fusion(combine=combine, subsets=True, missing="refit").fit(table, y).predict_proba_each(table)
    assert list(each.columns.unique(0))[4:] == [f"{combine}({pair})" for pair in ("t1+t2", "t1+flair", "t2+flair")]
    for pair in (["t1", "t2"], ["t2", "flair"]):
        has_one = table[[name for name in table if name.split("__")[0] in pair]].notna().any(axis=1)
        own = fusion(pair, combine=combine, missing="refit")
        own.fit(table[has_one], y[has_one])
        answer = each[f"{combine}({'+'.join(pair)})"]
        if has_one.all() or combine in ("mean", "vote"):  # else inner folds are dealt among other rows
            np.testing.assert_allclose(answer[has_one], own.predict_proba_each(table[has_one])[combine], atol=1e-12)
        assert np.isnan(answer[~has_one].to_numpy()).all()


@pytest.mark.parametrize("missing", ["renormalize", "refit", "distill"])
@pytest.mark.parametrize("combine", ["mean", "regression", "stacking"])
def test_a_combination_is_what_is_said_of_patients_who_lack_the_others(cohort, combine, missing):
    table, grade = cohort
    model = fusion(combine=combine, calibrate=True, subsets=True, missing=missing).fit(table, grade > 0)
    lacking = table.assign(**dict.fromkeys(["t2__a", "t2__b"], np.nan))
    told, whole = model.predict_proba_each(table)[f"{combine}(t1+flair)"], model.predict_proba_each(lacking)[combine]
    pd.testing.assert_series_equal(told, whole, check_names=False, atol=1e-13)


def test_learned_weights_of_a_combination_differ_as_missing_says(cohort):
    table, grade = cohort
    models = [fusion(combine="regression", subsets=True, missing=way) for way in ("renormalize", "refit", "distill")]
    told = [model.fit(table, grade > 0).predict_proba_each(table)["regression(t1+t2)"][6:] for model in models]
    assert all((told[one] - told[other]).abs().max() > 1e-3 for one, other in ((0, 1), (1, 2), (0, 2)))


def test_of_many_members_every_combination_is_learned_where_they_are_refitted():
    P, y = np.random.default_rng(0).uniform(0.1, 0.9, (60, 7)), np.arange(60) % 2
    few = by_pattern({"nonnegative": Nonnegative(), "regression": Regression()}, "refit")
    more = by_pattern({"nonnegative": Nonnegative(), "regression": Regression()}, "refit", every=True)
    counts = [[len(rule.fit(P, y).patterns_) for rule in rules.values()] for rules in (few, more)]
    assert counts == [[7, 7], [126, 7]]


def test_the_fusions_own_answers_do_not_move(cohort):
    table, y = cohort
    plain = fusion(combine=["regression", "mean"]).fit(table, y).predict_proba_each(table)
    more = fusion(combine=["regression", "mean"], subsets=True).fit(table, y).predict_proba_each(table)
    pd.testing.assert_frame_equal(more[plain.columns], plain, check_exact=True)


def test_of_two_members_there_is_no_combination_but_the_fusion_itself(cohort):
    table, y = cohort
    each = fusion(NAMES[1:], subsets=True).fit(table, y > 1).predict_proba_each(table)
    assert list(each) == ["t2", "flair", "mean"]


@pytest.mark.parametrize("join", ["logit", "auto"])
def test_combinations_leave_the_rule_that_networks_join_as_it_is(cohort, join):
    table, y = cohort
    options = {"combine": "regression", "added": ["flair"], "join": join}
    plain, more = (fusion(**options, subsets=subsets).fit(table, y) for subsets in (False, True))
    told = more.predict_proba_each(table)["regression"]
    pd.testing.assert_frame_equal(told, plain.predict_proba_each(table)["regression"], check_exact=True)
