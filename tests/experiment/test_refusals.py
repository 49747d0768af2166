"""What keeps a run from beginning is told together, before any work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import BundleError, CohortError, RequestError
from radiofuse.experiment.preparation import prepare_rows
from radiofuse.experiment.problems import Places, refuse, together
from radiofuse.experiment.recipe.parts import NO_RADIOMICS
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.refusals import selectors_of_two_classes, unmakeable_models
from radiofuse.experiment.refusals_of_columns import OF_COLUMNS, problems_of_columns
from radiofuse.progress import silent
from radiofuse.tables.outcomes import Outcome

RECIPE = """
[cohort]
table = "cohort.csv"
label = "idh"
[select]
method = "three_stepp"
[fusion]
combine = ["mean", "meen"]
[evaluation]
folds = 5
arms = ["deep"]
"""


@pytest.fixture
def folder(tmp_path):
    """A recipe with three faults beside a cohort table with two: five patients, one id twice."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"sample_id": [*"abcd", "a"], "idh": [0, 1, 0, 1, 0], "t1__f": rng.normal(size=5)})
    table.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def prepare(folder):
    recipe = read_recipe(folder / "recipe.toml")
    return prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent, report=False)


def test_faults_of_the_recipe_and_of_the_table_are_told_together(folder):
    with pytest.raises(RequestError) as told:
        prepare(folder)
    for said in ("4 things keep", "'three_step'?", "'mean'?", 'the arm "deep"', "Classes of idh"):
        assert said in str(told.value), said
    assert not (folder / "out").exists()
    assert not (folder / "store").exists()


@pytest.mark.parametrize("name", ["report.html", "report.json"])
def test_a_page_of_the_users_own_is_told_before_any_work(folder, name):
    (folder / "out").mkdir()
    (folder / "out" / name).write_text("mine")
    (folder / "recipe.toml").write_text(RECIPE.replace("three_stepp", "three_step"))
    recipe = read_recipe(folder / "recipe.toml")
    with pytest.raises(RequestError, match=rf"(?s)4 things keep.*{name} exists"):
        prepare_rows(recipe, folder / "out", store=folder / "store", n_jobs=1, progress=silent, report=True)
    assert (folder / "out" / name).read_text() == "mine"


def test_settings_and_a_back_end_that_do_not_exist_are_refused_though_all_features_came_ready(folder):
    (folder / "recipe.toml").write_text(RECIPE + '[radiomics]\nsettings = "defalt"\nbackend = "itk"\n')
    with pytest.raises(RequestError) as told:
        prepare(folder)
    for said in ("6 things keep", "no radiomics preset or file", "radiomics back end is called 'itk'"):
        assert said in str(told.value), said


def test_a_phantom_is_not_generated_for_a_recipe_that_cannot_be_run(folder):
    text = RECIPE.replace('table = "cohort.csv"', "phantom = { n_patients = 20 }")
    (folder / "recipe.toml").write_text(text)
    with pytest.raises(RequestError, match="3 things keep"):
        prepare(folder)
    assert not (folder / "out").exists()


def test_one_problem_is_raised_as_it_is_and_those_of_the_cohort_as_one_list():
    alone = BundleError("damaged")
    assert together([alone]) is alone
    assert str(together([alone, BundleError("damaged")])) == "damaged"
    both = together([CohortError("The cohort", ["a", "b"]), CohortError("The cohort", ["c"])])
    assert (type(both), both.problems) == (CohortError, ["a", "b", "c"])
    assert isinstance(together([alone, CohortError("The cohort", ["a"])]), BundleError)
    assert isinstance(together([alone, CohortError("The cohort", ["a"]), RequestError("b")]), RequestError)
    refuse([])


def test_every_modality_without_features_is_named(tmp_path):
    text = '[cohort]\ntable = "x.csv"\nlabel = "y"\n[radiomics]\nsettings = "none"\n'
    (tmp_path / "recipe.toml").write_text(text)
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert recipe.radiomics.settings == NO_RADIOMICS
    grouped = {"t1": ["t1__image"], "flair": ["flair__image", "flair__mask"], "t2": ["t2__f"]}
    said = [str(problem).split()[1] for problem in problems_of_columns(recipe, grouped)]
    assert said == ["t1", "flair"]


def test_a_check_yields_its_problems_and_raises_none(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "recipe.toml")
    problems = problems_of_columns(recipe, {"t1": ["t1__f"]})
    assert len(problems) <= len(OF_COLUMNS)
    assert any("three_stepp" in str(problem) for problem in problems)


def test_faults_of_selector_and_classifier_options_are_told_together(folder):
    faulty = RECIPE.replace('"three_stepp"', '"lasso"\noptions = { ruel = "1se" }').replace(', "meen"', "")
    classify = '[classify]\nmethod = "svm"\noptions = { kernl = "rbf" }\n'
    (folder / "recipe.toml").write_text(faulty + classify)
    with pytest.raises(RequestError) as told:
        prepare(folder)
    for said in ("'ruel'", "'kernl'", 'the arm "deep"'):
        assert str(told.value).count(said) == 1, said


def test_the_clinical_answer_is_not_compared_where_there_is_no_clinical_column(tmp_path):
    text = '[cohort]\ntable = "x.csv"\nlabel = "y"\n[evaluation]\ncompare = [["mean", "clinical"]]\n'
    (tmp_path / "recipe.toml").write_text(text)
    recipe, grouped = read_recipe(tmp_path / "recipe.toml"), {"t1": ["t1__f"], "t2": ["t2__f"]}
    (problem,) = problems_of_columns(recipe, grouped)
    assert "names 'clinical', which no model answers as" in str(problem)
    assert not problems_of_columns(recipe, {**grouped, "clinical": ["clinical__age"]})


@pytest.mark.parametrize(
    ("model", "kept"),
    [
        ("", True),
        ('[[models]]\nname = "all"\nkind = "early"', True),
        ('[[models]]\nname = "all"\nkind = "early"\nkeep = false', False),
        ('[[models]]\nname = "all"\nselect = { method = "pca" }', False),
        ('[[models]]\nname = "all"\nkind = "weighting"', False),
        ('[[models]]\nname = "all"\nkind = "constrained"\nbranches = { one = ["t1"], other = ["t2"] }', False),
    ],
)
def test_survivors_are_asked_of_models_alone_whose_selected_columns_are_recorded(tmp_path, model, kept):
    table = '[[tables]]\ntitle = "T"\nsource = "S"\nsurvivors = { t1 = [1, 0] }\nselected_by = '
    chosen = '"all"' if model else '"fusion"'
    (tmp_path / "recipe.toml").write_text(f'[cohort]\ntable = "x.csv"\nlabel = "y"\n{model}\n{table}{chosen}\n')
    problems = problems_of_columns(read_recipe(tmp_path / "recipe.toml"), {"t1": ["t1__f"], "t2": ["t2__f"]})
    assert ["names the model of selected features 'all'" in str(problem) for problem in problems] == [True] * (not kept)


@pytest.mark.parametrize(
    ("select", "refused"),
    [
        ('method = "mann_whitney"', "MannWhitneySelector"),
        ('steps = ["kruskal", "lasso"]', "SelectorChain"),
        ('steps = ["kruskal", "lasso"]\noptions.lasso = { family = "multinomial" }', None),
        ('method = "three_step"', None),
        ('method = "none"', None),
    ],
)
def test_a_selector_of_two_classes_is_refused_before_work_where_an_outcome_has_more(tmp_path, select, refused):
    (tmp_path / "recipe.toml").write_text(f'[cohort]\ntable = "x.csv"\nlabel = "y"\n[select]\n{select}\n')
    recipe, grade = read_recipe(tmp_path / "recipe.toml"), Outcome("grade", ("2", "3", "4"))
    said = [str(problem) for problem in selectors_of_two_classes(recipe, [grade])]
    assert len(said) == (refused is not None)
    assert all(f"({refused}) compares two classes, and grade has more" in sentence for sentence in said)
    assert not list(selectors_of_two_classes(recipe, [Outcome("idh", ("wildtype", "mutant"))]))


MODELS = """
[cohort]
table = "x.csv"
label = "y"
[select]
method = "lasso"
[select.options]
rule = "2se"
[[models]]
name = "first"
[[models]]
name = "second"
[[models]]
name = "third"
[models.select]
method = "mann_whitney"
"""


def test_one_mistake_of_several_models_is_told_once_and_names_them(tmp_path):
    (tmp_path / "recipe.toml").write_text(MODELS)
    recipe = read_recipe(tmp_path / "recipe.toml")
    (problem,) = unmakeable_models(recipe, Places(tmp_path / "out", tmp_path / "store"))
    assert str(problem).startswith("Of the models 'first' and 'second': The 'rule' parameter")
    (tmp_path / "recipe.toml").write_text(
        MODELS.replace("lasso", "mann_whitney").replace('rule = "2se"', "alpha = 0.1")
    )
    recipe, grade = read_recipe(tmp_path / "recipe.toml"), Outcome("grade", ("2", "3", "4"))
    (problem,) = selectors_of_two_classes(recipe, [grade])
    assert "of the models 'first', 'second' and 'third' (MannWhitneySelector)" in str(problem)
