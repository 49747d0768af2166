"""A bundle made for handing on: no id and no row of a patient in any file, and still a bundle that knows them."""

from __future__ import annotations

import json
import re
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import QuantileTransformer
from sklearn.svm import SVC
from typer.testing import CliRunner

from radiofuse.bundle import evaluate_cohort, load_bundle, predict_cohort, verify_bundle
from radiofuse.bundle.format import TABLES
from radiofuse.bundle.new_rows import UNTOLD
from radiofuse.bundle.patient_rows import kept_rows, without_patient_rows
from radiofuse.bundle.read import read_table
from radiofuse.bundle.share import share_bundle
from radiofuse.classify.self_training import SelfTrainedClassifier
from radiofuse.commands.predict import app as predict_command
from radiofuse.commands.run import app as run_command
from radiofuse.commands.share import app
from radiofuse.errors import BundleError, RequestError
from radiofuse.experiment import run_recipe
from radiofuse.fuse.rank_average import RankAverage
from radiofuse.patients.pseudonyms import Pseudonyms, read_pseudonyms, without_names
from radiofuse.prepare.clinical_scale import NormalScoreScaler
from radiofuse.report import write_forms, write_paper, write_report
from radiofuse.select import LassoSelector

pytestmark = pytest.mark.filterwarnings("ignore::radiofuse.select.NothingSelectedWarning")

RECIPE = """
title = "A study"
seed = 0
[cohort]
table = "{folder}/train.csv"   # of {folder}/archive/list
label = "idh"
[radiomics]
settings = "none"
[select]
method = "kruskal"
[fusion]
inner_folds = 2
combine = ["mean", "regression"]
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""
KEY = Pseudonyms(b"a key of the maker's own")


def cohort() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = np.arange(36) % 2
    ids = [f"TCGA-{100 + place:03}" for place in range(36)]
    table = {"sample_id": [f"{name}-S1" for name in ids], "patient_id": ids, "idh": label}
    for modality in ("t1", "t2"):
        values = rng.normal(size=(36, 12)) + np.outer(label, np.arange(12) < 2)
        table |= {f"{modality}__f{place}": values[:, place] for place in range(12)}
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anna")
    table = cohort()
    table[:30].to_csv(folder / "train.csv", index=False)
    renamed = table[24:].assign(sample_id=[f"n{row}" for row in range(12)], patient_id=[f"N{row}" for row in range(12)])
    renamed.iloc[[0], :2] = table.iloc[[24], :2].to_numpy()
    renamed.to_csv(folder / "new.csv", index=False)
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder))
    run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    return folder


@pytest.fixture(scope="module")
def shared(home, tmp_path_factory):
    return share_bundle(load_bundle(home / "out"), tmp_path_factory.mktemp("shared") / "bundle", KEY)


def contents(folder):
    """Every file of a folder, those inside archives too, as text."""
    for path in filter(lambda one: one.is_file(), folder.rglob("*")):
        yield path.name, path.read_bytes().decode("latin-1")
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield from (
                    (f"{path.name}/{name}", archive.read(name).decode("latin-1")) for name in archive.namelist()
                )


def test_no_file_holds_an_id_a_row_or_a_path(home, shared):
    assert any("TCGA-101" in text for _, text in contents(home / "out" / "bundle"))  # else nothing is shown below
    rows = list(cohort().filter(like="__").to_numpy())
    for name, text in contents(shared):
        assert "TCGA-" not in text, name
        assert str(home) not in text and "archive/" not in text, name
        for row in rows:
            held = [
                value for value in row if repr(float(value))[:8] in text or value.tobytes().decode("latin-1") in text
            ]
            assert len(held) <= 6, name  # lowest and highest of columns, as training_ranges.csv has them


def test_tables_of_patients_are_empty_and_scores_are_not(home, shared):
    verify_bundle(shared)
    lines = {path.name: len(path.read_text().splitlines()) for path in shared.glob("*.csv")}
    empty = [name for name, table in TABLES.items() if table.of_patients]
    assert {"predictions", "contributions", "recalibrated", "spreads", "failures"} <= set(empty)
    assert all(lines[f"{name}.csv"] == 1 for name in empty)
    for name in ("scores", "calibration", "operating_points", "selected_features"):
        assert (shared / f"{name}.csv").read_bytes() == (home / "out" / "bundle" / f"{name}.csv").read_bytes()


def test_it_predicts_the_same_and_tells_training_patients_to_whoever_has_the_key(home, shared, tmp_path):
    def notes(bundle):
        answer, _ = predict_cohort(bundle, home / "new.csv", store=tmp_path)
        assert "inside" in set(answer["applicability"]) and answer["distance"].notna().all()
        return answer["note"].fillna("").tolist(), answer["probability"].to_numpy()

    own = load_bundle(home / "out")
    told, at_home = notes(own)
    keyed, elsewhere = notes(load_bundle(shared, pseudonyms=KEY))
    assert np.array_equal(at_home, elsewhere)
    assert [note.startswith("trained on") for note in keyed] == [note.startswith("trained on") for note in told]
    assert sum(note.startswith("trained on") for note in keyed) == 6  # one by id, five by their numbers alone
    without, _ = notes(load_bundle(shared))
    assert all(UNTOLD in note for note in without) and not any("trained on:" in note for note in without)
    with pytest.raises(BundleError, match="The key is not the one"):
        load_bundle(shared, pseudonyms=Pseudonyms(b"another key of sixteen"))


def test_it_is_evaluated_elsewhere_with_a_warning_and_with_the_key_without_training_patients(
    home, shared, tmp_path, caplog
):
    evaluation = evaluate_cohort(load_bundle(shared, pseudonyms=KEY), home / "new.csv", store=tmp_path)
    assert len(evaluation.left_out) == 6 and evaluation.tables["against_training"].empty
    assert len(evaluation.tables["scores"])
    assert len(evaluate_cohort(load_bundle(shared), home / "new.csv", store=tmp_path).left_out) == 0
    assert "cannot be told" in caplog.text


def test_its_report_is_written_without_patients(shared, tmp_path):
    page = write_report(shared, tmp_path / "report.html").read_text()
    assert "A study" in page and "TCGA-" not in page


def test_its_paper_and_its_forms_are_written_without_patients(shared, tmp_path):
    paper, forms = write_paper(shared, tmp_path / "paper"), write_forms(shared, tmp_path / "forms", forms=["metrics"])
    for path in (*paper.iterdir(), *forms.iterdir()):
        assert "TCGA-" not in path.read_bytes().decode("latin-1"), path.name
    methods = (paper / "methods.md").read_text()
    assert "Intervals are 95% percentile intervals" in methods and "was scored in 0 samples" not in methods
    assert json.loads((shared / "bundle.json").read_text())["inputs"]["cohort_sha256"] in methods
    assert not list(paper.glob("figure_roc*")) and list(paper.glob("figure_auc.svg"))  # curves are of single patients
    assert "yes" in (forms / "metrics.csv").read_text()


def test_the_command_makes_a_key_that_only_its_owner_reads(home, tmp_path):
    bundle, key = tmp_path / "bundle", tmp_path / "key"
    told = CliRunner().invoke(app, [str(home / "out"), "--out", str(bundle), "--key", str(key)])
    assert told.exit_code == 0, told.output
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() not in "".join(text for _, text in contents(bundle))
    again = CliRunner().invoke(app, [str(bundle), "--out", str(tmp_path / "twice"), "--key", str(key)])
    assert again.exit_code == 3 and "is made for handing on already" in again.output
    other = tmp_path / "other"
    again = CliRunner().invoke(app, [str(bundle), "--out", str(tmp_path / "twice"), "--key", str(other)])
    assert again.exit_code == 3 and not other.exists()  # nobody has a use for the key of a bundle that was refused
    assert key.exists()
    inside = CliRunner().invoke(app, [str(home / "out"), "--out", str(bundle), "--key", str(bundle / "key")])
    assert inside.exit_code == 2 and "which others will see" in inside.output


def test_a_run_writes_a_bundle_for_handing_on_beside_its_own(home, tmp_path):
    asked = [str(home / "recipe.toml"), "--store", str(home / "store"), "--no-report", "--out", str(tmp_path / "out")]
    inside = CliRunner().invoke(run_command, [*asked, "--share", str(tmp_path / "out" / "key")])
    assert inside.exit_code != 0 and not (tmp_path / "out" / "shared").exists()
    (tmp_path / "out" / "shared").mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / "shared" / "notes.txt").touch()
    shutil.rmtree(tmp_path / "out" / "bundle", ignore_errors=True)
    refused = CliRunner().invoke(run_command, [*asked, "--share", str(tmp_path / "key")])
    assert refused.exit_code == 3 and not (tmp_path / "out" / "bundle").exists()  # before the run begins
    shutil.rmtree(tmp_path / "out" / "shared")
    told = CliRunner().invoke(run_command, [*asked, "--share", str(tmp_path / "key"), "--joblib"])
    assert told.exit_code == 0 and "For handing on: " in told.output
    assert len(read_table(tmp_path / "out" / "bundle", "predictions")) > 0
    assert not any("TCGA-" in text for _, text in contents(tmp_path / "out" / "shared"))
    assert load_bundle(tmp_path / "out" / "shared", pseudonyms=read_pseudonyms(tmp_path / "key"))


def test_the_command_looks_at_the_folder_and_its_signature_before_it_makes_a_key(home, tmp_path):
    key = tmp_path / "key"
    told = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "bundle"), "--key", str(key)])
    assert told.exit_code == 3 and "is not a bundle" in told.output and not key.exists()
    (tmp_path / "signers").write_text("anna ssh-ed25519 AAAA\n")
    asked = [str(home / "out"), "--out", str(tmp_path / "bundle"), "--key", str(key)]
    told = CliRunner().invoke(app, [*asked, "--signed-by", str(tmp_path / "signers")])
    assert told.exit_code == 3 and "is not signed" in told.output and not key.exists()


def test_warnings_name_pseudonyms_and_a_title_that_names_a_patient_is_refused(home, tmp_path):
    loaded = load_bundle(home / "out")
    loaded.description["warnings"] = ["The labels of TCGA-101, TCGA-102 contradict each other."]
    share_bundle(loaded, tmp_path / "bundle", KEY)
    assert KEY.of("TCGA-101") in (tmp_path / "bundle" / "card.md").read_text()
    loaded.description["title"] = "A study without TCGA-103"
    with pytest.raises(BundleError, match="names TCGA-103"):
        share_bundle(loaded, tmp_path / "bundle", KEY)
    assert "A study without" not in (tmp_path / "bundle" / "card.md").read_text()


KEEP_ROWS = [KNeighborsClassifier(1), SVC(), NormalScoreScaler(), QuantileTransformer(n_quantiles=2)]


@pytest.mark.parametrize("model", KEEP_ROWS, ids=lambda model: type(model).__name__)
def test_models_that_predict_from_training_rows_are_named(model):
    fitted = model.fit([[0.0], [1.0]], [0, 1])
    assert any(name.startswith(type(model).__name__) for name in kept_rows({"idh": {"m": [fitted]}}, frozenset()))


def test_a_rule_that_keeps_every_out_of_fold_probability_is_named():
    rule = RankAverage().fit(np.array([[0.1, 0.2], [0.3, 0.1], [0.7, 0.8]]), np.array([0, 1, 1]))
    assert kept_rows(rule, frozenset()) == ["MeanRank.references_"]


def test_arrays_with_a_row_for_each_training_row_are_named_and_those_by_column_are_not():
    model = LogisticRegression().fit(np.eye(12), np.arange(12) % 2)
    model.own_, model.by_column_ = np.arange(24.0).reshape(12, 2), pd.Series(range(11))
    assert kept_rows(model, frozenset(), {12}) == []  # as many columns as rows: the number of rows tells nothing
    model.n_features_in_ = 11
    assert kept_rows(model, frozenset(), {12}) == ["LogisticRegression.own_"]


def test_as_many_penalties_as_rows_are_no_rows():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), np.arange(100) % 2
    X[:, 0] += y
    [model] = without_patient_rows([LassoSelector(random_state=0).fit(X, y)])
    assert len(model.alphas_) == len(X)  # both are counted in hundreds
    assert kept_rows(model, frozenset(), {len(X)}) == []


def test_what_self_training_tells_of_each_row_is_taken_out():
    X, y = np.arange(20.0)[:, None], np.where(np.arange(20) % 4, -1, np.arange(20) % 8 // 4)
    y[-3:] = 1
    model = without_patient_rows(SelfTrainedClassifier(LogisticRegression(), n_draws=1, confidence=0.5).fit(X, y))
    assert model.pseudo_labels_ is None and model.unlabeled_ is None
    assert kept_rows(model, frozenset(), {20, int((y < 0).sum())}) == [] and len(model.predict_proba(X)) == 20


def test_a_part_of_which_nobody_knows_what_it_keeps_is_refused_by_name(home, tmp_path):
    loaded = load_bundle(home / "out")
    loaded.models["idh"]["own"] = Nystroem(n_components=2).fit(np.eye(5))
    with pytest.raises(BundleError, match=r"hold .*Nystroem, of which nobody here knows.*hand on its report"):
        share_bundle(loaded, tmp_path / "bundle", KEY)
    loaded.models["idh"]["own"] = NormalScoreScaler().fit(np.arange(30.0)[:, None])
    with pytest.raises(BundleError, match=r"NormalScoreScaler\.numbers_.*hand on its report"):
        share_bundle(loaded, tmp_path / "bundle", KEY)
    assert not (tmp_path / "bundle").exists()


def test_ids_inside_models_are_found():
    model = KNeighborsClassifier()
    model.seen_ = {"rows": pd.Series([1.0], index=["TCGA-1"])}
    assert kept_rows(model, frozenset({"TCGA-1"})) == ["KNeighborsClassifier.seen_"]
    for held in (np.array([4711, 4712]), pd.Series([1.0], index=[4711]), {4711: 0.5}, np.array([4711.0, np.nan, 1.0])):
        model.seen_ = held
        assert kept_rows(model, frozenset({"4711"})) == ["KNeighborsClassifier.seen_"]
    model.seen_ = 4711  # an option
    assert kept_rows(model, frozenset({"4711"})) == kept_rows(model, frozenset({"30"}), ()) == []


def test_pseudonyms_are_the_same_for_the_same_key_and_their_own():
    other = Pseudonyms(b"another key of sixteen")
    assert KEY.of("P1") == Pseudonyms(b"a key of the maker's own").of("P1") != other.of("P1")
    assert KEY.of(KEY.of("P1")) == KEY.of("P1") != other.of(KEY.of("P1"))
    assert len({KEY.of(place) for place in range(1000)}) == 1000
    assert re.fullmatch("p[0-9a-f]{20}", KEY.of("007"))


def test_short_keys_are_refused(tmp_path):
    (tmp_path / "key").write_text("secret\n")
    with pytest.raises(RequestError, match="has 6 bytes; at least 16"):
        read_pseudonyms(tmp_path / "key")
    with pytest.raises(RequestError, match="cannot be read"):
        read_pseudonyms(tmp_path / "nowhere")


def test_a_run_under_pseudonyms_names_nobody_and_knows_its_patients_again(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = [str(home / "recipe.toml"), "--out", "out", "--store", "store", "--pseudonymize", "key"]
    told = CliRunner().invoke(run_command, asked)
    assert told.exit_code == 0, told.output
    for name, text in contents(tmp_path / "out"):
        assert "TCGA-" not in text and (tmp_path / "key").read_text().strip() not in text, name
    names = read_pseudonyms(tmp_path / "key")
    asked = ["out", str(home / "new.csv"), "--out", "p.csv", "--store", "store", "--pseudonymize", "key"]
    told = CliRunner().invoke(predict_command, asked)
    answer = pd.read_csv("p.csv", dtype=str)
    assert "TCGA-" not in (tmp_path / "p.csv").read_text()
    assert set(answer["patient_id"]) == {names.of("TCGA-124"), *(names.of(f"N{row}") for row in range(1, 12))}
    assert answer["note"].str.contains("trained on: ").sum() == 6, told.output


def test_failures_under_pseudonyms_name_neither_ids_nor_files():
    cohort = pd.DataFrame({"sample_id": ["P1-S1"], "patient_id": ["P1"], "t1": ["/home/anna/P1/T1 of P1.nii.gz"]})
    said = "T1 of P1.nii.gz is cut short: /home/anna/P1/T1 of P1.nii.gz of P1 (P1-S1), P12. Copy it again."
    failures = pd.DataFrame({"sample_id": [KEY.of("P1-S1")], "modality": "t1", "code": "x", "message": said})
    (message,) = without_names(failures, cohort, KEY)["message"]
    patient, sample = KEY.of("P1"), KEY.of("P1-S1")
    assert message == f"the file is cut short: the file of {patient} ({sample}), P12. Copy it again."


def test_predictions_under_pseudonyms_are_those_without(home, tmp_path):
    written = {}
    for name, further in (("plain", []), ("hidden", ["--pseudonymize", str(tmp_path / "key")])):
        asked = [str(home / "out"), str(home / "new.csv"), "--out", str(tmp_path / f"{name}.csv")]
        assert CliRunner().invoke(predict_command, [*asked, "--store", str(tmp_path / "s"), *further]).exit_code == 0
        written[name] = pd.read_csv(tmp_path / f"{name}.csv", dtype=str)
    names = read_pseudonyms(tmp_path / "key")
    assert written["hidden"]["sample_id"].tolist() == written["plain"]["sample_id"].map(names.of).tolist()
    for column in ("probability", "applicability", "distance"):
        assert written["hidden"][column].tolist() == written["plain"][column].tolist()
    trained = [table["note"].fillna("").str.startswith("trained on") for table in written.values()]
    assert trained[0].tolist() == trained[1].tolist() and trained[0].sum() == 6
    assert "TCGA-" not in (tmp_path / "hidden.csv").read_text()


def test_a_table_is_answered_as_json_with_the_numbers_of_the_csv(home, tmp_path):
    told = {}
    for name in ("answers.csv", "answers.json", "answers.json"):  # what it wrote itself it replaces
        asked = [
            str(home / "out"),
            str(home / "new.csv"),
            "--out",
            str(tmp_path / name),
            "--store",
            str(tmp_path / "s"),
        ]
        assert CliRunner().invoke(predict_command, asked).exit_code == 0
        told[name] = (tmp_path / name).read_text()
    table, answers = pd.read_csv(tmp_path / "answers.csv"), json.loads(told["answers.json"])
    assert [one["sample_id"] for one in answers] == table["sample_id"].tolist()
    for one, row in zip(answers, table.to_dict("records"), strict=True):
        idh, lying = one["outcomes"]["idh"], one["applicability"]
        assert idh["probability"]["1"] == row["probability"] and str(row["call"]) == idh["call"]
        assert (lying["verdict"], lying["distance"]) == (row["applicability"], row["distance"])
        assert one["missing"] == [] and one["spacing_mm"] is None and one["images"] == {}
        low, high = (idh["interval"] or {}).get("1") or (0.0, 1.0)
        assert 0 <= low < high <= 1 and one["similar"]["n"] == 10
        assert sum(one["similar"]["shares"]["idh"].values()) == pytest.approx(1)
    (tmp_path / "mine.json").write_text("[]")
    refused = CliRunner().invoke(predict_command, [*asked[:3], str(tmp_path / "mine.json"), *asked[4:]])
    assert refused.exit_code == 2 and (tmp_path / "mine.json").read_text() == "[]"


def test_pseudonyms_refuse_folds_by_name(home, tmp_path):
    recipe = RECIPE.format(folder=home).replace(
        "folds = 2\nrepeats = 1", 'split = "fixed"\ntest = ["TCGA-100-S1", "TCGA-101-S1", "TCGA-102-S1", "TCGA-103-S1"]'
    )
    (tmp_path / "recipe.toml").write_text(recipe)
    with pytest.raises(RequestError, match="names the samples of its folds"):
        run_recipe(tmp_path / "recipe.toml", out=tmp_path / "out", store=tmp_path, report=False, pseudonyms=KEY)
