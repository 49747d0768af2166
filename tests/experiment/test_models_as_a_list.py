"""A recipe with a list of models and several outcomes: names, what each reads, one run as several, and new patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.errors import RadiofuseError, RequestError
from radiofuse.experiment import run_recipe
from radiofuse.experiment.models.glossary import list_answers
from radiofuse.experiment.models.model_list import model_list
from radiofuse.experiment.recipe.recipe import read_recipe

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]

HEAD = """
seed = 0
[cohort]
table = "cohort.csv"
{cohort}
[radiomics]
settings = "none"
[select]
method = "{select}"
[fusion]
inner_folds = 2
combine = ["mean", "regression"]
[evaluation]
folds = 2
repeats = 2
resamples = 100
"""
IDH = 'label = "idh=Mutant"\nignore = ["who_grade"]'
OUTCOMES = """
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
"""
MODELS = """
[[models]]
[[models]]
name = "with_clinical"
clinical = true
combine = ["mean"]
subsets = "all"
[[models]]
name = "early"
kind = "early"
[[models]]
name = "early_with_clinical"
kind = "early"
joined = "after_selection"
clinical = true
[[models]]
name = "old"
kind = "clinical"
[[models]]
name = "own"
kind = "sklearn.tree:DecisionTreeClassifier"
options = { max_depth = 2 }
modalities = ["t1"]
keep = false
"""


def cohort(n=48) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    grade = rng.integers(2, 5, n)
    idh = rng.random(n) < np.where(grade == 4, 0.2, 0.7)
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "idh": np.where(idh, "Mutant", "WT"),
        "who_grade": [f"G{one}" if rng.random() < 0.9 else "unknown" for one in grade],
        "clinical__age": rng.normal(50, 10, n) - 5 * idh,
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 6)) + np.outer(idh, [1, 0, 0, 0, 0, 0]) + np.outer(grade, [0, 1, 0, 0, 0, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(6)}
    table = pd.DataFrame(table)
    table.loc[:3, [name for name in table if name.startswith("t1__")]] = np.nan
    return table


def write(folder, text, **options):
    options = {"cohort": "", "select": "kruskal", **options}
    folder.mkdir(parents=True, exist_ok=True)
    cohort().to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(HEAD.format(**options) + text)
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("list")
    path = write(folder, OUTCOMES + MODELS)
    return run_recipe(path, out=folder / "out", store=folder / "store", report=False)


def test_every_answer_of_every_model_is_in_the_tables(run):
    predictions = read_table(run / "bundle", "predictions")
    members = [f"{prefix}{name}" for prefix in ("", "with_clinical_") for name in ("t1", "t2", "mean")]
    pairs = ("t1+t2", "t1+clinical", "t2+clinical")
    members += [f"with_clinical_mean({pair})" for pair in pairs]
    names = {*members, "regression", "with_clinical_clinical", "early", "early_with_clinical", "old", "own"}
    assert set(predictions["model"]) == {*names, "clinical", "trivial"}
    known = load_bundle(run).description["protocol"]["words"]["models"]
    assert list(known) == [name for name in known if name in set(predictions["model"])]
    assert set(known) == set(predictions["model"])


def test_each_outcome_has_its_classes_and_its_known_rows(run):
    predictions = read_table(run / "bundle", "predictions").query("model == 'mean' and repeat == 0")
    by_outcome = predictions.groupby("outcome", sort=False)
    assert by_outcome["class"].agg(lambda classes: list(classes.unique())).to_dict() == {
        "idh": ["mutant"],
        "who_grade": ["2", "3", "4"],
    }
    known = (cohort()["who_grade"] != "unknown").sum()
    assert by_outcome["sample_id"].nunique().to_dict() == {"idh": 48, "who_grade": known}
    sums = predictions.query("outcome == 'who_grade'").groupby("sample_id")[["label", "probability"]].sum()
    np.testing.assert_allclose(sums, 1)


def test_outcomes_share_their_folds(run):
    predictions = read_table(run / "bundle", "predictions").query("model == 'mean'")
    folds = predictions.drop_duplicates(["outcome", "repeat", "sample_id"]).pivot(
        index=["repeat", "sample_id"], columns="outcome", values="fold"
    )
    assert (folds["idh"] == folds["who_grade"])[folds["who_grade"].notna()].all()


def test_a_model_of_the_list_answers_as_it_does_alone(run, tmp_path):
    """An early fusion in a run of two outcomes and six models gives the numbers of a run of its own."""
    alone = write(tmp_path, '[[models]]\nname = "early"\nkind = "early"\n', cohort=IDH)
    out = run_recipe(alone, out=tmp_path / "out", store=tmp_path / "store", report=False)
    own = read_table(out / "bundle", "predictions").query("model == 'early'")
    beside = read_table(run / "bundle", "predictions").query("model == 'early' and outcome == 'idh'")
    folds = [table.set_index(["repeat", "sample_id"])["fold"] for table in (own, beside)]
    if folds[0].sort_index().equals(folds[1].sort_index()):  # strata of two outcomes may deal patients otherwise
        np.testing.assert_array_equal(own["probability"], beside["probability"])
    assert len(own) == len(beside)


def test_selected_features_and_weights_name_their_model_and_outcome(run):
    selected, weights = (read_table(run / "bundle", name) for name in ("selected_features", "fusion_weights"))
    assert set(selected["model"]) == {"fusion", "with_clinical", "early", "early_with_clinical"}
    assert set(selected["outcome"]) == set(weights["outcome"]) == {"idh", "who_grade"}
    regression = weights.query("fusion == 'regression' and outcome == 'who_grade' and member == 't1'")
    assert list(regression["class"]) == ["2", "3", "4"]


def test_new_patients_get_a_row_per_class_and_what_was_not_kept_is_not_there(run, tmp_path):
    new = cohort().assign(sample_id=[f"n{row}" for row in range(48)]).drop(columns=["idh", "who_grade"]).iloc[2:6]
    new.loc[:, [name for name in new if "__f" in name]] += 0.01
    new.to_csv(tmp_path / "new.csv", index=False)
    answers, failures = predict_cohort(load_bundle(run), tmp_path / "new.csv", store=tmp_path / "store")
    assert failures.empty
    assert list(answers["class"]) == ["mutant", "2", "3", "4"] * 4
    assert answers["probability"].equals(answers["mean"])
    assert "own" not in answers
    assert "early_with_clinical" in answers
    grades = answers.query("outcome == 'who_grade'").groupby("sample_id")["probability"].sum()
    np.testing.assert_allclose(grades, 1)
    assert answers.loc[answers["sample_id"] == "n2", "t1"].isna().all()


@pytest.mark.parametrize("known", [30, 1])
def test_the_clinical_arm_answers_for_the_patients_with_a_clinical_value(tmp_path, caplog, known):
    path = write(tmp_path, "", cohort=IDH)
    table = pd.read_csv(tmp_path / "cohort.csv", dtype=str)
    table.loc[known:, "clinical__age"] = ""
    table.to_csv(tmp_path / "cohort.csv", index=False)
    out = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    answered = read_table(out / "bundle", "predictions").groupby("model")["sample_id"].agg(set)
    everybody = set(table["sample_id"])
    assert answered["mean"] == answered["trivial"] == everybody
    if known == 1:  # no fold could be trained
        assert answered["clinical"] == everybody
        assert "1 of 48 patients have a clinical value, and in some fold none of a class" in caplog.text
    else:
        assert answered["clinical"] == set(table["sample_id"][:known])


def test_the_short_form_stands_for_a_list(tmp_path):
    text = HEAD.format(cohort='label = "idh"', select="kruskal")
    text = text.replace('combine = ["mean", "regression"]', 'combine = ["mean"]\nconstrained = ["method1"]')
    (tmp_path / "short.toml").write_text(text + 'arms = ["radiomics"]\n')
    models = model_list(read_recipe(tmp_path / "short.toml"))
    assert [(one.kind, one.name, one.keep) for one in models] == [
        ("late", "", True),
        ("constrained", "constrained_method1", True),
        ("late", "radiomics", False),
    ]


REFUSED = [
    ('[[models]]\nkind = "early"\n', "a model of kind 'early' needs a name"),
    ('[[models]]\nname = "a"\nkind = "early"\ncombine = ["mean"]\n', "combine says nothing to a model of kind 'early'"),
    ('[[models]]\nname = "a"\nkind = "stacked"\n', "no kind of model is called 'stacked'; choose from late"),
    ("[[models]]\n[[models]]\n", "two of the models are called ''"),
    ('[[models]]\nmodalities = ["t3"]\n', "reads the modality 't3', and the cohort has t1, t2. Correct its"),
    ('[[models]]\nname = "a"\nkind = "no.where:Model"\n', "'no.where:Model' could not be imported"),
    ('[[models]]\nname = "a"\nkind = "sklearn.preprocessing:StandardScaler"\n', "has no fit with predict_proba"),
    ('[[models]]\nname = "c"\nkind = "constrained"\n', "needs the modality t1ce|needs the modality flair"),
    ('[[models]]\nname = "clinical"\nkind = "clinical"\n[[models]]\nclinical = true\n', "is called 'clinical'"),
]


@pytest.mark.parametrize(("models", "sentence"), REFUSED)
def test_what_cannot_be_a_model_is_refused_before_anything_is_computed(tmp_path, models, sentence):
    path = write(tmp_path, models, cohort=IDH)
    with pytest.raises(RadiofuseError, match=sentence):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert not (tmp_path / "out").exists()


OUTCOMES_REFUSED = [
    ("", "say what is predicted: either label under .cohort., or"),
    ('[[outcomes]]\ncolumn = "idh"\nclasses = ["a", "b", "c"]\n', 'classes need kind = "multiclass"'),
    ('[[outcomes]]\ncolumn = "who_grade"\nkind = "multiclass"\npositive = "4"\n', "has no positive one"),
    (
        '[[outcomes]]\ncolumn = "idh"\npositive = "no"\nclasses = ["WT", "Mutant"]\n',
        "is none of the classes WT, Mutant",
    ),
    ('[[outcomes]]\ncolumn = "idh"\n[[outcomes]]\ncolumn = "idh"\n', "Two outcomes are called 'idh'"),
    ('[[outcomes]]\ncolumn = "idh"\nkind = "multiclass"\n', "needs three or more"),
    ('[[outcomes]]\ncolumn = "who_grade"\nkind = "multiclass"\nclasses = [2, 3]\n', "also holds 4"),
]


@pytest.mark.parametrize(("outcomes", "sentence"), OUTCOMES_REFUSED)
def test_what_cannot_be_an_outcome_is_refused_before_anything_is_computed(tmp_path, outcomes, sentence):
    path = write(tmp_path, outcomes)
    with pytest.raises((RadiofuseError, RequestError), match=sentence):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert not (tmp_path / "out").exists()


def test_a_molecular_column_that_grade_is_defined_by_is_told(tmp_path):
    path = write(tmp_path, "", cohort='label = "who_grade=G4"\nignore = ["idh"]')
    table = pd.read_csv(tmp_path / "cohort.csv").assign(clinical__idh=np.arange(48) % 2)
    table.to_csv(tmp_path / "cohort.csv", index=False)
    run = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    (told, *_) = load_bundle(run).description["warnings"]
    assert told.startswith("clinical__idh and who_grade are parts of one definition (WHO 2021)")


def test_outcomes_without_a_patient_in_common_are_refused(tmp_path):
    path = write(tmp_path, OUTCOMES)
    table = pd.read_csv(tmp_path / "cohort.csv", dtype=str)
    table.loc[:23, "idh"], table.loc[24:, "who_grade"] = "", ""
    table.to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(RadiofuseError, match="no patient has both idh and who_grade known"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert not (tmp_path / "out").exists()


def test_combinations_are_asked_for_once_for_all_late_fusions_or_by_a_model_itself(tmp_path):
    """The entry of [fusion] holds for every late fusion of the list that does not say otherwise."""
    models = '[[models]]\n[[models]]\nname = "plain"\nsubsets = "none"\n[[models]]\nname = "early"\nkind = "early"\n'
    path = write(tmp_path, models, cohort=IDH)
    path.write_text(path.read_text().replace("[fusion]", '[fusion]\nsubsets = "all"'))
    answers = list_answers(read_recipe(path), ["t1", "t2", "flair"])
    assert all("of these alone" in answer.title for answer in answers if "+" in answer.name)
    names = [answer.name for answer in answers]
    assert [name for name in names if "+" in name] == ["mean(t1+t2)", "mean(t1+flair)", "mean(t2+flair)"]
    path.write_text(path.read_text().replace('kind = "early"', 'kind = "early"\nsubsets = "all"'))
    with pytest.raises(RequestError, match="list a model for each combination, with modalities"):
        read_recipe(path)


def test_a_model_that_is_not_kept_is_recorded_nowhere(tmp_path):
    """Folds record what a kept model selected, beside the final one; a model that is only evaluated has none."""
    models = '[[models]]\n[[models]]\nname = "early"\nkind = "early"\nkeep = false\n'
    out = run_recipe(write(tmp_path, models, cohort=IDH), out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert "early" in set(read_table(out / "bundle", "predictions")["model"])
    assert set(read_table(out / "bundle", "selected_features")["model"]) == {"fusion"}
    assert list(load_bundle(out).models["idh"]) == ["fusion"]
