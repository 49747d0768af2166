"""Rules beside the first five: published arithmetic, other libraries, properties that any rule of a kind has."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import percentileofscore
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from radiofuse import LateFusion
from radiofuse.fuse import COMBINERS, ridge_mean
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.choices import fit_combiner, learns
from radiofuse.fuse.classical_rules import Confidence, LogitMean, Maximum, Minimum, Product
from radiofuse.fuse.decision_templates import Belief, DecisionTemplates, TemplateMatch
from radiofuse.fuse.rank_average import RankAverage
from radiofuse.fuse.ridge_mean import RidgeMean
from radiofuse.fuse.stacking import Stacking
from radiofuse.fuse.vote_ties import VoteByPrior, VoteOrAbstain, tie_rate
from radiofuse.fuse.weighted_means import AucWeighted, BayesianAverage, GreedySelection
from radiofuse.names import lookup

LEARNING = sorted(name for name in COMBINERS if learns(lookup(name, COMBINERS, "combiner")))
AVERAGES = [
    "mean", "logit_mean", "product", "maximum", "minimum", "confidence", "nonnegative", "auc_weighted",
    "bayesian_average", "greedy_selection",
]  # fmt: skip
# several columns per member, or a temperature in place of a line
OTHERWISE_OF_CLASSES = {"regression", "stacking", "ridge_mean", "rank_average", "decision_templates", "dempster_shafer"}
WEIGHTED = [AucWeighted, BayesianAverage, GreedySelection]


def rows(seed=0, n=200, strengths=(1.5, 1.2, 0.4, 0.0)):
    rng = np.random.default_rng(seed)
    y = np.tile([0, 1], n // 2)
    return expit(np.array(strengths) * (2 * y[:, None] - 1) + rng.normal(size=(n, len(strengths)))), y


def cube(n=120, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    scores = rng.normal(size=(n, 3, 3)) + np.array([1.5, 0.8, 0.0])[:, None] * np.eye(3)[y][:, None, :]
    return np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True), y


def fitted(name, P, y):
    combiner = lookup(name, COMBINERS, "combiner")()
    return fit_combiner(combiner, P, y, None) if learns(combiner) else combiner


# ---- arithmetic


def test_the_mean_of_log_odds_is_where_the_published_code_averages():
    P = np.array([[0.99, 0.30, 0.30, 0.30], [0.8, np.nan, 0.4, np.nan]])
    np.testing.assert_allclose(LogitMean().combine(P), expit(np.nanmean(logit(P), axis=1)))
    assert LogitMean().combine(P)[0] == pytest.approx(0.63, abs=0.005)
    three = np.array([[[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]])
    means = np.sqrt(three[:, 0] * three[:, 1])
    np.testing.assert_allclose(LogitMean().combine(three), means / means.sum())


def test_the_product_counts_the_prior_once():
    """Two independent normal features: the members' posteriors multiply to that of both features together."""
    rng, prior = np.random.default_rng(0), 0.2
    x = rng.normal(size=(50, 2)) + rng.integers(0, 2, (50, 1))
    likelihood = np.exp(x - 0.5)  # N(1, 1) against N(0, 1)
    odds = likelihood * prior / (1 - prior)
    both = likelihood.prod(axis=1) * prior / (1 - prior)
    rule = Product().fit(np.full((10, 2), 0.5), np.repeat([0, 1], [8, 2]))
    np.testing.assert_allclose(rule.combine(odds / (1 + odds)), both / (1 + both))


def test_largest_smallest_and_surest_by_hand():
    P = np.array([[0.9, 0.4, 0.5], [0.3, 0.35, np.nan]])
    np.testing.assert_allclose(Maximum().combine(P), [0.9 / 1.5, 0.35 / 1.05])
    np.testing.assert_allclose(Minimum().combine(P), [0.4 / 0.5, 0.3 / 0.95])
    np.testing.assert_allclose(Confidence().combine(P), [0.9, 0.3])
    three = np.array([[[0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]])
    np.testing.assert_allclose(Maximum().combine(three), np.array([[0.7, 0.3, 0.5]]) / 1.5)
    np.testing.assert_allclose(Minimum().combine(three), np.array([[0.2, 0.2, 0.1]]) / 0.5)
    np.testing.assert_allclose(Confidence().combine(three), three[:, 1])


def test_ties_of_votes_are_settled_as_asked_and_counted():
    P = np.array([[0.9, 0.8, 0.4, 0.4], [0.6, 0.6, 0.6, 0.1], [0.7, np.nan, np.nan, 0.4], [0.1, 0.2, 0.3, 0.4]])
    by_prior = VoteByPrior().fit(P, np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(by_prior.combine(P), [0.25, 0.75, 0.25, 0])
    np.testing.assert_allclose(VoteOrAbstain().combine(P), [0.5, 0.75, 0.5, 0])
    assert tie_rate(P) == tie_rate(np.stack([1 - P, P], axis=2)) == 0.5
    three = np.array([[[0.5, 0.4, 0.1], [0.4, 0.5, 0.1]]])
    by_prior.fit(np.repeat(three, 4, axis=0), np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(by_prior.combine(three), [[0.75, 0.25, 0]])
    np.testing.assert_allclose(VoteOrAbstain().combine(three), [[0.5, 0.5, 0]])


def test_ranks_are_those_among_the_training_answers_and_one_row_has_one():
    P, y = rows()
    rule, new = RankAverage().fit(P, y), rows(seed=1)[0][:5]
    own = [np.mean([percentileofscore(P[:, m], row[m], kind="mean") / 100 for m in range(4)]) for row in new]
    np.testing.assert_allclose(rule.rule.combine(new), own)
    np.testing.assert_allclose(np.ravel([rule.combine(row[None]) for row in new]), rule.combine(new))
    squeezed = 0.4 + 0.1 * P  # another scale, the same order
    np.testing.assert_allclose(RankAverage().fit(squeezed, y).combine(squeezed), rule.combine(P), atol=1e-6)


def test_templates_and_their_similarity_by_hand():
    P, y = np.array([[0.2, 0.4], [0.4, 0.6], [0.7, 0.5], [0.9, 0.5]]), np.array([0, 0, 1, 1])
    match = TemplateMatch().fit(P, y)
    np.testing.assert_allclose(match.templates_[:, :, 1], [[0.3, 0.5], [0.8, 0.5]])
    # 1 - (2 * (.5 - .3)**2 + 2 * (.9 - .5)**2) / 4, of both classes' columns; then with the first member alone
    told = match.similarity(np.array([[0.5, 0.9], [0.5, np.nan]]))
    np.testing.assert_allclose(told, [[1 - 0.4 / 4, 1 - 0.5 / 4], [1 - 0.08 / 2, 1 - 0.18 / 2]])


def test_beliefs_by_the_formula_written_out():
    P, y = cube()
    rule, new = Belief().fit(P, y), cube(n=3, seed=1)[0]
    for row, told in zip(new, rule.combine(new), strict=True):
        support = np.ones(3)
        for member in range(3):
            near = np.array([1 / (1 + ((rule.templates_[k, member] - row[member]) ** 2).sum()) for k in range(3)])
            near /= near.sum()
            for k in range(3):
                others = np.prod(np.delete(1 - near, k))
                support[k] *= near[k] * others / (1 - near[k] * (1 - others))
        np.testing.assert_allclose(told, support / support.sum())


def test_of_two_classes_templates_are_a_weighted_sum_of_what_their_answers_differ():
    P, y = rows()
    rule = DecisionTemplates().fit(P, y)
    differ = P[y == 1].mean(axis=0) - P[y == 0].mean(axis=0)
    slopes = np.polyfit(P @ differ, logit(rule.combine(P)), 1, full=True)
    assert slopes[1][0] < 1e-18 and slopes[0][0] > 0


@pytest.mark.parametrize("P", [rows()[0][:120], cube()[0]], ids=["two", "three"])
def test_stacking_is_that_of_scikit_learn(P):
    y = np.arange(120) % (2 if P.ndim == 2 else 3)
    inputs = logit(P) if P.ndim == 2 else np.log(P).reshape(120, -1)
    own = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(inputs, y).predict_proba(inputs)
    np.testing.assert_allclose(Stacking().fit(P, y).combine(P), own[:, 1] if P.ndim == 2 else own)
    forest = RandomForestClassifier(5, random_state=0)
    told = forest.fit(inputs, y).predict_proba(inputs)
    np.testing.assert_allclose(Stacking(forest).fit(P, y).combine(P), told[:, 1] if P.ndim == 2 else told)


# ---- weights


def test_weights_by_auc_and_by_likelihood_are_their_formulas():
    P, y = rows()
    above = np.maximum([roc_auc_score(y, p) - 0.5 for p in P.T], 0)
    np.testing.assert_allclose(AucWeighted().fit(P, y).weights_, above / above.sum())
    three, labels = cube()
    above = [np.mean([roc_auc_score(labels == k, three[:, m, k]) for k in range(3)]) - 0.5 for m in range(3)]
    above = np.maximum(above, 0)
    np.testing.assert_allclose(AucWeighted().fit(three, labels).weights_, above / above.sum())
    P, y = P[:10], y[:10]
    likelihood = np.where(y[:, None] == 1, P, 1 - P).prod(axis=0)
    np.testing.assert_allclose(BayesianAverage().fit(P, y).weights_, likelihood / likelihood.sum())


def test_members_without_any_auc_weigh_alike():
    P, y = rows(strengths=(-1.0, -1.0))
    np.testing.assert_allclose(AucWeighted().fit(P, y).weights_, [0.5, 0.5])


def test_greedy_selection_comes_near_the_least_log_loss_of_all_weighted_means():
    P, y = rows(n=400)
    own = np.where(y[:, None] == 1, P, 1 - P)

    def loss(w):
        return -np.log(own @ w).mean()

    unity = {"type": "eq", "fun": lambda w: w.sum() - 1}
    oracle = minimize(loss, np.full(4, 0.25), bounds=[(0, 1)] * 4, constraints=unity, options={"ftol": 1e-14})
    weights = GreedySelection().fit(P, y).weights_
    assert loss(weights) < oracle.fun + 1e-4
    assert loss(weights) < min(loss(alone) for alone in [*np.eye(4), np.full(4, 0.25)])
    np.testing.assert_allclose(weights, oracle.x, atol=0.03)


@pytest.mark.parametrize("rule", WEIGHTED)
def test_weights_go_with_their_members_and_noise_gets_next_to_none(rule):
    P, y = rows()
    weights, order = rule().fit(P, y).weights_, [2, 0, 3, 1]
    np.testing.assert_allclose(rule().fit(P[:, order], y).weights_, weights[order], atol=1e-9)
    assert weights.sum() == pytest.approx(1) and weights.min() >= 0
    assert weights[3] < 0.15 * weights[0]


@pytest.mark.parametrize("rule", [BayesianAverage, GreedySelection])
def test_a_duplicate_shares_the_weight_of_its_original(rule):
    P, y = rows()
    twice = rule().fit(np.column_stack([P, P[:, 0]]), y).weights_
    assert twice[0] == pytest.approx(twice[4])
    once = rule().fit(P, y).weights_
    if rule is GreedySelection:  # of models, two are likelier a priori than one
        np.testing.assert_allclose(twice[0] + twice[4], once[0], atol=0.02)


def test_with_an_infinite_penalty_the_ridge_is_the_calibrated_mean_of_the_log_odds():
    P, y = rows()
    curve = Calibrated(LogitMean()).fit(P, y)
    np.testing.assert_allclose(RidgeMean([np.inf]).fit(P, y).combine(P), curve.combine(P))
    np.testing.assert_allclose(RidgeMean([1e9]).fit(P, y).combine(P), curve.combine(P), atol=1e-5)
    three, labels = cube()
    curve = Calibrated(LogitMean()).fit(three, labels)
    np.testing.assert_allclose(RidgeMean([np.inf]).fit(three, labels).combine(three), curve.combine(three), atol=1e-9)


def test_ridge_weights_minimize_the_penalized_log_loss():
    P, y = rows(n=100)
    curve, z = Calibrated(LogitMean()).fit(P, y), logit(P)
    mean = z.mean(axis=1, keepdims=True)

    def loss(d):
        told = curve.slope_ * mean[:, 0] + curve.intercept_ + (z - mean) @ d
        return np.logaddexp(0, -(2 * y - 1) * told).sum() + 3 / 2 * d @ d

    d = minimize(loss, np.zeros(4), options={"gtol": 1e-9}).x
    rule = RidgeMean([3.0]).fit(P, y)
    np.testing.assert_allclose(rule.weights_, curve.slope_ / 4 + d - d.mean(), atol=1e-5)
    np.testing.assert_allclose(rule.weights_.sum(), curve.slope_)


def test_ridge_keeps_the_mean_of_members_that_are_alike_and_drops_noise():
    new = rows(seed=99, n=4000, strengths=(0.5, 0.5, 0.5))
    losses = {"ridge_mean": [], "regression": [], "decided": []}
    for seed in range(12):
        P, y = rows(seed=seed, n=60, strengths=(0.5, 0.5, 0.5))
        for name in ("ridge_mean", "regression"):
            told = fitted(name, P, y).combine(new[0])
            losses[name].append(roc_auc_score(new[1], told))
        losses["decided"].append(fitted("ridge_mean", P, y).penalty_)
    assert np.mean(losses["ridge_mean"]) > np.mean(losses["regression"])
    assert np.isinf(losses["decided"]).mean() > 0.5
    weights = [fitted("ridge_mean", *rows(seed=seed)).weights_ for seed in range(5)]
    assert np.mean(weights, axis=0)[3] < 0.25 * np.mean(weights, axis=0)[0]


def test_ridge_weights_go_with_their_members_and_patients_stay_whole(monkeypatch):
    P, y = rows()
    order, patients = [2, 0, 3, 1], np.arange(200) // 4 * 2 + y
    weights = RidgeMean().fit(P, y, patients).weights_
    np.testing.assert_allclose(RidgeMean().fit(P[:, order], y, patients).weights_, weights[order], atol=1e-9)
    asked = []
    monkeypatch.setattr(ridge_mean, "choose_penalty", lambda *given: asked.append(given[3]) or np.inf)
    RidgeMean().fit(P, y, patients)
    assert len(asked[0]) == 5
    assert not [fold for fold in asked[0] if set(patients[fold[0]]) & set(patients[fold[1]])]
    few = RidgeMean().fit(P[:3], y[:3])  # one patient of a class: no folds to choose in
    assert np.isinf(few.penalty_) and len(asked) == 1


# ---- what all have in common


@pytest.mark.parametrize("name", AVERAGES)
def test_an_average_of_one_member_is_that_members_answer(name):
    P, y = rows()
    rule, alone = fitted(name, P, y), P[:20].copy()
    alone[np.arange(20)[:, None] % 4 != np.arange(4)] = np.nan
    np.testing.assert_allclose(rule.combine(alone), np.nanmean(alone, axis=1))
    three, labels = cube()
    rule, alone = fitted(name, three, labels), three[:9].copy()
    alone[np.arange(9)[:, None] % 3 != np.arange(3)] = np.nan
    np.testing.assert_allclose(rule.combine(alone), np.nanmean(alone, axis=1))


@pytest.mark.parametrize("name", sorted(set(COMBINERS) - OTHERWISE_OF_CLASSES))
def test_two_classes_as_many_are_two_classes(name):
    P, y = rows()
    P[5:20, 1] = np.nan
    both = np.stack([1 - P, P], axis=2)
    np.testing.assert_allclose(fitted(name, both, y).combine(both)[:, 1], fitted(name, P, y).combine(P), atol=1e-6)


@pytest.mark.parametrize("name", LEARNING)
def test_the_second_fit_is_the_first(name):
    P, y = rows()
    rule = fitted(name, P, y)
    first = rule.combine(P)
    fit_combiner(rule, *rows(seed=5), None)
    fit_combiner(rule, P, y, None)
    np.testing.assert_array_equal(rule.combine(P), first)


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_constant_members_and_members_of_one_opinion_are_survived(name):
    y = np.tile([0, 1], 20)
    for P in (np.full((40, 2), 0.5), np.full((40, 2), 1.0), np.column_stack([np.zeros(40), np.ones(40)])):
        told = fitted(name, P, y).combine(P)
        assert np.isfinite(told).all() and told.min() >= 0 and told.max() <= 1


def test_what_is_learned_from_noise_scores_like_chance_over_20_seeds():
    aucs = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        table = pd.DataFrame(rng.normal(size=(60, 4)), columns=["t1__a", "t1__b", "t2__a", "t2__b"])
        members = [(name, LogisticRegression()) for name in ("t1", "t2")]
        model = LateFusion(members, combine=LEARNING, cv=3, random_state=0).fit(table[:40], rng.permutation(40) % 2)
        new = pd.DataFrame(rng.normal(size=(200, 4)), columns=table.columns)
        each, y = model.predict_proba_each(new)[LEARNING], rng.permutation(200) % 2
        aucs.append([roc_auc_score(y, each[name]) for name in LEARNING])
    mean, error = np.mean(aucs, axis=0), np.std(aucs, axis=0) / np.sqrt(20)
    assert (np.abs(mean - 0.5) < 3 * error + 1e-9).all(), dict(zip(LEARNING, mean, strict=True))
