"""Recalibrated probabilities: whole patients in the folds, what they repair, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiofuse.classify.calibrated_svc import CalibratedSVC
from radiofuse.classify.recalibration import RecalibratedClassifier, _require_method
from radiofuse.errors import CohortError, RequestError


class PatientMemory(ClassifierMixin, BaseEstimator):
    """Knows the label of rows it has seen by heart, and notes the patients it was handed."""

    seen: list = []

    def fit(self, X, y, groups=None):
        self.classes_ = np.unique(y)
        self.memory_ = {float(value): label for value, label in zip(np.asarray(X)[:, 0], y, strict=True)}
        self.seen.append(None if groups is None else np.array(groups))
        return self

    def predict_proba(self, X):
        known = np.array([self.memory_.get(float(value), 0.5) for value in np.asarray(X)[:, 0]], dtype=float)
        return np.stack([1 - known, known], axis=1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Unsure(PatientMemory):
    """Has no number for any row."""

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


class PatientStep(TransformerMixin, BaseEstimator):
    """Leaves rows as they are, and notes the patients it was handed."""

    seen: list = []

    def fit(self, X, y=None, groups=None):
        self.fitted_ = True
        self.seen.append(None if groups is None else np.array(groups))
        return self

    def transform(self, X):
        return X


class LaterHalf:
    """A splitter that never tests the first rows."""

    def split(self, X, y=None, groups=None):
        yield np.arange(15), np.arange(15, 30)


def overconfident(rng, n: int):
    """Labels whose log-odds are one feature, which naive Bayes counts six times."""
    x = rng.normal(size=(n, 1))
    y = (rng.random(n) < expit(1.5 * x[:, 0])).astype(int)
    return np.repeat(x, 6, axis=1) + 0.01 * rng.normal(size=(n, 6)), y


def slope(y, probability) -> float:
    """Calibration slope: 1 is right, below 1 is too sure."""
    z = logit(np.clip(probability, 1e-9, 1 - 1e-9))
    return float(LogisticRegression(C=1e9).fit(z[:, None], y).coef_[0, 0])


def test_it_is_scikit_learns_calibration_on_folds_of_whole_patients():
    rng = np.random.default_rng(0)
    X, y, patients = rng.normal(size=(60, 4)), np.repeat(np.arange(30) % 2, 2), np.repeat(np.arange(30), 2)
    folds = list(StratifiedGroupKFold(4, shuffle=True, random_state=3).split(X, y, patients))
    for method, name in (("platt", "sigmoid"), ("isotonic", "isotonic"), ("temperature", "temperature")):
        classifier = LogisticRegression() if method == "platt" else GaussianNB()  # a score, or probabilities alone
        expected = CalibratedClassifierCV(classifier, method=name, cv=folds, ensemble=False).fit(X, y)
        model = RecalibratedClassifier(classifier, method=method, cv=4, random_state=3).fit(X, y, groups=patients)
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
        assert len({frozenset(patients[test]) for _, test in folds}) == 4


def test_of_a_support_vector_machine_it_is_the_calibrated_svc():
    rng = np.random.default_rng(1)
    X, y, patients = rng.normal(size=(60, 4)), np.repeat(np.arange(30) % 2, 2), np.repeat(np.arange(30), 2)
    first = RecalibratedClassifier(SVC(), random_state=5).fit(X, y, groups=patients)
    second = CalibratedSVC(random_state=5).fit(X, y, groups=patients)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))


@pytest.mark.parametrize("method", ["platt", "isotonic", "temperature"])
def test_it_repairs_a_classifier_that_is_too_sure(method):
    rng = np.random.default_rng(0)
    X, y = overconfident(rng, 600)
    X_new, y_new = overconfident(rng, 4000)
    raw = GaussianNB().fit(X, y).predict_proba(X_new)[:, 1]
    model = RecalibratedClassifier(GaussianNB(), method=method, random_state=0).fit(X, y)
    repaired = model.predict_proba(X_new)[:, 1]
    assert slope(y_new, raw) < 0.5
    assert log_loss(y_new, repaired) < log_loss(y_new, raw) - 0.1
    if method != "isotonic":  # steps have no slope of their own
        assert slope(y_new, repaired) == pytest.approx(1, abs=0.2)


def platts_sigmoid(score, positive):
    """Minimize Platt's log loss, whose targets are drawn in by one row of each class; return slope and intercept."""
    n = np.bincount(positive.astype(int), minlength=2)
    target = np.where(positive, (n[1] + 1) / (n[1] + 2), 1 / (n[0] + 2))

    def loss(line):
        z = line[0] * score + line[1]
        return (np.logaddexp(0, z) - target * z).sum()

    return minimize(loss, [1.0, 0.0], method="Powell", tol=1e-12).x


@pytest.mark.parametrize("n_classes", [2, 3])
def test_platt_of_probabilities_is_a_line_in_their_log_odds(n_classes):
    rng = np.random.default_rng(0)
    y = np.arange(120) % n_classes
    X = rng.normal(size=(120, 2)) + y[:, None]
    folds = list(StratifiedKFold(4).split(X, y))
    found = RecalibratedClassifier(GaussianNB(), cv=StratifiedKFold(4)).fit(X, y).predict_proba(X)
    unseen = np.empty((120, n_classes))
    for train, test in folds:
        unseen[test] = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    own = GaussianNB().fit(X, y).predict_proba(X)
    expected = np.empty_like(own)
    for label in range(n_classes):
        slope, intercept = platts_sigmoid(logit(unseen[:, label]), y == label)
        expected[:, label] = expit(slope * logit(own[:, label]) + intercept)
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)


def test_votes_of_exactly_0_and_1_count_as_half_the_smallest_share_out_of_fold():
    rng = np.random.default_rng(0)
    X, y = overconfident(rng, 80)
    X_new, y_new = overconfident(rng, 2000)
    voters = KNeighborsClassifier(7)
    unseen = cross_val_predict(voters, X, y, cv=StratifiedKFold(5), method="predict_proba")[:, 1]
    assert {0.0, 1.0} < set(unseen)
    slope, intercept = platts_sigmoid(logit(unseen.clip(1 / 14, 13 / 14)), y == 1)
    new = voters.fit(X, y).predict_proba(X_new)[:, 1]
    found = RecalibratedClassifier(voters, cv=StratifiedKFold(5)).fit(X, y).predict_proba(X_new)[:, 1]
    np.testing.assert_allclose(found, expit(slope * logit(new.clip(1 / 14, 13 / 14)) + intercept), atol=1e-6)
    assert brier_score_loss(y_new, found) < brier_score_loss(y_new, new)


def test_platt_orders_patients_as_an_overconfident_classifier_does_and_refuses_what_is_no_probability():
    X, y = overconfident(np.random.default_rng(0), 200)
    raw = GaussianNB().fit(4 * X, y).predict_proba(4 * X)[:, 1]
    found = RecalibratedClassifier(GaussianNB(), random_state=0).fit(4 * X, y).predict_proba(4 * X)[:, 1]
    assert roc_auc_score(y, found) == pytest.approx(roc_auc_score(y, raw), abs=1e-3)
    with pytest.raises(RequestError, match="Unsure must answer probabilities from 0 to 1; it answered, for example, n"):
        RecalibratedClassifier(Unsure()).fit(X, y)


def test_a_classifier_that_knows_its_own_rows_is_not_believed():
    """Within patients the label would be known; across patients nothing is, and probabilities stay at the base rate."""
    patients = np.repeat(np.arange(40), 3)
    X, y = patients[:, None].astype(float), patients % 2
    whole = RecalibratedClassifier(PatientMemory(), random_state=0).fit(X, y, groups=patients).predict_proba(X)
    torn = RecalibratedClassifier(PatientMemory(), random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(whole, 0.5, atol=0.02)
    assert np.abs(torn - 0.5).min() > 0.4


@pytest.mark.parametrize("routing", [False, True])
def test_patients_reach_the_classifier_and_the_steps_of_a_pipeline(routing):
    rng = np.random.default_rng(0)
    X, y, patients = rng.normal(size=(60, 5)), np.repeat(np.arange(30) % 2, 2), np.repeat(np.arange(30), 2)
    X[:, 0] += y
    chain = make_pipeline(StandardScaler(), PatientStep(), LogisticRegression())
    for classifier, taker in ((PatientMemory(), PatientMemory), (chain, PatientStep)):
        taker.seen.clear()
        with sklearn.config_context(enable_metadata_routing=routing):
            RecalibratedClassifier(classifier, cv=3, random_state=0).fit(X, y, groups=patients)
        assert [len(np.unique(groups)) for groups in taker.seen] == [20, 20, 20, 30]


def test_three_classes_and_named_columns():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    X = pd.DataFrame(rng.normal(size=(90, 2)) + (np.arange(90) % 3)[:, None], columns=["t1__x", "t1__z"])
    model = RecalibratedClassifier(LogisticRegression(), random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, atol=1e-12)
    assert np.mean(model.predict(X) == y) > 0.6
    assert model.feature_names_in_.tolist() == ["t1__x", "t1__z"]


@pytest.mark.parametrize("method", ["platt", "isotonic", "temperature"])
def test_three_classes_become_less_sure_in_any_order(method):
    rng = np.random.default_rng(0)

    def rows(n):
        y = rng.integers(0, 3, n)
        return np.repeat(rng.normal(size=(n, 3)) + np.eye(3)[y], 4, axis=1), y  # naive Bayes counts each four times

    (X, y), (X_new, y_new) = rows(400), rows(3000)
    raw = GaussianNB().fit(X, y).predict_proba(X_new)
    model = RecalibratedClassifier(GaussianNB(), method=method, random_state=0).fit(X, y)
    repaired = model.predict_proba(X_new)
    assert log_loss(y_new, repaired) < log_loss(y_new, raw) - 0.1
    turned = RecalibratedClassifier(GaussianNB(), method=method, random_state=0).fit(X, (y + 1) % 3)
    np.testing.assert_allclose(turned.predict_proba(X_new)[:, [1, 2, 0]].mean(axis=0), repaired.mean(axis=0), atol=0.01)


def test_one_against_the_rest_is_scikit_learns_calibration_of_three_classes():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 2)) + y[:, None]
    folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(X, y, np.arange(90)))
    expected = CalibratedClassifierCV(LogisticRegression(), cv=folds, ensemble=False).fit(X, y).predict_proba(X)
    found = RecalibratedClassifier(LogisticRegression(), random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_recalibrated_is_refused():
    X, y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) < 4
    with pytest.raises(CohortError, match=r"5 patients of each class, and the smallest class has 4"):
        RecalibratedClassifier(GaussianNB()).fit(X, y)
    with pytest.raises(CohortError, match=r"the smallest class has 2"):
        RecalibratedClassifier(GaussianNB(), cv=3).fit(X, y, groups=np.arange(30) // 2)
    with pytest.raises(ValueError, match="one class only"):
        RecalibratedClassifier(GaussianNB()).fit(X, np.ones(30))
    with pytest.raises(RequestError, match="must test every row exactly once"):
        RecalibratedClassifier(GaussianNB(), cv=LaterHalf()).fit(X, y)


def test_temperature_scaling_names_the_scikit_learn_it_needs():
    with pytest.raises(RequestError, match=r"needs scikit-learn 1.8 or newer, and 1.7.2 is installed"):
        _require_method("temperature", "1.7.2")
    _require_method("temperature", "1.10.0")
    _require_method("platt", "1.7.2")
