"""Optimism and .632 bootstrap equal R on stored resamples, and tell the truth about models that overfit."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from radiofuse.errors import RequestError
from radiofuse.evaluate.optimism import optimism_corrected
from radiofuse.evaluate.out_of_bag import _combined, bootstrap_632
from radiofuse.evaluate.refits import refit_on_resamples

COLUMNS = ["x20", "x38", "x68", "x122", "x189"]
# R 4.2.2: glm(family = binomial, epsilon = 1e-15) on COLUMNS of the golden table, refitted on the first 50
# stored resamples; .632 and .632+ by the formulas of Efron and Tibshirani (1997) written out in R on the same fits.
R_OPTIMISM = pd.DataFrame(
    {
        "apparent": [0.83694530443756454, 0.99999999999999967, 0.14423894324630565],
        "optimism": [0.025808394194209158, 0.137752669500506852, -0.014817636496059555],
        "corrected": [0.81113691024335544, 0.86224733049949287, 0.15905657974236520],
    },
    index=["auc", "calibration_slope", "brier"],
)
R_632 = {  # apparent, out of bag, without information, .632, .632+
    "error": (0.20754716981132076, 0.23365435545796420, 0.44037023851904600, 0.22404691113999942, 0.22475707803136052),
    "brier": (0.14423894324630565, 0.16499033866862428, 0.31256280483931553, 0.15735382515321103, 0.15797709745270014),
    "auc": (0.83694530443756454, 0.80537384582312044, 0.5, 0.81699214259323583, 0.81627956186570372),
}


def unpenalized():
    return make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12))


@pytest.fixture
def stored(data_dir):
    """The golden table, its labels, and 50 stored resamples."""
    table = pd.read_csv(data_dir / "golden" / "LGG-1p19qDeletion.csv")
    indices = pd.read_csv(data_dir / "golden" / "optimism_bootidx.csv.gz", header=None).to_numpy()
    return table[COLUMNS], table["Target"].to_numpy(), indices[:, :50]


@pytest.fixture(scope="module")
def noise():
    """60 patients x 200 features that say nothing of the label."""
    return np.random.default_rng(0).normal(size=(60, 200)), np.arange(60) % 2


@pytest.mark.data
def test_optimism_equals_r_on_stored_resamples(stored):
    X, y, indices = stored
    found = optimism_corrected(unpenalized(), X, y, indices=indices).set_index("metric")
    assert (found["n_resamples"] == 50).all()
    np.testing.assert_allclose(found.loc[R_OPTIMISM.index, R_OPTIMISM.columns], R_OPTIMISM, rtol=0, atol=1e-12)


@pytest.mark.data
@pytest.mark.parametrize("metric", ["accuracy", "brier", "auc"])
def test_632_equals_r_on_stored_resamples(stored, metric):
    X, y, indices = stored
    found = bootstrap_632(unpenalized(), X, y, metric=metric, indices=indices)
    plain = (1 - 0.632) * found.apparent + 0.632 * found.out_of_bag
    got = np.array([*found[1:4], plain, found.value])
    expected = np.array(R_632["error" if metric == "accuracy" else metric])
    np.testing.assert_allclose(1 - got if metric == "accuracy" else got, expected, rtol=0, atol=1e-12)
    assert 0.632 < found.weight < 1


def test_equals_a_plain_loop_over_the_same_resamples():
    """Fits on repeated rows, scored by scikit-learn; three rows per patient, resampled together."""
    X, y = make_classification(90, n_features=6, flip_y=0.2, random_state=0)
    patient, rows_of = np.repeat([f"p{number:02d}" for number in range(30)], 3), np.arange(90).reshape(30, 3)
    y = y[rows_of[:, 0]].repeat(3)
    indices = np.random.default_rng(0).integers(30, size=(30, 8))
    model = LogisticRegression(tol=1e-10)
    gaps = {"auc": [], "brier": []}
    for column in indices.T:
        rows = rows_of[column].ravel()
        fitted = model.fit(X[rows], y[rows])
        trained, tested = fitted.predict_proba(X[rows])[:, 1], fitted.predict_proba(X)[:, 1]
        gaps["auc"].append(roc_auc_score(y[rows], trained) - roc_auc_score(y, tested))
        gaps["brier"].append(brier_score_loss(y[rows], trained) - brier_score_loss(y, tested))
    found = optimism_corrected(model, X, y, groups=patient, metrics=("auc", "brier"), indices=indices)
    np.testing.assert_allclose(found["optimism"], [np.mean(gaps[metric]) for metric in found["metric"]], atol=1e-7)


def test_selection_inside_the_pipeline_is_corrected_and_selection_before_it_is_not(noise):
    X, y = noise
    chain = make_pipeline(SelectKBest(f_classif, k=5), LogisticRegression())
    chosen = SelectKBest(f_classif, k=5).fit_transform(X, y)
    inside = optimism_corrected(chain, X, y, metrics=["auc"], n_resamples=30, random_state=0).iloc[0]
    before = optimism_corrected(LogisticRegression(), chosen, y, metrics=["auc"], n_resamples=30, random_state=0)
    assert inside["apparent"] > 0.75
    assert inside["corrected"] < inside["apparent"] - 0.15
    assert before["corrected"].iloc[0] > inside["corrected"] + 0.1  # the mistake made on purpose


def test_632_plus_of_a_model_that_knows_noise_by_heart_is_near_chance_and_632_is_not(noise):
    """Efron and Tibshirani 1997: one nearest neighbor on noise has no apparent error and a true one of one half."""
    X, y = noise
    plain, plus = (
        bootstrap_632(KNeighborsClassifier(1), X, y, metric="accuracy", plus=plus, n_resamples=40, random_state=0)
        for plus in (False, True)
    )
    assert plain.apparent == 1
    assert plain.value > 0.63
    assert plus.value == pytest.approx(0.5, abs=0.06)
    assert plus.weight > 0.9


@pytest.mark.parametrize(
    ("losses", "expected", "weight"),
    [
        ((0.1, 0.3, 0.5), 0.1 + 0.2 * 0.632 / (1 - 0.368 * 0.5), 0.632 / (1 - 0.368 * 0.5)),
        ((0.1, 0.7, 0.5), 0.6264, 0.5264 / 0.6),  # .368 * .1 + .632 * .7 + (.5 - .1) * .368: worse than chance
        ((0.1, 0.05, 0.5), 0.0684, 0.632),  # no overfitting: the plain .632
        ((0.4, 0.5, 0.3), 0.4632, 0.632),
    ],
)
def test_632_plus_is_equation_32_of_efron_and_tibshirani(losses, expected, weight):
    apparent, out_of_bag, no_information = losses
    least = min(out_of_bag, no_information)
    overfit = (least - apparent) / (no_information - apparent) if least > apparent else 0
    written_out = 0.368 * apparent + 0.632 * out_of_bag
    written_out += (least - apparent) * 0.368 * 0.632 * overfit / (1 - 0.368 * overfit)
    assert _combined(*losses, plus=True) == pytest.approx((expected, weight), abs=1e-12)
    assert written_out == pytest.approx(expected, abs=1e-12)
    assert _combined(*losses, plus=False) == pytest.approx((0.368 * apparent + 0.632 * out_of_bag, 0.632))


class Reversed(ClassifierMixin, BaseEstimator):
    """Knows the training rows by heart and answers the opposite of their majority in every other one."""

    def fit(self, X, y):
        self.classes_, self.known_ = np.array([0, 1]), dict(zip(X[:, 0], y, strict=True))
        return self

    def predict_proba(self, X):
        positive = [float(self.known_.get(x, x % 2 == 0)) for x in X[:, 0]]
        return np.column_stack([1 - np.array(positive), positive])


def test_an_auc_out_of_bag_below_one_half_counts_as_one_half():
    """Sahiner, Chan and Hadjiiski 2008: the .632+ of an AUC is never below .5 for that; an error rate may be."""
    X, y = np.arange(40.0)[:, None], np.arange(40) % 2
    area = bootstrap_632(Reversed(), X, y, n_resamples=10, random_state=0)
    assert (area.apparent, area.out_of_bag, area.value, area.weight) == (1, 0, 0.5, 1)
    right = bootstrap_632(Reversed(), X, y, metric="accuracy", n_resamples=20, random_state=0)
    assert right.value == pytest.approx(0.368 - 0.5 * 0.368)


class AsksWhoIsWho(ClassifierMixin, BaseEstimator):
    """Notes the patients it is fitted on; answers the share of positives."""

    def fit(self, X, y, groups=None):
        self.classes_ = np.array([0, 1])
        own = np.unique(groups)
        self.answer_ = len(own) / 1000 + 0.1
        by_patient = {patient: np.unique(np.asarray(X)[groups == patient, 0]) for patient in own}
        assert all(len(values) == 1 for values in by_patient.values())  # column 0 names the patient
        return self

    def predict_proba(self, X):
        return np.tile([1 - self.answer_, self.answer_], (len(X), 1))


@pytest.mark.parametrize("named", [True, False])
def test_copies_of_a_patient_are_one_patient_to_a_model_that_takes_groups(named):
    patient = np.repeat(np.arange(20), 2) if named else np.arange(40)
    X, y = np.column_stack([patient, np.zeros(40)]), patient % 2
    refits = refit_on_resamples(
        AsksWhoIsWho(), X, y, patient if named else None, n_resamples=6, random_state=0, n_jobs=1
    )
    drawn = [np.unique(patient[times > 0]).size for times in refits.counts.T]
    np.testing.assert_allclose(refits.resampled[0], np.array(drawn) / 1000 + 0.1)
    assert (refits.apparent == np.unique(patient).size / 1000 + 0.1).all()
    for member in np.unique(patient):
        assert (np.ptp(refits.counts[patient == member], axis=0) == 0).all()


def test_resamples_hold_both_labels_and_leave_a_patient_out():
    y = np.array([1, 1, 0, 0, 0, 0])
    X = np.arange(6.0)[:, None]
    refits = refit_on_resamples(LogisticRegression(), X, y, None, n_resamples=60, random_state=0)
    assert (refits.counts[:2].sum(axis=0) > 0).all()
    assert (refits.counts[2:].sum(axis=0) > 0).all()
    assert ((refits.counts == 0).any(axis=0)).all()
    assert (refits.counts.sum(axis=0) == 6).all()


def test_processes_change_no_bit():
    X, y = make_classification(50, random_state=0)
    model = RandomForestClassifier(5, random_state=0)
    one, two = (optimism_corrected(model, X, y, n_resamples=6, random_state=0, n_jobs=n_jobs) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_a_slope_that_does_not_exist_is_missing_and_said(caplog):
    """A nearest neighbor answers 0 or 1, which have no log-odds."""
    X, y = make_classification(40, random_state=0)
    with caplog.at_level(logging.WARNING):
        found = optimism_corrected(KNeighborsClassifier(1), X, y, n_resamples=5, random_state=0).set_index("metric")
    assert found.loc["calibration_slope", ["apparent", "optimism", "corrected"]].isna().all()
    assert found.loc["auc"].notna().all()
    assert "5 of 5 resamples have no calibration_slope" in caplog.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"metrics": ["auc", "gini"]}, r"got \['gini'\]"),
        ({"metrics": []}, "got none"),
        ({"y": [0, 0, 0, 0, 0, 1]}, "Label 1 has 1 patients"),
        ({"groups": ["a", "b", "c", "d", "d", "d"]}, "Label 1 has 1 patients"),
        ({"indices": np.arange(6)[:, None]}, "leave no patient out"),
        ({"indices": np.array([[0, 1, 2, 0, 1, 2]]).T}, "lack a label"),
    ],
)
def test_unusable_requests_are_refused(options, sentence):
    rows = {"X": np.arange(6.0)[:, None], "y": [0, 0, 0, 1, 1, 1], "n_resamples": 3, "random_state": 0}
    with pytest.raises(RequestError, match=sentence):
        optimism_corrected(LogisticRegression(), **{**rows, **options})


def test_a_row_never_left_out_needs_more_resamples():
    X, y = make_classification(40, random_state=0)
    with pytest.raises(RequestError, match=r"rows are in all 2 resamples; ask for more"):
        bootstrap_632(LogisticRegression(), X, y, metric="brier", n_resamples=2, random_state=0)


@pytest.fixture
def graded():
    """Sixty rows of three classes, named so that their order is not that of their appearance."""
    rng = np.random.default_rng(0)
    y = np.repeat([2, 0, 1], 20)
    return rng.normal(size=(60, 4)) + (y / 2)[:, None], np.array(["II", "III", "IV"])[y]


def test_three_classes_equal_a_plain_loop_scored_by_scikit_learn(graded):
    X, y = graded
    indices = np.random.default_rng(1).integers(60, size=(60, 6))
    model, gaps = LogisticRegression(tol=1e-10), {"auc": [], "log_loss": [], "brier": []}

    def scores(labels, probability):
        squares = (labels[:, None] == np.array(["II", "III", "IV"])) - probability
        auc = roc_auc_score(labels, probability, multi_class="ovr")
        return {"auc": auc, "log_loss": log_loss(labels, probability), "brier": np.mean((squares**2).sum(axis=1))}

    for rows in indices.T:
        fitted = model.fit(X[rows], y[rows])
        trained, tested = scores(y[rows], fitted.predict_proba(X[rows])), scores(y, fitted.predict_proba(X))
        for metric, gap in gaps.items():
            gap.append(trained[metric] - tested[metric])
    found = optimism_corrected(model, X, y, metrics=list(gaps), indices=indices)
    np.testing.assert_allclose(found["optimism"], [np.mean(gaps[metric]) for metric in found["metric"]], atol=1e-6)
    default = optimism_corrected(model, X, y, indices=indices)
    assert default["metric"].tolist() == ["auc", "brier", "log_loss"]
    with pytest.raises(RequestError, match="metrics must be some of .*got \\['calibration_slope'\\]"):
        optimism_corrected(model, X, y, metrics=["calibration_slope"], indices=indices)


def test_the_632_of_three_classes_lies_between_its_two_sides(graded):
    X, y = graded
    forest = DecisionTreeClassifier(max_depth=4, random_state=0)
    for metric, worse in (("auc", np.less), ("accuracy", np.less), ("brier", np.greater)):
        found = bootstrap_632(forest, X, y, metric=metric, n_resamples=25, random_state=0)
        assert worse(found.out_of_bag, found.value)
        assert worse(found.value, found.apparent)
        assert worse(found.no_information, found.out_of_bag)
        assert 0.632 < found.weight < 1
    shares = np.full(3, 1 / 3)
    calls = forest.fit(X, y).predict(X)
    expected = sum(share * np.mean(calls == name) for share, name in zip(shares, forest.classes_, strict=True))
    assert bootstrap_632(forest, X, y, metric="accuracy", n_resamples=25, random_state=0).no_information == (
        pytest.approx(expected)
    )
