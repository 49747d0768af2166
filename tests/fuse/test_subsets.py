"""Answers of some members: what a fusion of these alone would say, from members that are fitted once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from radiofuse.fuse import LateFusion

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
    each = fusion(combine=combine, subsets=True).fit(table, y).predict_proba_each(table)
    assert list(each.columns.unique(0))[4:] == [f"{combine}({pair})" for pair in ("t1+t2", "t1+flair", "t2+flair")]
    for pair in (["t1", "t2"], ["t2", "flair"]):
        has_one = table[[name for name in table if name.split("__")[0] in pair]].notna().any(axis=1)
        own = fusion(pair, combine=combine)
        own.fit(table[has_one], y[has_one])
        answer = each[f"{combine}({'+'.join(pair)})"]
        if has_one.all() or combine in ("mean", "vote"):  # else inner folds are dealt among other rows
            np.testing.assert_allclose(answer[has_one], own.predict_proba_each(table[has_one])[combine], atol=1e-12)
        assert np.isnan(answer[~has_one].to_numpy()).all()


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
