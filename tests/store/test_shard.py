from __future__ import annotations

import gc
import random

import pyarrow as pa
import pytest

from radiofuse.store import FeatureStore, rows, shard


@pytest.fixture
def one_shard(store, block, make_record, fill):
    fill([make_record(number, modality) for number in range(5) for modality in ("t1", "t1ce")])
    (path,) = shard.list_shards(store.root / "blocks" / block.name)
    return path


def flip_bit(content: bytes, bit: int) -> bytes:
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


def test_every_flipped_bit_is_noticed_wherever_it_is(one_shard):
    good, dice = one_shard.read_bytes(), random.Random(0)
    ends = [0, 1, 8 * len(good) - 1]  # magic bytes and the length of the footer too
    for bit in ends + dice.sample(range(8 * len(good)), 200):
        one_shard.write_bytes(flip_bit(good, bit))
        with pytest.raises(shard.DamagedShardError):
            shard.load(one_shard)


@pytest.mark.slow
def test_two_hundred_damaged_shards_are_noticed_and_their_vectors_computed_again(store, block, make_record, fill):
    records = [make_record(number, modality) for number in range(5) for modality in ("t1", "t1ce")]
    folder, dice = store.root / "blocks" / block.name, random.Random(1)
    fill(records)
    truth = store.read(block)
    for _ in range(200):
        (path,) = shard.list_shards(folder)
        path.write_bytes(flip_bit(path.read_bytes(), dice.randrange(8 * path.stat().st_size)))
        missing = store.missing(block, [record.key for record in records])
        assert len(missing) == len(records)
        fill([record for record in records if record.key in missing])
        assert store.read(block).equals(truth)
    assert len(list((store.root / "quarantine").iterdir())) == 200


def test_what_pool_threads_read_is_no_memory_of_python(one_shard, monkeypatch):
    """A pool thread that frees Python's memory while the interpreter ends aborts the process (exit 134)."""
    given, reader = [], pa.BufferReader
    monkeypatch.setattr(pa, "BufferReader", lambda content: given.append(content) or reader(content))
    gc.collect()  # what earlier tests left is not to be freed in between
    before = pa.total_allocated_bytes()
    table = shard.load(one_shard)
    assert table.num_rows == 10
    del table
    gc.collect()
    assert pa.total_allocated_bytes() - before >= one_shard.stat().st_size  # what is Arrow's own is counted by Arrow
    assert given[0].to_pybytes() == one_shard.read_bytes()


@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.99, -1])
def test_a_truncated_shard_is_noticed(one_shard, kept):
    content = one_shard.read_bytes()
    one_shard.write_bytes(content[: int(kept * len(content)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(shard.DamagedShardError):
        shard.load(one_shard)


def test_a_shard_that_vanishes_is_looked_for_again(store, block, make_record, fill):
    """Another process merges the shards while they are read."""
    fill([make_record(number) for number in range(6)], batch=1)
    folder = store.root / "blocks" / block.name
    keys, paths = set(), []
    for path, table in shard.scan(folder, ["key"], pytest.fail):
        keys |= set(table["key"].to_pylist())
        paths.append(path)
        if len(paths) == 2:
            FeatureStore(store.root).gc()
    assert keys == {make_record(number).key for number in range(6)}
    assert shard.list_shards(folder) == paths[2:]


def test_merging_twice_keeps_every_row_once(store, block, make_record, fill):
    fill([make_record(number % 4) for number in range(8)], batch=2)
    folder = store.root / "blocks" / block.name
    assert len(shard.list_shards(folder)) == 4
    options = {"rows": rows.ROWS_PER_SHARD, "same": rows.SAME_RECORD, "on_damage": pytest.fail}
    assert shard.compact(folder, **options) == 4
    assert shard.compact(folder, **options) == 0
    (path,) = shard.list_shards(folder)
    assert shard.load(path).num_rows == 4


def test_full_shards_are_left_alone(store, block, make_record, fill):
    fill([make_record(number) for number in range(7)], batch=3)
    folder = store.root / "blocks" / block.name
    full = {path for path in shard.list_shards(folder) if shard.load(path).num_rows == 3}
    assert len(full) == 2
    shard.compact(folder, rows=3, same=rows.SAME_RECORD, on_damage=pytest.fail)
    assert full < set(shard.list_shards(folder))
