"""Features by an encoder that stays as it is: the same for everybody in every fold, without a cross-fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from tiny_crops import make_crops  # noqa: E402

from radiofuse.deep import CropClassifier, CropEncoder, make_encoder  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402

NAME, OPTIONS = "mobilenet_v2", {"width": 0.125}


@pytest.fixture
def options(tmp_path):
    save_file(make_encoder(NAME, 4, options=OPTIONS).state_dict(), tmp_path / "file.safetensors")
    chosen = {**OPTIONS, "weights": str(tmp_path / "file.safetensors"), "frozen": True}
    return {"encoder": NAME, "options": chosen, "cache": tmp_path / "store", "random_state": 0, "device": "cpu"}


def test_training_rows_get_what_new_rows_get_and_no_label_moves_it(options, tmp_path):
    crops = make_crops(tmp_path / "crops", n=12, size=32)
    X, y = crops.pointer_table(), np.arange(12) % 2
    encoder = CropEncoder(crops=crops, **options)
    first = encoder.fit_transform(X, y)
    assert encoder.inner_encoders_ == [] and encoder.training_ids() == frozenset()
    np.testing.assert_array_equal(first, encoder.transform(X))  # nobody is refused: it was trained on nobody
    np.testing.assert_array_equal(first, CropEncoder(crops=crops, **options).fit_transform(X, 1 - y))
    assert first.shape == (12, 160) and np.isfinite(first.to_numpy()).all()


def test_it_is_carried_to_where_its_file_is_not(options, tmp_path):
    crops = make_crops(tmp_path / "crops", n=8, size=32)
    X, y = crops.pointer_table(), np.arange(8) % 2
    encoder = CropEncoder(crops=crops, **options)
    features = encoder.fit_transform(X, y)
    carried = encoder.portable(tmp_path / "bundle")
    (tmp_path / "file.safetensors").unlink()
    assert "file.safetensors" not in str(carried.encoder_.card)
    there = carried.attached(weights=tmp_path / "bundle", crops=crops, cache=tmp_path / "another")
    np.testing.assert_array_equal(features, there.transform(X))


def test_a_whole_network_of_a_file_is_carried_in_the_bundle(options, tmp_path):
    plain = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with warnings.catch_warnings():  # torch would have networks exported otherwise; files of this kind are read on
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.trace(plain.eval(), torch.zeros(2, 1, 32, 32)).save(str(tmp_path / "net.pt"))
    crops = make_crops(tmp_path / "crops", n=8, size=32)
    X, y = crops.pointer_table(), np.arange(8) % 2
    chosen = options | {"encoder": "torchscript", "options": {"weights": str(tmp_path / "net.pt")}}
    encoder = CropEncoder(crops=crops, **chosen)
    features = encoder.fit_transform(X, y)
    assert features.shape == (8, 3)
    carried = encoder.portable(tmp_path / "bundle")
    (tmp_path / "net.pt").unlink()
    there = carried.attached(weights=tmp_path / "bundle", crops=crops, cache=tmp_path / "another")
    np.testing.assert_array_equal(features, there.transform(X))


def test_it_has_no_answer_of_its_own(options, tmp_path):
    crops = make_crops(tmp_path / "crops", n=8, size=32)
    with pytest.raises(RequestError, match="frozen"):
        CropClassifier(crops=crops, **options).fit(crops.pointer_table(), np.arange(8) % 2)
    with pytest.raises(RequestError, match="frozen"):
        CropEncoder(crops=crops, output="logit", **options).fit(crops.pointer_table(), np.arange(8) % 2)
