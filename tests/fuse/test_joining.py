"""How networks join the other members: they never turn an answer that they know nothing about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from radiofuse.errors import RequestError
from radiofuse.fuse import LateFusion, joining
from radiofuse.fuse.calibrated import Calibrated
from radiofuse.fuse.choices import fit_combiner
from radiofuse.fuse.combiners import Mean, Regression, log_odds
from radiofuse.fuse.contributions import contributions
from radiofuse.fuse.cross_fitted import cross_fitted, folds_of_combiner
from radiofuse.fuse.joining import AddedLogits, ChosenJoin, joined_rule, joined_rules
from radiofuse.fuse.weighted_means import BestMember

NOISE, SIGNAL = 0.0, 1.2
y = np.tile([0, 1], 50)


def told(seed, *strengths, n=100):
    """Probabilities of members that know the label by so much."""
    rng, labels = np.random.default_rng(seed), y[:n]
    return expit(np.column_stack([rng.normal(size=n) + s * (2 * labels - 1) for s in strengths]))


@pytest.mark.parametrize("rule", [Mean(), Calibrated(Mean()), Regression()])
def test_with_nothing_added_the_answer_is_that_of_the_others_to_the_last_bit(rule):
    P = told(0, SIGNAL, SIGNAL, NOISE)
    joined = AddedLogits(rule, (2,), ()).fit(P, y, None)
    alone = clone(rule, safe=False)
    alone = alone.fit(P[:, :2], y) if hasattr(alone, "fit") else alone
    assert joined.combine(P).tolist() == alone.combine(P[:, :2]).tolist()
    assert joined.penalty_ == np.inf and joined.weights_[2] == 0


def test_networks_that_know_nothing_do_not_harm_and_those_that_know_help():
    """Mean log-loss of 8 simulations on new rows, against the others alone and against a member of equal weight."""
    losses = {(strength, join): [] for strength in (NOISE, SIGNAL) for join in ("alone", "members", "logit", "auto")}
    for strength, join in losses:
        for seed in range(8):
            P, new = told(seed, 0.8, 0.8, strength), told(1000 + seed, 0.8, 0.8, strength)
            rule = Calibrated(Mean())
            joined = AddedLogits(rule, (2,), ()) if join == "alone" else joined_rule(rule, (2,), 3, join)
            answer = fit_combiner(joined, P, y, None).combine(new)
            losses[strength, join].append(log_loss(y, answer))
    mean = {case: np.mean(values) for case, values in losses.items()}
    assert mean[NOISE, "logit"] < mean[NOISE, "alone"] + 0.01 < mean[NOISE, "members"]
    assert mean[NOISE, "auto"] < mean[NOISE, "alone"] + 0.01
    assert mean[SIGNAL, "logit"] < mean[SIGNAL, "alone"] - 0.05
    assert mean[SIGNAL, "auto"] < mean[SIGNAL, "alone"] - 0.05


def test_on_labels_without_meaning_no_way_has_less_than_the_loss_of_chance():
    """Losses that were learned and measured on the same rows would lie below log 2."""
    losses = [ChosenJoin(Calibrated(Mean()), (1, 2)).fit(told(seed, NOISE, NOISE, NOISE), shuffled(seed), None).losses_
              for seed in range(8)]  # fmt: skip
    assert min(np.mean([one[way] for one in losses]) for way in ("alone", "members", "logit")) > np.log(2) - 0.003


def shuffled(seed):
    return np.random.default_rng(seed).permutation(y)


def test_the_choice_is_the_least_log_loss_of_answers_that_were_not_learned_from():
    P = told(3, 0.6, SIGNAL)
    chosen = ChosenJoin(Calibrated(Mean()), (1,)).fit(P, y, None)
    folds = folds_of_combiner(y, None)
    by_hand = {
        "alone": cross_fitted(AddedLogits(Calibrated(Mean()), (1,), ()), P, y, None, folds),
        "members": cross_fitted(Calibrated(Mean()), P, y, None, folds),
        "logit": cross_fitted(AddedLogits(Calibrated(Mean()), (1,)), P, y, None, folds),
    }
    assert chosen.losses_ == pytest.approx({name: log_loss(y, answer) for name, answer in by_hand.items()}, rel=1e-6)
    assert chosen.chosen_ == min(chosen.losses_, key=chosen.losses_.get) != "alone"


@pytest.mark.parametrize("join", ["logit", "auto"])
def test_rows_of_a_patient_stay_together(join, monkeypatch):
    """Every row stands there five times under one patient: no copy is learned from where another is held out."""
    P, patients, rows = told(5, 0.8, 0.3), np.arange(100).astype(str), np.repeat(np.arange(100), 5)
    seen, choose = [], joining.choose_penalty

    def spied(offset, inputs, labels, folds, penalties):
        seen.extend((inputs[train], inputs[test]) for train, test in folds)
        return choose(offset, inputs, labels, folds, penalties)

    monkeypatch.setattr(joining, "choose_penalty", spied)
    fit_combiner(joined_rule(Mean(), (1,), 2, join), P[rows], y[rows], patients[rows])
    shared = [np.isin(test[:, 0, 0], train[:, 0, 0]).any() for train, test in seen]
    assert len(seen) >= 5 and not any(shared)


def test_contributions_are_the_terms_and_a_network_of_no_weight_has_none():
    P = told(3, 0.9, 0.7, SIGNAL)
    P[0, 2], P[1, :2] = np.nan, np.nan
    logit = AddedLogits(Calibrated(Mean()), (2,)).fit(P, y, None)
    assert logit.added_weights_[0] > 0
    parts, base = contributions(logit, P)
    np.testing.assert_allclose(parts.sum(axis=1) + base, log_odds(logit.combine(P)), atol=1e-9)
    assert parts[0, 2] == 0 and parts[1, :2].tolist() == [0, 0]
    alone = AddedLogits(Calibrated(Mean()), (2,), ()).fit(P, y, None)
    parts, base = contributions(alone, P)
    np.testing.assert_allclose(parts.sum(axis=1) + base, log_odds(alone.combine(P)), atol=1e-9)
    assert not parts[2:, 2].any() and parts[2:, :2].all()


def test_the_best_member_is_one_member_networks_among_them():
    P = told(4, 0.3, SIGNAL)
    rule = joined_rule(BestMember(), (1,), 2, "auto").fit(P, y)
    assert rule.weights_.tolist() == [0, 1] and rule.combine(P).tolist() == P[:, 1].tolist()


def test_a_name_of_no_member_is_refused():
    with pytest.raises(RequestError, match="added names 't1depe', which is no member.*Did you mean.*t1deep"):
        joined_rules({"mean": Mean()}, ["t1", "t1deep"], ["t1depe"], "logit")


@pytest.mark.parametrize("join", ["logit", "auto"])
def test_absent_networks_and_absent_others(join):
    P = told(7, 0.9, 0.9, SIGNAL)
    P[::3, 2] = np.nan
    joined = fit_combiner(joined_rule(Mean(), (2,), 3, join), P, y, None)
    lone = np.array([[np.nan, np.nan, 0.7], [0.6, np.nan, np.nan], [0.6, 0.6, np.nan]])
    answer = joined.combine(lone)
    assert not np.isnan(answer).any()
    assert answer[0] == 0.7
    assert answer[1] == answer[2]


def test_of_more_than_two_classes():
    rng, labels = np.random.default_rng(0), np.tile([0, 1, 2], 40)
    scores = rng.normal(size=(120, 2, 3)) + 1.5 * np.eye(3)[labels][:, None] * np.array([0.5, 1.5])[:, None]
    P = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    alone = fit_combiner(AddedLogits(Mean(), (1,), ()), P, labels, None).combine(P)
    joined = fit_combiner(AddedLogits(Mean(), (1,)), P, labels, None)
    assert joined.combine(P).sum(axis=1) == pytest.approx(1)
    assert log_loss(labels, joined.combine(P)) < log_loss(labels, alone) - 0.05
    assert fit_combiner(ChosenJoin(Calibrated(Mean()), (1,)), P, labels, None).chosen_ != "alone"


def test_a_fusion_says_what_was_chosen_and_weighs_the_networks():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"t1__a": rng.normal(size=100) + y, "t1deep__crop": rng.normal(size=100) + 2 * y})
    members = [("t1", LogisticRegression()), ("t1deep", LogisticRegression())]
    options = {"combine": ["mean"], "added": ["t1deep"], "random_state": 0}
    auto = LateFusion(members, join="auto", **options).fit(table, y)
    assert auto.findings().chosen == {"mean": {"join": auto.combiners_["mean"].chosen_}}
    logit = LateFusion(members, join="logit", subsets=True, **options).fit(table, y)
    weights = logit.weights_.set_index("member")["weight"]
    assert weights["t1"] == 1 and weights["t1deep"] == logit.combiners_["mean"].added_weights_[0] > 0
