"""How a recipe splits its patients: by sites, by shares, by lists; and what cannot be split so."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.new_rows import training_patients
from radiofuse.bundle.read import read_description, read_table
from radiofuse.errors import RadiofuseError
from radiofuse.experiment import run_recipe
from radiofuse.report import write_report
from radiofuse.statistics import score_folds, score_predictions

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
{cohort}
[radiomics]
settings = "none"
[select]
method = "mann_whitney"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
resamples = 100
{evaluation}
"""
IDH = 'label = "idh=mutant"\nignore = ["codel"]'
BOTH = '[[outcomes]]\ncolumn = "idh"\npositive = "mutant"\n[[outcomes]]\ncolumn = "codel"\n'


def cohort(n: int = 40) -> pd.DataFrame:
    """Two samples of each of the first patients, four sites of which one is small, patients of no known site."""
    rng = np.random.default_rng(1)
    patient = np.array([f"P{max(row, 4 + row // 2) if row >= 8 else row // 2:02}" for row in range(n)])
    of_patient = {name: rng.random(3) for name in sorted(set(patient))}
    idh = np.array([of_patient[name][0] < 0.5 for name in patient])
    codel = np.array([of_patient[name][1] < 0.4 for name in patient])
    site = np.array([["A", "B", "C", ""][int(of_patient[name][2] * 4)] for name in patient])
    site[patient == "P20"] = "D"
    table = {
        "sample_id": [f"s{row:02}" for row in range(n)],
        "patient_id": patient,
        "site": site,
        "idh": np.where(idh, "mutant", "wildtype"),
        "codel": codel.astype(int),
    }
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 4)) + np.outer(idh, [1.5, 0, 0, 0]) + np.outer(codel, [0, 1.5, 0, 0])
        table |= {f"{modality}__f{place}": values[:, place] for place in range(4)}
    return pd.DataFrame(table)


def write(folder, evaluation, *, cohort_lines=IDH, table=None, after=""):
    folder.mkdir(parents=True, exist_ok=True)
    (cohort() if table is None else table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(cohort=cohort_lines, evaluation=evaluation) + after)
    return folder / "recipe.toml"


def run(folder, evaluation, **options):
    path = write(folder, evaluation, **options)
    return run_recipe(path, out=folder / "out", store=folder / "store", report=False)


def each_once(predictions: pd.DataFrame) -> bool:
    return not predictions.duplicated(["outcome", "model", "repeat", "sample_id", "class"]).any()


def test_leave_one_site_out_tests_each_site_by_models_of_the_others(tmp_path):
    out = run(tmp_path, 'split = "leave_one_site_out"\nsmallest_site = 3', after=BOTH, cohort_lines="")
    folds, predictions = (read_table(out / "bundle", name) for name in ("folds", "predictions"))
    names = folds.drop_duplicates("fold").set_index("fold")["name"]
    assert names.tolist() == ["A", "B", "C", "small sites: D", "unknown"]
    site = cohort().set_index("sample_id")["site"]
    for fold, rows in predictions.groupby("fold"):
        assert set(site[rows["sample_id"]]) == {{"small sites: D": "D", "unknown": ""}.get(names[fold], names[fold])}
    assert each_once(predictions)
    assert predictions.query("model == 'mean' and outcome == 'idh'")["sample_id"].nunique() == len(site)
    patients = cohort().drop_duplicates("patient_id")
    first = folds.query("outcome == 'idh' and name == 'A'").set_index("class")
    counts = patients[patients["site"] == "A"]["idh"].value_counts()
    assert first["n_test"].to_dict() == counts.to_dict()
    assert (first["n_train"] + first["n_test"]).to_dict() == patients["idh"].value_counts().to_dict()
    protocol = read_description(out / "bundle")["protocol"]
    assert (protocol["split"], protocol["folds"], protocol["repeats"]) == ("leave_one_site_out", 5, 1)
    assert "may be of a site that is trained on" in protocol["words"]["split"]["does"]
    assert "leave-one-site-out cross-validation in 5 folds" in (out / "bundle" / "card.md").read_text()


def test_the_report_names_the_sites_and_says_how_stable_and_how_long(tmp_path):
    out = run(tmp_path, 'split = "leave_one_site_out"\nsmallest_site = 3')
    html = re.sub(r"\s+", " ", write_report(out / "bundle").read_text())
    assert "leave-one-site-out cross-validation in 5 folds; each site is tested on by models of the others" in html
    folds = read_table(out / "bundle", "folds").query("name == 'A'").set_index("class")
    trained, tested = (", ".join(f"{name}: {n}" for name, n in folds[side].items()) for side in ("n_train", "n_test"))
    row = f'<th scope="row">A</th><td class="number">0</td><td>{trained}</td><td>{tested}</td>'
    assert row in html
    assert '<th scope="row">small sites: D</th>' in html
    index = read_table(out / "bundle", "stability").set_index("modality")["nogueira"]["t1"]
    assert re.search(
        rf'<th scope="row">t1</th><td class="number">4</td><td .{{5,40}}</td><td class="number">{index:z.2f}<', html
    )
    assert '<th scope="row">final models</th>' in html


def test_hold_outs_are_scored_and_hold_out_their_share(tmp_path):
    out = run(tmp_path, 'split = "holdout"\nshare = 0.25\nrepeats = 3', after=BOTH, cohort_lines="")
    folds, predictions, scores = (read_table(out / "bundle", name) for name in ("folds", "predictions", "scores"))
    assert set(folds["repeat"]) == {0, 1, 2} and set(folds["fold"]) == {0}
    words = read_description(out / "bundle")["protocol"]["words"]["split"]
    assert "stratified by the outcomes together" in words["does"]
    shares = folds.groupby(["outcome", "repeat"])[["n_train", "n_test"]].sum()
    share = shares["n_test"] / shares.sum(axis=1)
    assert share.between(0.2, 0.3).all()
    assert each_once(predictions)
    auc = scores.query("metric == 'auc' and model == 'mean'")
    assert auc[["value", "low", "high"]].notna().all(axis=None)
    assert load_bundle(out).description["protocol"]["words"]["split"]["title"] == "3 hold-outs of 25% of the patients"


def test_fixed_folds_are_those_of_the_list(tmp_path):
    table = cohort()
    lists = table.drop_duplicates("patient_id")[["patient_id"]].assign(
        fold=lambda rows: np.where(np.arange(len(rows)) < 4, "train", np.where(np.arange(len(rows)) % 2, "one", "two"))
    )
    twice = pd.concat([lists.assign(repeat=1), lists.assign(repeat=2, fold=lists["fold"].replace("one", "two"))])
    (tmp_path / "lists").mkdir()
    twice.to_csv(tmp_path / "lists" / "folds.csv", index=False)
    out = run(tmp_path, 'split = "fixed"\nfixed = "lists/folds.csv"')
    folds, predictions = (read_table(out / "bundle", name) for name in ("folds", "predictions"))
    pairs = folds[["repeat", "fold", "name"]].drop_duplicates()
    assert list(pairs.itertuples(index=False, name=None)) == [(0, 0, "one"), (0, 1, "two"), (1, 0, "two")]
    rows = predictions.query("model == 'mean' and repeat == 0")
    fold = rows["patient_id"].map(lists.set_index("patient_id")["fold"])
    assert fold.tolist() == rows["fold"].map({0: "one", 1: "two"}).tolist()
    never = set(lists.query("fold == 'train'")["patient_id"])
    assert never.isdisjoint(predictions["patient_id"])
    known = training_patients(load_bundle(out))  # by id, for predict and evaluate
    assert known.sort_index().to_dict() == table.set_index("sample_id")["patient_id"].to_dict()


def test_a_list_of_patients_to_test_on_is_one_fold(tmp_path):
    patients = [f"P{place:02}" for place in (0, 1, 9, 11, 12, 14, 17, 21)]
    out = run(tmp_path, f'split = "fixed"\ntest = {patients}')
    predictions = read_table(out / "bundle", "predictions").query("model == 'mean'")
    assert set(predictions["patient_id"]) == set(patients)
    again = score_predictions(predictions, n_resamples=100, random_state=0)
    scores = read_table(out / "bundle", "scores").query("model == 'mean'")
    np.testing.assert_array_equal(scores["value"], again["value"])


def test_folds_are_scored_each_and_their_selections_compared(tmp_path):
    out = run(tmp_path, "folds = 3\nrepeats = 2")
    predictions, scores, stability, selected = (
        read_table(out / "bundle", name) for name in ("predictions", "fold_scores", "stability", "selected_features")
    )
    assert len(scores) == 6 * predictions["model"].nunique() * scores["metric"].nunique()
    fold = predictions.query("model == 'mean' and repeat == 1 and fold == 2")
    found = scores.query("model == 'mean' and repeat == 1 and fold == 2").set_index("metric")["value"]
    assert found["auc"] == pytest.approx(roc_auc_score(fold["label"], fold["probability"]), abs=1e-12)
    np.testing.assert_array_equal(found, score_folds(fold)["value"])
    assert list(stability["modality"]) == ["t1", "t2"]
    assert set(stability["n_features"]) == {4} and set(stability["n_folds"]) == {6}
    often = selected.query("modality == 't1'")["frequency"]
    of_t1 = stability.set_index("modality").loc["t1"]
    assert of_t1["mean_selected"] == pytest.approx(often.sum())
    share = often.sum() / 4
    spread = (often * (1 - often)).sum() / 4 * 6 / 5  # Nogueira et al. 2018, definition 4
    assert of_t1["nogueira"] == pytest.approx(1 - spread / (share * (1 - share)))


def test_a_bundle_says_how_long_each_stage_took(tmp_path):
    out = run(tmp_path, "folds = 2\nrepeats = 1", after=BOTH, cohort_lines="")
    times = read_table(out / "bundle", "run_times")
    stages = ["reading and checking", "extraction", "folds", "folds, this model", "scores and comparisons"]
    assert list(times["stage"].unique()) == [*stages, "final models", "intervals of the fusion weights"]
    assert (times["seconds"] > 0).all()
    models = times.query("stage == 'folds, this model'")
    assert list(zip(models["outcome"], models["model"], strict=True)) == [
        (outcome, model) for outcome in ("idh", "codel") for model in ("fusion", "trivial")
    ]
    waited = times.set_index("stage")["seconds"]["folds"]
    assert models["seconds"].sum() < waited  # in one process


TWO_SITES = cohort().assign(site=np.where(np.arange(40) % 2, "A", "B"))
ONE_CLASS = cohort().assign(site=lambda rows: np.where(rows["idh"] == "mutant", "A", "B"))
LOSO = 'split = "leave_one_site_out"'
REFUSED = [
    (f"{LOSO}\nrepeats = 2", {}, "repeats says nothing to split = .leave_one_site_out., which takes smallest_site"),
    ("share = 0.2", {}, "share says nothing to split = .kfold., which takes folds and repeats; leave it out"),
    ('split = "sites"', {}, "evaluation.split: .*'kfold', 'leave_one_site_out', 'holdout' or 'fixed'"),
    ('split = "fixed"', {}, "takes either fixed .* or test"),
    (LOSO, {"table": cohort().drop(columns="site")}, "It has no column site, which split = .leave_one_site_out. needs"),
    (LOSO, {"table": cohort().assign(site="A")}, "patients are of A: one fold, where leaving a site out needs two"),
    (LOSO, {"table": TWO_SITES}, "4 patients have samples of two sites, for example P00 .*B, A"),
    (
        f"{LOSO}",
        {"table": ONE_CLASS},
        r"Repeat 0, fold 1 \(B\) leaves no patient with idh = wildtype to train on. Raise",
    ),
    (
        'split = "holdout"\nshare = 0.02',
        {},
        "share = 0.02 of them holds out none, or leaves none to train on. Each class needs 25",
    ),
    ('split = "fixed"\ntest = ["P00", "P77"]', {}, "Ids that the cohort does not have: P77. Correct or remove them"),
    ('split = "fixed"\ntest = ["s00", "P20"]', {}, "1 patients stand in more than one fold, for example P00 .*test"),
    ('split = "fixed"\ntest = [["P00"], ["P00"]]', {}, "Ids more than once: P00. Keep one of each"),
    ('split = "fixed"\ntest = ["P20"]', {}, "No fold of repeat 0 tests a patient with idh = "),
    ('split = "fixed"\nfixed = "folds.csv"', {}, "folds.csv"),
]


@pytest.mark.parametrize(("evaluation", "options", "sentence"), REFUSED)
def test_what_cannot_be_split_is_refused_before_anything_is_computed(tmp_path, evaluation, options, sentence):
    with pytest.raises(RadiofuseError, match=sentence):
        run(tmp_path, evaluation, **options)
    assert not (tmp_path / "out").exists()


TABLES_REFUSED = [
    ("patient_id,set\nP00,1\n", "It has no column fold, but patient_id, set. Name them so"),
    ("id,fold\nP00,1\n", "It has no column sample_id or patient_id, but id, fold"),
    ("patient_id,fold\n", "no row"),
    ("patient_id,fold\nP00,1\n", "Samples of the cohort that have a label and no row: s02, s03, .* and 33 more"),
    ("sample_id,fold\ns00,1\nx,2\n", "Ids that the cohort does not have: x"),
]


@pytest.mark.parametrize(("table", "sentence"), TABLES_REFUSED)
def test_a_table_of_folds_that_does_not_fit_the_cohort_is_refused(tmp_path, table, sentence):
    (tmp_path / "folds.csv").write_text(table)
    with pytest.raises(RadiofuseError, match=sentence):
        run(tmp_path, 'split = "fixed"\nfixed = "folds.csv"')


def test_samples_of_a_patient_in_two_folds_are_refused(tmp_path):
    rows = cohort()[["sample_id"]].assign(fold=np.arange(40) % 2)
    rows.to_csv(tmp_path / "folds.csv", index=False)
    with pytest.raises(RadiofuseError, match=r"4 patients stand in more than one fold, for example P00 \(0, 1\)"):
        run(tmp_path, 'split = "fixed"\nfixed = "folds.csv"')


def test_permuted_labels_are_predicted_in_the_folds_of_the_split(tmp_path):
    asked = 'split = "leave_one_site_out"\nsmallest_site = 3\npermutations = 4'
    out = run(tmp_path, asked)
    scores, tests = read_table(out / "bundle", "scores"), read_table(out / "bundle", "tests")
    of_run = scores.query("model == 'mean' and metric == 'auc'")["value"].item()
    found = tests.query("test == 'permutation'").iloc[0]
    assert found["value"] == pytest.approx(of_run, abs=1e-12)  # sites test each patient once
    assert found["p_value"] * 5 == pytest.approx(round(found["p_value"] * 5)) and found["n"] == 4


def test_permuting_between_patients_needs_one_class_of_each(tmp_path):
    table = cohort()
    table.loc[table["sample_id"].isin(["s00", "s01"]), "idh"] = ["mutant", "wildtype"]
    assert table.loc[:1, "patient_id"].nunique() == 1
    path = write(tmp_path, "folds = 2\npermutations = 4", cohort_lines=IDH + '\nlabel_per = "sample"', table=table)
    with pytest.raises(RadiofuseError, match="permutes labels between patients, and P00 has samples"):
        run_recipe(path, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
