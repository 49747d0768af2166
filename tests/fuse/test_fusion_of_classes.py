"""More than two classes in fusions: scikit-learn's conventions and ensembles, order of classes, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.compose import make_column_transformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from radiofuse.errors import CohortError, RequestError
from radiofuse.fuse import COMBINERS, LateFusion
from radiofuse.fuse.combiners import LinearRegression, Mean, Nonnegative, Vote
from radiofuse.fuse.constrained import ConstraintFusion
from radiofuse.fuse.named import Named
from radiofuse.fuse.votes import vote_shares
from radiofuse.names import lookup
from radiofuse.tables.answers import by_class
from radiofuse.tables.outcomes import BINARY, MULTICLASS, Outcome

MODALITIES = ("t1", "t1ce", "flair")
GRADES = np.array(["2", "3", "4"])


def table_of(y, seed=0):
    """Three modalities of two features; the first tells the last class, the second the middle one."""
    rng = np.random.default_rng(seed)
    signal = {"t1__a": 2.0 * (y == 2), "t1__b": 0 * y, "t1ce__a": 2.0 * (y == 1), "t1ce__b": y, "flair__a": 0 * y}
    return pd.DataFrame({**signal, "flair__b": 0 * y}) + rng.normal(size=(len(y), 6))


@pytest.fixture
def cohort():
    """150 rows of 75 patients in three classes of unlike size."""
    y = np.repeat(np.repeat([0, 1, 2], [20, 30, 25]), 2)
    return table_of(y), y, np.repeat(np.arange(75), 2)


@pytest.fixture
def cube():
    """Three members' probabilities of three classes on 150 samples, one of them of noise, some absent."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [40, 60, 50])
    scores = rng.normal(size=(150, 3, 3)) + np.array([1.5, 0.8, 0.0])[:, None] * np.eye(3)[y][:, None, :]
    P = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    P[rng.random((150, 3)) < 0.2] = np.nan
    P[:, 0] = np.where(np.isnan(P).all(axis=(1, 2))[:, None], 1 / 3, P[:, 0])
    return P, y


def fusion(combine="mean", **options):
    members = [(modality, LogisticRegression()) for modality in MODALITIES]
    return LateFusion(members, combine=combine, random_state=0, **{"cv": 3, **options})


def fitted(name, P, y):
    combiner = lookup(name, COMBINERS, "combiner")()
    return combiner.fit(P, y) if hasattr(combiner, "fit") else combiner


# ---- conventions


def test_answers_follow_scikit_learn(cohort):
    table, y, groups = cohort
    model = fusion(list(COMBINERS)).fit(table, GRADES[y], groups=groups)
    each = model.predict_proba_each(table)
    assert model.classes_.tolist() == ["2", "3", "4"]
    assert each.columns.names == ["answer", "class"]
    assert each.columns.to_list()[:4] == [("t1", "2"), ("t1", "3"), ("t1", "4"), ("t1ce", "2")]
    for answer in (*MODALITIES, *COMBINERS):
        np.testing.assert_allclose(each[answer].sum(axis=1), 1, rtol=1e-9)
        assert each[answer].ge(0).all(axis=None)
    np.testing.assert_array_equal(model.predict_proba(table), each["mean"])
    np.testing.assert_array_equal(model.predict(table), GRADES[each["mean"].to_numpy().argmax(axis=1)])
    assert (model.predict(table) == GRADES[y]).mean() > 0.6
    assert model.out_of_fold_.columns.to_list()[2:4] == [("t1", "4"), ("t1ce", "2")]


def test_two_classes_as_text_are_two_classes_as_numbers(cohort):
    table, y, groups = cohort
    binary = (y == 2).astype(int)
    numbers = fusion(list(COMBINERS)).fit(table, binary, groups=groups)
    text = fusion(list(COMBINERS)).fit(table, np.array(["absent", "present"])[binary], groups=groups)
    for answer in ("predict_proba_each", "predict_proba"):
        np.testing.assert_array_equal(getattr(text, answer)(table), getattr(numbers, answer)(table))
    pd.testing.assert_frame_equal(text.weights_, numbers.weights_, check_exact=True)
    assert list(numbers.weights_) == ["fusion", "member", "weight"]
    assert numbers.predict_proba_each(table).columns.nlevels == 1


def test_names_and_order_of_classes_do_not_matter(cohort):
    table, y, groups = cohort
    straight = fusion(list(COMBINERS)).fit(table, y, groups=groups).predict_proba_each(table)
    turned = fusion(list(COMBINERS)).fit(table, np.array([30, 10, 20])[y], groups=groups).predict_proba_each(table)
    for answer in (*MODALITIES, "mean", "vote"):
        np.testing.assert_allclose(turned[answer][[30, 10, 20]], straight[answer], atol=1e-3)


@pytest.mark.parametrize("name", sorted(COMBINERS))
def test_a_combiner_answers_alike_in_any_order_of_classes_and_rows(cube, name):
    P, y = cube
    answer, order = fitted(name, P, y).combine(P), np.array([2, 0, 1])
    turned = fitted(name, P[:, :, order], np.argsort(order)[y])
    np.testing.assert_allclose(turned.combine(P[:, :, order]), answer[:, order], atol=1e-6)
    rows = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(fitted(name, P[rows], y[rows]).combine(P[rows]), answer[rows], atol=1e-6)
    np.testing.assert_allclose(answer.sum(axis=1), 1)
    assert answer.min() >= 0


# ---- against scikit-learn and general solvers


def test_the_mean_is_scikit_learns_soft_vote(cohort):
    _, y, _ = cohort
    rng = np.random.default_rng(1)
    block = rng.normal(size=(len(y), 2)) + y[:, None]
    table = pd.DataFrame(np.hstack([block, block]), columns=["t1__a", "t1__b", "t2__a", "t2__b"])
    members = [("t1", LogisticRegression(C=0.01)), ("t2", LogisticRegression(C=10))]
    soft = VotingClassifier(members, voting="soft").fit(block, y)
    ours = LateFusion(members).fit(table, y)
    np.testing.assert_allclose(ours.predict_proba(table), soft.predict_proba(block), atol=1e-3)  # columns have names
    hard = VotingClassifier(members, voting="hard").fit(block, y)
    votes = LateFusion(members, combine="vote").fit(table, y).predict_proba(table)
    agree = votes.max(axis=1) == 1  # where members differ scikit-learn takes the class that sorts first
    np.testing.assert_array_equal(votes.argmax(axis=1)[agree], hard.predict(block)[agree])


def test_regression_is_scikit_learns_stacking_of_log_probabilities(cohort):
    table, y, _ = cohort
    folds = PredefinedSplit(np.arange(150) // 2 % 3)
    members = [
        (
            name,
            make_pipeline(make_column_transformer(("passthrough", [f"{name}__a", f"{name}__b"])), LogisticRegression()),
        )
        for name in MODALITIES
    ]
    final = make_pipeline(FunctionTransformer(np.log), LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000))
    stacked = StackingClassifier(members, final, cv=folds, stack_method="predict_proba").fit(table, y)
    model = fusion("regression", cv=folds).fit(table, y)
    np.testing.assert_allclose(model.predict_proba(table), stacked.predict_proba(table), atol=1e-5)
    coefficients = stacked.final_estimator_[-1].coef_.reshape(3, 3, 3)  # answered class, member, class
    np.testing.assert_allclose(model.combiners_["regression"].coef_, coefficients, atol=1e-4)
    np.testing.assert_allclose(model.combiners_["regression"].weights_[:, 2], coefficients[2, :, 2], atol=1e-4)


def test_scikit_learns_scores_of_several_classes_take_the_answers(cohort):
    table, y, _ = cohort
    scored = cross_validate(
        fusion("nonnegative"), table, GRADES[y], cv=3, scoring=["neg_log_loss", "roc_auc_ovr", "roc_auc_ovo"],
        error_score="raise",
    )  # fmt: skip
    assert scored["test_neg_log_loss"].mean() > -np.log(3)
    assert scored["test_roc_auc_ovr"].mean() > 0.7 < scored["test_roc_auc_ovo"].mean()


def test_linear_regression_is_the_binary_one_for_each_class_against_the_rest(cube):
    P, y = cube
    each = [LinearRegression().fit(P[:, :, label], y == label) for label in range(3)]
    scores = np.column_stack([one.combine(P[:, :, label]) for label, one in enumerate(each)])
    model = LinearRegression().fit(P, y)
    np.testing.assert_allclose(model.combine(P), scores / scores.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(model.weights_, np.column_stack([one.weights_ for one in each]))


def test_linear_regression_that_gives_no_class_anything_answers_by_the_mean():
    model = LinearRegression()
    model.weights_, model.intercept_ = -np.ones((2, 3)), np.zeros(3)
    P = np.array([[[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]])
    np.testing.assert_allclose(model.combine(P), [[0.3, 0.2, 0.5]])


def test_nonnegative_minimizes_the_brier_score_of_all_classes(cube):
    P, y = cube
    P = P[~np.isnan(P).any(axis=(1, 2))]
    y = cube[1][~np.isnan(cube[0]).any(axis=(1, 2))]

    def brier(w):
        return ((np.tensordot(P, w, axes=(1, 0)) - np.eye(3)[y]) ** 2).sum(axis=1).mean()

    unity = {"type": "eq", "fun": lambda w: w.sum() - 1}
    oracle = minimize(brier, np.full(3, 1 / 3), bounds=[(0, 1)] * 3, constraints=unity, options={"ftol": 1e-14})
    weights = Nonnegative().fit(P, y).weights_
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights, oracle.x, atol=1e-4)
    assert weights[0] > weights[2]


def test_two_classes_in_the_form_of_many_give_the_binary_weights_and_answers(cube):
    p, y = cube[0][:, :, 0], (cube[1] == 0).astype(int)
    both = np.stack([1 - p, p], axis=2)
    for combiner in (Nonnegative, LinearRegression, Vote, Mean):
        two, many = combiner(), combiner()
        if hasattr(two, "fit"):
            two.fit(p, y), many.fit(both, y)
        np.testing.assert_allclose(many.combine(both)[:, 1], two.combine(p), atol=1e-9)


# ---- votes


def test_a_tie_of_votes_falls_to_the_tied_class_of_higher_mean_probability():
    first, second, third = [0.5, 0.4, 0.1], [0.1, 0.5, 0.4], [0.0, 0.4, 0.6]
    P = np.array([[first, second, [np.nan] * 3], [first, first, third]])
    mean = np.array([0.30, 0.45])
    np.testing.assert_array_equal(Vote().ties(P), [True, False])
    np.testing.assert_allclose(Vote().combine(P), [[*mean / mean.sum(), 0], [2 / 3, 0, 1 / 3]])


def test_a_tie_is_not_won_by_a_class_that_nobody_voted_for():
    P = np.array([[[0.55, 0.0, 0.45], [0.0, 0.55, 0.45]]])
    assert Mean().combine(P).argmax() == 2
    np.testing.assert_allclose(Vote().combine(P), [[0.5, 0.5, 0.0]])


def test_a_member_that_is_undecided_divides_its_vote():
    shares = vote_shares(np.array([[[0.4, 0.4, 0.2], [0.2, 0.2, 0.6], [np.nan] * 3]]))
    np.testing.assert_allclose(shares, [[0.25, 0.25, 0.5]])


# ---- weights


def test_the_table_of_weights_has_classes_where_they_differ(cohort):
    table, y, groups = cohort
    model = fusion(["mean", "nonnegative", "linear_regression", "regression"]).fit(table, GRADES[y], groups=groups)
    weights = model.weights_
    assert list(weights) == ["fusion", "member", "class", "weight"]
    by_fusion = dict(list(weights.groupby("fusion")))
    assert set(by_fusion["nonnegative"]["class"]) == {""}
    assert len(by_fusion["regression"]) == len(by_fusion["linear_regression"]) == 3 * 3 + 3
    told = by_fusion["regression"].pivot(index="member", columns="class", values="weight")
    assert told.loc["t1", "4"] > told.loc["flair"].max()  # flair is noise, t1 tells class 4
    assert told.loc["t1ce", "3"] > told.loc["flair"].max()
    assert list(fusion("nonnegative").fit(table, y).weights_) == ["fusion", "member", "weight"]


# ---- absent modalities and classes


def test_a_row_that_lacks_modalities_is_fused_from_those_it_has(cohort):
    table, y, groups = cohort
    model = fusion(list(COMBINERS)).fit(table, y, groups=groups)
    partial = table.copy()
    partial.loc[:, partial.columns.str.startswith("t1__")] = np.nan
    each = model.predict_proba_each(partial)
    assert each["t1"].isna().all(axis=None)
    np.testing.assert_allclose(each["mean"], (each["t1ce"] + each["flair"]) / 2)
    for name in COMBINERS:
        np.testing.assert_allclose(each[name].sum(axis=1), 1, rtol=1e-9)


def test_a_modality_that_no_sample_of_a_class_has_is_named_with_the_class(cohort):
    table, y, _ = cohort
    table.loc[y == 1, table.columns.str.startswith("t1ce__")] = np.nan
    with pytest.raises(CohortError, match=r"t1ce must be .* each of the 3 classes, .* in 90 rows, none .* class 3,"):
        fusion().fit(table, GRADES[y])


def test_an_inner_fold_whose_training_rows_lack_a_class_goes_without_the_modality(cohort):
    table, y, groups = cohort
    table.loc[(y == 1) & (groups != groups[y == 1][0]), table.columns.str.startswith("t1ce__")] = np.nan
    with pytest.warns(UserWarning, match="(?s)An inner fold goes without t1ce.*none of them of class 1"):
        model = fusion("regression").fit(table, y, groups=groups)
    assert np.isfinite(model.weights_["weight"]).all()


def test_a_class_of_fewer_patients_than_inner_folds_is_refused(cohort):
    table, y, groups = cohort
    few = (y != 2) | (groups >= 73)
    with pytest.raises(CohortError, match="at least 3 patients of each class.*and class 4 has 2"):
        fusion("regression").fit(table[few], GRADES[y][few], groups=groups[few])
    assert fusion("mean").fit(table[few], y[few], groups=groups[few]).classes_.tolist() == [0, 1, 2]


@pytest.mark.filterwarnings("ignore:An inner fold goes without:UserWarning")
def test_a_class_that_no_inner_fold_predicts_is_refused():
    y, fold = np.repeat([0, 1, 2], 6), np.tile([0, 1], 9)
    table = table_of(y)[["t1__a", "t1ce__a"]]
    table.loc[[1, *range(2, 6), 6, *range(8, 12)], "t1__a"] = np.nan  # of class 0 fold 0 has it, of class 1 fold 1
    table.loc[range(13, 18), "t1ce__a"] = np.nan  # one sample of class 2 has it
    members = [("t1", LogisticRegression()), ("t1ce", LogisticRegression())]
    with pytest.raises(CohortError, match="No sample of class 2 was predicted in the inner folds"):
        LateFusion(members, combine="regression", cv=PredefinedSplit(fold)).fit(table, y)


class TwoOnly:
    """A combiner of somebody's own from before there were more classes."""

    def combine(self, P):
        return np.nanmean(P, axis=1)


def test_a_combiner_that_knows_two_classes_is_refused_when_there_are_more(cohort):
    table, y, _ = cohort
    with pytest.raises(RequestError, match=r"Combiner 'TwoOnly' knows two classes, and y holds 3.*multi_class = True"):
        fusion(TwoOnly()).fit(table, y)
    assert fusion(TwoOnly()).fit(table, y == 2).predict_proba(table).shape == (150, 2)


class Unnormalized(LogisticRegression):
    """Answers twice its probabilities of the first class."""

    def predict_proba(self, X):
        return super().predict_proba(X) * [0.5, 1, 1]


def test_a_member_whose_answers_do_not_sum_to_one_is_named(cohort):
    table, y, _ = cohort
    with pytest.raises(RequestError, match="Member 't1' must answer probabilities that sum to 1 over the 3 classes"):
        LateFusion([("t1", Unnormalized())]).fit(table, y).predict_proba(table)


# ---- honesty


def test_what_is_learned_from_permuted_labels_scores_like_chance():
    """Eight tables whose labels were permuted: the mean AUC over new rows is .5 by its own standard error."""
    names, aucs = ["mean", "vote", "regression", "linear_regression", "nonnegative"], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y = np.repeat([0, 1, 2], 30)
        table, new = table_of(y, seed), table_of(y, 100 + seed)
        each = fusion(names).fit(table, rng.permutation(y)).predict_proba_each(new)
        drawn = rng.permutation(y)
        aucs.append([roc_auc_score(drawn, each[name], multi_class="ovr") for name in names])
    error = np.std(aucs, axis=0, ddof=1) / np.sqrt(8)
    assert (np.abs(np.mean(aucs, axis=0) - 0.5) < 3.5 * error).all()


# ---- as models of an experiment


def test_an_arm_renames_answers_and_leaves_classes(cohort):
    table, y, groups = cohort
    columns = {name: [column for column in table if column.startswith(f"{name}__")] for name in MODALITIES}
    arm = Named(fusion(columns=columns), "deep").fit(table, GRADES[y], groups)
    each = arm.predict_proba_each(table)
    assert each.columns.unique("answer").to_list() == ["deep_t1", "deep_t1ce", "deep_flair", "deep_mean"]
    assert each.columns.unique("class").to_list() == ["2", "3", "4"]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_rows_that_a_model_cannot_read_have_no_answer_for_any_class(cohort, n_classes):
    table, y, groups = cohort
    outcome = Outcome("grade", ("2", "3", "4")[:n_classes], BINARY if n_classes == 2 else MULTICLASS)
    own = [column for column in table if column.startswith("t1__")]
    arm = Named(LogisticRegression(), "t1", own).fit(table.fillna(0), np.minimum(y, n_classes - 1), groups)
    each = arm.predict_proba_each(table[:4].assign(**dict.fromkeys(own, np.nan)))
    told = {name: answers for _, name, answers in by_class(each, outcome)}
    assert list(told) == list(outcome.told)
    assert all(answers["t1"].isna().all() and len(answers) == 4 for answers in told.values())


def test_constraint_fusion_reads_three_classes_off_its_codes(cohort):
    pytest.importorskip("torch")
    table, y, groups = cohort
    chain = make_pipeline(StandardScaler(), LogisticRegression())
    method = {"t1": ["t1"], "rest": ["t1ce", "flair"]}
    network = ConstraintFusion([(name, chain) for name in MODALITIES], method=method, epochs=60, random_state=0)
    model = network.fit(table, GRADES[y], groups=groups)
    probability = model.predict_proba(table)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (model.predict(table) == GRADES[y]).mean() > 0.6
    each = Named(network, "both").fit(table, GRADES[y], groups).predict_proba_each(table)
    assert each.columns.to_list() == [("both", "2"), ("both", "3"), ("both", "4")]
    np.testing.assert_array_equal(each, probability)
