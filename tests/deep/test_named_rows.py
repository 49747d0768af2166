"""Pictures that got past the gate and cannot be used are refused by their sample and modality, not by a row number."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tiny_crops import SIZE, TINY, TRAINING  # noqa: E402

from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.pictures import BrokenRowError, named_rows  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import CohortError, ImageError  # noqa: E402
from radiofuse.imaging import CropIndex, Crops, row_type, write_crops  # noqa: E402
from radiofuse.store.arrays import ArrayBlock, ArrayStore  # noqa: E402
from radiofuse.store.pictures import PictureRow, write_pictures  # noqa: E402

N, BROKEN, PICTURE = 12, 7, 1
NAMES = [f"s{number:02d}" for number in range(N)]


def noise(size: int = SIZE) -> np.ndarray:
    """Two pictures of each sample; one pixel of one is no number."""
    images = np.random.default_rng(0).normal(100, 10, size=(N, 2, 1, size, size)).astype(np.float32)
    images[BROKEN, PICTURE, 0, 3, 3] = np.inf
    return images


def in_a_crop_file(folder):
    kind = row_type(2, SIZE)
    records = np.zeros(N, kind)
    records["count"], records["mask"], records["image"] = 2, 1, noise()[:, :, 0]
    index = CropIndex({"cropping": {"size": SIZE, "slices": 2}}, NAMES, ["flair"] * N, NAMES)
    return Crops.open(write_crops(folder, index, kind, enumerate(records)))


def in_the_store(folder):
    store, block = ArrayStore(folder), ArrayBlock("stack", {})
    for name, image in zip(NAMES, noise(), strict=True):
        mask = np.ones((2, SIZE, SIZE), np.uint8)
        store.write(block, name, {"image": image, "mask": mask})
    return write_pictures(store, [PictureRow(name, "flair", block, name) for name in NAMES], {})


def train(folder, pictures, rows, labels=None, **options):
    spec = EncoderSpec(TINY, Training.from_options(TRAINING), "cpu", **options)
    labels = [number % 2 for number in range(len(rows))] if labels is None else labels
    return EncoderCache(folder / "store").encoder(spec, pictures, rows, labels, rows, 0)


@pytest.mark.parametrize("lay_down", [in_a_crop_file, in_the_store])
@pytest.mark.parametrize("intensities", ["z_score", "min_max", "nyul"])
def test_a_picture_that_is_not_finite_is_named_in_training_and_of_a_new_patient(tmp_path, lay_down, intensities):
    pictures, sentence = lay_down(tmp_path), r"^Picture 1 of sample s07 \(flair\) holds NaN or infinite values; finite"
    with pytest.raises(ImageError, match=sentence) as raised:
        train(tmp_path, pictures, list(range(N))[::-1], intensities=intensities)
    assert raised.value.code == "not_finite"
    trained = train(tmp_path, pictures, list(range(6)), intensities=intensities)
    with pytest.raises(ImageError, match=sentence):
        EncoderCache(tmp_path / "store").embeddings(trained, pictures, [6, BROKEN, 8], device="cpu")


def test_a_class_that_is_missing_is_said_of_the_modality(tmp_path):
    with pytest.raises(CohortError, match="The table of pictures of flair to train on has 1 problem") as raised:
        train(tmp_path, in_a_crop_file(tmp_path), [0, 1, 2], labels=[1, 1, 1])
    assert "of 3 rows all have label 1. Add patients of the other class" in str(raised.value)


def test_a_refusal_travels_and_a_blank_row_that_fills_a_batch_is_nobody(tmp_path):
    broken = pickle.loads(pickle.dumps(BrokenRowError("code", "It is {whose}.", 5)))
    assert (str(broken), broken.code, broken.row) == ("It is row 5.", "code", 5)
    pictures = in_a_crop_file(tmp_path)
    with pytest.raises(BrokenRowError, match="It is row 5"), named_rows(pictures, [3, 4]):
        raise broken
    with pytest.raises(ImageError, match=r"It is sample s09 \(flair\)."), named_rows(pictures, range(4, 12)):
        raise broken
