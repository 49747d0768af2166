"""[harmonize] in a recipe: ComBat in every fold as by hand, new patients and new sites, permuted labels, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.predict import predict_cohort
from radiofuse.bundle.read import read_table
from radiofuse.classify.modality import modality_classifier
from radiofuse.errors import BundleError, RadiofuseError
from radiofuse.experiment import run_recipe
from radiofuse.fuse import ConstraintFusion
from radiofuse.prepare import ComBat
from radiofuse.prepare.site_columns import SiteHarmonizer, with_sites

RECIPE = """
seed = 0
[cohort]
table = "cohort.csv"
label = "idh"
[radiomics]
settings = "none"
[harmonize]
site = "scanner"
{harmonize}
[select]
method = "none"
[fusion]
inner_folds = 2
combine = ["mean", "regression"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
[[models]]
[[models]]
name = "early"
kind = "early"
clinical = true
[[models]]
name = "joined"
kind = "early"
joined = "after_selection"
[[models]]
name = "own"
kind = "sklearn.naive_bayes:GaussianNB"
modalities = ["t2"]
keep = false
"""
SHIFT = {"A": 0.0, "B": 4.0, "C": -6.0}


def cohort(n=48, *, signal=1.5, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y, site = rng.integers(0, 2, n), rng.choice(list("ABC"), n)
    age = rng.normal(50, 10, n)
    table = {"sample_id": [f"s{row:02}" for row in range(n)], "idh": y, "scanner": site, "clinical__age": age}
    for modality in ("t1", "t2"):
        values = rng.normal(size=(n, 4)) + np.outer(y, [signal, 0, 0, 0]) + np.outer(age / 10, [0, 1, 0, 0])
        values += np.array([SHIFT[one] for one in site])[:, None]
        table |= {f"{modality}__f{place}": values[:, place] for place in range(4)}
    table = pd.DataFrame(table)
    table.loc[:3, [name for name in table if name.startswith("t1__")]] = np.nan
    return table


def write(folder, table=None, harmonize='covariates = ["age"]', text=RECIPE):
    folder.mkdir(parents=True, exist_ok=True)
    (cohort() if table is None else table).to_csv(folder / "cohort.csv", index=False)
    (folder / "recipe.toml").write_text(text.format(harmonize=harmonize))
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("harmonized")
    return run_recipe(write(folder), out=folder / "out", store=folder / "store")


def features(table, modality):
    return table[[name for name in table if name.startswith(f"{modality}__f")]]


def by_hand(train, test, modality) -> np.ndarray:
    """Return what a chain says that is fitted to what ComBat makes of the training rows."""
    present = features(train, modality).notna().any(axis=1)
    train, combat = train[present], ComBat(unseen="pass")

    def given(rows):
        return {"site": rows["scanner"].to_numpy(str), "covariates": rows[["clinical__age"]].to_numpy()}

    harmonized = combat.fit_transform(features(train, modality), train["idh"], **given(train))
    chain = modality_classifier("logistic", select=None, random_state=0).fit(harmonized, train["idh"])
    return chain.predict_proba(combat.transform(features(test, modality), **given(test)))[:, 1]


def test_every_fold_equals_combat_by_hand_on_its_training_rows(run):
    predictions, table = read_table(run / "bundle", "predictions"), cohort().set_index("sample_id", drop=False)
    for modality in ("t1", "t2"):
        for _, fold in predictions[predictions["model"] == modality].groupby("fold"):
            tested = predictions.query("model == 'mean' and fold == @fold['fold'].iloc[0]")["sample_id"]
            train = table[~table["sample_id"].isin(tested)]
            expected = by_hand(train, table.loc[fold["sample_id"]], modality)
            np.testing.assert_allclose(fold["probability"], expected, rtol=1e-9)


CONSTRAINED = """[[models]]
name = "constrained"
kind = "constrained"
branches = {{ one = ["t1"], two = ["t2"] }}
options = {{ epochs = 20 }}
"""


def test_a_constraint_fusion_equals_one_of_features_that_combat_harmonized_by_hand(tmp_path):
    pytest.importorskip("torch")
    text = RECIPE[: RECIPE.index("[[models]]")] + CONSTRAINED
    out = run_recipe(write(tmp_path, text=text), out=tmp_path / "out", store=tmp_path / "store", report=False)
    predictions = read_table(out / "bundle", "predictions").query("model == 'constrained'")
    table = cohort().set_index("sample_id", drop=False)
    for _, fold in predictions.groupby("fold"):
        train, test = table[~table["sample_id"].isin(fold["sample_id"])], table.loc[fold["sample_id"]]
        blocks = [harmonized_by_hand(train, test, modality) for modality in ("t1", "t2")]
        of_train, of_test = (pd.concat([block[side] for block in blocks], axis=1) for side in (0, 1))
        chains = [(name, modality_classifier("logistic", select=None, random_state=0)) for name in ("t1", "t2")]
        branches = {"one": ["t1"], "two": ["t2"]}
        fusion = ConstraintFusion(chains, method=branches, epochs=20, random_state=0).fit(of_train, train["idh"])
        np.testing.assert_allclose(fold["probability"], fusion.predict_proba(of_test)[:, 1], atol=1e-6)
    new = cohort(6, seed=9).drop(columns="idh").assign(sample_id=[f"n{row}" for row in range(6)])
    new.to_csv(tmp_path / "new.csv", index=False)
    answers, _ = predict_cohort(load_bundle(out), tmp_path / "new.csv", store=tmp_path / "store")
    assert answers["constrained"].between(0, 1).all()


def harmonized_by_hand(train, test, modality) -> list[pd.DataFrame]:
    """Return the features of both as ComBat makes them that is fitted to the training rows that have some."""
    present, combat, parts = features(train, modality).notna().any(axis=1), ComBat(unseen="pass"), []
    for rows in (train[present], test[features(test, modality).notna().any(axis=1)]):
        given = {"site": rows["scanner"].to_numpy(str), "covariates": rows[["clinical__age"]].to_numpy()}
        X, whole = features(rows, modality), test if parts else train
        made = combat.transform(X, **given) if parts else combat.fit_transform(X, rows["idh"], **given)
        parts.append(pd.DataFrame(np.asarray(made), X.index, X.columns).reindex(whole.index))
    return parts


def test_every_kind_of_model_answers_better_than_without(run, tmp_path):
    text = RECIPE.replace('[harmonize]\nsite = "scanner"\n{harmonize}\n', "").replace(
        "[cohort]", '[cohort]\nignore = ["scanner"]'
    )
    plain = run_recipe(write(tmp_path, text=text), out=tmp_path / "out", store=tmp_path / "store", report=False)
    auc = [
        read_table(one / "bundle", "scores").query("metric == 'auc'").set_index("model")["value"]
        for one in (run, plain)
    ]
    for name in ("mean", "regression", "joined", "own"):
        assert auc[0][name] > auc[1][name]
    assert auc[0]["early"] > 0.7
    assert auc[0]["clinical"] == auc[1]["clinical"]


def test_new_patients_are_harmonized_and_new_sites_told(run, tmp_path, caplog):
    new = cohort(12, seed=9).drop(columns="idh")
    new["sample_id"] = [f"n{row}" for row in range(12)]
    new.loc[10, "scanner"], new.loc[11, "scanner"] = "D", ""
    new.to_csv(tmp_path / "new.csv", index=False)
    bundle = load_bundle(run)
    assert bundle.description["protocol"]["harmonize"]["sites"] == ["A", "B", "C"]
    table, _ = predict_cohort(bundle, tmp_path / "new.csv", store=tmp_path / "store")
    notes = table.set_index("sample_id")["note"]
    assert "scanner D is new to the model" in notes["n10"]
    assert "scanner unknown is new to the model" in notes["n11"]
    assert "New to the model" in caplog.text
    training = cohort()
    expected = by_hand(training, new, "t2")
    known = new["scanner"].isin(list("ABC")).to_numpy()
    np.testing.assert_allclose(table["t2"].to_numpy()[known], expected[known], rtol=1e-9)
    new.drop(columns="scanner").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(BundleError, match="lacks the column scanner"):
        predict_cohort(bundle, tmp_path / "new.csv", store=tmp_path / "store")


def test_the_report_says_how(run):
    page = (run / "report.html").read_text()
    assert "What the scanner does to features was learned in the training patients of each fold" in page


def test_sites_that_training_rows_do_not_teach_are_told(tmp_path):
    table = cohort()
    table.loc[5, "scanner"] = "D"
    out = run_recipe(write(tmp_path, table), out=tmp_path / "out", store=tmp_path / "store", report=False)
    said = [one for one in load_bundle(out).description["warnings"] if "too few training samples" in one]
    assert len(said) == 1
    assert "D (1)" in said[0]


def test_permuted_labels_stay_at_chance():
    rng, aucs = np.random.default_rng(0), []
    table = cohort(60, signal=0.0)
    X = with_sites(features(table, "t2"), table["scanner"], table[["clinical__age"]])
    for _ in range(20):
        y = rng.permutation(np.arange(60) % 2)
        train = rng.permutation(60) < 40
        chain = modality_classifier("logistic", select=None, harmonizer=SiteHarmonizer()).fit(X[train], y[train])
        p = chain.predict_proba(X[~train])[:, 1]
        positive, negative = p[y[~train] == 1], p[y[~train] == 0]
        aucs.append(np.mean(positive[:, None] > negative))
    assert abs(np.mean(aucs) - 0.5) < 0.08


def test_a_row_of_a_new_site_depends_on_no_other_row():
    table = cohort()
    X = with_sites(features(table, "t2"), table["scanner"], table[[]])
    step = SiteHarmonizer().fit(X[table["scanner"] != "C"])
    new = X[table["scanner"] == "C"]
    pd.testing.assert_frame_equal(step.transform(new), features(table, "t2")[table["scanner"] == "C"])


BAD = {
    "scaner": ('site = "scaner"', None, "scaner"),
    "told": ("", lambda table: table.assign(scanner=np.where(table["idh"] == 1, "A", "B")), "one label only"),
    "empty": ("", lambda table: table.assign(scanner=table["scanner"].where(table.index > 0, "")), "1 sample without"),
    "single": ("", lambda table: table.assign(scanner="A"), "All samples have one scanner"),
    "covariate": ('covariates = ["sex"]', None, "names the column 'sex'"),
    "policy": ('unseen = "guess"', None, "harmonize.unseen"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_before_any_work(tmp_path, case):
    entry, change, sentence = BAD[case]
    text = RECIPE.replace('site = "scanner"\n', "") if entry.startswith("site") else RECIPE
    table = cohort() if change is None else change(cohort())
    with pytest.raises(RadiofuseError, match=sentence):
        run_recipe(write(tmp_path, table, entry, text), out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()
