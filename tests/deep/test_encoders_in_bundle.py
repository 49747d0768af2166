"""A bundle with encoders inside: weights beside the model, and no path of the machine that made it."""

from __future__ import annotations

import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops  # noqa: E402

from radiofuse.bundle import ENCODERS, MODEL, TABLES, encoding_steps, load_bundle, save_bundle  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder  # noqa: E402
from radiofuse.fuse import ConstraintFusion, LateFusion  # noqa: E402
from radiofuse.models import Constrained  # noqa: E402

DESCRIPTION = {
    "title": "A test",
    "label": "idh",
    "positive": "1",
    "modalities": ["t1"],
    "synthetic": True,
    "radiofuse_version": "0",
    "as_published": [],
    "warnings": [],
    "protocol": {"selector": "none", "classifier": "logistic", "primary": "mean", "n_repeats": 1, "n_splits": 5},
}


def test_no_path_of_this_machine_is_in_it_and_the_models_in_memory_keep_theirs(tmp_path):
    crops = make_crops(tmp_path / "a_private_folder", signal=1.0)
    X = crops.pointer_table()
    shared = {"crops": crops, "cache": tmp_path / "a_private_folder", "training": TRAINING, "random_state": 0}
    chain = Pipeline([("encode", CropEncoder(TINY, cv=2, **shared)), ("classify", LogisticRegression())])
    members = [("t1", chain), ("t1deep", CropClassifier(TINY, **shared))]
    model = LateFusion(members, columns={"t1deep": ["t1__crop"]}).fit(X, labels(X))
    other = Constrained(ConstraintFusion([("t1", chain)], method={"t1": ["t1"]}, epochs=2), "one").fit(X, labels(X))
    tables = {name: pd.DataFrame({"sample_id": ["a"]}) for name in TABLES}
    options = {"recipe": "", "description": DESCRIPTION, "tables": tables, "others": {"one": other}}
    before = [dict(vars(step)) for one in (model, other) for step in encoding_steps(one)]
    folder = save_bundle(tmp_path / "bundle", model=model, **options)
    assert b"a_private_folder" not in (folder / MODEL).read_bytes()
    assert len(list((folder / ENCODERS).iterdir())) == 2
    assert [vars(step) for one in (model, other) for step in encoding_steps(one)] == before
    assert chain["encode"].crops is model.estimators[0][1]["encode"].crops is crops
    loaded = load_bundle(folder)
    for step in [*encoding_steps(loaded.model), *encoding_steps(loaded.others["one"])]:
        assert step.crops is None
        assert step.encoder_.module().embedding_dim == 4
