"""Rules fitted again by pattern of presence: as a fusion of these members alone; else nothing moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from radiofuse import LateFusion
from radiofuse.fuse import COMBINERS
from radiofuse.fuse.by_pattern import ByPattern, Distilled
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.combiners import Regression, log_odds
from radiofuse.fuse.contributions import contributions
from radiofuse.fuse.cross_fitted import cross_fitted, folds_of_combiner
from radiofuse.names import lookup

NAMES = ["t1", "t2", "flair"]
LEARNING = sorted(name for name in COMBINERS if learns(lookup(name, COMBINERS, "combiner")))


def rows(n=120, seed=0, n_members=3):
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    return expit((1.2 - 0.4 * np.arange(n_members)) * (2 * y[:, None] - 1) + rng.normal(size=(n, n_members))), y


@pytest.fixture
def cohort():
    rng, y = np.random.default_rng(0), np.arange(120) % 2
    table = pd.DataFrame(
        {f"{name}__a": rng.normal(size=120) + y * weight for name, weight in zip(NAMES, (1.5, 1, 0), strict=True)}
    )
    return table, y


@pytest.mark.parametrize("name", LEARNING)
def test_a_pattern_is_answered_as_by_a_rule_of_these_members_alone(name):
    P, y = rows()
    P[:20, 0] = np.nan
    patients = np.arange(120) // 2
    rule, new = ByPattern(lookup(name, COMBINERS, "combiner")()), rows(seed=1)[0]
    rule.fit(P, y, patients)
    whole = fit_combiner(lookup(name, COMBINERS, "combiner")(), P, y, patients)
    np.testing.assert_allclose(rule.combine(new), whole.combine(new), atol=1e-14)
    alone = fit_combiner(lookup(name, COMBINERS, "combiner")(), P[:, 1:], y, patients)
    lacking = new.copy()
    lacking[::2, 0] = np.nan
    told = rule.combine(lacking)
    np.testing.assert_allclose(told[::2], alone.combine(new[::2, 1:]))
    np.testing.assert_allclose(told[1::2], whole.combine(new[1::2]), atol=1e-14)


def test_weights_learned_without_a_member_are_better_than_renormalized_ones():
    """The second member only corrects what disturbs the first: alone it says nothing, and its weight is negative."""
    P, y = correcting(2000)
    lacking = P.copy()
    lacking[:, 0] = np.nan
    losses = {}
    for way in (ByPattern, Distilled):
        rule = way(Regression()).fit(P, y)
        for told, by in ((rule, way), (rule.rule, "renormalized")):
            answer = told.combine(lacking)
            losses[by] = -np.log(np.where(y == 1, answer, 1 - answer)).mean()
    assert losses[ByPattern] < losses["renormalized"] - 0.05
    assert losses[Distilled] < losses["renormalized"] - 0.05
    assert losses[ByPattern] <= losses[Distilled] < losses[ByPattern] + 0.02  # of 2,000 patients labels say it all


def correcting(n, seed=0):
    rng, y = np.random.default_rng(seed), np.arange(n) % 2
    disturbance = 2 * rng.normal(size=n)
    return expit(np.column_stack([2 * y - 1 + disturbance, disturbance, 0.7 * (2 * y - 1) + rng.normal(size=n)])), y


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", LEARNING)
def test_a_student_is_taught_out_of_fold_and_the_teacher_answers_as_ever(name, n_classes):
    P, y = rows(60)
    if n_classes == 3:
        y = np.arange(60) % 3
        P = np.stack([(1 - P) / 2, (1 - P) / 2, P], axis=2)
    P[:12, 0] = np.nan
    patients = np.arange(60) // 2
    rule, plain = Distilled(lookup(name, COMBINERS, "combiner")()), lookup(name, COMBINERS, "combiner")()
    rule.fit(P, y, patients)
    fit_combiner(plain, P, y, patients)
    np.testing.assert_array_equal(rule.combine(P)[12:], plain.combine(P)[12:])
    told = cross_fitted(plain, P, y, patients, folds_of_combiner(y, patients))[12:]
    assert sorted(rule.patterns_) == [(0,), (0, 1), (0, 2), (1,), (1, 2), (2,)]
    answer = rule.combine(P[:12])
    assert np.isfinite(answer).all() and answer.shape == (12, *P.shape[2:])
    if n_classes == 2:  # the ridge regression's own equation, of the soft targets: its slope at the optimum is 0
        student, inputs = rule.patterns_[1, 2], log_odds(P[12:, 1:])
        wrong = told - expit(inputs @ student.weights_ + student.intercept_)
        np.testing.assert_allclose(wrong @ inputs, student.weights_ / 0.1, atol=0.02)
        np.testing.assert_allclose(wrong.sum(), 0, atol=0.02)


def test_without_whole_patients_of_every_class_there_is_no_student():
    P, y = rows()
    P[y == 1, 2] = np.nan
    P[1, 2] = 0.5  # one patient of class 1 has all members
    rule = Distilled(Regression()).fit(P, y)
    assert rule.patterns_ == {}
    np.testing.assert_array_equal(rule.combine(P), rule.rule.combine(P))


def test_a_pattern_that_training_cannot_teach_is_renormalized():
    P, y = rows()
    P[y == 1, 2] = np.nan  # the third member answered for no row of class 1
    rule = ByPattern(Regression()).fit(P, y)
    assert (2,) not in rule.patterns_ and (1, 2) in rule.patterns_
    alone = np.array([[np.nan, np.nan, 0.7]])
    np.testing.assert_array_equal(rule.combine(alone), rule.rule.combine(alone))


def test_of_many_members_patterns_of_training_and_each_absence_are_learned():
    P, y = rows(n_members=8)
    P[:30, :3] = np.nan
    rule = ByPattern(Regression()).fit(P, y)
    assert len(rule.patterns_) == 9 and tuple(range(3, 8)) in rule.patterns_


def test_contributions_are_those_of_the_rule_that_answers():
    P, y = rows()
    rule, lacking = ByPattern(Regression()).fit(P, y), P[:6].copy()
    lacking[:3, 1] = np.nan
    parts, base = contributions(rule, lacking)
    np.testing.assert_allclose(expit(parts.sum(axis=1) + base), rule.combine(lacking))
    own = rule.patterns_[0, 2]
    np.testing.assert_allclose(base, [own.intercept_] * 3 + [rule.rule.intercept_] * 3)
    assert (parts[:3, 1] == 0).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_fusion_refits_what_learns_and_leaves_the_rest(cohort, n_classes):
    table, y = cohort
    y = y if n_classes == 2 else np.arange(120) % 3
    members = [(name, LogisticRegression()) for name in NAMES]
    combine = ["mean", "regression", "vote"]
    options = {"combine": combine, "cv": 3, "calibrate": True, "random_state": 0, "subsets": True}
    ways = ("renormalize", "refit", "distill")
    plain, refitted, taught = (LateFusion(members, missing=how, **options).fit(table, y) for how in ways)
    pd.testing.assert_frame_equal(refitted.weights_, plain.weights_, check_exact=True)
    one, other, told = (model.predict_proba_each(table)[[*NAMES, *combine]] for model in (plain, refitted, taught))
    pd.testing.assert_frame_equal(told, one, atol=0)
    pd.testing.assert_frame_equal(other, one, atol=1e-12)
    lacking = table.assign(t1__a=np.nan)
    one, other = plain.predict_proba_each(lacking), refitted.predict_proba_each(lacking)
    np.testing.assert_array_equal(other["vote"], one["vote"])
    # a combination is answered as patients who lack the others are
    np.testing.assert_allclose(other["mean"], other["mean(t2+flair)"])
    assert (other["regression"] != one["regression"]).all(axis=None)
    of_students = taught.predict_proba_each(lacking)
    np.testing.assert_array_equal(of_students["vote"], one["vote"])
    assert (of_students["regression"] != other["regression"]).all(axis=None)
    parts = taught.contributions(lacking[:9], "regression")
    if n_classes == 2:
        np.testing.assert_allclose(expit(parts.sum(axis=1)), of_students["regression"][:9])
        assert (parts["t1"] == 0).all()
    learned = refitted.weight_intervals(y, n_resamples=5, random_state=0)
    assert set(learned["fusion"]) == {"regression"}


def test_what_is_learned_without_a_modality_scores_like_chance_on_noise():
    aucs = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        P, y = rng.random((60, 3)), rng.permutation(60) % 2
        rule, new = ByPattern(Regression()).fit(P, y), rng.random((200, 3))
        new[:, 0] = np.nan
        told, label = rule.combine(new), rng.permutation(200) % 2
        aucs.append((told[label == 1][:, None] > told[label == 0]).mean())
    assert abs(np.mean(aucs) - 0.5) < 3 * np.std(aucs) / np.sqrt(20)
