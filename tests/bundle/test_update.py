"""A bundle updated on another site: both answers, whose patients, and the same through every way to use a bundle."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from typer.testing import CliRunner

from radiofuse.bundle import evaluate_cohort, load_bundle, load_model, predict_cohort, share_bundle, update_bundle
from radiofuse.bundle.calls import rule_of, threshold_of
from radiofuse.bundle.contributions import contributions_of
from radiofuse.bundle.intervals import intervals_of
from radiofuse.bundle.read import read_table
from radiofuse.bundle.updates import update_sentences
from radiofuse.commands.predict import app as predict
from radiofuse.commands.update import app, lines_of
from radiofuse.errors import BundleError, CohortError
from radiofuse.experiment import run_recipe
from radiofuse.patients.pseudonyms import Pseudonyms
from radiofuse.report import write_paper
from radiofuse.report.evaluation.sentences import summary
from radiofuse.report.experiment.contents import read_contents
from radiofuse.report.experiment.sentences import banners
from tests.bundle.test_bundle import rewrite
from tests.bundle.test_evaluate import RECIPE, cohort

pytestmark = [
    pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning"),
    pytest.mark.filterwarnings("ignore::radiofuse.select.penalized_fit.PathEdgeWarning"),
]


def site(n: int = 120) -> pd.DataFrame:
    """Return patients like those of the bundle with scattered numbers, of whom more have the mutation."""
    rng, table = np.random.default_rng(3), cohort()
    rows = table.iloc[rng.choice(len(table), n)].reset_index(drop=True)
    numbers = [name for name in rows if "__f" in name]
    rows[numbers] += rng.normal(0, 0.5, rows[numbers].shape)
    rows["sample_id"] = [f"n{place:03}" for place in range(n)]
    rows.loc[rng.random(n) < 0.5, "idh"] = "Mutant"
    return rows.drop(columns="site")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("updated")
    table = cohort()
    table[table["site"] != "c"].to_csv(folder / "train.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.replace("repeats = 2", "repeats = 1\nconformal = 0.8"))
    run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    rows = site()
    rows.iloc[:60].to_csv(folder / "updating.csv", index=False)
    rows.iloc[60:].to_csv(folder / "others.csv", index=False)
    site(200).assign(sample_id=[f"f{place}" for place in range(200)]).to_csv(folder / "fresh.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "out")


@pytest.fixture(scope="module")
def updated(folder, bundle):
    update_bundle(
        bundle, folder / "updating.csv", folder / "new", whose="site n", outcomes=["idh"], store=folder / "store"
    )
    return load_bundle(folder / "new")


def answers(bundle, folder, table: str = "others.csv") -> pd.DataFrame:
    return predict_cohort(bundle, folder / table, store=folder / "store")[0]


def test_new_patients_get_the_updated_probability_beside_that_of_before(folder, bundle, updated):
    before, after = (
        answers(bundle, folder).query("outcome == 'idh'"),
        answers(updated, folder).query("outcome == 'idh'"),
    )
    told = updated.description["updates"]["idh"]
    assert told["method"] != "none"
    assert set(after["set"]) <= {"wildtype", "mutant", "wildtype or mutant", "none"}
    limits = dict(zip(("wildtype", "mutant"), told["limits"], strict=True))
    assert list(after["set"].str.contains("mutant")) == list(1 - after["probability"] <= limits["mutant"])
    np.testing.assert_array_equal(after["mean"], before["mean"])
    odds = told["slope"] * logit(before["mean"]) + told["intercepts"][1]
    np.testing.assert_allclose(after["probability"], expit(odds), atol=1e-12)
    np.testing.assert_array_equal(after["probability"], after["mean_updated"])
    assert list(after["call"]) == list(before["call"])  # the operating point moved with it
    threshold = told["slope"] * logit(before["threshold"].iloc[0]) + told["intercepts"][1]
    assert after["threshold"].iloc[0] == pytest.approx(expit(threshold))
    parts = contributions_of(updated, after).query("outcome == 'idh'").groupby("sample_id")["log_odds"].sum()
    np.testing.assert_allclose(parts.loc[after["sample_id"]], odds, atol=1e-9)
    grade = [answers(one, folder).query("outcome == 'who_grade'")["probability"] for one in (bundle, updated)]
    np.testing.assert_array_equal(*grade)


def test_the_update_is_told_of_with_patients_and_measures_that_had_not_seen_them(folder, updated):
    told = updated.description["updates"]["idh"]
    own = pd.read_csv(folder / "updating.csv")["idh"]
    assert told["events"] == {"wildtype": int((own == "WT").sum()), "mutant": int((own == "Mutant").sum())}
    assert (told["whose"], told["n_patients"], told["n_samples"]) == ("site n", 60, 60)
    measures = {row["metric"]: row for row in told["measures"]}
    assert "auc" not in measures
    assert measures["intercept"]["before"] > 0.3
    assert abs(measures["intercept"]["after"]) < 0.3
    for when in ("before", "after"):
        low, value, high = (measures["slope"][f"{when}{end}"] for end in ("_low", "", "_high"))
        assert low < value < high
    manifest = json.loads((updated.folder / "manifest.json").read_text())
    assert manifest["updates"]["idh"]["whose"] == "site n"
    assert manifest["outcomes"][0]["thresholds"]["mean_updated"] > 0
    card = (updated.folder / "card.md").read_text()
    assert "updated on site n (60 patients: wildtype" in card


def test_patients_of_the_update_count_as_seen(folder, updated):
    with pytest.raises(CohortError, match="All 60 labeled samples are of patients"):
        evaluate_cohort(updated, folder / "updating.csv", store=folder / "store")
    renamed = pd.read_csv(folder / "updating.csv").assign(sample_id=[f"x{place}" for place in range(60)])
    renamed.to_csv(folder / "renamed.csv", index=False)
    assert answers(updated, folder, "renamed.csv")["note"].str.startswith("trained on: the same numbers").all()


def test_others_of_the_site_are_scored_by_both_answers(folder, updated):
    evaluation = evaluate_cohort(updated, folder / "others.csv", store=folder / "store")
    idh = evaluation.tables["scores"].query("outcome == 'idh'").set_index(["model", "metric"])["value"]
    assert idh["mean_updated", "brier"] < idh["mean", "brier"]
    assert idh["mean_updated", "auc"] == idh["mean", "auc"]
    assert set(evaluation.tables["comparisons"].query("outcome == 'idh'")["a"]) == {"mean_updated"}
    assert set(evaluation.tables["comparisons"].query("outcome == 'who_grade'")["a"]) == {"mean"}
    points = evaluation.tables["operating_points"].query("outcome == 'idh'").set_index(["model", "metric"])["value"]
    assert points["mean_updated", "recall"] == points["mean", "recall"]
    words = summary(evaluation)
    assert "Its answer (mean_updated) to" in words
    assert "held out in turn gave mean, the answer before the update," in words
    assert "Updated on site n (60 patients), on average it said" in words
    seen = pd.concat([pd.read_csv(folder / "others.csv"), pd.read_csv(folder / "updating.csv").head(3)])
    seen.to_csv(folder / "seen.csv", index=False)
    both = evaluate_cohort(updated, folder / "seen.csv", outcomes=["idh"], store=folder / "store")
    assert "3 patients of the table helped to make or to update the model and were left out." in summary(both)


def test_the_model_for_scripts_answers_with_the_updated_probability(folder, updated):
    model = load_model(folder / "new")
    X = pd.read_csv(folder / "others.csv")[updated.description["columns"]]
    told = answers(updated, folder).query("outcome == 'idh'")["probability"]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], told, atol=1e-12)
    assert list(model.classes_[model.predict_proba(X).argmax(axis=1)]) == [int(one > 0.5) for one in told]


def test_a_changed_slope_is_noticed_by_the_golden_rows(folder, updated, tmp_path):
    copy = shutil.copytree(updated.folder, tmp_path / "copy")
    about = json.loads((copy / "bundle.json").read_text())
    about["updates"]["idh"]["intercepts"][1] += 0.01
    rewrite(copy, "bundle.json", json.dumps(about).encode())
    with pytest.raises(BundleError, match="does not answer its golden rows"):
        load_bundle(copy)


def test_report_and_paper_say_that_the_numbers_are_of_the_answer_before(updated):
    contents = read_contents(updated.folder)
    assert "mean_updated" not in contents.fusions
    said = "The answer to idh is mean_updated, updated on site n (60 patients)"
    assert any(said in one and "before the update" in one for banner in banners(contents) for one in banner.items)
    paper = write_paper(updated.folder)
    assert paper == updated.folder.parent / "new_paper"
    assert said in (paper / "methods.md").read_text().replace("\\_", "_")


def test_an_updated_bundle_is_updated_again_and_every_version_answers_under_its_name(folder, updated, tmp_path):
    options = {"outcomes": ["idh"], "store": folder / "store"}
    update_bundle(updated, folder / "others.csv", tmp_path / "again", whose="site m", **options)
    again = load_bundle(tmp_path / "again")  # its golden rows are those of the last version
    told, first = again.description["updates"]["idh"], updated.description["updates"]["idh"]
    assert (told["model"], told["of"], told["answer"]) == ("mean", "mean_updated", "mean_updated_2")
    assert told["earlier"] == [{name: one for name, one in first.items() if name != "earlier"}]
    rows = pd.read_csv(folder / "others.csv").assign(sample_id=[f"z{place}" for place in range(60)])
    numbers = [name for name in rows if "__f" in name]
    rows[numbers] += 0.01
    rows.to_csv(tmp_path / "new.csv", index=False)
    each, before = (
        predict_cohort(one, tmp_path / "new.csv", store=tmp_path)[0].query("outcome == 'idh'")
        for one in (again, updated)
    )
    np.testing.assert_allclose(each["mean_updated"], before["probability"], atol=1e-12)
    odds = told["step"]["slope"] * logit(each["mean_updated"]) + told["step"]["intercepts"][1]
    np.testing.assert_allclose(each["probability"], expit(odds), atol=1e-12)
    np.testing.assert_array_equal(each["probability"], each["mean_updated_2"])
    assert list(each["call"]) == list(before["call"])
    parts = contributions_of(again, each).query("outcome == 'idh'").groupby("sample_id")["log_odds"].sum()
    np.testing.assert_allclose(parts.loc[each["sample_id"]], odds, atol=1e-9)
    (said,) = update_sentences(again.description)
    assert "mean_updated_2, updated on site m (60 patients), after mean_updated on site n; mean is the answer" in said
    card = (again.folder / "card.md").read_text()
    assert "`mean` to idh was updated on site n" in card and "`mean_updated` to idh was updated on site m" in card
    assert not {"mean_updated", "mean_updated_2"} & set(read_contents(again.folder).fusions)
    grade = update_bundle(
        again, folder / "fresh.csv", tmp_path / "grade", outcomes=["who_grade"], store=folder / "store"
    )
    assert set(load_bundle(grade.folder).description["updates"]) == {
        "idh",
        "who_grade",
    }  # what was learned before stays
    with pytest.raises(CohortError, match="All 60 labeled samples"):  # of either update
        update_bundle(again, folder / "updating.csv", tmp_path / "no", **options)


def test_an_updated_answer_has_an_interval_of_the_patients_of_the_update_or_the_reason_why_not(folder, bundle, updated):
    known = answers(updated, folder, "updating.csv").query("outcome == 'idh'")
    labels = pd.read_csv(folder / "updating.csv").set_index("sample_id")["idh"] == "Mutant"
    middle = pd.Series({"mutant": float(known["probability"].median())})
    told = intervals_of(updated, "idh", middle)
    low, high = told["interval"]["mutant"]
    near = (known.set_index("sample_id")["probability"] - middle["mutant"]).abs() < 0.2
    assert low < labels.loc[near[near].index].mean() < high and low < told["calibrated"]["mutant"] < high
    assert "the update on site n to whom updates that had not seen them gave" in told["interval_of"]
    assert told["no_interval"] is None
    beyond = intervals_of(updated, "idh", pd.Series({"mutant": 1 - 1e-9}))
    assert beyond["interval"] is None
    assert beyond["no_interval"] == "The probability lies beyond all that the patients of the update on site n had."
    assert intervals_of(bundle, "idh", pd.Series({"mutant": np.nan}))["no_interval"] == "There is no probability."
    assert "run's patients" in intervals_of(bundle, "idh", pd.Series({"mutant": 1 - 1e-9}))["no_interval"]


def test_it_can_be_handed_on(folder, updated, tmp_path):
    key = Pseudonyms(b"sixteen bytes or more")
    shared = share_bundle(updated, tmp_path / "shared", key)
    text = "".join(path.read_text(errors="replace") for path in shared.rglob("*") if path.is_file())
    assert "n007" not in text
    elsewhere = load_bundle(share_bundle(load_bundle(folder / "out"), tmp_path / "handed_on", key))  # without the key
    words = {"outcomes": ["idh"], "store": folder / "store"}
    update_bundle(elsewhere, folder / "updating.csv", tmp_path / "there", **words)
    there = load_bundle(tmp_path / "there")
    assert there.description["pseudonyms"] == {"key": key.fingerprint, "shared": False, "was_shared": True}
    with pytest.raises(BundleError, match="was updated without its key, and holds the ids"):
        share_bundle(there, tmp_path / "no", key)
    known = answers(load_bundle(there.folder, pseudonyms=key), folder, "updating.csv")  # by the maker, too
    assert known["note"].str.contains("was among the training or update samples").all()
    told = answers(load_bundle(shared, pseudonyms=key), folder, "updating.csv")
    assert told["note"].str.startswith("trained on").all()
    np.testing.assert_array_equal(told["probability"], answers(updated, folder, "updating.csv")["probability"])


def test_classes_of_three_are_updated_by_intercepts_and_one_slope(folder, bundle):
    rows = site(200).assign(sample_id=[f"m{place}" for place in range(200)])
    rows.to_csv(folder / "many.csv", index=False)
    update_bundle(bundle, folder / "many.csv", folder / "grade", outcomes=["who_grade"], store=folder / "store")
    new = load_bundle(folder / "grade")
    told, each = new.description["updates"]["who_grade"], answers(new, folder).query("outcome == 'who_grade'")
    assert told["method"] == "slope"
    before, after = (each.pivot(index="sample_id", columns="class", values=name) for name in ("mean", "probability"))
    parts = (
        contributions_of(new, each).query("outcome == 'who_grade'").groupby(["sample_id", "class"])["log_odds"].sum()
    )
    np.testing.assert_allclose(parts.unstack().loc[after.index], np.log(after), atol=1e-9)
    scores = np.exp(told["slope"] * np.log(before) + told["intercepts"])
    np.testing.assert_allclose(after, scores.div(scores.sum(axis=1), axis=0), atol=1e-12)
    assert {row["class"] for row in told["measures"]} == {"2", "3", "4"}
    model = load_model(folder / "grade", outcome="who_grade")
    X = pd.read_csv(folder / "others.csv")[new.description["columns"]]
    np.testing.assert_allclose(model.predict_proba(X), after.loc[each["sample_id"].unique()], atol=1e-12)


def _helped(folder) -> bool:
    measures = json.loads((folder / "bundle.json").read_text())["updates"]["idh"]["measures"]
    return any(row["difference_high"] < 0 for row in measures if row["metric"] in ("brier", "log_loss"))


@pytest.mark.parametrize(
    ("p", "no_slope", "method", "words"),
    [
        (0.0499, "", "slope", "any change p = 0.0499"),
        (0.04996, "", "slope", "any change p = 0.04996"),
        (1e-9, "reversed", "unmended", "though the tests find miscalibration"),
        (1e-9, "reversed", "unmended", "would turn the order of the patients around"),
        (1e-9, "few", "intercept", "a slope is called for, and takes 20 patients of each class"),
        (1e-9, "alike", "intercept", "No slope was tested: all these patients have one answer."),
    ],
)
def test_what_was_not_mended_is_told(updated, p, no_slope, method, words):
    told = updated.description["updates"]["idh"] | {"method": method, "no_slope": no_slope}
    told |= {"p_values": {"any": p} if no_slope == "alike" else {"any": p, "slope": p}}
    assert words in " ".join(" ".join(lines_of("idh", told)).split())


def test_the_command_tells_what_it_did_and_predict_whose_answer_it_is(folder):
    words = ["--store", str(folder / "store"), "--outcome", "idh", "--whose", "site n"]
    done = CliRunner().invoke(
        app, [str(folder / "out"), str(folder / "updating.csv"), "--out", str(folder / "told"), *words]
    )
    assert done.exit_code == 0, done.output
    assert "idh: mean updated on 60 patients (wildtype" in done.stdout
    assert "after: by updates learned without the patient" in done.stdout
    assert ("It cannot be told that the update helped" in done.stdout) == (not _helped(folder / "told"))
    assert "score it on others" in done.stderr
    table = [str(folder / "told"), str(folder / "others.csv"), "--out", str(folder / "told.csv"), *words[:2]]
    said = " ".join(CliRunner().invoke(predict, table).stderr.split())
    assert "updated on site n (60 patients)" in said
    assert re.search(r"the operating point of the run, 0\.\d+ of mean, moved with the update", said)


def test_without_an_operating_point_the_same_patients_are_called_still(updated, tmp_path):
    copy = shutil.copytree(updated.folder, tmp_path / "copy")
    read_table(copy, "operating_points").iloc[:0].to_csv(copy / "operating_points.csv", index=False)
    without, idh = replace(updated, folder=copy), updated.outcomes[0]
    update = updated.description["updates"]["idh"]
    assert threshold_of(without, idh) == pytest.approx(expit(update["intercepts"][1])) != pytest.approx(0.5)
    assert rule_of(without, idh) == "the run chose no operating point; 0.5 of mean, moved with the update"


def test_what_cannot_be_updated_is_a_sentence(folder, bundle, updated):
    few = pd.read_csv(folder / "updating.csv").groupby("idh").head(9)
    few.to_csv(folder / "few.csv", index=False)
    with pytest.raises(CohortError, match="idh: 10 patients of each class .* has 9. Collect more, leave the outcome"):
        update_bundle(bundle, folder / "few.csv", folder / "no", outcomes=["idh"], store=folder / "store")
    with pytest.raises(BundleError, match="out exists and is the output folder of a run; name another"):
        update_bundle(bundle, folder / "updating.csv", folder / "out", outcomes=["idh"], store=folder / "store")
    with pytest.raises(CohortError, match="All 60 labeled samples"):
        update_bundle(bundle, folder / "train.csv", folder / "no", store=folder / "store")
    pd.read_csv(folder / "fresh.csv")[["sample_id", "idh"]].to_csv(folder / "labels.csv", index=False)
    with pytest.raises(BundleError, match=r"the cohort table .*labels\.csv names none\. Add columns <modality>__image"):
        update_bundle(bundle, folder / "labels.csv", folder / "no", outcomes=["idh"], store=folder / "store")
    assert not (folder / "no").exists()
    assert "mean_updated" not in set(read_table(updated.folder, "predictions")["model"])
