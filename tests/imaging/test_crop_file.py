"""The crop file: what is written comes back to the last bit, and damage does not pass for pixels."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.preprocessing import FunctionTransformer

from radiofuse.errors import RequestError, StoreError
from radiofuse.imaging import CropIndex, Cropping, Crops, row_type, write_crops

CROPPING = Cropping(size=9, slices=2)
KIND = row_type(CROPPING.n_slices, CROPPING.size)
PAIRS = [("p-1", "t1"), ("p-2", "t1"), ("p-3", "flair"), ("p-1", "flair")]


@pytest.fixture
def records() -> np.ndarray:
    """Float32 of every magnitude; the second row has one slice only."""
    dice = np.random.default_rng(5)
    rows = np.zeros(len(PAIRS), KIND)
    rows["image"] = dice.normal(size=rows["image"].shape) * 10.0 ** dice.integers(-40, 38, rows["image"].shape)
    rows["mask"] = dice.integers(0, 2, rows["mask"].shape)
    rows["count"] = [2, 1, 2, 2]
    return rows


@pytest.fixture
def index() -> CropIndex:
    sample_ids, modalities = (list(part) for part in zip(*PAIRS, strict=True))
    return CropIndex(CROPPING.identity(), sample_ids, modalities, [f"key {n}" for n in range(len(PAIRS))])


@pytest.fixture
def path(tmp_path, index, records) -> Path:
    return write_crops(tmp_path / "crops", index, KIND, enumerate(records))


class TestReading:
    def test_every_bit_comes_back(self, path, records):
        crops = Crops.open(path)
        images, masks = crops.images([3, 0, 0]), crops.masks([3, 0, 0])
        assert (images.dtype, masks.dtype) == (np.float32, np.uint8)
        assert images.tobytes() == records["image"][[3, 0, 0]].tobytes()
        assert masks.tobytes() == records["mask"][[3, 0, 0]].tobytes()
        assert crops.counts(range(4)).tolist() == [2, 1, 2, 2]

    def test_what_it_says_of_itself(self, path, index):
        crops = Crops.open(path)
        assert (crops.size, crops.n_slices) == (9, 2)
        assert crops.identity == CROPPING.identity()
        assert (crops.sample_ids, crops.modalities, crops.keys) == (index.sample_ids, index.modalities, index.keys)
        assert path.stem == index.digest()

    def test_what_comes_back_is_the_callers_own(self, path):
        crops = Crops.open(path)
        crops.images([0])[:] = 7
        crops.verify()

    def test_pointers_are_nan_where_there_is_no_crop(self, path):
        table = Crops.open(path).pointer_table()
        assert table.index.name == "sample_id"
        assert list(table.columns) == ["t1__crop", "flair__crop"]
        expected = [[0, 3], [1, np.nan], [np.nan, 2]]
        np.testing.assert_array_equal(table.loc[["p-1", "p-2", "p-3"]], expected)

    def test_no_rows(self, path):
        crops = Crops.open(path)
        assert crops.images([]).shape == (0, 2, 9, 9)
        assert crops.counts([]).shape == (0,)

    def test_a_file_without_rows(self, tmp_path):
        crops = Crops.open(write_crops(tmp_path, CropIndex(CROPPING.identity(), [], [], []), KIND, []))
        assert crops.pointer_table().shape == (0, 0)
        assert (crops.n_slices, crops.images([]).shape) == (2, (0, 2, 9, 9))

    @pytest.mark.parametrize("row", [-1, 4])
    def test_a_row_that_is_not_there(self, path, row):
        with pytest.raises(RequestError, match=f"Row {row} was asked .* which has 4 rows"):
            Crops.open(path).images([0, row])


class TestWriting:
    def test_the_order_of_arrival_changes_no_byte(self, tmp_path, path, index, records):
        backwards = [(row, records[row]) for row in (3, 1, 2, 0, 1)]
        again = write_crops(tmp_path / "other", index, KIND, backwards)
        assert again.name == path.name
        for one, other in [(path, again), (path.with_suffix(".json"), again.with_suffix(".json"))]:
            assert one.read_bytes() == other.read_bytes()

    def test_any_reader_of_numpy_files_can_look_into_it(self, path, records):
        assert np.array_equal(np.load(path), records)

    def test_an_interrupted_write_leaves_nothing(self, tmp_path, index, records):
        def rows():
            yield 0, records[0]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_crops(tmp_path / "crops", index, KIND, rows())
        assert list((tmp_path / "crops").iterdir()) == []

    @pytest.mark.parametrize("part", ["identity", "sample_ids", "modalities", "keys"])
    def test_the_name_changes_with_every_part_of_the_index(self, index, part):
        changed = {**vars(index), part: {"other": 1} if part == "identity" else ["other"] * len(PAIRS)}
        assert CropIndex(**changed).digest() != index.digest()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def cut_in_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_index(path: Path) -> None:
    path.with_suffix(".json").unlink()


def cut_index(path: Path) -> None:
    cut(path.with_suffix(".json"))


def edited(change):
    def edit(path: Path) -> None:
        file = path.with_suffix(".json")
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return edit


def other_settings(content: dict) -> None:
    content["identity"]["cropping"]["size"] = 10


def fewer_rows(path: Path) -> None:
    np.save(path, np.load(path)[:3])


class TestDamage:
    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (Path.unlink, "absent, cut short or unreadable"),
            (cut, "absent, cut short or unreadable"),
            (cut_in_header, "absent, cut short or unreadable"),
            (empty, "absent, cut short or unreadable"),
            (no_index, "index is absent or damaged"),
            (cut_index, "index is absent or damaged"),
            (edited(lambda content: content.pop("keys")), "index is absent or damaged"),
            (edited(other_settings), "index is that of another file"),
            (edited(lambda content: content["keys"].reverse()), "index is that of another file"),
            (edited(lambda content: content.update(format=2)), "index is that of another file"),
            (fewer_rows, "3 rows where the index has 4"),
        ],
    )
    def test_is_noticed_on_opening(self, path, spoil, why):
        spoil(path)
        with pytest.raises(StoreError) as caught:
            Crops.open(path)
        assert why in str(caught.value)
        assert "Run the command that wrote it again" in str(caught.value)
        assert str(path.parent) not in str(caught.value)

    @pytest.mark.parametrize("place", [0.2, 0.5, -1])
    def test_a_changed_byte_is_noticed_by_verify(self, path, place):
        content = bytearray(path.read_bytes())
        content[int(place * len(content)) if place > 0 else place] ^= 1
        path.write_bytes(content)
        with pytest.raises(StoreError, match="do not match their checksum"):
            Crops.open(path).verify()


class TestTravel:
    def test_a_used_one_travels_as_its_path(self, path, records):
        crops = Crops.open(path)
        crops.images([0])
        packed = pickle.dumps(crops)
        assert len(packed) < 1000
        assert pickle.loads(packed).images([2]).tobytes() == records["image"][[2]].tobytes()

    def test_a_worker_reads_the_same_bits(self, path, records):
        (images,) = Parallel(n_jobs=2)([delayed(Crops.images)(Crops.open(path), [1, 2])])
        assert images.tobytes() == records["image"][[1, 2]].tobytes()

    def test_a_relative_path_survives_a_change_of_folder(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(path.parent)
        crops = Crops(path.name)
        monkeypatch.chdir(tmp_path)
        assert crops.counts([1]) == [1]

    def test_estimators_that_hold_one_can_be_cloned(self, path):
        estimator = clone(FunctionTransformer(kw_args={"crops": Crops.open(path)}))
        assert estimator.kw_args["crops"].path == path
