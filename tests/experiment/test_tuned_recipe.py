"""A recipe that searches options, draws patients again and harmonizes: what was chosen is in the bundle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.read import read_table
from radiofuse.classify.tuned_chain import TunedChain
from radiofuse.errors import RequestError
from radiofuse.evaluate import optimism_corrected, permutation_test
from radiofuse.experiment import run_recipe
from radiofuse.experiment.inputs import Inputs
from radiofuse.experiment.models.building import build_model
from radiofuse.experiment.models.class_weights import with_class_weights
from radiofuse.experiment.recipe.models import RecipeModel
from radiofuse.experiment.recipe.recipe import read_recipe
from radiofuse.statistics import compare_with_others, pair_tests
from radiofuse.tables import slice_of
from radiofuse.tables.outcomes import Outcome

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
label = "idh"
[radiomics]
settings = "none"
{more}
[select]
method = "none"
[fusion]
combine = ["mean"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
{asked}
"""
TUNED = """[harmonize]
[classify]
method = "logistic"
search = { C = [0.001, 1.0] }
oversample = "random"
"""
ASKED = """compare = [["mean", "t1"]]
permutations = 4
optimism = "harrell"
optimism_resamples = 10
"""


def write(folder, *, more="", asked=""):
    rng, n = np.random.default_rng(0), 40
    y = np.arange(n) % 3 == 0
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": y.astype(int), "site": rng.choice(["A", "B"], n)}
    for modality in ("t1", "t2"):
        table |= {f"{modality}__f{place}": rng.normal(size=n) + 2 * y for place in range(3)}
    pd.DataFrame(table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.replace("{more}", more).replace("{asked}", asked))
    return folder / "recipe.toml"


def test_a_run_tells_what_it_chose(tmp_path):
    out = run_recipe(write(tmp_path, more=TUNED), out=tmp_path / "out", store=tmp_path / "store")
    chosen = read_table(out / "bundle", "chosen_options")
    assert chosen["member"].tolist() == ["t1", "t2"] * 3
    assert chosen["fold"].isna().sum() == 2
    assert set(chosen["value"]) <= {"0.001", "1.0"}
    bundle = load_bundle(out)
    final = chosen[chosen["fold"].isna()].set_index("member")["value"]
    assert float(final["t1"]) == bundle.model.members_["t1"]["classify"].C
    steps = bundle.description["protocol"]["options"]["chains"][0]["steps"]
    assert steps["tuning"]["search"] == {"C": [0.001, 1.0]}
    assert next(iter(steps)) == "harmonize"
    assert "oversample" in (out / "report.html").read_text()


def test_each_test_equals_its_function(tmp_path):
    path = write(tmp_path, asked=ASKED)
    out = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    tests = read_table(out / "bundle", "tests").set_index("test")
    predictions = read_table(out / "bundle", "predictions")
    expected = pair_tests(slice_of(predictions), "mean", "t1").set_index("test")
    for name in ("mcnemar", "nri", "idi", "resampled_t"):
        np.testing.assert_allclose(
            tests.loc[name, ["value", "p_value"]].astype(float), expected.loc[name, ["value", "p_value"]].astype(float)
        )
    recipe = read_recipe(tmp_path / "recipe.toml")
    table = pd.read_csv(tmp_path / "cohort.csv").set_index("sample_id")
    X = table[[name for name in table if "__" in name]]
    model = build_model(recipe, RecipeModel(), Inputs(["t1", "t2"]))
    by_hand = permutation_test(
        model, X, table["idh"], groups=table.index, answer="mean", n_permutations=4, cv=2, random_state=0
    )
    assert tests.loc["permutation", "p_value"] == by_hand.p_value
    np.testing.assert_allclose(tests.loc["permutation", "value"], by_hand.value)
    harrell = optimism_corrected(model, X, table["idh"], groups=table.index, n_resamples=10, random_state=0)
    corrected = tests.loc[["harrell"]].set_index("metric")["value"]
    np.testing.assert_allclose(corrected, harrell.set_index("metric")["corrected"].loc[corrected.index])


def test_a_test_that_cannot_be_had_is_a_warning_and_the_run_goes_on(tmp_path, caplog):
    path = write(tmp_path, asked='compare = [["t1", "t2"], ["mean", "t1"]]')
    table = pd.read_csv(tmp_path / "cohort.csv")
    table.loc[::2, [name for name in table if name.startswith("t1__")]] = np.nan
    table.loc[1::2, [name for name in table if name.startswith("t2__")]] = np.nan
    table.to_csv(tmp_path / "cohort.csv", index=False)
    out = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert "No comparison of t1 and t2 for idh: Models t1 and t2 predict no sample in common." in caplog.text
    assert read_table(out / "bundle", "tests")[["a", "b"]].drop_duplicates().to_numpy().tolist() == [["mean", "t1"]]


def test_an_unknown_answer_to_compare_is_refused_before_any_work(tmp_path):
    path = write(tmp_path, asked=ASKED.replace('"t1"]]', '"t3"]]'))
    with pytest.raises(RequestError, match="compare under .evaluation. names 't3'"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")


def test_every_answer_is_tested_against_the_reference(tmp_path):
    """What each has more than the best single modality, which is chosen inside the folds."""
    path = write(tmp_path, asked='reference = "best"')
    path.write_text(path.read_text().replace('combine = ["mean"]', 'combine = ["mean", "best"]'))
    out = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
    told = read_table(out / "bundle", "against_reference").set_index("a")
    assert set(told["b"]) == {"best"} and set(told.index) == {"t1", "t2", "mean", "trivial"}
    predictions = read_table(out / "bundle", "predictions")
    expected = compare_with_others(predictions, "best", n_resamples=100, random_state=0).set_index("b")
    np.testing.assert_allclose(told["difference"], -expected["difference"].loc[told.index], atol=1e-12)
    np.testing.assert_allclose(told[["low", "high"]], -expected.loc[told.index, ["high", "low"]], atol=1e-12)
    assert (told["adjusted_p_value"] >= told["p_value"]).all()
    page = (out / "report.html").read_text()
    assert "AUC of each model minus that of best" in page and "What each model’s AUC has more than" in page


def test_a_reference_that_nobody_answers_as_is_refused_with_the_way_to_the_best_modality(tmp_path):
    path = write(tmp_path, asked='reference = "best"')
    with pytest.raises(RequestError, match="reference under .evaluation. is 'best'.*put \"best\" into combine"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")


def test_an_unknown_parameter_is_refused_before_any_work(tmp_path):
    path = write(tmp_path, more=TUNED.replace("C = [", "Z = ["))
    with pytest.raises(RequestError, match="no option 'Z'"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_weights_of_classes_are_given_by_name(tmp_path):
    more = '[classify]\nmethod = "logistic"\noversample = "smote"\noptions = { class_weight = { "1" = 3 } }\n'
    path = write(tmp_path, more=more)
    out = run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
    assert load_bundle(out).model.members_["t1"]["classify"].class_weight == {0: 1.0, 1: 3}
    for weights, said in (
        ("{ mutant = 3 }", "class_weight names the class 'mutant', and the classes are 0 and 1"),
        ('{ "1" = "much" }', "class_weight of 1 must be a number above 0, got 'much'"),
    ):
        path.write_text(path.read_text().replace('{ "1" = 3 }', weights))
        with pytest.raises(RequestError, match=said):
            run_recipe(path, out=tmp_path / "out", store=tmp_path / "store", report=False)
        path.write_text(path.read_text().replace(weights, '{ "1" = 3 }'))


def test_weights_of_one_outcome_say_nothing_to_another():
    tried = TunedChain([("classify", LogisticRegression())], search={"class_weight": ["balanced", {"mutant": 2}]})
    idh, grade = Outcome("idh", ("wildtype", "mutant")), Outcome("grade", ("2", "3", "4"), "multiclass")
    assert with_class_weights(clone(tried), idh).search == {"class_weight": ["balanced", {0: 1.0, 1: 2}]}
    assert with_class_weights(clone(tried), grade).search["class_weight"][1] == {0: 1.0, 1: 1.0, 2: 1.0}
