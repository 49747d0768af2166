"""Recipes: what is read, what is refused, and that those shipped can be built."""

from __future__ import annotations

import pytest

from radiofuse.errors import CohortError, RequestError
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model, list_models
from radiofuse.experiment.problems import refuse
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.refusals_of_columns import problems_of_columns

MINIMAL = """
[cohort]
table = "cohort.csv"
label = "idh"
"""


def write(folder, text):
    path = folder / "my_study.toml"
    path.write_text(text)
    return path


def test_a_minimal_recipe_has_defaults(tmp_path):
    recipe = read_recipe(write(tmp_path, MINIMAL))
    assert (recipe.name, recipe.title) == ("my_study", "my_study")
    assert recipe.path(recipe.cohort.table) == tmp_path / "cohort.csv"
    assert recipe.select.method == "three_step"
    assert recipe.fusion.combine[0] == "mean"
    assert recipe.text == MINIMAL


def test_every_problem_is_listed(tmp_path):
    wrong = MINIMAL + "tabel = 'x'\n[evaluation]\nfolds = 1\n[fusoin]\n"
    with pytest.raises(RequestError) as caught:
        read_recipe(write(tmp_path, wrong))
    message = str(caught.value)
    assert "3 problems" in message
    for part in ("cohort.tabel: unknown entry", "evaluation.folds", "fusoin: unknown entry"):
        assert part in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[cohort]\nlabel = 'idh'", "either table"),
        ("[cohort]\nlabel = 'idh'\ntable = 'a.csv'\nphantom = {}", "either table"),
        ("[cohort]\ntable = 'a.csv'", "say what is predicted: either label under"),
        ("[cohort", "not a readable TOML"),
        ("x = " + "[" * 9999, "not a readable TOML"),
        ("name = 'x'" + MINIMAL, "cannot be used"),
        (MINIMAL + "mask_label = 1.5", 'cohort.mask_label: should be "any", a whole number, or a list .* got 1.5'),
        (MINIMAL + "mask_label = []", "cohort.mask_label: should be"),
        (MINIMAL + "mask_label = 0", "cohort.mask_label: .*; 0 is the background, got 0"),
        (MINIMAL + "mask_label = [1, 0]", "cohort.mask_label: .*; 0 is the background"),
        ("seed = -1" + MINIMAL, "seed: Input should be greater than or equal to 0"),
        ("seed = 4294967296" + MINIMAL, "seed: Input should be less than 4294967296"),
        (MINIMAL + "modalities = []", "cohort.modalities: is an empty list"),
        (MINIMAL + "[fusion]\ncombine = 'mean'", "fusion.combine: should be a list"),
        (MINIMAL + "[fusion]\ncombine = ['mean', 'mean']", "fusion.combine: names 'mean' more than once"),
        (MINIMAL + "[evaluation]\narms = ['deep', 'deep']", "evaluation.arms: names 'deep' more than once"),
        (MINIMAL + "[deep]\nslices = 'al'", "has 1 problem:\n  - deep.slices: should be 1 or more, .* got 'al'"),
        (MINIMAL + "[[tables]]\ntitle = 'T'\nsource = 'S'", r"tables.0: give rows .*selected features\)$"),
        (MINIMAL + "[[select]]", "select: should be a table"),
        (MINIMAL + "[[models]]\nnmae = 'a'", r"has 1 problem:\n  - models.0.nmae: unknown entry"),
        (
            MINIMAL + "[classify]\nmethod = 'svm'\nsearch_score = 'auc'",
            "search_score stands without an option to search",
        ),
        (MINIMAL + "[classify]\nmethod = 'svm'\nsearch = {}", "search stands without an option to search"),
        (MINIMAL + "[evaluation]\noptimism_resamples = 50", "optimism_resamples says how often optimism"),
    ],
)
def test_wrong_recipes_get_a_sentence(tmp_path, text, expected):
    with pytest.raises(RequestError, match=expected):
        read_recipe(write(tmp_path, text))


@pytest.mark.parametrize(("text", "label"), [("'any'", "any"), ("2", 2), ("[1, 4]", (1, 4))])
def test_mask_labels_are_any_one_or_several(tmp_path, text, label):
    assert read_recipe(write(tmp_path, MINIMAL + f"mask_label = {text}")).cohort.mask_label == label


def test_a_missing_recipe_says_where_to_look(tmp_path):
    with pytest.raises(RequestError, match="no recipe at /.*none.toml. Correct the path; radiofuse init"):
        read_recipe(tmp_path / "none.toml")


def test_variables_are_filled_in_or_asked_for(tmp_path, monkeypatch):
    recipe = read_recipe(write(tmp_path, MINIMAL.replace("cohort.csv", "${SOME_FOLDER}/c.csv")))
    monkeypatch.setenv("SOME_FOLDER", "/data")
    assert str(recipe.path(recipe.cohort.table)) == "/data/c.csv"
    monkeypatch.delenv("SOME_FOLDER")
    with pytest.raises(RequestError, match="SOME_FOLDER, which is not set"):
        recipe.path(recipe.cohort.table)


@pytest.mark.parametrize("name", ["demo", "idh_tcga"])
def test_shipped_recipes_build_their_model(name):
    from tests.conftest import REPOSITORY

    recipe = read_recipe(REPOSITORY / "pipelines" / f"{name}.toml")
    model = build_model(recipe, RecipeModel(), Inputs(["t1", "t2"]))
    assert [member for member, _ in model.estimators] == ["t1", "t2"]
    assert model.get_params()["t1__classify__random_state"] == recipe.seed


def test_options_reach_the_steps_and_unknown_ones_are_refused(tmp_path):
    text = MINIMAL + "[select]\nmethod = 'three_step'\noptions = {alpha = 0.01}\n[classify]\nmethod = 'svm'\n"
    model = build_model(read_recipe(write(tmp_path, text)), RecipeModel(), Inputs(["t1"]))
    assert model.get_params()["t1__select__alpha"] == 0.01
    with pytest.raises(RequestError, match="has no option 'alhpa'"):
        build_model(read_recipe(write(tmp_path, text.replace("alpha", "alhpa"))), RecipeModel(), Inputs(["t1"]))


def test_unknown_names_are_refused_with_the_choices(tmp_path):
    text = MINIMAL + "[classify]\nmethod = 'random_forst'\n"
    with pytest.raises(RequestError, match="Did you mean 'random_forest'"):
        build_model(read_recipe(write(tmp_path, text)), RecipeModel(), Inputs(["t1"]))


def test_an_encoder_s_member_may_not_be_called_like_a_modality(tmp_path):
    pytest.importorskip("torch")
    recipe = read_recipe(write(tmp_path, MINIMAL + "[deep]\njoin = 'members'\n"))
    with pytest.raises(CohortError, match="'t1deep'"):
        refuse(problems_of_columns(recipe, {"t1": ["t1__image"], "t1deep": ["t1deep__image"]}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[cohort]\ntabel = "x.csv"\nlabel = "y"',
            "its table. Did you mean 'table'?",
        ),
        ('[cohort]\nphantom = {n_patient = 20}\nlabel = "y"', "Did you mean 'n_patients'?"),
        ('[evalution]\nfolds = 3\n[cohort]\ntable = "x.csv"\nlabel = "y"', "Did you mean 'evaluation'?"),
        ('[cohort]\ntable = "x.csv"\nlabel = "y"\n[[tables]]\ntitel = "a"\nsource = "b"', "Did you mean 'title'?"),
        ('[cohort]\ntable = "x.csv"\nlabel = "y"\n[deep]\nencodr = "a"', "Did you mean 'encoder'?"),
        (
            '[cohort]\ntable = "x.csv"\nlabel = "y"\nzzz = 1',
            "cohort.zzz: unknown entry; check its spelling",
        ),
    ],
)
def test_a_misspelt_entry_is_told_what_was_probably_meant(tmp_path, text, said):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RequestError) as refused:
        read_recipe(tmp_path / "r.toml")
    assert said in str(refused.value)
    assert ("Did you mean" in str(refused.value)) == ("Did you mean" in said)


def test_the_default_recipe_says_what_an_empty_one_means(tmp_path):
    (tmp_path / "empty.toml").write_text('[cohort]\ntable = "cohort.csv"\nlabel = "idh"\n')
    own = {"name", "folder", "text", "title"}
    spelled_out, empty = (read_recipe(path) for path in ("pipelines/default.toml", tmp_path / "empty.toml"))
    assert spelled_out.model_dump(exclude=own) == empty.model_dump(exclude=own)
    modalities = Inputs(["t1", "t2"])
    models = [list_models(recipe, modalities)["fusion"].get_params() for recipe in (spelled_out, empty)]
    assert str(models[0]) == str(models[1])
