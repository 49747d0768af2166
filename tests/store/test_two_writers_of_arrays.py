"""Two processes that fill one array store at once: both end, every file is whole, and a reader sees no half of one."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np

from radiofuse.errors import StoreError
from radiofuse.store.arrays import ArrayBlock, ArrayStore

BLOCK = ArrayBlock("stacks", {"size": 64})
KEYS = [f"k{number:02d}" for number in range(12)]


def pictures_of(key):
    return {"image": np.full((8, 64, 64), int(key[1:]), np.float32), "mask": np.ones((8, 64, 64), bool)}


def fill(root, barrier, backwards):
    store = ArrayStore(root)
    barrier.wait(timeout=60)
    for _ in range(3):
        for key in reversed(KEYS) if backwards else KEYS:
            store.write(BLOCK, key, pictures_of(key), {"sample_id": key})


def test_two_writers_and_a_reader(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(3)
    writers = [context.Process(target=fill, args=(tmp_path, barrier, way)) for way in (False, True)]
    for writer in writers:
        writer.start()
    store, n_read, limit = ArrayStore(tmp_path), 0, time.monotonic() + 60
    barrier.wait(timeout=60)
    while any(writer.is_alive() for writer in writers) and time.monotonic() < limit:
        for key in KEYS:
            try:
                found = store.read(BLOCK, key)
            except StoreError:  # not there yet
                continue
            assert (found["image"] == int(key[1:])).all() and found["mask"].all()
            n_read += 1
    for writer in writers:
        writer.join(timeout=60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert n_read and store.missing(BLOCK, KEYS) == [] and store.verify() == []
    assert sorted(path.name for path in (tmp_path / "arrays" / BLOCK.name).iterdir()) == sorted(
        f"{key}.{end}" for key in KEYS for end in ("json", "image.npy", "mask.npy")
    )
