"""LateFusion: absent modalities, no leaks into learned combiners, scikit-learn's tools, invariances."""

from __future__ import annotations

from itertools import combinations

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.feature_selection import SelectKBest, SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse import COMBINERS, LateFusion
from radiofuse.fuse.combiners import Mean, Regression

MODALITIES = ("t1", "t1ce", "t2", "flair")


@pytest.fixture
def cohort():
    """120 rows of 60 patients, four modalities of three features, the first the most telling."""
    rng = np.random.default_rng(0)
    y = pd.Series(np.repeat(np.tile([0, 1], 30), 2), index=[f"s{number:03d}" for number in range(120)])
    signal = np.repeat([1.0, 0.7, 0.4, 0.0], 3) * y.to_numpy()[:, None]
    names = [f"{modality}__f{number}" for modality in MODALITIES for number in range(3)]
    table = pd.DataFrame(rng.normal(size=(120, 12)) + signal, index=y.index, columns=names)
    return table, y, np.repeat([f"p{number:02d}" for number in range(60)], 2)


def fusion(combine="mean", modalities=MODALITIES, cv=3, **options):
    members = [(modality, LogisticRegression()) for modality in modalities]
    return LateFusion(members, combine=combine, cv=cv, random_state=0, **options)


@pytest.fixture
def fitted(cohort):
    """A fusion by every combiner, the mean first."""
    table, y, groups = cohort
    return fusion(list(COMBINERS)).fit(table, y, groups=groups)


def without(table, modality, rows):
    table = table.copy()
    table.loc[rows, [column for column in table if column.startswith(f"{modality}__")]] = np.nan
    return table


class RecognizesPatients(ClassifierMixin, BaseEstimator):
    """Answers .75 for a patient it was fitted on and .25 for a stranger; its one column is the patient."""

    def fit(self, X, y):
        self.classes_, self.seen_ = np.unique(y), set(np.ravel(X))
        return self

    def predict_proba(self, X):
        known = np.where([patient in self.seen_ for patient in np.ravel(X)], 0.75, 0.25)
        return np.column_stack([1 - known, known])


class KeepsGroups(SelectorMixin, BaseEstimator):
    """A selector whose fit takes groups; keeps every column."""

    def fit(self, X, y=None, groups=None):
        self.groups_, self.n_features_in_ = groups, np.shape(X)[1]
        return self

    def _get_support_mask(self):
        return np.ones(self.n_features_in_, dtype=bool)


# ---- what comes out


class Answers(LogisticRegression):
    """A logistic regression whose answers come in another shape."""

    def __init__(self, kind="reversed"):
        super().__init__()
        self.kind = kind

    def fit(self, X, y):
        super().fit(X, y)
        self.inner_ = LogisticRegression().fit(X, y)
        self.classes_ = self.classes_[::-1] if self.kind == "reversed" else self.classes_
        return self

    def predict_proba(self, X):
        answer = self.inner_.predict_proba(X)
        kinds = {"reversed": answer[:, ::-1], "flat": answer[:, 1], "nan": answer * np.nan, "large": answer + 1}
        return kinds[self.kind]


def test_a_members_classes_may_come_in_another_order(cohort):
    table, y, _ = cohort
    own = LogisticRegression().fit(table.filter(like="t1__"), y).predict_proba(table.filter(like="t1__"))
    found = LateFusion([("t1", Answers())]).fit(table, y).predict_proba(table)
    np.testing.assert_allclose(found, own)


@pytest.mark.parametrize(("kind", "words"), [("flat", "shape"), ("nan", "example nan"), ("large", "from 0 to 1")])
def test_answers_that_are_no_probabilities_name_the_member(cohort, kind, words):
    table, y, _ = cohort
    with pytest.raises(RequestError, match=f"Member 't1' must answer.*{words}"):
        LateFusion([("t1", Answers(kind))]).fit(table, y).predict_proba(table)


def test_mean_of_members_fitted_apart(cohort):
    table, y, _ = cohort
    apart = [
        LogisticRegression().fit(table.filter(like=f"{m}__"), y).predict_proba(table.filter(like=f"{m}__"))[:, 1]
        for m in MODALITIES
    ]
    fused = fusion().fit(table, y)
    np.testing.assert_allclose(fused.predict_proba(table)[:, 1], np.mean(apart, axis=0))
    np.testing.assert_allclose(fused.predict_proba_each(table)[list(MODALITIES)].T, apart)


def test_every_combiner_in_one_fit_answers_as_it_does_alone(cohort, fitted):
    table, y, groups = cohort
    each = fitted.predict_proba_each(table)
    assert list(each) == [*MODALITIES, *COMBINERS]
    assert each.index.equals(table.index)
    np.testing.assert_array_equal(fitted.predict_proba(table)[:, 1], each["mean"])
    for name in COMBINERS:
        alone = fusion(name).fit(table, y, groups=groups)
        np.testing.assert_array_equal(alone.predict_proba(table)[:, 1], each[name])


def test_weights_table(fitted):
    weights = fitted.weights_
    assert list(weights) == ["fusion", "member", "weight"]
    by_fusion = {name: part.set_index("member")["weight"] for name, part in weights.groupby("fusion")}
    assert (by_fusion["mean"] == 0.25).all()
    assert (by_fusion["vote"] == 0.25).all()
    assert list(by_fusion["regression"].index) == [*MODALITIES, "(intercept)"]
    assert by_fusion["nonnegative"].sum() == pytest.approx(1)
    assert list(by_fusion["nonnegative"].index) == list(MODALITIES)


def test_predictions_are_original_labels(cohort):
    table, y, _ = cohort
    named = y.map({0: "wild", 1: "mutant"})  # the positive class is the one that sorts last
    fitted = fusion().fit(table, named)
    assert fitted.classes_.tolist() == ["mutant", "wild"]
    np.testing.assert_array_equal(fitted.predict(table) == "wild", fitted.predict_proba(table)[:, 1] >= 0.5)


def test_other_columns_of_the_table_are_left_alone(cohort):
    table, y, _ = cohort
    wide = table.assign(site="a", sample_id=table.index, clinical__age=50.0)
    np.testing.assert_array_equal(
        fusion().fit(wide, y).predict_proba(wide), fusion().fit(table, y).predict_proba(table)
    )


def test_arrays_are_fused_by_columns(cohort):
    table, y, _ = cohort
    columns = {m: slice(3 * k, 3 * k + 3) for k, m in enumerate(MODALITIES)}
    from_array = fusion(columns=columns).fit(table.to_numpy(), y)
    np.testing.assert_allclose(from_array.predict_proba(table.to_numpy()), fusion().fit(table, y).predict_proba(table))


def test_a_combiner_of_ones_own_by_path_and_by_object(cohort):
    table, y, _ = cohort
    each = fusion(["radiofuse.fuse.combiners:Regression", Mean()]).fit(table, y).predict_proba_each(table)
    assert list(each)[4:] == ["Regression", "Mean"]
    np.testing.assert_array_equal(each["Regression"], fusion("regression").fit(table, y).predict_proba(table)[:, 1])


class Answering:
    """A combiner that changes the mean of the probabilities."""

    def __init__(self, change):
        self.change = change

    def combine(self, P):
        return self.change(P.mean(axis=1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mean: np.where(mean < 0.4, np.nan, mean), "from 0 to 1; .* for example nan"),
        (lambda mean: 2 * mean, "from 0 to 1"),
        (lambda mean: mean[1:], r"one probability per row, shape \(.*\); it answered shape"),
        (lambda mean: mean[:, None], "one probability per row"),
    ],
)
def test_a_combiner_that_answers_no_probability_loses_no_row_in_silence(cohort, change, words):
    table, y, groups = cohort
    fitted = fusion([Answering(change)]).fit(table, y, groups=groups)
    with pytest.raises(RequestError, match=f"Combiner 'Answering' must answer .*{words}"):
        fitted.predict_proba_each(table)


# ---- absent modalities


def test_a_member_learns_from_the_rows_that_have_it(cohort):
    table, y, groups = cohort
    gap = table.index[:20]
    fitted = fusion("regression").fit(without(table, "t2", gap), y, groups=groups)
    columns = table.columns[table.columns.str.startswith("t2__")]
    apart = LogisticRegression().fit(table.loc[table.index[20:], columns], y[20:])
    np.testing.assert_allclose(fitted.members_["t2"].coef_, apart.coef_)
    assert fitted.out_of_fold_["t2"].isna().to_numpy().nonzero()[0].tolist() == list(range(20))
    assert fitted.out_of_fold_.drop(columns="t2").notna().all(axis=None)


@pytest.mark.parametrize("n_present", [1, 2, 3, 4])
def test_every_subset_of_modalities_is_answered(cohort, fitted, n_present):
    table, names = cohort[0], list(COMBINERS)
    whole = fitted.predict_proba_each(table)
    for present in combinations(MODALITIES, n_present):
        partial = table
        for modality in set(MODALITIES) - set(present):
            partial = without(partial, modality, table.index)
        each = fitted.predict_proba_each(partial)
        assert each[names].notna().all(axis=None)
        assert each[list(set(MODALITIES) - set(present))].isna().all(axis=None)
        np.testing.assert_array_equal(each[list(present)], whole[list(present)])
        np.testing.assert_allclose(each["mean"], whole[list(present)].mean(axis=1))


def test_nonnegative_weights_are_renormalized_over_the_present(cohort, fitted):
    each = fitted.predict_proba_each(without(cohort[0], "t1", cohort[0].index))
    weights = fitted.weights_.query("fusion == 'nonnegative'").set_index("member")["weight"].drop("t1")
    expected = each[weights.index] @ weights / weights.sum()
    np.testing.assert_allclose(each["nonnegative"], expected)


def test_a_row_without_any_modality_is_named(cohort):
    table, y, _ = cohort
    fitted = fusion().fit(table, y)
    empty = table.astype(float).copy()
    empty.loc["s007"] = np.nan
    for act in (lambda: fusion().fit(empty, y), lambda: fitted.predict_proba(empty)):
        with pytest.raises(CohortError, match="Sample s007 has none of the modalities t1, t1ce, t2, flair"):
            act()


def test_a_modality_no_training_row_has_is_named(cohort):
    table, y, _ = cohort
    with pytest.raises(CohortError, match="Modality t2 .* is present in none of the 120"):
        fusion().fit(without(table, "t2", table.index), y)


def test_a_modality_that_one_class_has_is_named(cohort):
    table, y, _ = cohort
    with pytest.raises(CohortError, match="Modality t2 .* only in 60 rows of one class of the 120"):
        fusion().fit(without(table, "t2", table.index[y == 1]), y)


def test_an_inner_fold_that_cannot_fit_a_modality_goes_without_it(cohort):
    table, y, groups = cohort
    rare = without(table, "t2", table.index[y == 1][1:])  # one positive row has it
    for modality in set(MODALITIES) - {"t2"}:
        rare = without(rare, modality, rare.index[y == 0][:5])  # and five negative rows have nothing else
    with pytest.warns(UserWarning, match="An inner fold goes without t2"):
        fitted = fusion("regression").fit(rare, y, groups=groups)
    assert fitted.out_of_fold_.isna().all(axis=1).any()
    assert np.isfinite(fitted.weights_["weight"]).all()
    assert fitted.predict_proba_each(rare)["regression"].between(0, 1).all()


# ---- learned combiners see out-of-fold probabilities of strangers only


def test_no_row_is_predicted_by_a_model_that_saw_its_patient(cohort):
    table, y, groups = cohort
    numbered = table.assign(t1__patient=pd.factorize(groups)[0].astype(float))
    members = [("t1", RecognizesPatients()), ("t2", LogisticRegression())]
    spied = LateFusion(members, combine="regression", columns={"t1": ["t1__patient"]}, cv=3, random_state=0)
    assert (spied.fit(numbered, y, groups=groups).out_of_fold_["t1"] == 0.25).all()
    assert (spied.predict_proba_each(numbered)["t1"] == 0.75).all()  # the members themselves saw everyone
    assert (spied.fit(numbered, y).out_of_fold_["t1"] == 0.75).any()  # without groups it would leak


def test_a_member_that_memorizes_is_not_believed(cohort):
    table, y, _ = cohort
    members = [("t1", LogisticRegression()), ("flair", KNeighborsClassifier(1))]  # flair is noise
    fitted = LateFusion(members, combine="regression", random_state=0).fit(table, y)
    honest = fitted.weights_.set_index("member")["weight"]
    assert abs(honest["flair"]) < 0.15 * honest["t1"]
    in_sample = fitted.predict_proba_each(table)[["t1", "flair"]].to_numpy()
    assert Regression().fit(in_sample, y).weights_.argmax() == 1  # what the out-of-fold rule prevents


def test_a_pure_noise_modality_gets_a_weight_near_zero(cohort):
    table, y, groups = cohort
    weights = []
    for seed in range(10):
        table[["flair__f0", "flair__f1", "flair__f2"]] = np.random.default_rng(seed).normal(size=(120, 3))
        fitted = fusion("regression", modalities=["t1", "flair"]).fit(table, y, groups=groups)
        weights.append(fitted.weights_.set_index("member")["weight"])
    drawn = pd.DataFrame(weights)
    assert abs(drawn["flair"].mean()) < 0.15 * drawn["t1"].mean()
    assert drawn["flair"].abs().max() < drawn["t1"].min()


def test_permuted_labels_leave_nothing_to_weigh(cohort):
    table, y, _ = cohort
    weights = []
    for seed in range(10):
        permuted = np.random.default_rng(seed).permutation(y)
        fitted = fusion("linear_regression", modalities=["t1", "t2"]).fit(table, permuted)
        weights.append(fitted.weights_.set_index("member")["weight"])
    mean = pd.DataFrame(weights).mean()
    assert abs(mean[["t1", "t2"]]).max() < 0.3  # in-sample probabilities get about 1 each
    assert mean["(intercept)"] > 0.3  # the prevalence, .5, less what the weights take


def test_fixed_rules_spend_no_fits_on_inner_folds(cohort):
    table, y, _ = cohort
    assert fusion(["mean", "vote"], cv=50).fit(table[:20], y[:20]).out_of_fold_ is None
    with pytest.raises(CohortError, match="at least 50 patients of each class"):
        fusion(["mean", "regression"], cv=50).fit(table[:20], y[:20])


def test_an_estimator_that_needs_more_patients_is_named(cohort):
    class Demanding(LogisticRegression):
        def fit(self, X, y):
            raise CohortError("The training table", ["It needs more patients."])

    table, y, _ = cohort
    with pytest.raises(CohortError, match="Modality t1, in the 120 rows .*\n.*needs more patients"):
        LateFusion([("t1", Demanding())]).fit(table, y)


# ---- groups reach the selector


@pytest.mark.parametrize("routing", [False, True])
def test_a_selector_that_takes_groups_is_handed_its_rows(cohort, routing):
    table, y, groups = cohort
    chain = Pipeline([("scale", StandardScaler()), ("select", KeepsGroups()), ("classify", LogisticRegression())])
    with config_context(enable_metadata_routing=routing):
        fitted = LateFusion([("t1", chain), ("t2", chain)], combine="regression", random_state=0)
        fitted.fit(without(table, "t1", table.index[:10]), y, groups=groups)
    np.testing.assert_array_equal(fitted.members_["t1"]["select"].groups_, groups[10:])
    np.testing.assert_array_equal(fitted.members_["t2"]["select"].groups_, groups)


def test_a_classifier_that_takes_groups_is_handed_them_in_a_pipeline_and_alone(cohort):
    class Spy(LogisticRegression):
        def fit(self, X, y, groups=None):
            self.groups_ = groups
            return super().fit(X, y)

    table, y, groups = cohort
    members = [("t1", Pipeline([("scale", StandardScaler()), ("classify", Spy())])), ("t2", Spy())]
    fitted = LateFusion(members).fit(table, y, groups=groups)
    np.testing.assert_array_equal(fitted.members_["t1"]["classify"].groups_, groups)
    np.testing.assert_array_equal(fitted.members_["t2"].groups_, groups)


def test_a_selector_without_groups_and_none_at_all_work(cohort):
    table, y, groups = cohort
    plain = Pipeline([("select", SelectKBest(k=2)), ("classify", LogisticRegression())])
    absent = Pipeline([("select", "passthrough"), ("classify", LogisticRegression())])
    fitted = LateFusion([("t1", plain), ("t2", absent)], combine="regression").fit(table, y, groups=groups)
    assert fitted.members_["t1"]["select"].get_feature_names_out().shape == (2,)


# ---- scikit-learn's tools


@pytest.mark.parametrize("routing", [False, True])
def test_cross_validate_hands_on_groups(cohort, routing):
    table, y, groups = cohort
    numbered = table.assign(t1__patient=pd.factorize(groups)[0].astype(float))
    members = [("t1", RecognizesPatients()), ("t2", LogisticRegression())]
    spied = LateFusion(members, combine="regression", columns={"t1": ["t1__patient"]}, cv=3, random_state=0)
    with config_context(enable_metadata_routing=routing):
        if routing:
            spied.set_fit_request(groups=True)
        outer = {} if routing else {"groups": groups}
        result = cross_validate(
            spied, numbered, y, cv=GroupKFold(3), params={"groups": groups}, return_estimator=True,
            scoring="roc_auc", error_score="raise", **outer,
        )  # fmt: skip
    assert len(result["estimator"]) == 3
    assert all((fitted.out_of_fold_["t1"] == 0.25).all() for fitted in result["estimator"])


def test_grid_search_over_a_member_and_the_combiner(cohort):
    table, y, groups = cohort
    grid = {"t1__C": [1e-4, 1.0], "combine": ["mean", "regression"]}
    search = GridSearchCV(
        fusion(modalities=["t1", "t2"]), grid, cv=GroupKFold(3), scoring="roc_auc", error_score="raise"
    )
    with config_context(enable_metadata_routing=True):
        search.fit(table, y, groups=groups)
    assert search.best_score_ > 0.8
    assert search.best_estimator_.get_params()["t1__C"] == search.best_params_["t1__C"]


def test_set_params_replaces_and_clone_keeps_members(cohort):
    table, y, _ = cohort
    changed = clone(fusion()).set_params(t2=SVC(), t1__C=0.5)
    assert changed.get_params()["t1__C"] == 0.5
    with pytest.raises(RequestError, match=r"Member 't2' \(SVC\) has no predict_proba"):
        changed.fit(table, y)


def test_saved_and_loaded_it_answers_the_same(cohort, fitted, tmp_path):
    table = cohort[0]
    joblib.dump(fitted, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    pd.testing.assert_frame_equal(loaded.predict_proba_each(table), fitted.predict_proba_each(table), check_exact=True)


def test_numbers_do_not_depend_on_n_jobs(cohort):
    table, y, groups = cohort
    members = ["t1", "t2"]
    alone, workers = (fusion("regression", members, n_jobs=n).fit(table, y, groups=groups) for n in (1, 2))
    pd.testing.assert_frame_equal(alone.out_of_fold_, workers.out_of_fold_, check_exact=True)
    pd.testing.assert_frame_equal(alone.weights_, workers.weights_, check_exact=True)


# ---- order does not matter


def test_column_order_does_not_matter_when_predicting(cohort, fitted):
    table = cohort[0]
    shuffled = table[np.random.default_rng(0).permutation(table.columns)].assign(site="b")
    pd.testing.assert_frame_equal(fitted.predict_proba_each(shuffled), fitted.predict_proba_each(table))


def test_column_and_row_order_do_not_matter_when_fitting(cohort, fitted):
    table, y, groups = cohort
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(120), rng.permutation(table.columns)
    shuffled = fusion(list(COMBINERS)).fit(table[columns].iloc[rows], y.iloc[rows], groups=groups[rows])
    pd.testing.assert_frame_equal(
        shuffled.predict_proba_each(table), fitted.predict_proba_each(table), atol=1e-4, rtol=0
    )


def test_a_repeated_row_is_answered_twice_the_same(cohort, fitted):
    table = cohort[0]
    twice = pd.concat([table.iloc[:3], table.iloc[:3]])
    each = fitted.predict_proba_each(twice).to_numpy()
    np.testing.assert_allclose(each[:3], each[3:], rtol=1e-12)


# ---- what is refused


def test_a_missing_column_is_shown_as_a_difference(cohort):
    table, y, _ = cohort
    renamed = table.rename(columns={"t2__f1": "t2__F1"})
    with pytest.raises(RequestError, match=r"modality t2:\n  - t2__f1\n  \+ t2__F1\n"):
        fusion().fit(table, y).predict_proba(renamed)


def test_a_table_with_another_number_of_columns_is_refused_without_names(cohort):
    table, y, _ = cohort
    fitted = fusion(modalities=["t1"], columns={"t1": slice(0, 3)}).fit(table.to_numpy(), y)
    with pytest.raises(ValueError, match="expecting 12 features"):
        fitted.predict(table.to_numpy()[:, :5])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: LateFusion([]), "estimators is empty"),
        (lambda: LateFusion([("t1", LogisticRegression())] * 2), "not unique"),
        (lambda: fusion(modalities=["t1", "adc"]), "'adc' has no column"),
        (lambda: fusion("media"), "No combiner is called 'media'.*Did you mean 'mean'"),
        (lambda: fusion([]), "combine is empty"),
        (lambda: fusion(["mean", "mean"]), "would be called 'mean'"),
        (lambda: fusion("t1", modalities=["t1"]), "No combiner is called 't1'"),
        (lambda: LateFusion([("mean", LogisticRegression())], columns={"mean": [0]}), "would be called 'mean'"),
        (lambda: fusion(cv="five"), "cv"),
    ],
)
def test_a_wrong_request_is_said(cohort, build, words):
    table, y, _ = cohort
    with pytest.raises(ValueError, match=words):
        build().fit(table, y)


def test_a_members_failure_names_the_member(cohort):
    table, y, _ = cohort
    table.iloc[5, 0] = np.nan  # one value of t1, not the whole block: the member's business
    with pytest.raises(ValueError, match="NaN") as caught:
        fusion().fit(table, y)
    assert "member 't1'" in caught.value.__notes__[0]
    imputing = LateFusion([("t1", make_pipeline(SimpleImputer(), LogisticRegression()))]).fit(table, y)
    assert np.isfinite(imputing.predict_proba(table)).all()


def test_fusion_of_complementary_modalities_beats_each(cohort):
    table, y, _ = cohort
    fitted = fusion(["mean", "regression"]).fit(table[::2], y[::2])
    each = fitted.predict_proba_each(table[1::2])
    auc = {name: roc_auc_score(y[1::2], each[name]) for name in each}
    assert auc["regression"] > max(auc[m] for m in MODALITIES)


class ToldPatients(Mean):
    """Averages, and remembers which patients of which labels it was shown."""

    takes_groups = True

    def fit(self, P, y, groups):
        self.shown_ = sorted(zip(groups, y, strict=True))
        return self


def test_a_combiner_with_folds_of_its_own_is_told_each_row_s_patient(cohort):
    """One that takes groups gets those of the rows it is shown, in their order, also for patterns of presence."""
    table, y, groups = cohort
    fitted = fusion([ToldPatients()], missing="refit").fit(table, y, groups=groups)
    expected, told = sorted(zip(groups, y, strict=True)), fitted.combiners_["ToldPatients"]
    assert told.rule.shown_ == expected
    assert all(rule.shown_ == expected for places, rule in told.patterns_.items() if len(places) > 1)
