"""Self-training: what stage 2 learns from, against scikit-learn's own, planted patients and hidden labels."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from radiofuse.classify import BayesianRegularizedNetwork, SelfTrainedClassifier, modality_classifier
from radiofuse.classify.self_training import OneSidedWarning
from radiofuse.errors import RequestError
from radiofuse.patients.resampled import resampled_patients
from radiofuse.statistics import auc


@pytest.fixture(scope="module")
def halves():
    """Rows of two classes that overlap, of which every fifth has a label, and all true classes."""
    rng = np.random.default_rng(0)
    X, true = rng.normal(size=(200, 3)), np.arange(200) % 2
    X[:, 0] += 2 * true
    return X, np.where(np.arange(200) % 5 == 0, true, -1), true


def logistic_chain():
    return make_pipeline(StandardScaler(), LogisticRegression())


def test_one_draw_without_a_spread_is_scikit_learns_self_training(halves):
    X, y, _ = halves
    own = SelfTrainedClassifier(logistic_chain(), n_draws=1, spread=1, confidence=0.8).fit(X, y)
    reference = SelfTrainingClassifier(logistic_chain(), threshold=0.8, max_iter=1).fit(X, y)
    np.testing.assert_array_equal(own.predict_proba(X), reference.predict_proba(X))
    assert 0.2 < own.pseudo_labels_.coverage < 0.9


@pytest.mark.parametrize("of_text", [False, True])
def test_stage_2_is_the_fit_to_labeled_and_kept_rows(halves, of_text):
    X, y, true = halves
    names = np.where(y == 1, "mutant", "wildtype")
    y = np.where(y == -1, None, names) if of_text else np.where(y == -1, np.nan, y)
    model = SelfTrainedClassifier(logistic_chain(), random_state=0).fit(X, y)
    labels, kept = pd.Series(y), model.unlabeled_[model.pseudo_labels_.kept]
    labels[kept] = model.classes_[model.pseudo_labels_.code[model.pseudo_labels_.kept]]
    rows = labels.notna().to_numpy()
    expected = logistic_chain().fit(X[rows], labels[rows].to_numpy(model.classes_.dtype))
    assert 0 < len(kept) < 160 and rows.sum() == 40 + len(kept)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    truth = np.searchsorted(model.classes_, np.where(true, "mutant", "wildtype")) if of_text else true
    told = model.pseudo_labels_.accuracy(truth[model.unlabeled_])
    assert told["kept"] >= told["all"]


def test_stage_1_is_the_mean_of_its_fits_and_supervised_the_fit_to_labeled_rows(halves):
    X, y, _ = halves
    model = SelfTrainedClassifier(logistic_chain(), n_draws=3, random_state=0).fit(X, y)
    told = model.predict_proba_of_stages(X)
    np.testing.assert_allclose(told["stage_1"], np.mean([one.predict_proba(X) for one in model.draws_], axis=0))
    plain = logistic_chain().fit(X[y >= 0], y[y >= 0]).predict_proba(X)
    np.testing.assert_array_equal(told["supervised"], plain)
    np.testing.assert_array_equal(told["stage_2"], model.predict_proba(X))
    assert len({one.predict_proba(X).tobytes() for one in model.draws_}) == 3


def test_a_second_fit_and_a_pickled_one_say_the_same(halves):
    X, y, _ = halves
    model = SelfTrainedClassifier(logistic_chain(), n_draws=3, random_state=7).fit(X, y)
    first = model.predict_proba(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), first)
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)


def test_coverage_falls_with_stricter_thresholds(halves):
    X, y, _ = halves
    fits = [
        SelfTrainedClassifier(logistic_chain(), confidence=confidence, spread=spread, random_state=0).fit(X, y)
        for confidence, spread in [(0.7, 0.2), (0.9, 0.2), (0.9, 0.03)]
    ]
    kept = [model.pseudo_labels_.kept for model in fits]
    assert kept[0].sum() > kept[1].sum() > kept[2].sum() > 0
    assert (kept[1] <= kept[0]).all() and (kept[2] <= kept[1]).all()


def test_pseudo_labels_of_one_class_are_not_learned_from(halves):
    X, y, true = halves
    rows = (y >= 0) | (X[:, 0] > 2.5)  # without a label only those that plainly are of one class
    with pytest.warns(OneSidedWarning, match=r"of \d+ rows without a label, \d+ \(all of class 1\) had"):
        model = SelfTrainedClassifier(logistic_chain(), random_state=0).fit(X[rows], y[rows])
    assert model.final_ is model.supervised_ and model.pseudo_labels_.kept.any()
    with pytest.warns(OneSidedWarning, match="none had a mean of 1 or more"):
        SelfTrainedClassifier(logistic_chain(), confidence=1, random_state=0).fit(X, y)
    whole = SelfTrainedClassifier(logistic_chain(), n_draws=2, random_state=0).fit(X, true)
    assert whole.final_ is whole.supervised_


def test_no_label_at_all_is_a_sentence(halves):
    with pytest.raises(ValueError, match="y has no label: every row is -1, NaN or None"):
        SelfTrainedClassifier(logistic_chain()).fit(halves[0], np.full(200, -1))


def test_patients_are_drawn_whole_and_every_class_is_there():
    y = np.repeat([0, 0, 0, 0, 0, 1, 1, 1], 3)
    patients = np.repeat(list("abcdefgh"), 3)
    for seed in range(20):
        rows = resampled_patients(y, patients, random_state=seed)
        times = np.bincount(rows, minlength=len(y)).reshape(8, 3)
        assert (times == times[:, :1]).all() and times[:, 0].sum() == 8
        assert np.bincount(y[rows]).tolist() == [15, 9] and (times[5:, 0] > 0).sum() >= 2


def test_patients_reach_the_steps_that_take_them_in_both_stages(halves):
    X, y, _ = halves
    seen = []

    class Told(LogisticRegression):
        def fit(self, X, y, groups):
            seen.append((len(y), np.asarray(groups)))
            return super().fit(X, y)

    SelfTrainedClassifier(Told(), n_draws=2, random_state=0).fit(X, y, groups=np.repeat(np.arange(100), 2))
    assert [len(groups) for _, groups in seen] == [n for n, _ in seen]
    assert seen[0][0] == 40 and seen[-1][0] > 40 and len(seen) == 4
    assert all(len(np.unique(groups)) < 40 for _, groups in seen[1:3])  # drawn with replacement


def test_grid_search_holds_out_labeled_rows(halves):
    X, y, true = halves
    search = GridSearchCV(
        SelfTrainedClassifier(logistic_chain(), n_draws=2, spread=0.2, random_state=0),
        {"confidence": [0.7, 0.8], "estimator__logisticregression__C": [2.0]},
        cv=StratifiedGroupKFold(2),
        scoring=lambda model, X, y: auc(y[y >= 0], model.predict_proba(X)[y >= 0, 1]),
    )
    with config_context(enable_metadata_routing=True):
        search.fit(X, y, groups=np.arange(200))
    assert search.best_score_ > 0.8 and search.best_estimator_.estimator[-1].C == 2


def test_negative_labels_of_two_classes_say_the_other_one(halves):
    X, y, _ = halves
    strict = {"confidence": 0.99, "spread": 0.001, "random_state": 0}
    model = SelfTrainedClassifier(logistic_chain(), negative=0.05, negative_spread=0.03, **strict).fit(X, y)
    found = model.pseudo_labels_
    settled = (found.mean.max(axis=1) >= 0.95) & (found.sd.max(axis=1) <= 0.03)
    np.testing.assert_array_equal(found.kept, settled)
    assert settled.sum() > 10 and not found.ruled_out.any() and found.coverage == settled.mean()
    labels = y.copy()
    labels[model.unlabeled_[settled]] = found.mean.argmax(axis=1)[settled]
    expected = logistic_chain().fit(X[labels >= 0], labels[labels >= 0])
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_negative_labels_of_three_classes_are_rows_with_weights():
    rng = np.random.default_rng(1)
    true = np.arange(150) % 3
    X = rng.normal(size=(150, 2)) + 3 * np.column_stack([true == 0, true == 1])
    y = np.where(np.arange(150) < 60, true, -1)
    options = {"confidence": 0.97, "negative": 0.05, "negative_spread": 0.03, "random_state": 0}
    model = SelfTrainedClassifier(logistic_chain(), **options).fit(X, y)
    soft = model.pseudo_labels_.ruled_out.sum(axis=1) == 1
    assert soft.sum() > 3 and model.final_.named_steps["standardscaler"].n_samples_seen_ < 150 - soft.sum() + 1
    with pytest.raises(RequestError, match="takes no sample_weight"):
        SelfTrainedClassifier(BayesianRegularizedNetwork(random_state=0), n_draws=2, **options).fit(X, y)


def test_weights_of_a_bayesian_network_are_drawn(halves):
    X, y, _ = halves
    chain = modality_classifier("brnn", select=None, random_state=0)
    model = SelfTrainedClassifier(chain, draws="posterior", n_draws=30, spread=0.1, random_state=0).fit(X, y)
    told = model.predict_proba_of_stages(X)
    assert 0 < model.pseudo_labels_.coverage < 1 and model.pseudo_labels_.sd.max() > 0.01
    np.testing.assert_array_equal(told["stage_1"], told["supervised"])
    with pytest.raises(RequestError, match='draws = "posterior" needs a classifier with predict_proba_samples'):
        SelfTrainedClassifier(logistic_chain(), draws="posterior").fit(X, y)


@pytest.mark.filterwarnings("ignore::radiofuse.classify.self_training.OneSidedWarning")
def test_labels_that_features_know_nothing_of_stay_a_coin_toss():
    rng, scores = np.random.default_rng(3), []
    for _ in range(30):
        X, true = rng.normal(size=(120, 4)), rng.permutation(np.arange(120) % 2)
        y = np.where(np.arange(120) < 30, true, -1)
        y[90:] = -1
        model = SelfTrainedClassifier(LogisticRegression(), n_draws=3, confidence=0.6, spread=0.3, random_state=0)
        model.fit(X[:90], y[:90])
        scores.append(auc(true[90:], model.predict_proba(X[90:])[:, 1]))
    assert abs(np.mean(scores) - 0.5) < 3 * np.std(scores) / np.sqrt(30)
