"""The feature store in Google's object store, against an emulator of it: needs gcsfs and gcp-storage-emulator.

Both are installed by hand, since gcsfs asks for an fsspec of its own version:
``pip install --target DIR gcsfs gcp-storage-emulator``, and ``PYTHONPATH=DIR:.`` for the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from radiofuse.errors import StoreError
from radiofuse.files.objects import ObjectPath
from radiofuse.store import Block, FeatureStore, Record
from radiofuse.store.arrays import ArrayBlock, ArrayStore

gcsfs = pytest.importorskip("gcsfs", reason="gcsfs is not installed")
server_of = pytest.importorskip("gcp_storage_emulator.server", reason="gcp-storage-emulator is not installed")

BLOCK = Block.create("toy", ["mean", "energy"], {"bin_width": 25})
NUMBERS = count()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    server = server_of.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    port = server._api._httpd.server_address[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        patch.setenv("RADIOFUSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        gcsfs.GCSFileSystem.clear_instance_cache()
        fsspec.filesystem("gs").mkdir("patients")
        yield server
    server.stop()
    gcsfs.GCSFileSystem.clear_instance_cache()


@pytest.fixture
def url(emulator) -> str:
    return f"gs://patients/a study/{next(NUMBERS)}"


def filled(root: str, rows: range) -> FeatureStore:
    store = FeatureStore(root)
    with store.writer(BLOCK, batch=2) as writer:
        for n in rows:
            writer.add(Record(f"{n:064x}", f"case-{n}", "t1", values=[n / 3, n * 1.1]))
    return store


def test_a_bucket_of_google_holds_what_a_folder_holds(url, tmp_path):
    here, there = filled(str(tmp_path / "store"), range(7)), filled(url, range(7))
    there.check_writable()
    pd.testing.assert_frame_equal(there.read(BLOCK), here.read(BLOCK), check_exact=True)
    filled(url, range(5, 9))
    assert there.gc()["merged_shards"] == 2 and there.blocks() == [BLOCK]
    assert (there.verify().ok, there.verify().problems) == (9, [])
    assert sorted(path.suffix for path in map(Path, fsspec.filesystem("gs").find(url))) == [".json", ".parquet"]


def test_a_flipped_byte_in_a_bucket_of_google_is_named(url):
    store = filled(url, range(4))
    (shard,) = (ObjectPath(url) / "blocks" / BLOCK.name).glob("*.parquet")
    content = bytearray(shard.read_bytes())
    content[60] ^= 1
    shard.write_bytes(bytes(content))
    assert [shard.name in problem for problem in store.verify().problems] == [True]
    assert len(store.missing(BLOCK, [f"{n:064x}" for n in range(4)])) == 4 and not shard.exists()
    assert (ObjectPath(url) / "quarantine" / f"{BLOCK.name}.{shard.name}").is_file()


def test_arrays_in_a_bucket_of_google_are_those_that_were_written_last(url):
    store, block = ArrayStore(url), ArrayBlock("stacks", {"size": 2})
    for pixels in (np.zeros((1, 2, 2)), np.ones((1, 2, 2))):
        store.write(block, "k", {"image": pixels})
        assert (store.read(block, "k")["image"] == pixels).all() and store.verify() == []


def test_an_absent_bucket_of_google_is_named(emulator):
    with pytest.raises(StoreError, match=r"cannot be written \(there is no bucket nowhere\)\. Check its address"):
        FeatureStore("gs://nowhere/store").check_writable()
