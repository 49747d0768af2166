"""What a recipe's options give is what their functions give from Python: the same folds, the same numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse import LateFusion, modality_classifier
from radiofuse.bundle.read import read_table
from radiofuse.evaluate import bootstrap_632, gather_predictions, optimism_corrected, permutation_test, run_folds
from radiofuse.experiment import run_recipe
from radiofuse.fuse.early import early_fusion
from radiofuse.fuse.named import Named
from radiofuse.patients import patient_splits
from radiofuse.statistics import calibration_error, pair_tests, score_folds, score_predictions
from radiofuse.statistics.stability import measure_stability
from radiofuse.tables.predictions import slice_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]
STEPS = ["reproducibility", "mann_whitney", "correlation", "lasso"]
RECIPE = """
seed = 3
[cohort]
table = "cohort.csv"
{outcome}
[radiomics]
settings = "none"
[evaluation]
folds = 2
repeats = 2
resamples = 100
{evaluation}
"""
MODELS = """
[[models]]
combine = ["mean"]
calibrate = false
[models.select]
steps = ["reproducibility", "mann_whitney", "correlation", "lasso"]
options = { reproducibility = { icc = "icc.csv" } }
[[models]]
name = "weighted"
kind = "early"
select = { method = "none" }
classify = { method = "svm", options = { class_weight = "balanced" } }
[[models]]
name = "searched"
kind = "early"
select = { method = "none" }
classify = { method = "logistic", search = { C = [0.01, 1.0] }, search_score = "auc" }
[[models]]
name = "drawn"
kind = "early"
select = { method = "none" }
classify = { method = "logistic", oversample = "random" }
"""
SEED = 3


def cohort(n=44):
    rng = np.random.default_rng(1)
    grade = np.array([2, 3, 4, 4])[np.arange(n) % 4]
    idh = (np.arange(n) % 3 == 0).astype(int)
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": idh, "who_grade": grade}
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 5)) + np.outer(idh, [1.5, 1, 0, 0, 0]) + np.outer(grade == 4, [0, 0, 1.5, 0, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(5)}
    return pd.DataFrame(table)


def run(folder, text, *, outcome='label = "idh"\nignore = ["who_grade"]', evaluation=""):
    cohort().to_csv(folder / "cohort.csv", index=False)
    places = [(name, place) for name in ("t1", "t2") for place in range(5)]
    icc = [(name, f"f{place}", 0.1 if (name, place) == ("t1", 1) else 0.9) for name, place in places]
    pd.DataFrame(icc, columns=["modality", "feature", "icc"]).to_csv(folder / "icc.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(outcome=outcome, evaluation=evaluation) + text)
    return run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False) / "bundle"


def given():
    table = cohort().set_index("sample_id")
    return table[[name for name in table if "__" in name]], table["idh"].to_numpy()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return run(tmp_path_factory.mktemp("options"), MODELS)


def by_hand(icc):
    early = {
        "weighted": modality_classifier(
            "svm", select=None, random_state=SEED, classify_options={"class_weight": "balanced"}
        ),
        "searched": modality_classifier(
            "logistic", select=None, random_state=SEED, tuning={"search": {"C": [0.01, 1.0]}, "search_score": "auc"}
        ),
        "drawn": modality_classifier("logistic", select=None, random_state=SEED, tuning={"oversample": "random"}),
    }
    chain = modality_classifier(
        "logistic", select=STEPS, random_state=SEED, select_options={"reproducibility": {"icc": str(icc)}}
    )
    models = {name: Named(early_fusion(one, ["t1", "t2"]), name) for name, one in early.items()}
    return {"fusion": LateFusion([("t1", chain), ("t2", chain)], random_state=SEED)} | models


def folds_by_hand(icc, **options):
    X, y = given()
    splits = patient_splits(y, X.index, n_splits=2, n_repeats=2, random_state=SEED)
    return run_folds(by_hand(icc), X, y, groups=X.index.to_numpy(), splits=splits, **options)


def test_selection_weights_search_and_drawing_are_those_of_the_chains_from_python(bundle):
    expected = gather_predictions(folds_by_hand(bundle.parents[1] / "icc.csv"))
    found = read_table(bundle, "predictions").query("model not in ['trivial', 'clinical']")
    keys = ["model", "repeat", "fold", "sample_id"]
    pd.testing.assert_frame_equal(
        found[[*keys, "label", "probability"]].reset_index(drop=True), expected[[*keys, "label", "probability"]]
    )
    assert found.groupby("model")["probability"].nunique().min() > 10


def test_scores_folds_and_calibration_error_are_those_of_the_predictions(bundle):
    predictions, scores = read_table(bundle, "predictions"), read_table(bundle, "scores")
    expected = score_predictions(predictions, n_resamples=100, random_state=SEED)
    pd.testing.assert_frame_equal(scores[list(expected)], expected, check_dtype=False, rtol=1e-12)
    for model, ece in read_table(bundle, "calibration").set_index("model")["ece"].items():
        repeats = predictions[predictions["model"] == model].groupby("repeat")
        errors = [calibration_error(rows["label"], rows["probability"]) for _, rows in repeats]
        assert ece == pytest.approx(np.mean(errors))
    folds = score_folds(predictions)
    pd.testing.assert_frame_equal(read_table(bundle, "fold_scores")[list(folds)], folds, check_dtype=False, rtol=1e-12)


def test_the_stability_index_is_that_of_what_each_fold_selected(bundle):
    def chosen(fitted, X_test, y_test):
        return {name: fitted.members_[name][:-1].get_feature_names_out().tolist() for name in ("t1", "t2")}

    X, y = given()
    fusion = {"fusion": by_hand(bundle.parents[1] / "icc.csv")["fusion"]}
    splits = patient_splits(y, X.index, n_splits=2, n_repeats=2, random_state=SEED)
    folds = run_folds(fusion, X, y, groups=X.index.to_numpy(), splits=splits, inspect=chosen)
    table = read_table(bundle, "stability").query("model == 'fusion'").set_index("modality")
    for modality in ("t1", "t2"):
        picked = [
            [f"{modality}__f{place}" in fold.findings["fusion"][modality] for place in range(5)] for fold in folds
        ]
        expected = measure_stability(picked)
        assert table.loc[modality, "nogueira"] == pytest.approx(expected.nogueira, nan_ok=True)
        assert table.loc[modality, "mean_jaccard"] == pytest.approx(expected.mean_jaccard)
    assert "t1__f1" not in {name for fold in folds for name in fold.findings["fusion"]["t1"]}


FIRST = '[[models]]\nname = "joined"\nkind = "early"\nselect = { method = "none" }\n'
ASKED = """permutations = 3
optimism = "{optimism}"
optimism_resamples = 12
compare = [["joined", "t1"]]
"""
LATE = '[[models]]\nselect = { method = "none" }\ncombine = ["mean"]\ncalibrate = false\n'
BOTH = '[[outcomes]]\ncolumn = "idh"\n[[outcomes]]\ncolumn = "who_grade"\nkind = "multiclass"\n'


@pytest.mark.parametrize("optimism", ["632+", "harrell"])
def test_tests_are_those_of_their_functions_for_outcomes_of_two_and_of_three_classes(tmp_path, optimism):
    found = run(tmp_path, FIRST + LATE, outcome=BOTH, evaluation=ASKED.format(optimism=optimism))
    tests, X = read_table(found, "tests"), given()[0]
    model = early_fusion(modality_classifier("logistic", select=None, random_state=SEED), ["t1", "t2"])
    shared = {"groups": X.index.to_numpy(), "random_state": SEED}
    for outcome, name in (("idh", "1"), ("who_grade", "")):
        y = np.unique(cohort()[outcome], return_inverse=True)[1]
        own = tests[(tests["outcome"] == outcome) & (tests["class"] == name)].set_index(["test", "metric"])
        permuted = permutation_test(model, X, y, n_permutations=3, cv=2, **shared)
        assert own.loc[("permutation", "auc"), ["value", "p_value"]].tolist() == [permuted.value, permuted.p_value]
        if optimism == "632+":
            one = bootstrap_632(model, X, y, n_resamples=12, **shared)
            assert own.loc[("632+", "auc"), ["value", "statistic"]].tolist() == [one.value, one.apparent]
            continue
        corrected = optimism_corrected(model, X, y, n_resamples=12, **shared).set_index("metric")["corrected"]
        np.testing.assert_allclose(own.loc["harrell", "value"].loc[corrected.index], corrected)
    for outcome, name in (("idh", "1"), *(("who_grade", grade) for grade in "234")):
        own = tests[(tests["outcome"] == outcome) & (tests["class"] == name) & (tests["b"] == "t1")]
        expected = pair_tests(slice_of(read_table(found, "predictions"), outcome, name), "joined", "t1")
        assert own["test"].tolist() == expected["test"].tolist()
        np.testing.assert_allclose(own["p_value"].astype(float), expected["p_value"].astype(float))
