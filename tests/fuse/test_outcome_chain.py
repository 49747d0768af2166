"""A chain over outcomes: what its links see, unknown labels, gain where outcomes depend on each other, chance else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from radiofuse import LateFusion
from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse.chain_link import ChainLink, evidence
from radiofuse.fuse.joint import JointModel, OneOutcome
from radiofuse.fuse.outcome_chain import OutcomeChain
from radiofuse.patients.inner_folds import folds_of_outcomes
from radiofuse.tables.answers import of_outcome


def fusion() -> LateFusion:
    chain = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    return LateFusion([("t1", chain), ("t2", chain)], random_state=0)


def cohort(n=160, *, n_known=50, seed=0, depends=True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Outcome a shows in the features and is known everywhere; b follows a, or nothing, and is known in few."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 2, n)
    b = np.where(rng.random(n) < 0.85, a, 1 - a) if depends else rng.integers(0, 2, n)
    values = rng.normal(size=(n, 40)) + np.outer(a, np.eye(40)[0] + np.eye(40)[20])
    names = [f"{modality}__f{place:02}" for modality in ("t1", "t2") for place in range(20)]
    y = pd.DataFrame({"b": b.astype(float), "a": a.astype(float)})
    y.loc[n_known:, "b"] = np.nan
    return pd.DataFrame(values, columns=names), y


def test_a_link_sees_the_out_of_fold_probabilities_of_the_outcomes_before_it():
    X, y = cohort()
    patients = np.repeat(np.arange(80), 2).astype(str)
    chain = OutcomeChain(fusion(), cv=4, random_state=1).fit(X, y, patients)
    assert chain.order_ == ["a", "b"]  # the one with the most labels first
    by_hand = {name: np.full((160, 2), np.nan) for name in y}
    for train, test in folds_of_outcomes(4, y, patients, 1):
        assert not set(patients[train]) & set(patients[test])
        for name in y:
            known = train[y[name].iloc[train].notna()]
            fitted = clone(fusion()).fit(X.iloc[known], y[name].iloc[known].astype(int), patients[known])
            by_hand[name][test] = fitted.predict_proba(X.iloc[test])
    known = y["b"].notna().to_numpy()
    link = ChainLink().fit(by_hand["b"][known], evidence(by_hand["a"])[known], y["b"][known].to_numpy(int))
    np.testing.assert_allclose(chain.out_of_fold_["a"], by_hand["a"])
    np.testing.assert_allclose(chain.links_["b"].coef_, link.coef_)
    told = {name: chain.fusions_[name].predict_proba(X) for name in y}
    np.testing.assert_allclose(chain.predict_proba(X)[0], link.predict_proba(told["b"], evidence(told["a"])))


def test_a_link_is_a_ridge_around_the_own_answer():
    """At the minimum the gradient is 0, by formula; where the others are noise the own answer stays about as it is."""
    rng = np.random.default_rng(0)
    y, others = rng.integers(0, 2, 200), rng.normal(size=(200, 2))
    own = expit(rng.normal(size=200) + 2 * y - 1)
    link = ChainLink().fit(np.column_stack([1 - own, own]), others, y)
    wrong = 0.1 * (link.predict_proba(np.column_stack([1 - own, own]), others)[:, 1] - y)
    np.testing.assert_allclose(link.coef_[:, 0] + others.T @ wrong, 0, atol=1e-5)
    np.testing.assert_allclose(link.slope_ - 1 + wrong @ evidence(np.column_stack([1 - own, own]))[:, 0], 0, atol=1e-5)
    assert np.abs(link.coef_).max() < 0.3 < link.slope_


def test_a_dependent_outcome_gains_by_the_chain():
    gains = []
    for seed in range(5):
        X, y = cohort(460, n_known=50, seed=seed)
        truth = cohort(460, n_known=460, seed=seed)[1]["b"][160:]
        chain = OutcomeChain(fusion(), cv=4, random_state=0).fit(X[:160], y[:160])
        alone = chain.fusions_["b"].predict_proba(X[160:])[:, 1]
        chained = chain.predict_proba(X[160:])[0][:, 1]
        gains.append(roc_auc_score(truth, chained) - roc_auc_score(truth, alone))
    assert np.mean(gains) > 0.02 and min(gains) > -0.01


def test_permuted_labels_give_chance():
    scores = []
    for seed in range(6):
        X, y = cohort(200, n_known=200, seed=seed)
        y = pd.DataFrame({name: np.random.default_rng(seed + 9).permutation(y[name]) for name in y})
        chain = OutcomeChain(fusion(), cv=3, random_state=0).fit(X[:100], y[:100])
        answers = chain.predict_proba(X[100:])
        scores += [roc_auc_score(y[name][100:], one[:, 1]) for name, one in zip(y, answers, strict=True)]
    assert abs(np.mean(scores) - 0.5) < 0.05


def test_several_classes_and_text_labels():
    X, y = cohort(n_known=160)
    grade = np.array(["2", "3", "4"], dtype=object)[(y["a"] + y["b"]).to_numpy(int)]
    y = pd.DataFrame({"grade": grade, "idh": np.where(y["a"] == 1, "mutant", "wildtype").astype(object)})
    y.loc[:3, "grade"] = None
    chain = OutcomeChain(fusion(), order=["grade", "idh"], cv=3, random_state=0).fit(X, y)
    grades, idh = chain.predict_proba(X)
    np.testing.assert_allclose(grades.sum(axis=1), 1)
    assert [list(one) for one in chain.classes_] == [["2", "3", "4"], ["mutant", "wildtype"]]
    assert roc_auc_score(y["idh"] == "wildtype", idh[:, 1]) > 0.8
    weights = chain.findings_of("idh").weights.query("fusion == 'chain'")
    assert weights["member"].tolist() == ["idh", *(f"grade, class {one} of 3" for one in (1, 2, 3)), "(intercept)"]
    weights = chain.findings_of("grade").weights.query("fusion == 'chain'")
    assert weights["class"].tolist() == ["", "0", "1", "2"]


def test_a_wrong_order_and_an_outcome_of_one_class_are_refused():
    X, y = cohort()
    with pytest.raises(RequestError, match="order must name each of the outcomes b, a once"):
        OutcomeChain(fusion(), order=["a"]).fit(X, y)
    with pytest.raises(CohortError, match=r"two classes of each or more; b has \[1.0\]"):
        OutcomeChain(fusion()).fit(X, y.assign(b=1.0))


@pytest.mark.parametrize(
    ("allowed", "sentence"),
    [
        (np.ones((2, 3), bool), r"allowed must have an axis for each of the outcomes b, a .*shape \(2, 2\)"),
        (np.zeros((2, 2), bool), "allowed rules out every combination of classes"),
    ],
)
def test_what_is_allowed_is_of_these_outcomes_and_leaves_something(allowed, sentence):
    with pytest.raises(RequestError, match=sentence):
        OutcomeChain(fusion(), allowed=allowed, cv=2).fit(*cohort())


def test_a_joint_model_answers_for_the_rows_it_can_read_and_is_seen_outcome_by_outcome():
    X, y = cohort()
    X.iloc[:5, :20] = np.nan
    X.iloc[:2] = np.nan
    model = JointModel(OutcomeChain(fusion(), cv=3, random_state=0), "chained").fit(X, y)
    each = model.predict_proba_each(X)
    assert each.columns.to_list() == [("b", "chained", 1.0), ("a", "chained", 1.0)]
    assert each.isna().all(axis=1).tolist() == [True] * 2 + [False] * 158
    view = OneOutcome(model, "a")
    assert view.predict_proba_each(X).columns.to_list() == ["chained"] and view.classes_.tolist() == [0, 1]
    pd.testing.assert_series_equal(view.predict_proba_each(X)["chained"], of_outcome(each, "a")["chained"])
    assert model.predict_proba_each(X[:2]).shape == (2, 2)


class Mute:
    """A model of several outcomes that answers for one."""

    multi_outcome = True

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y):
        return self

    def predict_proba(self, X):
        return [np.full((len(X), 2), 0.5)]


def test_a_model_that_answers_for_other_outcomes_is_refused():
    X, y = cohort()
    with pytest.raises(RequestError, match=r"list of arrays of the shapes \[\(160, 2\), \(160, 2\)\], one for each"):
        JointModel(Mute(), "mute").fit(X, y).predict_proba_each(X)
