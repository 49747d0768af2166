"""A run whose mean is calibrated beside one whose mean is not: what moves, and what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.read import read_table
from radiofuse.errors import RequestError
from radiofuse.experiment import run_recipe
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.statistics import auc, calibration_table, decision_table, operating_points_table

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "extent"
kind = "multiclass"
[radiomics]
settings = "none"
[select]
method = "none"
[fusion]
inner_folds = 2
[[models]]
combine = ["mean", "regression"]
[[models]]
name = "plain"
combine = ["mean", "regression"]
calibrate = false
[evaluation]
folds = 2
repeats = 2
resamples = 100
operating_point = { sensitivity = 0.8 }
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder, rng, n = tmp_path_factory.mktemp("calibrated"), np.random.default_rng(0), 60
    idh, extent = rng.random(n) < 0.3, rng.integers(0, 3, n)
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": np.where(idh, "Mutant", "WT")}
    table["extent"] = np.array(["a", "b", "c"])[extent]
    for modality in ("t1", "t2"):
        table |= {f"{modality}__x": rng.normal(size=n) + idh, f"{modality}__y": rng.normal(size=n) + extent}
    pd.DataFrame(table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False) / "bundle"


@pytest.fixture(scope="module")
def answers(bundle):
    predictions = read_table(bundle, "predictions")
    index = ["outcome", "class", "repeat", "fold", "sample_id"]
    return predictions.pivot(index=[*index, "label"], columns="model", values="probability").reset_index("label")


def test_the_mean_alone_moves(answers):
    for name in ("t1", "t2", "regression"):
        np.testing.assert_array_equal(answers[name], answers[f"plain_{name}"])
    assert (answers["mean"] != answers["plain_mean"]).all()


def test_within_a_fold_patients_keep_their_order_and_the_auc_stays_to_the_last_digit(answers):
    for _, fold in answers.loc["idh"].groupby(["repeat", "fold"]):
        np.testing.assert_array_equal(np.argsort(fold["mean"]), np.argsort(fold["plain_mean"]))
        assert auc(fold["label"], fold["mean"]) == auc(fold["label"], fold["plain_mean"])


def test_of_several_classes_no_call_changes(answers):
    wide = answers.loc["extent"].unstack("class")
    np.testing.assert_allclose(wide["mean"].sum(axis=1), 1)
    calls = [wide[name].to_numpy().argmax(axis=1) for name in ("mean", "plain_mean")]
    np.testing.assert_array_equal(*calls)


def test_weights_stay_and_the_names_say_which_mean_is_calibrated(bundle):
    weights = read_table(bundle, "fusion_weights").set_index("model")
    columns = ["fusion", "member", "class", "weight", "mean", "low", "high"]
    np.testing.assert_array_equal(weights.loc["fusion", columns].astype(str), weights.loc["plain", columns].astype(str))
    protocol = load_bundle(bundle).description["protocol"]
    words = protocol["words"]["models"]
    assert words["mean"]["title"] == "average of the probabilities, calibrated"
    assert words["plain_mean"]["title"] == "average of the probabilities, of plain"
    assert protocol["calibrate"] is True


def test_the_bundle_has_what_the_functions_make_of_its_predictions(bundle):
    predictions = read_table(bundle, "predictions")
    made = {
        "operating_points": operating_points_table(predictions, "sensitivity", at_least=0.8, n_resamples=100),
        "calibration": calibration_table(predictions),
        "decision_curves": decision_table(predictions),
    }
    for name, table in made.items():
        pd.testing.assert_frame_equal(read_table(bundle, name), table, check_dtype=False)
    assert set(made["operating_points"]["outcome"]) == {"idh"}
    said = load_bundle(bundle).description["protocol"]["operating_point"]
    assert said == "the greatest specificity with a sensitivity of at least 0.8"


def test_the_page_shows_the_calls_and_the_decision_curve(bundle, tmp_path):
    from radiofuse.report import write_report

    write_report(bundle, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<caption><span>Calls at the operating point, out of fold") == 1  # of the outcome of two classes
    assert "the greatest specificity with a sensitivity of at least 0.8" in page
    assert "Net benefit of treating by" in page and "Expected calibration error" in page


POINTS = [
    ('"youden"', {"rule": "youden"}),
    ("{ sensitivity = 0.9 }", {"rule": "sensitivity", "at_least": 0.9}),
    ("{ specificity = 0.9 }", {"rule": "specificity", "at_least": 0.9}),
    ("{ cost = 5 }", {"rule": "cost", "cost_fn": 5.0}),
]
HEAD = '[cohort]\ntable = "t.csv"\n{}[evaluation]\noperating_point = {}\n'


@pytest.mark.parametrize(("said", "options"), POINTS)
def test_a_recipe_says_by_which_rule_patients_are_called(tmp_path, said, options):
    (tmp_path / "r.toml").write_text(HEAD.format('label = "idh"\n', said))
    assert read_recipe(tmp_path / "r.toml").evaluation.operating_point.options == options


@pytest.mark.parametrize(
    ("outcome", "said", "sentence"),
    [
        ('label = "idh"\n', '"yuden"', 'should be "youden", or one of { sensitivity = 0.9 }'),
        ('label = "idh"\n', "{ sensitivity = 1.5 }", "less than 1"),
        ('label = "idh"\n', "{ sensitivity = 0.9, cost = 5 }", "give one rule: sensitivity, specificity or cost"),
        ('label = "idh"\n', "{ sensitivty = 0.9 }", "Did you mean 'sensitivity'"),
        ('[[outcomes]]\ncolumn = "g"\nkind = "multiclass"\n', '"youden"', "of an outcome of two classes: of several"),
    ],
)
def test_an_operating_point_that_cannot_be_is_refused_in_a_sentence(tmp_path, outcome, said, sentence):
    (tmp_path / "r.toml").write_text(HEAD.format(outcome, said))
    with pytest.raises(RequestError) as error:
        read_recipe(tmp_path / "r.toml")
    assert sentence in str(error.value)
