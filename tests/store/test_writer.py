from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from radiofuse.errors import StoreError
from radiofuse.store import FeatureStore, rows, shard


def n_stored(store, block) -> int:
    return len(FeatureStore(store.root).status_of(block))


def test_a_record_is_on_disk_once_the_batch_is_full(store, block, make_record):
    with store.writer(block, batch=2, flush_after_s=3600) as writer:
        writer.add(make_record(0))
        assert n_stored(store, block) == 0
        writer.add(make_record(1))
        assert n_stored(store, block) == 2
        writer.add(make_record(2))
    assert n_stored(store, block) == 3


def test_a_record_that_has_waited_is_on_disk_after_the_next_add(store, block, make_record):
    with store.writer(block, flush_after_s=0.0) as writer:
        for number in range(3):
            writer.add(make_record(number))
            assert n_stored(store, block) == number + 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_loses_nothing_that_was_added(store, block, make_record, error):
    with pytest.raises(error), store.writer(block) as writer:
        writer.add(make_record(0))
        raise error
    assert n_stored(store, block) == 1


def test_the_writer_merges_its_own_shards_and_no_others(store, block, make_record, fill):
    fill([make_record(0)])
    folder = store.root / "blocks" / block.name
    (others,) = shard.list_shards(folder)
    with store.writer(block, batch=1) as writer:
        for number in range(1, 10):
            writer.add(make_record(number))
    assert others in shard.list_shards(folder)
    assert len(shard.list_shards(folder)) == 2
    assert n_stored(store, block) == 10


def test_a_long_run_never_has_more_small_shards_than_fill_a_large_one(store, block, make_record, monkeypatch):
    monkeypatch.setattr(rows, "ROWS_PER_SHARD", 4)
    folder = store.root / "blocks" / block.name
    with store.writer(block, batch=1) as writer:
        for number in range(11):
            writer.add(make_record(number))
    assert sorted(shard.load(path).num_rows for path in shard.list_shards(folder)) == [3, 4, 4]


def test_two_writers_at_once_lose_nothing_and_need_no_lock(store, block, make_record):
    with store.writer(block, batch=2) as one, FeatureStore(store.root).writer(block, batch=3) as other:
        for number in range(20):
            one.add(make_record(number))
            other.add(make_record(number + 10))
    assert len(store.read(block)) == 30
    assert not store.verify().problems


def test_shards_merged_by_another_process_meanwhile_do_no_harm(store, block, make_record):
    with store.writer(block, batch=1) as writer:
        for number in range(3):
            writer.add(make_record(number))
        FeatureStore(store.root).gc()
    assert len(store.read(block)) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, 3.0], r"case-0 \(t1\) is not finite in original_glcm_Idmn\. Store it as failed"),
        ([np.inf, 1.0, -np.inf], "is not finite in original_firstorder_Mean and 1 more feature"),
        ([1.0, 2.0], r"has shape \(2,\); block toy-[0-9a-f]{12} expects \(3,\)"),
        ([[1.0, 2.0, 3.0]], r"has shape \(1, 3\)"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_the_rest_is_stored(store, block, make_record, values, message):
    with pytest.raises(StoreError, match=message), store.writer(block) as writer:
        writer.add(make_record(1))
        writer.add(make_record(0, values=np.array(values)))
    assert list(store.read(block).index) == ["case-1"]


def test_an_array_may_be_used_again_for_the_next_vector(store, block, make_record):
    values = np.zeros(3)
    with store.writer(block) as writer:
        for number in range(3):
            values[:] = number
            writer.add(make_record(number, values=values))
    assert store.read(block).to_numpy().tolist() == [[0.0] * 3, [1.0] * 3, [2.0] * 3]


def test_no_file_name_holds_an_id(store, block, make_record, fill):
    fill([make_record(0, sample_id="DOE^JANE")])
    assert not [path for path in store.root.rglob("*") if "DOE" in path.name]


FILL_THE_DISK = """
    import signal, resource, sys
    import numpy as np
    from radiofuse.errors import StoreError
    from radiofuse.store import Block, FeatureStore, Record

    store, block = FeatureStore(sys.argv[1]), Block.create("big", [f"f{n}" for n in range(4000)], {})
    vector = np.random.default_rng(0).normal(size=4000)
    with store.writer(block) as writer:
        writer.add(Record("first", "case-0", "t1", values=vector))
    if len(sys.argv) > 2:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        with store.writer(block, batch=40) as writer:
            for number in range(1, 41):
                writer.add(Record(f"key {number}", f"case-{number}", "t1", values=vector + number))
    except StoreError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(sorted(store.status_of(block)), store.verify().problems)
    print([path.name for path in store.root.rglob("*.tmp")])
"""


def run_script(script: str, *arguments: str, before: tuple[str, ...] = ()) -> list[str]:
    command = [*before, sys.executable, "-c", textwrap.dedent(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_disk_that_refuses_costs_one_sentence_and_nothing_stored(tmp_path):
    sentence, stored, left = run_script(FILL_THE_DISK, str(tmp_path / "store"), "100000")
    assert sentence.startswith("40 finished vectors of big-")
    assert "(File too large). What was stored before is kept: make room" in sentence
    assert (stored, left) == ("['first'] []", "[]")


@pytest.mark.slow
def test_a_full_file_system_costs_one_sentence_and_nothing_stored(tmp_path):
    mount = f"mount -t tmpfs -o size=500k tmpfs {tmp_path}"
    private = ("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh")  # gone with the process
    if not shutil.which("unshare") or subprocess.run([*private, "true"], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    sentence, stored, left = run_script(FILL_THE_DISK, str(tmp_path / "store"), before=private)
    assert "40 finished vectors" in sentence
    assert "(No space left on device)" in sentence
    assert (stored, left) == ("['first'] []", "[]")


@pytest.mark.parametrize("use", ["check_writable", "register", "writer"])
def test_a_root_that_cannot_be_made_is_told_in_one_sentence(tmp_path, block, use):
    (tmp_path / "file").write_text("")
    store = FeatureStore(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match=r"\(Not a directory\)\. Make room, check the rights, or name another folder"):
        getattr(store, use)(*([] if use == "check_writable" else [block]))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_told_before_the_work(store):
    store.root.mkdir()
    store.root.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        store.check_writable()


def test_checking_leaves_nothing_behind(store):
    store.check_writable()
    assert list(store.root.iterdir()) == []


def test_wide_vectors_fill_a_shard_before_many_are_held(store, block, make_record, monkeypatch):
    """Crops have a hundred thousand numbers each; by rows alone, gigabytes would wait in memory."""
    monkeypatch.setattr(shard, "FULL_BYTES", 2 * 8 * len(block.feature_names))
    folder = store.root / "blocks" / block.name
    with store.writer(block, flush_after_s=3600) as writer:
        for number in range(4):
            writer.add(make_record(number))
        assert n_stored(store, block) == 4
        assert [shard.load(path).num_rows for path in shard.list_shards(folder)] == [2, 2]
        writer.add(make_record(4))
    assert store.gc()["merged_shards"] == 0
    assert len(store.read(block)) == 5
