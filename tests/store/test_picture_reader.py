"""Pictures behind files: order and counts against one array, few open files, images known again without their mask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofuse.errors import RequestError
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from radiofuse.store.picture_reader import PictureReader
from radiofuse.store.pictures import PictureRow, Pictures, write_pictures

resource = pytest.importorskip("resource")


def a_reader(folder: Path, values: np.ndarray, counts: np.ndarray) -> PictureReader:
    parts = np.split(values, np.cumsum(counts)[:-1])
    files = [folder / f"{row}.npy" for row in range(len(parts))]
    for file, part in zip(files, parts, strict=True):
        np.save(file, part)
    return PictureReader(files, [part.shape for part in parts])


def test_pictures_come_in_the_order_asked_for_however_they_are_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 5, size=90)  # more files than are mapped at once
    values = rng.normal(size=(counts.sum(), 2, 3, 3)).astype(np.float32)
    reader = a_reader(tmp_path, values, counts)
    for n in (0, 1, 7, 300):
        places = rng.integers(-len(values), len(values), size=n)
        np.testing.assert_array_equal(reader[places], values[places])
    np.testing.assert_array_equal(reader[::-3], values[::-3])
    assert len(reader._mapped) <= 16  # their pages are in memory


def test_a_large_cohort_does_not_run_out_of_open_files(tmp_path: Path) -> None:
    counts = np.ones(150, int)
    values = np.arange(150, dtype=np.float32).reshape(150, 1, 1, 1)
    reader = a_reader(tmp_path, values, counts)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    now = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 100
    resource.setrlimit(resource.RLIMIT_NOFILE, (now + 100, before[1]))
    try:
        np.testing.assert_array_equal(reader[:], values)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def written(store: ArrayStore, sample_id: str, key: str, arrays: dict[str, np.ndarray]) -> Pictures:
    block = ArrayBlock("stack", {"size": 4})
    store.write(block, key, arrays)
    return write_pictures(store, [PictureRow(sample_id, "stack", block, key)], {"size": 4})


def test_an_image_is_known_again_without_its_mask(tmp_path: Path) -> None:
    image, mask = np.ones((2, 1, 4, 4), np.float32), np.ones((2, 4, 4), np.uint8)
    store = ArrayStore(tmp_path)
    with_mask = written(store, "a", "k1", {"image": image, "mask": mask})
    without = written(store, "b", "k2", {"image": image})
    other = written(store, "c", "k3", {"image": image + 1})
    assert with_mask.digest(0) == without.digest(0) != other.digest(0)


@pytest.mark.parametrize(("slices", "cut", "expected"), [("tumor", "image", [1, 0]), (2, "tumor", [0, 0])])
def test_the_slice_with_most_tumor_is_told_by_masks_or_by_the_order(
    tmp_path: Path, slices: int | str, cut: str, expected: list[int]
) -> None:
    areas, store, block = {"a": [1, 5, 2], "b": [4, 4]}, ArrayStore(tmp_path), ArrayBlock("stack", {"size": 4})
    for key, of_slices in areas.items():
        mask = np.stack([np.arange(16).reshape(4, 4) < area for area in of_slices]).astype(np.uint8)
        store.write(block, key, {"image": np.ones((len(mask), 1, 4, 4), np.float32), "mask": mask})
    rows = [PictureRow(key, "t1", block, key) for key in areas]
    pictures = write_pictures(store, rows, {"stack": {"slices": slices, "cut": cut}})
    assert pictures.largest([0, 1]).tolist() == expected
    squares = write_pictures(store, rows, {"stack": {"slices": "tumor", "cut": "tumor"}})
    with pytest.raises(RequestError, match="Which slice has most tumor cannot be told"):
        squares.largest([0])
