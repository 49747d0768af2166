"""Selection for three classes: every selector finds what is planted or says what to choose instead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.classify.modality import modality_classifier
from radiofuse.errors import CohortError
from radiofuse.names import lookup
from radiofuse.select import (
    SELECTORS,
    CorrelationSelector,
    KruskalSelector,
    LassoSelector,
    SelectorChain,
    ThreeStepSelector,
)
from radiofuse.select.fold_reuse import fit_in_folds
from radiofuse.select.words import words_of

OPTIONS = {
    "lasso": {"family": "multinomial", "rule": "1se", "random_state": 0},
    "mrmr": {"k": 3},
    "mutual_info": {"k": 3, "random_state": 0},
    "rfe": {"k": 3},
    "relief": {"k": 3},
    "boruta": {"n_rounds": 30, "n_estimators": 30, "random_state": 0},
    "three_step": {"random_state": 0},
    "kruskal": {"correction": "holm"},
    "anova": {"correction": "holm"},
}
COMPARE_TWO = {"mann_whitney": "'kruskal'", "t_test": "'anova'", "stability": "'lasso' of family 'multinomial'"}
LOOK_AT_NO_CLASS = {"variance", "correlation", "reproducibility"}
GRADES = np.array(["II", "III", "IV"])
PLANTED = [2, 5, 11]  # each tells one class from the others


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [30, 40, 50])
    X = rng.normal(size=(120, 15))
    for label, column in enumerate(PLANTED):
        X[:, column] += 3.0 * (y == label)
    return pd.DataFrame(X, columns=[f"t1__f{number}" for number in range(15)]), y


def selector(name, **options):
    return lookup(name, SELECTORS, "selector")(**{**OPTIONS.get(name, {}), **options})


def test_every_selector_has_a_place_here():
    assert set(OPTIONS) | set(COMPARE_TWO) | LOOK_AT_NO_CLASS == set(SELECTORS)


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_what_tells_one_class_is_found_under_any_names(table, name):
    if name == "boruta":
        pytest.importorskip("boruta", reason="the extra `boruta` is not installed")
    X, y = table
    kept = selector(name).fit(X, y).get_support(indices=True)
    assert set(PLANTED) <= set(kept)
    assert len(kept) <= (14 if name == "lasso" else 10)  # what separates the classes lets in much beside it
    by_name = selector(name).fit(X, GRADES[y]).get_support(indices=True)  # IV sorts behind III and II before
    np.testing.assert_array_equal(by_name, kept)
    if name not in ("boruta", "lasso", "three_step"):  # these draw folds or trees by the order of the classes
        turned = selector(name).fit(X, (y + 1) % 3).get_support(indices=True)
        np.testing.assert_array_equal(turned, kept)


@pytest.mark.parametrize("name", sorted(COMPARE_TWO))
def test_what_compares_two_classes_says_what_to_choose(table, name):
    with pytest.raises(CohortError, match=f"compares two classes, but y holds 3 classes.*choose.*{COMPARE_TWO[name]}"):
        selector(name).fit(*table)


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_the_three_steps_for_classes_are_kruskal_pruning_and_multinomial_lasso(table):
    X, y = table
    three = ThreeStepSelector(random_state=0).fit(X, GRADES[y])
    steps = [("kruskal", KruskalSelector()), ("correlation", CorrelationSelector())]
    by_hand = SelectorChain([*steps, ("lasso", LassoSelector(family="multinomial"))], random_state=0).fit(X, y)
    assert list(three.steps_) == ["kruskal", "correlation", "lasso"]
    np.testing.assert_array_equal(three.get_support(), by_hand.get_support())
    pd.testing.assert_frame_equal(three.report_, by_hand.report_, check_exact=True)
    assert three.report_["auc"].isna().all()
    assert three.classes_.tolist() == ["II", "III", "IV"]


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_the_words_of_the_three_steps_say_which_test_was_made(table):
    X, y = table
    three = ThreeStepSelector(random_state=0)
    assert words_of(three).title.startswith("Mann-Whitney U test with p < alpha, then of features")
    assert words_of(three.fit(X, y)).title.startswith("Kruskal-Wallis test with p < alpha")
    assert "multinomial LASSO" in words_of(three).kept
    assert "Mann-Whitney" in words_of(three.fit(X, y == 2)).kept
    assert list(three.steps_) == ["mann_whitney", "correlation", "lasso"]


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_folds_of_three_classes_and_of_two_are_fitted_as_alone(table):
    X, y = table
    chain = ThreeStepSelector()
    trains = [np.arange(0, 120, 2), np.arange(90), np.arange(70)]  # the last holds two classes
    fitted = list(fit_in_folds(chain, X, y, trains, states=[0, 1, 2]))
    for state, (train, one) in enumerate(zip(trains, fitted, strict=True)):
        alone = ThreeStepSelector(random_state=state).fit(X.iloc[train], y[train])
        pd.testing.assert_frame_equal(one.report_, alone.report_, check_exact=True)
    assert [next(iter(one.steps_)) for one in fitted] == ["kruskal", "kruskal", "mann_whitney"]


@pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")
def test_the_default_chain_of_a_modality_learns_three_classes(table):
    X, y = table
    chain = modality_classifier("logistic", random_state=0).fit(X, GRADES[y])
    assert chain.predict_proba(X).shape == (120, 3)
    assert (chain.predict(X) == GRADES[y]).mean() > 0.9
