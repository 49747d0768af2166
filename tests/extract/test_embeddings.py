"""Embeddings of a cohort by an encoder with fixed weights; its own training tumors are refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import BundleError, ImageError, RequestError  # noqa: E402
from radiofuse.extract import EmbeddingExtractor, collect_crops, collect_features, label_of_masks  # noqa: E402
from radiofuse.imaging import Cropping, write_volume  # noqa: E402
from radiofuse.store import FeatureStore  # noqa: E402

NET = """
import torch


class Net(torch.nn.Module):
    embedding_dim = 3

    def __init__(self):
        super().__init__()
        self.axes = torch.nn.Linear(256, 3)
        self.classify = torch.nn.Linear(3, 2)

    def embed(self, x):
        return self.axes(x.flatten(1))

    def forward(self, x):
        return self.classify(self.embed(x))
"""
ENCODER = "small_net:Net"


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Ten tumors on disk, and an encoder that stands in a module of its own."""
    (tmp_path / "small_net.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    rng, rows = np.random.default_rng(0), []
    for number in range(10):
        image, mask = tmp_path / f"{number}.nii.gz", tmp_path / f"{number}_mask.nii.gz"
        region = np.zeros((8, 12, 12), np.uint8)
        region[2 : 5 + number % 3, 3:9, 2:10] = 1
        write_volume(image, rng.normal(100, 20, size=region.shape).astype(np.float32), spacing_mm=(1, 1, 1))
        write_volume(mask, region, spacing_mm=(1, 1, 1))
        rows.append({"sample_id": f"s{number}", "t1__image": str(image), "t1__mask": str(mask)})
    return pd.DataFrame(rows)


@pytest.fixture
def trained(cohort, tmp_path):
    """Trained on the first six."""
    crops = collect_crops(cohort, Cropping(size=16, slices=2), FeatureStore(tmp_path / "store")).crops
    spec = EncoderSpec(ENCODER, Training.from_options({"epochs": 1}), "cpu")
    encoder = EncoderCache(tmp_path / "store").encoder(spec, crops, range(6), [0, 1] * 3, list("abcdef"), 1)
    return encoder, crops


def make(trained, **options):
    return EmbeddingExtractor(ENCODER, weights=trained[0].folder, device="cpu", **options)


def test_it_embeds_new_tumors_as_the_cache_does(cohort, trained, tmp_path):
    extractor = make(trained)
    expected = EncoderCache(tmp_path / "store").embeddings(*trained, range(6, 10), device="cpu")[:, :-1]
    found = [extractor.extract(row.t1__image, row.t1__mask) for row in cohort.iloc[6:].itertuples()]
    assert np.allclose(found, expected, atol=1e-6)
    assert [features.name for features in found] == ["net"] * 4
    assert found[0].index.to_list() == extractor.feature_names() == ["net_0001", "net_0002", "net_0003"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_cohort_goes_through_it_and_training_tumors_are_listed(cohort, trained, tmp_path, jobs):
    features = collect_features(cohort, make(trained), FeatureStore(tmp_path / "new"), n_jobs=jobs)
    assert features.table.columns.to_list() == ["t1__net_0001", "t1__net_0002", "t1__net_0003"]
    assert features.table.notna().all(axis=1).to_list() == [False] * 6 + [True] * 4
    assert set(features.failures["code"]) == {"encoder_saw_it"}
    assert features.failures["sample_id"].to_list() == [f"s{number}" for number in range(6)]


def test_a_copy_under_another_name_and_format_is_refused_too(cohort, trained, tmp_path):
    import SimpleITK as sitk

    for part in ("image", "mask"):
        sitk.WriteImage(sitk.ReadImage(cohort.at[2, f"t1__{part}"]), tmp_path / f"copy_{part}.nrrd")
    with pytest.raises(ImageError, match="trained on this very tumor") as caught:
        make(trained).extract(tmp_path / "copy_image.nrrd", tmp_path / "copy_mask.nrrd")
    assert caught.value.code == "encoder_saw_it"
    images = [sitk.ReadImage(cohort.at[2, f"t1__{part}"]) for part in ("image", "mask")]
    with pytest.raises(ImageError, match="trained on this very tumor"):
        make(trained).extract(*images)


def test_training_tumors_are_refused_however_new_ones_are_cropped(cohort, trained):
    extractor = make(trained, cropping=Cropping(size=16, slices=1))
    with pytest.raises(ImageError, match="trained on this very tumor"):
        extractor.extract(*cohort.loc[2, ["t1__image", "t1__mask"]])
    assert extractor.extract(*cohort.loc[8, ["t1__image", "t1__mask"]]).shape == (3,)


def test_a_batch_table_that_names_no_label_takes_1_unless_the_caller_names_one(trained):
    table = pd.DataFrame({"sample_id": ["a"]})
    table.attrs["mask_label"] = 1
    for named, label in (({}, 1), ({"label": "any"}, "any"), ({"label": 2}, 2)):
        assert label_of_masks(table, pickle.loads(pickle.dumps(make(trained, **named)))) == label


def test_block_follows_weights_and_cropping(trained):
    same, other = make(trained), make(trained, cropping=Cropping(size=16, slices=1))
    assert same.cropping == Cropping(size=16, slices=2)
    assert same.block() == make(trained).block()
    assert same.block() != other.block()


def test_it_survives_a_pickle(cohort, trained):
    extractor = make(trained)
    again = pickle.loads(pickle.dumps(extractor))
    pair = cohort.loc[8, ["t1__image", "t1__mask"]]
    assert np.array_equal(again.extract(*pair, as_array=True), extractor.extract(*pair))


def test_weights_by_file_and_what_is_refused(trained, tmp_path):
    folder: Path = trained[0].folder
    (file,) = folder.glob("*.safetensors")
    assert EmbeddingExtractor(ENCODER, weights=file).block() == make(trained).block()
    with pytest.raises(RequestError, match="holds 0 trained encoders"):
        EmbeddingExtractor(ENCODER, weights=tmp_path)
    with pytest.raises(RequestError, match="weights of small_net:Net, not of san10_small"):
        EmbeddingExtractor("san10_small", weights=folder)
    (tmp_path / "alone").mkdir()
    lonely = tmp_path / "alone" / file.name
    lonely.write_bytes(file.read_bytes())
    with pytest.raises(BundleError, match="no card beside it"):
        EmbeddingExtractor(ENCODER, weights=lonely)
