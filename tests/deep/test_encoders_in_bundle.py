"""A bundle with encoders inside: weights beside the model, and no path of the machine that made it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from tiny_crops import TINY, TRAINING, labels, make_crops  # noqa: E402

from radiofuse.bundle.format import ENCODERS, MODEL  # noqa: E402
from radiofuse.bundle.write import save_bundle  # noqa: E402
from radiofuse.deep import CropClassifier, CropEncoder  # noqa: E402
from radiofuse.fuse import ConstraintFusion, LateFusion, attached, holders, portable  # noqa: E402
from radiofuse.fuse.named import Named  # noqa: E402
from tests.bundle_tables import tables_of  # noqa: E402
from tests.trusting import load_bundle  # noqa: E402

DESCRIPTION = {
    "title": "A test",
    "outcomes": [{"name": "idh", "kind": "binary", "classes": ["0", "1"], "ordered": False}],
    "modalities": ["t1"],
    "synthetic": True,
    "radiofuse_version": "0",
    "as_published": [],
    "warnings": [],
    "protocol": {"selector": "none", "classifier": "logistic", "primary": "mean", "repeats": 1, "folds": 5},
}


def test_no_path_of_this_machine_is_in_it_and_the_models_in_memory_keep_theirs(tmp_path):
    crops = make_crops(tmp_path / "a_private_folder", signal=1.0)
    X = crops.pointer_table()
    shared = {"crops": crops, "cache": tmp_path / "a_private_folder", "training": TRAINING, "random_state": 0}
    chain = Pipeline([("encode", CropEncoder(TINY, cv=2, **shared)), ("classify", LogisticRegression())])
    members = [("t1", chain), ("t1deep", CropClassifier(TINY, **shared))]
    model = LateFusion(members, columns={"t1deep": ["t1__crop"]}).fit(X, labels(X))
    other = Named(ConstraintFusion([("t1", chain)], method={"t1": ["t1"]}, epochs=2), "one").fit(X, labels(X))
    models = {"idh": {"fusion": model, "one": other}}
    options = {"recipe": "", "description": DESCRIPTION, "tables": tables_of()}
    before = [dict(vars(step)) for step in holders(model, other)]
    folder = save_bundle(tmp_path / "bundle", models=models, **options)
    assert b"a_private_folder" not in (folder / MODEL).read_bytes()
    assert len(list((folder / ENCODERS).iterdir())) == 2
    assert [vars(step) for step in holders(model, other)] == before
    assert chain["encode"].crops is model.estimators[0][1]["encode"].crops is crops
    loaded = load_bundle(folder)
    fitted = [step for step in holders(*loaded.models.values()) if hasattr(step, "encoder_")]
    assert len(fitted) == 3
    for step in fitted:
        assert step.crops is None
        assert step.encoder_.module().embedding_dim == 4
    new = make_crops(tmp_path / "new", n=9, seed=5, names="n")
    there, here = (attached(one, crops=new, cache=tmp_path / "cache") for one in (loaded.model, model))
    rows = new.pointer_table()
    assert there.predict_proba_each(rows).to_numpy().tobytes() == here.predict_proba_each(rows).to_numpy().tobytes()


def test_what_holds_files_is_found_wherever_it_stands_and_stays_one_object(tmp_path):
    encoder, plain = CropEncoder(TINY, crops="a", cache="b"), LogisticRegression()
    chain = Pipeline([("encode", encoder), ("classify", plain)])
    model = {"fusion": LateFusion([("t1", chain), ("t2", plain)]), "again": [(chain,)]}
    assert holders(model) == [encoder]
    moved = portable(model, tmp_path / "encoders")
    assert moved["again"][0][0] is moved["fusion"].estimators[0][1]
    assert (moved["again"][0][0]["encode"].crops, encoder.crops) == (None, "a")
    assert moved["fusion"].estimators[1][1] is plain
    assert portable(plain, tmp_path) is plain
    assert not (tmp_path / "encoders").exists()
    (unfitted,) = holders(moved)
    assert (unfitted.training_ids(), unfitted.version_warning()) == (frozenset(), "")
