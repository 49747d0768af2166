"""Embeddings of networks that were trained by themselves, side by side, and a head that learns from them."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tiny_crops import labels, make_crops, patients

torch = pytest.importorskip("torch")

from radiofuse.deep import CropEncoder  # noqa: E402
from radiofuse.fuse import JoinedFeatures, attached  # noqa: E402

MODALITIES = ("t1", "t2")
WIDTH = 160  # numbers of the embedding of MobileNetV2 at an eighth of its width, which has batch normalization
TRAINING = {"epochs": 1, "batch_size": 8, "flips": False, "rotation_deg": 0.0}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Encoders of each modality fitted by themselves, the fusion fitted on them, its table and its folder."""
    folder = tmp_path_factory.mktemp("joined")
    crops = make_crops(folder, n=16, modalities=MODALITIES, size=32, signal=1.0)
    options = {"crops": crops, "cache": folder / "store", "options": {"width": 0.125}, "training": TRAINING}
    encoder = CropEncoder("mobilenet_v2", **options, cv=2, random_state=0)
    X = crops.pointer_table().assign(clinical__age=np.arange(16.0) % 5)
    X.loc["s03", "t2__crop"] = np.nan
    y, groups = labels(X), patients(X)
    alone = {}
    for name in MODALITIES:
        has = X[f"{name}__crop"].notna().to_numpy()
        alone[name] = CropEncoder(**encoder.get_params()).fit(X.loc[has, [f"{name}__crop"]], y[has], groups[has])
    before = {name: digests(one) for name, one in alone.items()}
    members = [(name, make_pipeline(encoder, StandardScaler(), LogisticRegression())) for name in MODALITIES]
    members.append(("clinical", make_pipeline(StandardScaler(), LogisticRegression())))
    model = JoinedFeatures(members, LogisticRegression(), random_state=0).fit(X, y, groups)
    return alone, before, model, folder


def digests(encoder: CropEncoder) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(encoder.encoder_.folder.iterdir())]


def new_rows(model: JoinedFeatures, folder) -> tuple[JoinedFeatures, pd.DataFrame]:
    others = make_crops(folder / "others", n=4, modalities=MODALITIES, size=32, seed=9, names="n")
    return attached(model, crops=others), others.pointer_table().assign(clinical__age=2.0)


def test_the_head_reads_the_embeddings_of_all_networks_and_the_clinical_columns(fitted):
    _, _, model, _ = fitted
    assert model.head_.n_features_in_ == len(MODALITIES) * WIDTH + 1


def test_networks_and_what_batch_normalization_knows_stay_as_they_are(fitted):
    alone, before, model, folder = fitted
    for name, encoder in alone.items():
        assert model.members_[name][0].encoder_.key == encoder.encoder_.key  # the one that was trained by itself
    there, X = new_rows(model, folder)
    first = there.predict_proba(X)
    assert np.isfinite(first).all() and len(np.unique(first[:, 1])) == 4
    np.testing.assert_allclose(first[:2], there.predict_proba(X.head(2)), rtol=1e-12)  # no statistics of a batch
    assert {name: digests(one) for name, one in alone.items()} == before


def test_the_head_learned_from_networks_that_had_not_seen_its_rows(fitted):
    _, _, model, _ = fitted
    for name in MODALITIES:
        inner = model.members_[name][0].inner_encoders_
        seen = [one.training_ids for one in inner]
        assert len(inner) == 2 and not seen[0] & seen[1]  # each row is held out of one of them
