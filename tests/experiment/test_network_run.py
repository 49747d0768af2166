"""Networks of several modalities in a recipe: trained end to end inside the folds, kept in the bundle, reused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from radiofuse.bundle.networks import networks_of  # noqa: E402
from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.bundle.read import read_table  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.errors import BundleError, RequestError  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

SIZE = 32
RECIPE = """
seed = 3
[cohort]
table = "phantom/cohort.csv"
label = "idh"
modalities = ["t1ce", "flair"]
[radiomics]
settings = "none"
[deep]
encoder = "tiny_encoder:TinyOfChannels"
size = 32
training = { epochs = 1, batch_size = 8 }
[evaluation]
folds = 2
repeats = 1
resamples = 100

[[models]]
name = "weighed"
kind = "network"
clinical = true
options = { fusion = "weighting", width = 8, scorer = 4, head = [8], modality_dropout = true }

[[models]]
name = "stacked"
kind = "network"
options = { fusion = "stacked", head = [], training = { epochs = 2 } }
"""

pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A folder with a phantom cohort of 20 patients and one finished run with two networks in out/."""
    folder = tmp_path_factory.mktemp("networks")
    make_phantom_cohort(folder / "phantom", n_patients=20, seed=1)
    (folder / "recipe.toml").write_text(RECIPE)
    run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", n_jobs=1)
    return folder


def test_networks_answer_for_every_patient_and_say_how_they_weigh(study):
    predictions = read_table(study / "out" / "bundle", "predictions")
    assert set(predictions["model"]) == {"weighed", "stacked", "clinical", "trivial"}
    weights = read_table(study / "out" / "bundle", "modality_weights")
    all_rows = weights[(weights["calls"] == "all") & (weights["class"].fillna("") == "")].set_index("member")
    assert set(all_rows.index) == {"t1ce", "flair", "clinical"}
    assert all_rows["mean"].sum() == pytest.approx(1)
    page = (study / "out" / "report.html").read_text()
    assert "network (weighting) on t1ce, flair and clinical" in page


def test_a_second_run_trains_nothing_and_gives_the_same_numbers(study):
    trained = sorted((study / "store" / "encoders").iterdir())
    run_recipe(study / "recipe.toml", out=study / "second", store=study / "store", report=False)
    assert sorted((study / "store" / "encoders").iterdir()) == trained
    first, second = (read_table(study / out / "bundle", "predictions") for out in ("out", "second"))
    pd.testing.assert_frame_equal(first, second)


def test_the_bundle_answers_for_new_patients_and_refuses_those_it_was_trained_on(study, tmp_path):
    bundle = load_bundle(study / "out")
    with pytest.raises(BundleError, match="hold no network of one modality, and maps show"):
        networks_of(bundle)
    table = make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9)
    new = pd.read_csv(table, dtype=str).iloc[:3]
    new = new.assign(sample_id="new-" + new["sample_id"], patient_id="new-" + new["sample_id"])
    new.loc[new.index[1], "flair__image"] = None
    old = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str).iloc[:1]
    files = [name for name in old if name.endswith(("image", "mask"))]
    old[files] = f"{study}/phantom/" + old[files]
    pd.concat([new, old]).to_csv(table, index=False)
    answers, failures = predict_cohort(bundle, table, store=tmp_path / "store")
    assert answers[["probability", "stacked"]].iloc[:3].notna().all(axis=None)
    assert np.isnan(answers["probability"].iloc[3])
    assert set(failures["code"]) == {"encoder_saw_it"}


def answered(bundle, rows: pd.DataFrame, path: Path, told: dict[str, float]) -> pd.DataFrame:
    """Return the answers of a bundle for rows with these features."""
    rows.assign(**told).to_csv(path, index=False)
    return predict_cohort(bundle, path, store=path.parent / "store")[0]


def test_radiomic_features_are_selected_and_guide_a_network_and_new_patients_bring_theirs(study, tmp_path):
    table = pd.read_csv(study / "phantom" / "cohort.csv", dtype=str)
    rng = np.random.default_rng(0)
    told = {f"{name}__{what}": rng.normal(size=len(table)) for name in ("t1ce", "flair") for what in ("a", "b", "c")}
    table.assign(**told).to_csv(study / "phantom" / "told.csv", index=False)
    (study / "guided.toml").write_text(
        RECIPE[: RECIPE.index("[[models]]")].replace("cohort.csv", "told.csv")
        + '[[models]]\nname = "guided"\nkind = "network"\nselect = { method = "none" }\n'
        + 'options = { fusion = "radiomics_attention", width = 8, scorer = 4, head = [] }\n'
    )
    run_recipe(study / "guided.toml", out=study / "guided", store=study / "store", n_jobs=1)
    page = (study / "guided" / "report.html").read_text()
    assert "approximation of Zhang et al. (2022), whose code is not public" in page
    assert "Radiomic features: all features kept." in page
    weights = read_table(study / "guided" / "bundle", "modality_weights")
    assert set(weights["member"]) == {"t1ce", "flair"}
    cohort, bundle = make_phantom_cohort(tmp_path / "new", n_patients=20, seed=9), load_bundle(study / "guided")
    new = pd.read_csv(cohort, dtype=str).iloc[:2].assign(sample_id=["n1", "n2"], patient_id=["n1", "n2"])
    answers, others = (answered(bundle, new, cohort, {**dict.fromkeys(told, 0.0), "t1ce__a": a}) for a in (0.0, 5.0))
    assert answers["probability"].notna().all()
    assert (others["probability"] != answers["probability"]).all()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ('fusion = "stacked"', 'fusion = "radiomics_attention"'),
            "Modality t1ce has no radiomic features with settings",
        ),
        (
            ('name = "stacked"', 'name = "stacked"\nselect = { method = "none" }'),
            "select chooses radiomic features, and of the networks",
        ),
        (('fusion = "stacked"', 'fusoin = "stacked"'), "no option 'fusoin'; choose from .*fusion"),
        (('fusion = "stacked"', 'fusion = "stakced"'), "The 'fusion' parameter of ImageFusion"),
        (("head = []", "head = [0]"), "head holds 0"),
        (("head = []", 'encoder = "san10"'), "san10_roi72"),
        (("epochs = 2", "epoch = 2"), "No training option is called 'epoch'"),
        (("clinical = true", 'join = "auto"'), "join says nothing to a model of kind 'network'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_computed(study, tmp_path, change, expected):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace(*change).replace("phantom/", f"{study}/phantom/"))
    with pytest.raises(RequestError, match=expected):
        run_recipe(recipe, out=tmp_path / "out", store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_network_needs_deep(study, tmp_path):
    text, recipe = RECIPE.replace("phantom/", f"{study}/phantom/"), tmp_path / "recipe.toml"
    recipe.write_text(text[: text.index("[deep]")] + text[text.index("[evaluation]") :])
    with pytest.raises(RequestError, match=r"has no \[deep\]"):
        run_recipe(recipe, out=tmp_path / "out", store=tmp_path / "store")
