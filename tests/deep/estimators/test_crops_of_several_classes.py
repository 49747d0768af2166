"""Encoders of outcomes of three classes: softmax in the order of the classes, cross-fitted, kept, alone and fused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from scipy.special import softmax  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from tiny_crops import IDENTITY, SIZE, TINY, TRAINING  # noqa: E402

from radiofuse.deep import CropClassifier, CropEncoder, embed, make_encoder, training_sets  # noqa: E402
from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.scaling import scaled  # noqa: E402
from radiofuse.deep.training.examples import Examples, held_out_rows  # noqa: E402
from radiofuse.errors import CohortError, RequestError  # noqa: E402
from radiofuse.fuse import LateFusion, portable  # noqa: E402
from radiofuse.imaging import CropIndex, Crops, row_type, write_crops  # noqa: E402

BY_CLASS = "tiny_encoder:TinyOfClasses"
GRADES = np.array(["G2", "G3", "G4"])


@pytest.fixture(scope="module")
def crops(tmp_path_factory) -> Crops:
    """A third of the rows is brighter in the upper half, a third in the left one."""
    kind, rng = row_type(2, SIZE), np.random.default_rng(0)
    records = np.zeros(36, kind)
    for row, record in enumerate(records):
        record["count"] = 1
        record["image"][0] = rng.normal(100, 10, size=(SIZE, SIZE))
        record["image"][0, : SIZE // 2] += 30 * (row % 3 == 1)
        record["image"][0, :, : SIZE // 2] += 30 * (row % 3 == 2)
        record["mask"][0] = 1
    names = [f"s{row:02}" for row in range(36)]
    index = CropIndex(IDENTITY, names, ["t1"] * 36, [f"key-{name}" for name in names])
    return Crops.open(write_crops(tmp_path_factory.mktemp("crops") / "crops", index, kind, enumerate(records)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


def options(crops, cache, **own):
    training = {**TRAINING, "epochs": 30, "balance": "weights"}
    shared = {"encoder": BY_CLASS, "crops": crops, "cache": cache, "training": training, "device": "cpu"}
    return {**shared, "random_state": 7, **own}


def rows(crops, part=slice(None)) -> tuple[pd.DataFrame, np.ndarray]:
    table = crops.pointer_table()
    return table.iloc[part], (np.arange(36) % 3)[part]


def test_a_network_answers_by_the_softmax_of_its_logits_in_the_order_of_the_classes(crops, cache):
    X, y = rows(crops, slice(24))
    new, truth = rows(crops, slice(24, 36))
    model = CropClassifier(**options(crops, cache)).fit(X, GRADES[y])
    told = model.predict_proba(new)
    assert model.classes_.tolist() == GRADES.tolist() and told.shape == (12, 3)
    trained = model.encoder_
    new_rows = range(24, 36)
    pictures = scaled(crops.pictures(new_rows), crops.counts(new_rows), trained.scaling)
    _, logits = embed(trained.module(), pictures, crops.counts(new_rows), device="cpu", n_classes=3)
    np.testing.assert_allclose(told, softmax(logits, axis=1), atol=1e-5)
    assert roc_auc_score(truth, told, multi_class="ovr") > 0.9
    assert (model.predict(new) == GRADES[truth]).mean() > 0.7


def test_training_rows_get_the_logits_of_encoders_that_never_saw_them(crops, cache):
    X, y = rows(crops, slice(24))
    model = CropEncoder(**options(crops, cache, output="logit", cv=3))
    features = model.fit_transform(X, y)
    assert features.columns.tolist() == [f"t1__tinyofclasses_logit_{number}" for number in (1, 2, 3)]
    np.testing.assert_allclose(features.sum(axis=1), 0, atol=1e-9)
    for trained in model.inner_encoders_:
        held_out = [place for place, name in enumerate(X.index) if name not in trained.training_ids]
        logits = EncoderCache(cache).embeddings(trained, crops, held_out, device="cpu")[:, -3:]
        logits = logits - logits.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(features.iloc[held_out], logits)
    embedded = CropEncoder(**options(crops, cache, cv=3)).fit_transform(X, y)
    assert embedded.shape == (24, 4)


def test_an_encoder_of_three_classes_is_kept_and_moved(crops, cache, tmp_path):
    X, y = rows(crops, slice(24))
    new, _ = rows(crops, slice(24, 36))
    model = CropClassifier(**options(crops, cache)).fit(X, y)
    assert model.encoder_.n_classes == 3
    moved = portable(model, tmp_path / "encoders").attached(weights=tmp_path / "encoders", crops=crops, cache=cache)
    np.testing.assert_array_equal(moved.predict_proba(new), model.predict_proba(new))


def test_a_fusion_takes_networks_of_three_classes_as_members(crops, cache):
    X, y = rows(crops, slice(24))
    fusion = LateFusion([("t1", CropClassifier(**options(crops, cache)))], random_state=0).fit(X, GRADES[y])
    each = fusion.predict_proba_each(rows(crops, slice(24, 36))[0])
    np.testing.assert_allclose(each["mean"].sum(axis=1), 1)
    (planned,) = training_sets(X[["t1__crop"]], y, splits=[np.arange(24)], random_state=7)
    assert planned.n_classes == 3 and set(planned.labels) == {0, 1, 2}
    assert fusion.members_["t1"].encoder_ == EncoderCache(cache).encoder(
        model_spec(fusion), crops, planned.rows, planned.labels, planned.groups, 7, 3
    )


def model_spec(fusion):
    from radiofuse.deep.estimators.workbench import Workbench

    return Workbench.of(fusion.members_["t1"]).spec


def test_what_cannot_be_trained_is_refused(crops, cache):
    X, y = rows(crops)
    with pytest.raises(RequestError, match="'tiny_encoder:Tiny' knows two classes, and the outcome has 3"):
        CropClassifier(**options(crops, cache, encoder=TINY)).fit(X, y)
    lacking = X.where(y[:, None] != 1)
    with pytest.raises(CohortError, match="none has label 1 of 3 classes"):
        CropEncoder(**options(crops, cache)).fit(lacking, y)
    with pytest.raises(RequestError, match="Two classes or more were expected, y holds"):
        CropClassifier(**options(crops, cache)).fit(X, y * 0)


def test_weights_and_held_out_patients_are_of_every_class():
    labels = np.repeat([0, 1, 2], [4, 8, 12])
    pictures, counts = np.zeros((24, 1, 2, 2), np.float32), np.ones(24, int)
    examples = Examples.of(pictures, counts, labels, torch.device("cpu"), np.ones(24, bool))
    weights = examples.class_weights(3).numpy()
    np.testing.assert_allclose(weights * [4, 8, 12], 8)
    held_out = held_out_rows(labels, np.arange(24).astype(str), 0.25, 0)
    assert np.bincount(labels[held_out]).tolist() == [1, 2, 3]


def test_a_small_san_net_is_made_for_three_classes():
    net = make_encoder("san10_small", 0, 3)
    assert net.eval()(torch.zeros(1, 1, 72, 72)).shape == (1, 3)
    two = make_encoder("san10_small", 0).state_dict()
    kept = [name for name, tensor in net.state_dict().items() if not name.startswith("classify")]
    assert all(torch.equal(two[name], net.state_dict()[name]) for name in kept)
