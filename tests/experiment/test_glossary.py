"""Names in words: every built-in has some, a user's own class brings its docstring's first line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from radiofuse.classify import CLASSIFIERS
from radiofuse.commands.run_words import describe_models
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import list_models
from radiofuse.experiment.models.glossary import describe_names, list_answers
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.fuse import COMBINERS
from radiofuse.names import first_line, lookup, title_of
from radiofuse.select import SELECTORS
from radiofuse.select.words import words_of

FOUR = ["t1", "t1ce", "t2", "flair"]


class LogitMean:
    """Mean of the logits.

    More than that is not told.
    """


class Undocumented:
    pass


def found_in(table, kind):
    return [lookup(name, table, kind) for name in table]


def test_every_built_in_has_a_title_of_its_own():
    selectors = [words_of(selector()).title for selector in found_in(SELECTORS, "selector")]
    others = [title_of(one) for one in found_in(COMBINERS, "combiner") + found_in(CLASSIFIERS, "classifier")]
    assert all(title and not title.endswith(".") for title in selectors + others)
    assert len(set(selectors)) == len(SELECTORS)
    assert len(set(others)) == len(COMBINERS) + len(CLASSIFIERS)


def test_every_combiner_says_what_it_does():
    assert all(first_line(combiner).endswith(".") for combiner in found_in(COMBINERS, "combiner"))


@pytest.mark.parametrize("recipe", ["demo", "idh_tcga"])
def test_every_model_of_a_run_is_named(recipe):
    recipe = read_recipe(f"pipelines/{recipe}.toml")
    words = describe_names(recipe, FOUR)["models"]
    assert list(words) == [answer.name for answer in list_answers(recipe, FOUR)]
    assert all(one["title"] and one["does"] for one in words.values())


def test_the_published_pipeline_is_named_too():
    pytest.importorskip("torch")
    recipe = read_recipe("pipelines/shi2023_idh.toml")
    found = describe_names(recipe, FOUR)
    assert list(found["models"]) == [answer.name for answer in list_answers(recipe, FOUR)]
    assert found["classifier"]["title"] == "Bayesian regularized network"
    assert found["models"]["constrained_method3"]["title"] == "constraint fusion of t1 and t1ce | t2 and flair"
    assert "tumor crops of t2" in found["models"]["deep_t2"]["does"]


def test_ones_own_class_is_described_by_the_first_line_of_its_docstring(tmp_path, monkeypatch):
    own = ModuleType("own_combiners")
    own.LogitMean, own.Undocumented = LogitMean, Undocumented
    monkeypatch.setitem(sys.modules, "own_combiners", own)
    text = Path("pipelines/demo.toml").read_text()
    text = text.replace('"vote"', '"own_combiners:LogitMean", "own_combiners:Undocumented"')
    (tmp_path / "own.toml").write_text(text)
    words = describe_names(read_recipe(tmp_path / "own.toml"), FOUR)["models"]
    named = {"model": "fusion", "kind": "fusion"}
    assert words["LogitMean"] == {**named, "title": "Mean of the logits", "does": "Mean of the logits."}
    assert words["Undocumented"] == {**named, "title": "Undocumented", "does": ""}


def test_the_screen_names_all_but_the_modalities(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    description = {"modalities": FOUR, "protocol": {"words": describe_names(read_recipe("pipelines/demo.toml"), FOUR)}}
    said = describe_models(description, ["t1", "mean", "nonnegative", "trivial"])
    assert said.splitlines() == [
        "mean: average of the probabilities, calibrated",
        "nonnegative: nonnegative weights",
        "trivial: trivial rule",
    ]


def test_of_more_than_two_classes_steps_and_combiners_are_called_otherwise():
    recipe = read_recipe("pipelines/demo.toml")
    two, three, both = (describe_names(recipe, FOUR, class_counts=counts) for counts in ([2], [3], [2, 3]))
    assert two == describe_names(recipe, FOUR)
    assert "Mann-Whitney" in two["selector"]["title"] and "Kruskal" not in two["selector"]["title"]
    assert three["selector"]["title"].startswith("Kruskal-Wallis") and "Mann" not in str(three["models"])
    assert both["selector"]["title"] == (
        f"{two['selector']['title']} (of more than two classes: {three['selector']['title']})"
    )
    assert three["models"]["regression"]["title"] == "multinomial logistic regression of the log-probabilities"
    assert both["models"]["mean"] == two["models"]["mean"] == three["models"]["mean"]


def test_a_model_may_have_its_own_rule_for_absent_modalities(tmp_path):
    ways = {"plain": "renormalize", "own": "refit", "taught": "distill"}
    models = "".join(f'[[models]]\nname = "{name}"\nmissing = "{way}"\n' for name, way in ways.items())
    (tmp_path / "two.toml").write_text(Path("pipelines/demo.toml").read_text() + models)
    recipe = read_recipe(tmp_path / "two.toml")
    built = list_models(recipe, Inputs(FOUR))
    assert {name: model.model.missing for name, model in built.items()} == ways
    words = describe_names(recipe, FOUR)["models"]
    behind = words["own_regression"]["does"].removeprefix(words["plain_regression"]["does"])
    assert "absent modalities" in behind and words["own_vote"]["does"] == words["plain_vote"]["does"]


def test_a_model_that_is_not_kept_is_not_called_after_features_that_its_name_does_not_say():
    words = describe_names(read_recipe("pipelines/kheirbakhsh_grading.toml"), FOUR)["models"]
    assert words["late_clinical_mean"]["title"].endswith(", of late_clinical")
