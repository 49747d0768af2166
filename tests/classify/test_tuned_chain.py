"""A search of options and oversampling inside the fold: as scikit-learn's search, patients whole, in a recipe."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.classify.modality import modality_classifier
from radiofuse.classify.smote import synthetic_rows
from radiofuse.classify.tuned_chain import TunedChain, oversampled_rows
from radiofuse.errors import RequestError
from radiofuse.evaluate.chosen_options import summarize_choices
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.fuse import LateFusion
from radiofuse.fuse.early import early_fusion
from radiofuse.patients import Split
from radiofuse.patients.inner_folds import inner_folds
from radiofuse.patients.routing import fit_with_groups

GRID = {"C": [0.001, 0.1, 10.0]}
CHAIN = {"select": "mann_whitney", "random_state": 0}


def rows(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n - n // 3, n // 3])
    X = pd.DataFrame(rng.normal(size=(n, 6)), columns=[f"t1__f{place}" for place in range(6)])
    X["t1__f0"] += y
    return X, y, np.array([f"p{row // 2}" for row in range(n)])


@pytest.mark.parametrize(("own", "theirs"), [("log_loss", "neg_log_loss"), ("auc", "roc_auc")])
def test_a_search_is_that_of_scikit_learn_on_folds_of_whole_patients(own, theirs):
    X, y, patients = rows()
    tuned = modality_classifier("logistic", **CHAIN, tuning={"search": GRID, "search_score": own})
    assert isinstance(tuned, TunedChain)
    tuned = clone(tuned).fit(X, y, groups=patients)
    folds = inner_folds(5, y, patients, 0)
    plain = modality_classifier("logistic", **CHAIN)
    search = GridSearchCV(plain, {"classify__C": GRID["C"]}, scoring=theirs, cv=folds).fit(X, y)
    np.testing.assert_allclose(tuned.search_results_["score"], search.cv_results_["mean_test_score"], rtol=1e-12)
    assert tuned.chosen_options_ == {"C": search.best_params_["classify__C"]}
    np.testing.assert_allclose(tuned.predict_proba(X), search.predict_proba(X), rtol=1e-12)


def test_a_search_of_one_value_is_the_chain_with_it():
    X, y, patients = rows()
    tuned = modality_classifier("logistic", **CHAIN, tuning={"search": {"C": [0.1]}}).fit(X, y, patients)
    plain = modality_classifier("logistic", **CHAIN, classify_options={"C": 0.1}).fit(X, y)
    np.testing.assert_array_equal(tuned.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(("search", "said"), [({"c": [1]}, "no option 'c'"), ({"C": [1, -1]}, "C' parameter")])
def test_an_unknown_parameter_or_value_is_refused_before_any_work(search, said):
    with pytest.raises(RequestError, match=said):
        modality_classifier("logistic", tuning={"search": search})


def test_what_was_chosen_is_known_per_fold_and_member():
    X, y, patients = rows()
    X = X.join(X.rename(columns=lambda name: name.replace("t1", "t2")) * 2)
    tuning = {"search": GRID}
    members = [(name, modality_classifier("logistic", **CHAIN, tuning=tuning)) for name in ("t1", "t2")]
    fusion = LateFusion(members, random_state=0).fit(X, y, groups=patients)
    found = [inspect_fold(fusion, X, y)]
    table = summarize_choices(fusion, found, [Split(0, 3, np.arange(1), np.arange(1))])
    assert table["member"].tolist() == ["t1", "t2", "t1", "t2"]
    assert table["fold"].tolist()[:2] == [3.0, 3.0]
    assert table["fold"].isna().tolist() == [False, False, True, True]
    assert set(table["value"]) <= {str(value) for value in GRID["C"]}


def test_an_early_fusion_searches_behind_each_modalitys_selection():
    X, y, patients = rows()
    chain = early_fusion(
        modality_classifier("logistic", **CHAIN, tuning={"search": GRID}), ["t1"], joined="after_selection"
    )
    assert chain.fit(X, y, groups=patients).chosen_options_["C"] in GRID["C"]
    assert type(chain[:-1].named_steps["select"]).__name__ == "ColumnTransformer"


def test_oversampling_draws_whole_patients_of_the_smaller_class_for_the_classifier_alone():
    X, y, patients = rows()
    drawn = oversampled_rows(y, patients, random_state=0)
    counts = np.bincount(y[drawn])
    assert counts[0] <= counts[1] <= counts[0] + 1
    times = pd.Series(drawn).value_counts().sort_index()
    assert (times.groupby(patients[times.index]).nunique() == 1).all()
    assert (times[y[times.index] == 0] == 1).all()
    tuned = modality_classifier("logistic", **CHAIN, tuning={"oversample": "random"}).fit(X, y, groups=patients)
    plain = modality_classifier("logistic", **CHAIN).fit(X, y)
    Z = plain[:-1].transform(X)
    np.testing.assert_array_equal(tuned[:-1].transform(X), Z)
    expected = clone(plain[-1]).fit(Z[drawn], y[drawn])
    np.testing.assert_allclose(tuned.predict_proba(X), expected.predict_proba(Z), rtol=1e-12)


@pytest.mark.parametrize("method", ["logistic", "svm", "random_forest"])
def test_classes_are_weighted_where_a_classifier_can(method):
    X, y, _ = rows()
    weighted = modality_classifier(method, **CHAIN, classify_options={"class_weight": "balanced"}).fit(X, y)
    plain = modality_classifier(method, **CHAIN).fit(X, y)
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_permuted_labels_stay_at_chance():
    X, y, patients = rows(seed=3)
    rng, aucs = np.random.default_rng(0), []
    for _ in range(12):
        label = rng.permutation(y[::2])[np.arange(len(y)) // 2]
        train = np.isin(patients, rng.permutation(np.unique(patients))[:20])
        tuning = {"search": GRID, "oversample": "random"}
        chain = modality_classifier("logistic", select=None, random_state=0, tuning=tuning)
        p = chain.fit(X[train], label[train], groups=patients[train]).predict_proba(X[~train])[:, 1]
        positive, negative = p[label[~train] == 1], p[label[~train] == 0]
        aucs.append(np.mean(positive[:, None] > negative) if len(positive) * len(negative) else 0.5)
    assert abs(np.mean(aucs) - 0.5) < 0.12


def test_without_search_a_tuned_chain_is_a_pipeline():
    X, y, _ = rows()
    steps = [("classify", LogisticRegression())]
    np.testing.assert_array_equal(
        TunedChain(steps).fit(X, y).predict_proba(X), Pipeline(steps).fit(X, y).predict_proba(X)
    )


def test_smote_is_that_of_imbalanced_learn():
    """The numbers are SMOTE(random_state=0) of imbalanced-learn 0.14.2 on these rows."""
    y = np.repeat([0, 1], [9, 6])
    Z = np.column_stack([np.arange(15.0) ** 2 % 11, np.arange(15.0) * 3 % 7])
    rows, labels = synthetic_rows(Z, y, random_state=0)
    theirs = [
        [3.3770629943240693, 4.155734251418982],
        [1.0, 1.857945617622757],
        [1.4582447836476238, 2.305496522431749],
    ]
    np.testing.assert_allclose(rows, theirs, rtol=1e-14)
    assert labels.tolist() == [1, 1, 1]


def test_smote_makes_rows_between_neighbors_of_each_class():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [30, 8, 1])
    Z = rng.normal(size=(39, 2)) + np.outer(y, [10, 0])
    rows, labels = synthetic_rows(Z, y, random_state=1)
    assert np.bincount(labels).tolist() == [0, 22, 29]
    np.testing.assert_array_equal(rows[labels == 2], np.repeat(Z[38:], 29, axis=0))  # it has no neighbor
    own = Z[30:38]
    for row in rows[labels == 1]:
        apart = np.linalg.norm(own - row, axis=1)
        pairs = np.linalg.norm(own[:, None] - own[None], axis=2)
        assert np.abs(apart[:, None] + apart[None] - pairs).min() < 1e-9  # on the line between two of them


def test_a_chain_with_smote_learns_from_rows_that_are_made_behind_its_selection():
    X, y, patients = rows()
    chain = modality_classifier("logistic", **CHAIN, tuning={"oversample": "smote"}).fit(X, y, groups=patients)
    before = modality_classifier("logistic", **CHAIN).fit(X, y)[:-1]
    Z = before.transform(X)
    made, labels = synthetic_rows(np.asarray(Z), y, random_state=0)
    by_hand = LogisticRegression(max_iter=1000).fit(np.vstack([Z, made]), np.concatenate([y, labels]))
    np.testing.assert_allclose(chain.predict_proba(X), by_hand.predict_proba(np.asarray(Z)), atol=1e-6)
    assert len(made) == 20
    with pytest.raises(RequestError, match="smote.* makes rows between two patients, and CalibratedSVC has folds"):
        modality_classifier("svm", **CHAIN, tuning={"oversample": "smote"})


def test_what_stands_before_the_classifier_is_a_plain_pipeline():
    X, y, patients = rows()
    chain = modality_classifier("logistic", **CHAIN, tuning={"search": GRID})
    before = chain[:-1]
    assert type(before) is Pipeline
    Z = fit_with_groups(before, X, y, patients, method="fit_transform")  # as a constraint fusion asks for it
    np.testing.assert_array_equal(Z, chain.fit(X, y, groups=patients)[:-1].transform(X))
    assert type(chain[:]) is TunedChain
    assert type(chain["classify"]) is LogisticRegression


def test_a_row_that_is_drawn_again_stays_in_one_of_the_classifiers_folds_without_patients_too(monkeypatch):
    X, y, _ = rows()
    told = []

    def fit(self, X, y, groups=None):
        told.append(np.arange(len(y)) if groups is None else groups)
        return original(self, X, y, groups)

    original = CalibratedSVC.fit
    monkeypatch.setattr(CalibratedSVC, "fit", fit)
    chain = TunedChain([("classify", CalibratedSVC(random_state=0))], oversample="random", random_state=0)
    alone = chain.fit(X, y).predict_proba(X)
    assert len(told[0]) == 80 and len(np.unique(told[0])) == 60
    np.testing.assert_array_equal(alone, chain.fit(X, y, np.arange(60)).predict_proba(X))
