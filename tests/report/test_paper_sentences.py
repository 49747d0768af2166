"""Sentences of methods.md say what the files of the run hold, and cite what they speak of."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest
from bundle_fixture import make_bundle
from page_parser import Page

import radiofuse.report.paper
from radiofuse.classify.choices import CLASSIFIERS
from radiofuse.report.experiment import protocol_words
from radiofuse.report.experiment.contents import Contents, read_contents
from radiofuse.report.experiment.further_tests import CAPTIONS, PAIR_TESTS, PERMUTATION
from radiofuse.report.experiment.page import page_values, render_page
from radiofuse.report.forms.fact import HUMAN, NO, YES, checked, is_there
from radiofuse.report.forms.filled import facts_of
from radiofuse.report.paper import methods, statistics_words
from radiofuse.report.paper.references import METHODS, keys_of, publications
from radiofuse.select.choices import PROJECTIONS, SELECTORS


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> Contents:
    return read_contents(
        make_bundle(tmp_path_factory.mktemp("words") / "bundle", n_patients=40, n_repeats=1, modalities=("t1", "t2"))
    )


def of_protocol(contents: Contents, **changes) -> Contents:
    return dataclasses.replace(contents, about={**contents.about, "protocol": {**contents.protocol, **changes}})


def test_a_comparison_names_the_model_that_was_compared_with(contents):
    turned = contents.comparisons.assign(a=contents.comparisons["b"], b="clinical", test="bootstrap")
    told = list(statistics_words.comparisons(dataclasses.replace(contents, against_reference=turned)))
    assert [re.search(r"with that of (\w+)", one.text)[1] for one in told] == ["mean", "clinical"]
    assert "DeLong" in told[0].text
    assert "DeLong" not in told[1].text
    assert "delong" not in told[1].methods
    none = dataclasses.replace(contents, comparisons=contents.comparisons.assign(p_value=float("nan"), test=""))
    assert not list(statistics_words.comparisons(none))


@pytest.mark.parametrize(
    ("rule", "is_cited"),
    [
        ("the greatest sum of sensitivity and specificity (Youden)", True),
        ("the greatest specificity with a sensitivity of at least 0.9", False),
    ],
)
def test_youden_is_cited_for_his_own_rule_only(contents, rule, is_cited):
    told = next(
        one for one in statistics_words.scores(of_protocol(contents, operating_point=rule)) if "threshold" in one.text
    )
    assert rule in told.text
    assert ("youden1950" in keys_of(told.methods)) is is_cited


@pytest.mark.parametrize("test", [*PAIR_TESTS, *CAPTIONS, PERMUTATION])
def test_every_test_that_a_recipe_asks_for_is_said_and_cited(contents, test):
    asked = dataclasses.replace(contents, tests=pd.DataFrame({"test": [test]}))
    told = [one for one in statistics_words.statistics(asked) if one.text == statistics_words.ASKED[test]]
    assert len(told) == 1
    assert keys_of(told[0].methods)


def test_every_publication_is_of_a_method_and_every_method_is_asked_for():
    assert set(keys_of(METHODS)) == set(publications())
    files = Path(radiofuse.report.paper.__file__).parent.glob("*.py")
    texts = "".join(path.read_text() for path in files if path.name != "references.py")
    chosen = {*SELECTORS, *PROJECTIONS, *CLASSIFIERS, "delong"}
    assert not [name for name in METHODS if name not in chosen and f'"{name}"' not in texts]


def chain(model: str, selector: str, classifier: str = "LogisticRegression") -> dict:
    steps = {"select": {"class": selector, "alpha": 0.05}, "classify": {"class": classifier, "C": 1.0}}
    return {"models": [model], "members": ["t1"], "steps": steps}


def of_chains(contents: Contents, *chains: dict) -> Contents:
    models = {model: {"class": "LateFusion"} for one in chains for model in one["models"]}
    return of_protocol(contents, options={"models": models, "chains": list(chains)})


def test_selectors_that_no_model_ran_are_not_told(contents):
    """The recipe's own entry is three_step with logistic; models of a list have others."""
    own = of_chains(contents, chain("fusion", "ThreeStepSelector"))
    assert "Selection: three_step" in " ".join(one.text for one in methods.models(own))
    facts = facts_of(own)
    assert [facts[name].answer for name in ("redundant", "robust", "simple_model", "selection")] == [YES, NO, YES, YES]

    other = of_chains(contents, chain("fusion", "LassoSelector", "CalibratedSVC"))
    text = " ".join(one.text for one in methods.models(other))
    assert "three_step" not in text
    assert "Selection of fusion (t1): lasso (alpha = 0.05)." in text
    assert "Classifier of fusion (t1): svm (C = 1.0)." in text
    facts = facts_of(other)
    assert [facts[name].answer for name in ("redundant", "robust")] == [NO, NO]
    assert "logistic regressions themselves" not in facts["simple_model"].sentence
    assert "three_step" not in facts["selection"].sentence


def test_the_page_tells_what_each_model_selects_and_classifies_by(contents):
    own = of_chains(contents, chain("fusion", "ThreeStepSelector"))
    (told,) = protocol_words.selectors(own)
    assert told.startswith("three_step (three steps)")
    two = of_chains(contents, chain("fusion", "ThreeStepSelector"), chain("second", "my.module:Own", "CalibratedSVC"))
    assert protocol_words.selectors(two) == [
        "of fusion (t1): three_step (alpha = 0.05)",
        "of second (t1): my.module:Own (alpha = 0.05)",
    ]
    assert protocol_words.classifiers(two)[1] == "of second (t1): svm (C = 1.0)"
    page = Page(render_page(page_values(two)))
    assert "of second (t1): my.module:Own (alpha = 0.05)" in page.text


def test_a_selector_named_by_a_path_keeps_its_module(contents):
    """The class may be defined elsewhere in its package than where the recipe imports it from."""
    named = of_protocol(of_chains(contents, chain("fusion", "my.module.inner:Own")), selector="my.module:Own")
    (told,) = protocol_words.selectors(named)
    assert told.startswith("my.module:Own")


def test_models_that_select_differently_need_a_human(contents):
    two = of_chains(contents, chain("fusion", "ThreeStepSelector"), chain("second", "LassoSelector", "CalibratedSVC"))
    facts = facts_of(two)
    assert facts["redundant"].answer == HUMAN
    assert facts["robust"].answer == NO
    assert "three_step" in facts["selection"].sentence
    assert "lasso" in facts["selection"].sentence
    unknown = of_chains(contents, chain("another", "ThreeStepSelector"))  # features are of the model fusion
    assert [facts_of(unknown)[name].answer for name in ("redundant", "robust")] == [HUMAN] * 2


def test_single_modalities_are_a_yes_only_where_the_answer_is_better_than_each(contents):
    better = contents.comparisons.assign(low=0.01)
    assert facts_of(dataclasses.replace(contents, comparisons=better))["single_modalities"].answer == YES
    worse = better.assign(low=better["low"].where(better["b"] != "t2", -0.2))
    assert facts_of(dataclasses.replace(contents, comparisons=worse))["single_modalities"].answer == HUMAN


def test_what_chooses_its_own_penalty_is_named_where_no_search_was_asked_for(contents):
    own = of_chains(contents, chain("fusion", "LassoSelector"))
    assert "no search of options; by themselves lasso choose" in facts_of(own)["tuning"].sentence
    published = dataclasses.replace(own, about={**own.about, "as_published": ["Selected before the folds."]})
    assert facts_of(published)["tuning"].answer == HUMAN


def test_a_bundle_without_patients_counts_none_and_says_no_yes_of_them(contents, tmp_path):
    bundle = make_bundle(tmp_path / "bundle", n_patients=40, n_repeats=1, modalities=("t1", "t2"))
    empty = contents.predictions.iloc[:0]
    empty.to_csv(bundle / "predictions.csv", index=False)
    shared = dataclasses.replace(contents, predictions=empty)
    assert not list(methods.class_sizes(shared))
    facts = {name: checked(fact, bundle) for name, fact in facts_of(shared).items()}
    assert not [name for name, fact in facts.items() for one in fact.pointers if not is_there(bundle, one)]
    assert {facts[name].answer for name in ("disjoint", "internal", "predictions", "events", "classes")} == {HUMAN}
    assert not [name for name, fact in facts.items() if " 0 patients" in fact.sentence]
    assert facts["performance"].answer == YES


def test_what_tables_hold_is_said_and_not_denied(contents):
    """The bundle has groups of patients, Table 1, importance and Shapley values; nothing was recalibrated."""
    text = " ".join(one.text for one in statistics_words.statistics(contents))
    for words in ("groups of patients", "Table 1", "importance of features"):
        assert words in text
    assert "recalibrated" not in text
    facts = facts_of(contents)
    assert facts["heterogeneity"].answer == HUMAN
    assert "site" in facts["heterogeneity"].sentence
    assert "Shapley" in facts["explanation"].sentence
    none = dataclasses.replace(
        contents, **{name: getattr(contents, name).iloc[:0] for name in ("subgroups", "shapley")}
    )
    assert facts_of(none)["heterogeneity"].answer == NO
    assert "groups of patients" not in " ".join(one.text for one in statistics_words.statistics(none))


def cited_in(contents: Contents, words: str) -> list[str]:
    told = [one for one in statistics_words.statistics(contents) if words in one.text]
    assert len(told) == 1, words
    return keys_of(told[0].methods)


def test_the_tests_of_table_1_are_those_of_its_rows(contents):
    table = contents.baseline.iloc[:3].assign(test=["Mann-Whitney", "", "chi-square, few expected"], smd=float("nan"))
    own = dataclasses.replace(contents, baseline=table)
    assert cited_in(own, "by the Mann-Whitney U test and the chi-square test") == ["mann1947", "pearson1900"]
    assert "standardized mean" not in " ".join(one.text for one in statistics_words.statistics(own))
    assert cited_in(dataclasses.replace(own, baseline=table.assign(smd=0.3)), "standardized mean") == ["austin2009"]


def test_importance_recalibration_and_refits_are_said_with_what_stands_behind_them(contents):
    assert cited_in(contents, "mean absolute Shapley values") == ["breiman2001", "lundberg2017"]
    assert cited_in(contents, "after Nadeau and Bengio") == ["nadeau2003"]
    sums = contents.importance_sums.assign(shap=float("nan"))
    assert cited_in(dataclasses.replace(contents, importance_sums=sums), "importance of features") == ["breiman2001"]
    rows = pd.DataFrame({"method": ["isotonic", "platt", "isotonic"]})
    own = dataclasses.replace(contents, recalibrations=rows)
    assert cited_in(own, "by isotonic regression and Platt scaling") == ["zadrozny2002", "platt1999"]
    refits = pd.DataFrame({"uncertainty": ["sd of refits"]})
    recipe = "[evaluation]\nspread_refits = 10\n"
    own = dataclasses.replace(contents, calibration_by_uncertainty=refits, recipe=recipe)
    assert cited_in(own, "refitted to 10 bootstraps of the training patients") == ["efron1993"]
    assert "refitted to" not in " ".join(one.text for one in statistics_words.statistics(contents))
