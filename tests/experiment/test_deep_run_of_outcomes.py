"""Encoders of two outcomes in one run, one of three classes: each has its own training, and all are in the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from radiofuse.bundle.predict import predict_cohort  # noqa: E402
from radiofuse.bundle.read import read_table  # noqa: E402
from radiofuse.datasets import make_phantom_cohort  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.experiment.run import run_recipe  # noqa: E402
from radiofuse.fuse import holders  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

RECIPE = """
[cohort]
table = "phantom/cohort.csv"
modalities = ["t1ce"]
[[outcomes]]
column = "idh"
[[outcomes]]
column = "who_grade"
kind = "multiclass"
[radiomics]
settings = "none"
[deep]
encoder = "tiny_encoder:TinyOfClasses"
join = "columns"
output = "logit"
folds = 2
size = 32
training = { epochs = 1, batch_size = 8 }
[select]
method = "none"
[fusion]
combine = ["mean"]
calibrate = false
[evaluation]
folds = 2
repeats = 1
resamples = 100
[[models]]
[[models]]
name = "network"
reads = ["deep"]
"""


pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("outcomes")
    table = make_phantom_cohort(folder / "phantom", n_patients=24, seed=1)
    cohort = pd.read_csv(table)
    grade = pd.factorize(cohort["patient_id"])[0] % 3 + 2
    cohort[["sample_id", "patient_id", "mask", "t1ce__image", "idh"]].assign(who_grade=grade).to_csv(table, index=False)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def test_each_outcome_has_encoders_of_its_own(folder):
    out = run_recipe(folder / "recipe.toml", out=folder / "out", store=folder / "store", report=False)
    predictions = read_table(out / "bundle", "predictions")
    classes = predictions.groupby("outcome", sort=False)["class"].agg(lambda one: list(one.unique()))
    assert classes["who_grade"] == ["2", "3", "4"] and len(classes["idh"]) == 1
    sums = predictions.query("outcome == 'who_grade'").groupby(["model", "sample_id"])["probability"].sum()
    np.testing.assert_allclose(sums, 1)
    bundle = load_bundle(out)
    networks = {name: models["network"].model_.members_["t1ce"] for name, models in bundle.models.items()}
    assert [networks[name].encoder_.n_classes for name in ("idh", "who_grade")] == [2, 3]
    assert len({one.encoder_.key for one in holders(bundle.models) if hasattr(one, "encoder_")}) == 2
    chain = bundle.models["who_grade"]["fusion"].members_["t1ce"]
    assert chain[:-1].get_feature_names_out().tolist() == [f"t1ce__tinyofclasses_logit_{one}" for one in (1, 2, 3)]
    make_phantom_cohort(folder / "new", n_patients=20, seed=9)
    new = pd.read_csv(folder / "new" / "cohort.csv").iloc[:2]
    new[["sample_id", "patient_id"]] = [["n0", "n0"], ["n1", "n1"]]
    new[["sample_id", "patient_id", "mask", "t1ce__image"]].to_csv(folder / "new" / "two.csv", index=False)
    told, _ = predict_cohort(bundle, folder / "new" / "two.csv", store=folder / "store")
    assert told["class"].tolist()[1:4] == ["2", "3", "4"] and told[["probability", "network_t1ce"]].notna().all(
        axis=None
    )


def test_an_encoder_of_two_classes_is_refused_before_anything_is_trained(folder):
    (folder / "two.toml").write_text(RECIPE.replace("TinyOfClasses", "Tiny"))
    with pytest.raises(RequestError, match="'tiny_encoder:Tiny' knows two classes, and the outcome has 3"):
        run_recipe(folder / "two.toml", out=folder / "refused", store=folder / "store", report=False)
