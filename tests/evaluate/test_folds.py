"""Running the folds: who is fitted on what, and that neither order nor processes change a bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info

from radiofuse.errors import RequestError
from radiofuse.evaluate import cross_validated_predictions, gather_predictions, run_folds
from radiofuse.patients import Split, patient_splits
from radiofuse.statistics import score_predictions
from radiofuse.tables import PREDICTION_COLUMNS


@pytest.fixture
def cohort():
    """60 patients with 1 to 3 samples each, 12 features, a weak signal."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), np.arange(60) % 3 + 1)
    y = (np.arange(60) % 2)[patient]
    X = pd.DataFrame(
        rng.normal(size=(len(y), 12)) + 0.4 * y[:, None],
        index=[f"sample{row:03d}" for row in range(len(y))],
        columns=[f"t1__f{number}" for number in range(12)],
    )
    return X, y, np.array([f"p{number:02d}" for number in patient])


class Witness(ClassifierMixin, BaseEstimator):
    """Keeps what it was fitted on; answers one column per member, NaN where the first feature is large."""

    def fit(self, X, y, groups=None):
        self.classes_, self.ids_, self.groups_ = np.unique(y), list(X.index), list(groups)
        return self

    def predict_proba_each(self, X):
        first = X.iloc[:, 0]
        return pd.DataFrame({"t1": first.where(first < 0.5) * 0 + 0.25, "mean": 0.75}, index=X.index)


def models():
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest": RandomForestClassifier(20, random_state=0),
    }


@pytest.mark.parametrize("moved", ["y", "groups"])
def test_labels_or_patients_in_another_order_than_x_are_refused(cohort, moved):
    X, y, groups = cohort
    given = {"y": pd.Series(y, index=X.index), "groups": pd.Series(groups, index=X.index)}
    aligned = cross_validated_predictions(models()["logistic"], X, **given, random_state=0)
    plain = cross_validated_predictions(models()["logistic"], X, y, groups=groups, random_state=0)
    pd.testing.assert_frame_equal(aligned, plain)
    for other in (given[moved].iloc[::-1], given[moved].reset_index(drop=True)):
        with pytest.raises(RequestError, match=f"index of {moved} must be that of X"):
            cross_validated_predictions(models()["logistic"], X, **{**given, moved: other}, random_state=0)


def test_table_has_one_row_per_model_repeat_and_sample_in_canonical_order(cohort):
    X, y, groups = cohort
    table = cross_validated_predictions(models(), X, y, groups=groups, cv=3, n_repeats=2, random_state=0)
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert len(table) == 2 * 2 * len(X)
    assert table["model"].unique().tolist() == ["logistic", "forest"]
    for _, rows in table.groupby(["model", "repeat"]):
        assert sorted(rows["sample_id"]) == sorted(X.index)
    order = table.assign(model=table["model"].map({"logistic": 0, "forest": 1}))
    assert order.equals(order.sort_values(["model", "repeat", "fold", "sample_id"]))
    facts = pd.DataFrame({"patient_id": groups, "label": y}, index=X.index).loc[table["sample_id"]]
    assert (facts["patient_id"].to_numpy() == table["patient_id"]).all()
    assert (facts["label"].to_numpy() == table["label"]).all()


def test_predictions_are_those_of_the_model_fitted_on_the_other_patients(cohort):
    X, y, groups = cohort
    table = cross_validated_predictions(models()["logistic"], X, y, groups=groups, cv=3, random_state=0)
    assert (table["model"] == "model").all()
    for split in patient_splits(y, groups, n_splits=3, random_state=0):
        fitted = models()["logistic"].fit(X.iloc[split.train], y[split.train])
        expected = pd.Series(fitted.predict_proba(X.iloc[split.test])[:, 1], X.index[split.test])
        found = table[table["fold"] == split.fold].set_index("sample_id")["probability"]
        np.testing.assert_allclose(found, expected[found.index], atol=1e-8)


def test_order_of_rows_changes_no_bit(cohort):
    X, y, groups = cohort
    order = np.random.default_rng(5).permutation(len(X))
    plain = cross_validated_predictions(models(), X, y, groups=groups, cv=3, random_state=0)
    shuffled = cross_validated_predictions(
        models(), X.iloc[order], y[order], groups=groups[order], cv=3, random_state=0
    )
    pd.testing.assert_frame_equal(plain, shuffled, check_exact=True)


def test_order_of_columns_changes_nothing_for_a_model_that_has_none(cohort):
    X, y, groups = cohort
    logistic = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10))
    plain = cross_validated_predictions(logistic, X, y, groups=groups, cv=3, random_state=0)
    turned = cross_validated_predictions(logistic, X.iloc[:, ::-1], y, groups=groups, cv=3, random_state=0)
    np.testing.assert_allclose(plain["probability"], turned["probability"], atol=1e-9)


@pytest.mark.parametrize("layout", ["rows", "columns", "view", "array"])
def test_serial_equals_parallel_bit_for_bit(cohort, layout):
    X, y, groups = cohort
    wide = np.random.default_rng(1).normal(size=(len(X), 1500)) + 0.1 * y[:, None]  # 1.4 MB: joblib maps it
    X = {
        "rows": pd.DataFrame(wide, index=X.index),
        "columns": pd.DataFrame(np.asfortranarray(wide), index=X.index),
        "view": pd.DataFrame(wide, index=X.index).iloc[:, ::2],
        "array": wide,
    }[layout]
    serial, parallel = (
        cross_validated_predictions(models(), X, y, groups=groups, cv=3, random_state=0, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    pd.testing.assert_frame_equal(serial, parallel, check_exact=True)


def test_numeric_libraries_have_one_thread_while_a_model_is_fitted_and_asked(cohort):
    X, y, groups = cohort
    results = run_folds(
        {"logistic": models()["logistic"]},
        X,
        y,
        groups=groups,
        splits=patient_splits(y, groups, n_splits=2, random_state=0),
        inspect=lambda *_: [pool["num_threads"] for pool in threadpool_info()],
    )
    for result in results:
        assert set(result.findings["logistic"]) == {1}


def test_members_become_models_groups_reach_fit_and_absent_modalities_are_left_out(cohort):
    X, y, groups = cohort
    splits = patient_splits(y, groups, n_splits=3, random_state=0)
    results = run_folds(
        {"fusion": Witness(), "logistic": models()["logistic"]},
        X,
        y,
        groups=groups,
        splits=splits,
        inspect=lambda fitted, X_test, y_test: (getattr(fitted, "groups_", None), len(y_test)),
    )
    for split, result in zip(splits, results, strict=True):
        assert (result.repeat, result.fold) == (split.repeat, split.fold)
        seen, n_tested = result.findings["fusion"]
        assert sorted(seen) == sorted(groups[split.train])
        assert n_tested == len(split.test)
        assert result.findings["logistic"] == (None, len(split.test))
    table = gather_predictions(results)
    assert table["model"].unique().tolist() == ["t1", "mean", "logistic"]
    present = X.index[X["t1__f0"] < 0.5]
    assert sorted(table.loc[table["model"] == "t1", "sample_id"]) == sorted(present)
    assert (table["model"] == "mean").sum() == len(X)


def test_progress_counts_every_model_of_every_split(cohort):
    X, y, groups = cohort
    seen = []
    run_folds(
        models(),
        X,
        y,
        groups=groups,
        splits=patient_splits(y, groups, n_splits=2, random_state=0),
        on_done=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_samples_of_an_array_are_called_by_position_and_are_their_own_patients():
    y = np.arange(12) % 2
    table = cross_validated_predictions(LogisticRegression(), np.eye(12), y, cv=2, random_state=0)
    assert sorted(table["sample_id"], key=int) == [str(row) for row in range(12)]
    assert (table["sample_id"] == table["patient_id"]).all()


def test_callers_model_is_not_fitted_and_its_data_not_touched(cohort):
    X, y, groups = cohort
    model, before = LogisticRegression(), X.copy()
    cross_validated_predictions(model, X, y, groups=groups, cv=2, random_state=0)
    assert not hasattr(model, "coef_")
    pd.testing.assert_frame_equal(X, before)


def test_two_estimators_that_answer_under_one_name_are_refused(cohort):
    X, y, groups = cohort
    splits = patient_splits(y, groups, n_splits=2, random_state=0)
    with pytest.raises(RequestError, match="Models fusion and t1 both answer as t1"):
        run_folds({"fusion": Witness(), "t1": models()["logistic"]}, X, y, groups=groups, splits=splits)


def test_split_of_rows_instead_of_patients_is_refused(cohort):
    X, y, groups = cohort
    split = Split(0, 0, np.arange(0, len(y), 2), np.arange(1, len(y), 2))
    with pytest.raises(RequestError, match="Split patients, not rows"):
        run_folds(models(), X, y, groups=groups, splits=[split])


def test_bad_requests_are_refused_before_anything_is_fitted(cohort):
    X, y, groups = cohort
    splits = patient_splits(y, groups, n_splits=2, random_state=0)
    with pytest.raises(RequestError, match="Model svm .LinearSVC. has no predict_proba"):
        run_folds({"svm": LinearSVC()}, X, y, groups=groups, splits=splits)
    with pytest.raises(RequestError, match="no model to cross-validate"):
        run_folds({}, X, y, groups=groups, splits=splits)
    doubled = X.rename(index={X.index[1]: X.index[0]})
    with pytest.raises(RequestError, match="1 sample ids occur more than once .* sample000"):
        run_folds(models(), doubled, y, groups=groups, splits=splits)
    with pytest.raises(RequestError, match="1 of 120 are not, for example nan"):
        cross_validated_predictions(models(), X, np.where(np.arange(len(y)) == 3, np.nan, y), groups=groups)


class Mute(ClassifierMixin, BaseEstimator):
    """A classifier that learns nothing and answers NaN."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), np.nan)


def test_nan_of_an_ordinary_model_is_an_error_and_not_an_absent_modality(cohort):
    X, y, groups = cohort
    with pytest.raises(RequestError, match="Model model .Mute. gave no number for"):
        cross_validated_predictions(Mute(), X, y, groups=groups, cv=2, random_state=0)


class Reversed(LogisticRegression):
    """Answers with its classes in the other order."""

    def fit(self, X, y):
        super().fit(X, y)
        self.classes_ = self.classes_[::-1]
        return self

    def predict_proba(self, X):
        score = X.to_numpy() @ self.coef_[0] + self.intercept_[0]
        positive = 1 / (1 + np.exp(-score))
        return np.column_stack([positive, 1 - positive])


def test_the_positive_class_is_read_by_its_name_and_labels_may_be_one_column(cohort):
    X, y, groups = cohort
    plain = cross_validated_predictions(LogisticRegression(), X, y, groups=groups, random_state=0)
    for model, labels in ((Reversed(), y), (LogisticRegression(), pd.DataFrame({"idh": y}, index=X.index))):
        found = cross_validated_predictions(model, X, labels, groups=groups, random_state=0)
        pd.testing.assert_frame_equal(found, plain)


def test_an_answer_without_a_column_for_each_label_is_refused(cohort):
    class Narrow(LogisticRegression):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, 1]

    X, y, groups = cohort
    with pytest.raises(RequestError, match=r"Narrow must answer with one column for each of the labels 0 and 1"):
        cross_validated_predictions(Narrow(), X, y, groups=groups, random_state=0)


def test_probabilities_given_as_text_are_refused_in_a_sentence(cohort):
    X, y, groups = cohort
    table = cross_validated_predictions(LogisticRegression(), X, y, groups=groups, random_state=0)
    with pytest.raises(RequestError, match="probability must hold numbers and holds"):
        score_predictions(table.astype({"probability": str}))
