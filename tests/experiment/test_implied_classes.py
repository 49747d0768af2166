"""One outcome implies another: told of labels and of calls, and obeyed where a chain is asked to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_description, read_table
from radiofuse.errors import RequestError
from radiofuse.experiment.implied_classes import contradicting_answers
from radiofuse.experiment.run import run_recipe
from radiofuse.tables.implications import known_implications
from radiofuse.tables.outcomes import Outcome

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")
RECIPE = """
[cohort]
table = "cohort.csv"
[[outcomes]]
column = "idh"
[[outcomes]]
column = "codel_1p19q"
[radiomics]
settings = "none"
[select]
method = "mann_whitney"
[fusion]
inner_folds = 2
combine = ["mean"]
calibrate = false
[evaluation]
folds = 2
repeats = 1
resamples = 100
{more}
"""
CHAINS = """
[[models]]
[[models]]
name = "chained"
kind = "chained"
[[models]]
name = "coherent"
kind = "chained"
coherent = true
"""
RULE = "codel_1p19q = codeleted implies idh = mutant (WHO 2021)"


def cohort(n=60) -> pd.DataFrame:
    """Return patients whose features call many codeleted and wildtype at once; one, s07, is labeled so."""
    rng = np.random.default_rng(0)
    idh, codel = rng.random((2, n)) < 0.5
    codel &= idh
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "idh": np.where(idh, "mutant", "wildtype"),
        "codel_1p19q": np.where(codel, "codeleted", "intact"),
    }
    for modality in ("t1", "t2"):
        table |= {f"{modality}__a": rng.normal(size=n) + 3 * idh, f"{modality}__b": rng.normal(size=n) + 3 * codel}
    table = pd.DataFrame(table)
    table.loc[7, ["idh", "codel_1p19q"]] = ["wildtype", "codeleted"]
    table.loc[10:14, ["t1__a", "t2__a"]], table.loc[10:14, ["t1__b", "t2__b"]] = -1, 3
    table.loc[50:, "codel_1p19q"] = ""
    return table


def write(folder, more=""):
    cohort().to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(more=more))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("implied")
    return run_recipe(write(folder, CHAINS), out=folder / "out", store=folder / "store", report=False)


def test_labels_that_contradict_are_told_and_stay(run):
    warnings = read_description(run / "bundle")["warnings"]
    told = f"The labels of s07 contradict that {RULE}: look at them once more. They are learned from as they stand."
    assert told in warnings
    predictions = read_table(run / "bundle", "predictions").query("sample_id == 's07' and model == 'mean'")
    assert predictions.set_index("outcome")["label"].to_dict() == {"idh": 0, "codel_1p19q": 1}


def test_answers_of_a_coherent_chain_obey_the_rule_and_those_of_others_need_not(run):
    predictions = read_table(run / "bundle", "predictions")
    wide = predictions.pivot(index=["model", "sample_id"], columns="outcome", values="probability").dropna()
    broken = {name: (rows["codel_1p19q"] > rows["idh"] + 1e-9).sum() for name, rows in wide.groupby("model")}
    assert broken["coherent"] == 0
    assert broken["mean"] > 0
    assert broken["chained"] > 0
    told = read_description(run / "bundle")["protocol"]["words"]["models"]
    obeys = {name: "obey the implications" in " ".join(map(str, said.values())) for name, said in told.items()}
    assert obeys["coherent"] and not obeys["chained"]


def test_held_out_answers_that_contradict_are_counted(run):
    predictions = read_table(run / "bundle", "predictions").query("model == 'mean'")
    wide = predictions.pivot(index="sample_id", columns="outcome", values="probability").dropna()
    expected = ((wide["codel_1p19q"] >= 0.5) & (wide["idh"] < 0.5)).sum()
    said = [one for one in read_description(run / "bundle")["warnings"] if "most probable" in one]
    assert expected > 0
    assert len(said) == 1
    assert f"contradicts, in {expected} of {len(wide)} held-out samples" in said[0]


def test_samples_are_counted_and_patients_named_once():
    """Two scans of one patient contradict the rule, one of another obeys it."""
    outcomes = [Outcome("idh", ("wildtype", "mutant")), Outcome("codel", ("intact", "codeleted"))]
    whose = {"sample_id": ["a1", "a2", "b1"], "patient_id": ["a", "a", "b"], "model": "mean"}
    parts = [
        pd.DataFrame({**whose, "outcome": "idh", "class": "mutant", "probability": [0.1, 0.2, 0.9]}),
        pd.DataFrame({**whose, "outcome": "codel", "class": "codeleted", "probability": [0.8, 0.9, 0.9]}),
    ]
    [said] = contradicting_answers(known_implications(outcomes), outcomes, pd.concat(parts), "mean")
    assert "in 2 of 3 held-out samples with all outcomes known (a), that codel = codeleted" in said


def test_a_new_patient_whose_calls_contradict_has_a_note(run, tmp_path):
    values = {"t1__a": [-1.0, -1.0, 4.0], "t1__b": [0.0, 5.0, 5.0]}
    new = pd.DataFrame({"sample_id": ["plain", "odd", "both"], **values})
    new = new.assign(t2__a=new["t1__a"], t2__b=new["t1__b"])
    new.to_csv(tmp_path / "new.csv", index=False)
    answers, _ = predict_cohort(load_bundle(run), tmp_path / "new.csv", store=tmp_path / "store")
    calls = answers.pivot(index="sample_id", columns="outcome", values="call")
    expected = (calls["codel_1p19q"] == "codeleted") & (calls["idh"] == "wildtype")
    noted = answers.groupby("sample_id")["note"].first().str.contains(f"the calls contradict that {RULE}", regex=False)
    assert expected.to_dict() == {"plain": False, "odd": True, "both": False}
    pd.testing.assert_series_equal(noted, expected, check_names=False)


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        ("", '[[implications]]\nwhen = { codel_1p19q = "yes" }\nthen = { idh = "mutant" }', "the class 'yes' of"),
        ("implications = []", CHAINS, "nothing does"),
        (
            "",
            '[[implications]]\nwhen = { idh = "mutant" }\nthen = { codel_1p19q = "intact" }\n'
            '[[implications]]\nwhen = { codel_1p19q = "codeleted" }\nthen = { idh = "mutant" }',
            "no patient can have codel_1p19q = codeleted",
        ),
    ],
)
def test_a_rule_that_cannot_be_obeyed_is_refused(tmp_path, first, last, sentence):
    path = write(tmp_path, last)
    path.write_text(f"{first}\n{path.read_text()}")
    with pytest.raises(RequestError, match=sentence):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
