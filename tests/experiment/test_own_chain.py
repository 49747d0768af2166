"""A recipe's chain of selectors: the same numbers as the three steps in one, and what is refused before any work."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import Pipeline

from radiofuse.errors import RequestError
from radiofuse.evaluate import cross_validated_predictions
from radiofuse.evaluate.findings import inspect_fold
from radiofuse.experiment.evaluation import folds_key
from radiofuse.experiment.folds_key import joint_folds_key
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.glossary import describe_names
from radiofuse.experiment.models.member_chains import selector_files
from radiofuse.experiment.models.options import describe_options
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.experiment.rows import LabeledRows
from radiofuse.fuse import LateFusion
from radiofuse.patients import Split
from radiofuse.tables.outcomes import Outcome

HEAD = """
[cohort]
table = "cohort.csv"
label = "idh"
[fusion]
combine = ["mean"]
"""
STEPS = "[select]\nsteps = ['mann_whitney', 'correlation', 'lasso']\n"
pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.PathEdgeWarning")


def recipe_of(folder, select):
    (folder / "own.toml").write_text(HEAD + select)
    return read_recipe(folder / "own.toml")


@pytest.fixture(scope="module")
def cohort():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 24))
    X[:, :4] += y[:, None]
    X[:, 4:8] = X[:, :4] + 0.2 * X[:, 4:8]
    names = [f"{modality}__f{i:02d}" for i in range(12) for modality in ("t1", "t2")]
    return pd.DataFrame(X, columns=names).mask(rng.random(X.shape) < 0.02), y


def predictions(recipe, cohort):
    return cross_validated_predictions(
        build_model(recipe, RecipeModel(), Inputs(["t1", "t2"])), *cohort, cv=3, random_state=0
    )


def test_the_three_steps_as_a_chain_predict_the_same_to_the_last_digit(tmp_path, cohort):
    options = "alpha = 0.2\nthreshold = 0.8\nrule = '1se'\ncv = 5\nkeep = 'random'\n"
    three = recipe_of(tmp_path, f"[select]\nmethod = 'three_step'\n[select.options]\n{options}")
    expected = predictions(three, cohort)
    parts = {"mann_whitney": "alpha = 0.2", "correlation": "threshold = 0.8\nkeep = 'random'"}
    parts["lasso"] = "rule = '1se'\ncv = 5"
    chain = recipe_of(tmp_path, STEPS + "".join(f"[select.options.{name}]\n{part}\n" for name, part in parts.items()))
    pd.testing.assert_frame_equal(predictions(chain, cohort), expected, check_exact=True)
    assert expected["probability"].nunique() > 20


@pytest.fixture
def with_icc(tmp_path, cohort):
    """A recipe with reproducibility in front of the three steps; every second feature of t1 is not reproducible."""
    names = [name.split("__") for name in cohort[0].columns]
    icc = [0.1 if modality == "t1" and int(feature[1:]) % 2 else 0.9 for modality, feature in names]
    table = pd.DataFrame(names, columns=["modality", "feature"]).assign(icc=icc, low=icc)
    (tmp_path / "tables").mkdir()
    table.to_csv(tmp_path / "tables" / "icc.csv", index=False)
    select = STEPS.replace("['mann", "['reproducibility', 'mann") + "[select.options.reproducibility]\n"
    return recipe_of(tmp_path, select + "icc = 'tables/icc.csv'\n[select.options.mann_whitney]\nalpha = 1.0\n")


def test_reproducibility_in_front_removes_what_its_table_says(with_icc, cohort, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # the path is relative to the recipe
    X, y = cohort
    model = build_model(with_icc, RecipeModel(), Inputs(["t1", "t2"])).fit(X, y)
    chain = model.members_["t1"].named_steps["select"]
    assert list(chain.steps_) == ["reproducibility", "mann_whitney", "correlation", "lasso"]
    trace = chain.trace_
    unreliable = trace.loc[trace["step"] == "reproducibility", "feature"]
    assert sorted(unreliable) == [f"t1__f{i:02d}" for i in range(1, 12, 2)]
    assert not any(model.members_["t2"].named_steps["select"].trace_["step"] == "reproducibility")
    selected = inspect_fold(model, X, y)["selected"]["feature"]
    assert len(selected) and not set(selected) & set(unreliable)


def test_a_chain_is_described_step_by_step_without_the_place_of_its_files(with_icc):
    words = describe_names(with_icc, ["t1", "t2"])
    assert words["selector"]["title"] == (
        "reproducible features (intraclass correlation), then Mann-Whitney U test, then correlated features removed, "
        "then LASSO"
    )
    assert words["selector"]["title"] in words["models"]["t1"]["does"]
    options = describe_options({"fusion": build_model(with_icc, RecipeModel(), Inputs(["t1"]))})["chains"][0]["steps"][
        "select"
    ]
    assert options["reproducibility"] == {
        "class": "ReproducibilitySelector",
        "icc": "icc.csv",
        "threshold": 0.75,
        "bound": "icc",
        "absent": "error",
        "on_empty": "strongest",
    }
    assert options["lasso"]["rule"] == "min"


class Own(SelectKBest):
    """Of nobody's library."""


def test_a_class_of_ones_own_is_described_with_its_module():
    pipeline = Pipeline([("select", Own()), ("classify", SelectKBest())])
    (chain,) = describe_options({"fusion": LateFusion([("t1", pipeline)])})["chains"]
    assert [chain["steps"][step]["class"] for step in chain["steps"]] == [f"{__name__}:Own", "SelectKBest"]


def test_folds_are_kept_under_what_the_files_of_selectors_hold(with_icc, cohort):
    from types import SimpleNamespace

    rows = SimpleNamespace(modalities=["t1", "t2"])
    labeled = LabeledRows(Outcome("idh", ("0", "1")), *cohort, np.arange(60), np.arange(60))
    (path,) = selector_files(with_icc)
    splits = [Split(0, 0, np.arange(30), np.arange(30, 60))]
    before = folds_key(with_icc, rows, labeled, splits)
    assert folds_key(with_icc, rows, labeled, splits) == before
    assert folds_key(with_icc, rows, labeled, [Split(0, 0, np.arange(31, 60), np.arange(30))]) != before
    path.write_text(path.read_text().replace("0.1", "0.8"))
    assert folds_key(with_icc, rows, labeled, splits) != before


@pytest.mark.parametrize("options", ["{weights = 'w.pth'}", "{encoder_options = {weights = 'w.pth'}}"])
def test_folds_are_kept_under_what_files_of_weights_hold(tmp_path, options):
    from types import SimpleNamespace

    (tmp_path / "w.pth").write_bytes(b"one")
    recipe = recipe_of(tmp_path, f"[deep]\nencoder = 'mobilenet_v2'\noptions = {options}\n")
    rows = SimpleNamespace(modalities=["t1"], source=SimpleNamespace(crops=SimpleNamespace(path=tmp_path)), outcomes=())
    before = joint_folds_key(recipe, rows, *2 * [pd.DataFrame()], [])
    (tmp_path / "w.pth").write_bytes(b"two")
    assert joint_folds_key(recipe, rows, *2 * [pd.DataFrame()], []) != before


def test_folds_are_found_again_where_only_what_is_read_after_them_changed(tmp_path, cohort):
    from types import SimpleNamespace

    rows = SimpleNamespace(modalities=["t1", "t2"])
    labeled = LabeledRows(Outcome("idh", ("0", "1")), *cohort, np.arange(60), np.arange(60))
    splits = [Split(0, 0, np.arange(30), np.arange(30, 60))]

    def key(select: str, before: str = "") -> str:
        (tmp_path / "own.toml").write_text(before + HEAD + select)
        return folds_key(read_recipe(tmp_path / "own.toml"), rows, labeled, splits)

    plain = key(STEPS)
    after = 'resamples = 4000\npermutations = 500\nreference = "best"\ncompare = [["t1", "t2"]]\n'
    assert key(STEPS + "[evaluation]\n" + after, "# a word\ntitle = 'Of IDH'\n") == plain
    assert key(STEPS, "seed = 7\n") != plain
    assert key(STEPS + "[evaluation]\noperating_point = { sensitivity = 0.9 }\n") != plain
    assert key(STEPS + "[evaluation]\nspread_refits = 9\n") != plain
    assert key(STEPS + "options = { lasso = { rule = '1se' } }\n") != plain


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("[select]\nmethod = 'lasso'\nsteps = ['lasso']\n", "select: give either method .* or steps"),
        ("[select]\noptions = {alpha = 0.1}\n", "select: give either method .* or steps"),
        ("[select]\nsteps = []\n", "select.steps: is an empty list"),
        ("[select]\nsteps = ['lasso', 'mannwhitney', 'mann_whitney']\n", "names 'mann_whitney' more than once"),
        (STEPS + "options = {alpha = 0.1}\n", r"a table for each, as \[select.options.mann_whitney\]; 'alpha' stands"),
        (STEPS + "[select.options.laso]\nrule = 'min'\n", "'laso', which is no step. Did you mean 'lasso'"),
    ],
)
def test_a_selection_that_is_written_wrong_gets_a_sentence(tmp_path, select, said):
    with pytest.raises(RequestError, match=said):
        recipe_of(tmp_path, select)


@pytest.mark.parametrize(
    ("select", "said"),
    [
        (STEPS.replace("lasso", "laso"), "No selector is called 'laso'. Did you mean 'lasso'"),
        (STEPS + "[select.options.lasso]\nrul = '1se'\n", "Step 'lasso' .* has no option 'rul'. Did you mean 'rule'"),
        (STEPS + "[select.options.lasso]\nrule = '2se'\n", "'rule' parameter of LassoSelector"),
        (STEPS + "[select.options.lasso]\non_empty = 'intercept'\n", "Step 'lasso': on_empty"),
        ("[select]\nsteps = ['reproducibility', 'lasso']\n", "'icc' parameter .* has no default"),
        (
            "[select]\nsteps = ['reproducibility']\noptions = {reproducibility = {icc = 'no.csv'}}\n",
            "There is no table of ICCs '.*no.csv'",
        ),
    ],
)
def test_a_chain_that_cannot_be_made_is_refused_before_any_work(tmp_path, select, said):
    with pytest.raises(RequestError, match=said):
        build_model(recipe_of(tmp_path, select), RecipeModel(), Inputs(["t1"]))


def test_a_class_of_ones_own_is_a_step(tmp_path, cohort, monkeypatch):
    own = ModuleType("own__selectors")  # two underscores separate a step from its parameter in scikit-learn
    own.Best = type("Best", (SelectKBest,), {"__doc__": "The best by F."})
    monkeypatch.setitem(sys.modules, "own__selectors", own)
    select = "[select]\nsteps = ['own__selectors:Best', 'lasso']\n[select.options.'own__selectors:Best']\nk = 3\n"
    recipe = recipe_of(tmp_path, select)
    model = build_model(recipe, RecipeModel(), Inputs(["t1", "t2"])).fit(*cohort)
    trace = model.members_["t1"].named_steps["select"].trace_
    assert (trace["step"] == "Best").sum() == 9
    assert set(trace.loc[trace["step"] == "Best", "why"]) == {"not selected by Best"}
    assert describe_names(recipe, ["t1"])["selector"]["title"] == "The best by F, then LASSO"
