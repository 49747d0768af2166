"""Chains of selectors: any steps, gaps, names, seeds; and folds that share work give what each gives alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline

from radiofuse.errors import RequestError
from radiofuse.evaluate import gather_predictions, run_folds
from radiofuse.names import lookup
from radiofuse.patients import patient_splits
from radiofuse.prepare.impute import fill_gaps
from radiofuse.select import (
    SELECTORS,
    CorrelationSelector,
    LassoSelector,
    MannWhitneySelector,
    ReproducibilitySelector,
    SelectorChain,
    SortedColumns,
    ThreeStepSelector,
    build_chain,
    fit_in_folds,
    fit_in_splits,
)


def make_table(seed: int = 0, n_samples: int = 100, n_features: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n_samples, n_features)), np.arange(n_samples) % 2
    X[:, :6] += y[:, None]
    X[:, 10:14] = X[:, :4] + 0.2 * X[:, 10:14]
    X[:, 20:25] = np.round(X[:, 20:25])
    X[:, 30] = 1.0
    return pd.DataFrame(X, columns=[f"t1__f{i}" for i in range(n_features)]), y


def with_gaps(X: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    return X.mask(np.random.default_rng(seed).random(X.shape) < 0.05)


def test_selectors_are_known_by_name_and_can_be_made():
    assert {"three_step", "mann_whitney", "kruskal", "correlation", "lasso", "stability", "mrmr"} <= set(SELECTORS)
    assert all(hasattr(lookup(name, SELECTORS, "selector")(), "get_support") for name in SELECTORS)


def test_names_in_a_command_need_no_underscores():
    chain = build_chain(["MannWhitney", "correlation", "Lasso"], {"mann_whitney": {"alpha": 0.01}}, random_state=3)
    assert [name for name, _ in chain.steps] == ["mann_whitney", "correlation", "lasso"]
    assert chain.get_params()["mann_whitney__alpha"] == 0.01
    with pytest.raises(RequestError, match="No selector is called 'laso'. Did you mean 'lasso'"):
        build_chain(["laso"], {})


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_three_steps_are_the_chain_of_the_three():
    X, y = make_table()
    three = ThreeStepSelector(random_state=7).fit(X, y)
    chain = build_chain(["mann_whitney", "correlation", "lasso"], {}, random_state=7).fit(X, y)
    pd.testing.assert_frame_equal(three.report_, chain.report_, check_exact=True)
    pd.testing.assert_frame_equal(three.trace_, chain.trace_, check_exact=True)


def test_a_test_of_gaps_leaves_them_out_and_later_steps_see_medians():
    X, y = make_table()
    gappy = with_gaps(X)
    chain = build_chain(["mannwhitney", "correlation"], {}).fit(gappy, y)
    alone = MannWhitneySelector().fit(gappy, y)
    assert np.array_equal(chain.report_["pvalue"], alone.pvalues_)
    passed = gappy.loc[:, alone.get_support()]
    pruned = CorrelationSelector().fit(passed.fillna(passed.median()), y)
    assert chain.get_feature_names_out().tolist() == pruned.get_feature_names_out().tolist()


def test_gaps_are_filled_with_medians_of_the_rows_given_and_zero_without_any():
    X = np.array([[1.0, np.nan, 2.0], [np.nan, np.nan, 4.0], [4.0, np.nan, 6.0]])
    assert fill_gaps(X).tolist() == [[1, 0, 2], [2.5, 0, 4], [4, 0, 6]]
    assert np.isnan(X).sum() == 4


def test_infinite_values_are_refused():
    X, y = make_table()
    X.iloc[3, 4] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        ThreeStepSelector().fit(X, y)


@pytest.mark.filterwarnings(
    "ignore:Features .* are constant:UserWarning", "ignore:invalid value:RuntimeWarning"
)  # its own
def test_any_selector_of_scikit_learn_is_a_step_and_its_removals_are_traced():
    X, y = make_table()
    chain = SelectorChain([("best", SelectKBest(k=5)), ("prune", CorrelationSelector())]).fit(X, y)
    trace = chain.trace_
    assert chain.get_support().sum() <= 5
    assert (trace["step"] == "best").sum() == X.shape[1] - 5
    assert set(trace["feature"]) | set(chain.get_feature_names_out()) == set(X.columns)


def test_a_step_that_looks_up_names_gets_them():
    X, y = make_table()
    icc = {name: 0.9 if place % 2 else 0.1 for place, name in enumerate(X.columns)}
    chain = SelectorChain([("again", ReproducibilitySelector(icc)), ("test", MannWhitneySelector())]).fit(X, y)
    assert chain.needs_names
    chosen = chain.get_feature_names_out()
    assert len(chosen)
    assert all(icc[name] == 0.9 for name in chosen)
    assert set(chain.trace_["why"][chain.trace_["step"] == "again"]) == {"is not reproducible enough"}


def test_a_step_keeps_the_seed_it_was_given():
    X, y = make_table()
    steps = [("prune", CorrelationSelector(keep="random", random_state=5)), ("lasso", LassoSelector())]
    chain = SelectorChain(steps, random_state=0).fit(X, y)
    assert chain.steps_["prune"].random_state == 5
    assert chain.steps_["lasso"].random_state is not None
    assert steps[1][1].random_state is None


def test_steps_without_a_label_need_none():
    X, _ = make_table()
    chain = SelectorChain([("prune", CorrelationSelector(keep="first"))]).fit(X)
    assert np.isnan(chain.report_["pvalue"]).all()
    assert (chain.report_["removed_by"] == "prune").sum() == (~chain.get_support()).sum() > 0


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_folds_that_share_work_give_what_each_gives_alone(gaps, family):
    X, y = make_table(1)
    X = with_gaps(X) if gaps else X
    trains = [train for train, _ in RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=0).split(X, y)]
    chain = ThreeStepSelector(family=family, on_empty="intercept")
    shared = list(fit_in_folds(chain, X, y, trains, states=range(8)))
    for train, state, found in zip(trains, range(8), shared, strict=True):
        alone = clone(chain).set_params(random_state=state).fit(X.iloc[train], y[train])
        pd.testing.assert_frame_equal(found.report_, alone.report_, check_exact=True)
        pd.testing.assert_frame_equal(found.trace_, alone.trace_, check_exact=True)
        assert np.array_equal(found.steps_["lasso"].cv_mean_, alone.steps_["lasso"].cv_mean_)


def test_patients_reach_the_steps_of_shared_folds():
    X, y = make_table(2)
    groups = np.array([f"p{patient:02d}" for patient in np.arange(100) // 4 * 2 + y])
    train = np.arange(80)
    (shared,) = fit_in_folds(ThreeStepSelector(), X, y, [train], groups=groups, states=[0])
    alone = ThreeStepSelector(random_state=0).fit(X.iloc[train], y[train], groups=groups[train])
    assert np.array_equal(shared.steps_["lasso"].inner_folds_, alone.steps_["lasso"].inner_folds_)


def test_the_fold_runner_shares_work_where_it_is_asked_to_and_moves_no_number(monkeypatch):
    X, y = make_table(3)
    X, groups = with_gaps(X), np.array([f"p{patient:02d}" for patient in np.arange(100) // 4 * 2 + y])
    classify = [("impute", SimpleImputer()), ("classify", LogisticRegression())]
    models = {
        "chain": Pipeline([("select", ThreeStepSelector(random_state=0)), *classify]),
        "other": Pipeline(classify),
    }
    splits = patient_splits(y, groups, n_splits=4, n_repeats=2, random_state=0)
    alone = run_folds(models, X, y, groups=groups, splits=splits)
    shared_tests = []
    test = SortedColumns.mann_whitney
    monkeypatch.setattr(SortedColumns, "mann_whitney", lambda *a, **k: shared_tests.append(a) or test(*a, **k))
    shared = run_folds(models, X, y, groups=groups, splits=splits, fit=fit_in_splits)
    assert len(shared_tests) == len(splits)
    pd.testing.assert_frame_equal(gather_predictions(shared), gather_predictions(alone), check_exact=True)
