from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from radiofuse.errors import ImageError, StoreError
from radiofuse.store import shard

LONG_AGO_NS = 10**18


class Hasher:
    """Hashes files and remembers which."""

    def __init__(self):
        self.hashed: list[str] = []

    def __call__(self, path: str) -> str:
        self.hashed.append(path)
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture
def hasher():
    return Hasher()


@pytest.fixture
def old_files(tmp_path, monkeypatch):
    """Five files, and a clock that is ten seconds ahead: they count as untouched for long."""
    paths = [tmp_path / f"DOE_JANE_{number}.nii.gz" for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 10)
    return [str(path) for path in paths]


def digest_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_untouched_files_are_hashed_once(store, old_files, hasher):
    first = store.fingerprints.of(old_files, hasher)
    assert first == {path: digest_of(path) for path in old_files}
    assert store.fingerprints.of(old_files[::-1], hasher) == first
    assert sorted(hasher.hashed) == sorted(old_files)


def touch_content(path: Path) -> None:
    path.write_bytes(b"other bytes")


def swap_keeping_size_and_time(path: Path) -> None:
    """What ``cp -p`` or a restored backup does: size and modification time stay."""
    status = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_rename(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, ns=(LONG_AGO_NS, LONG_AGO_NS))
    other.replace(path)


@pytest.mark.parametrize("change", [touch_content, swap_keeping_size_and_time, replace_by_rename])
def test_a_changed_file_is_hashed_again(store, old_files, hasher, change):
    store.fingerprints.of(old_files, hasher)
    change(Path(old_files[2]))
    again = store.fingerprints.of(old_files, hasher)
    assert again[old_files[2]] == digest_of(old_files[2])
    assert hasher.hashed[5:] == [old_files[2]]


def test_a_file_that_may_still_change_within_one_tick_is_not_remembered(store, tmp_path, hasher):
    young = tmp_path / "young.nii"
    young.write_bytes(b"1")
    for _ in range(2):
        assert store.fingerprints.of([young], hasher) == {str(young): digest_of(young)}
    assert len(hasher.hashed) == 2


def test_a_file_changed_while_it_is_hashed_is_not_remembered_under_its_new_state(store, old_files):
    def hash_then_change(path: str) -> str:
        digest = digest_of(path)
        touch_content(Path(path))
        return digest

    store.fingerprints.of(old_files[:1], hash_then_change)
    assert store.fingerprints.of(old_files[:1], digest_of) == {old_files[0]: digest_of(old_files[0])}


def test_missing_and_unreadable_files_have_no_digest(store, old_files, tmp_path):
    def refuse(path: str) -> str:
        raise ImageError("file_unreadable", path)

    absent = str(tmp_path / "absent.nii")
    assert store.fingerprints.of([absent, str(tmp_path)], digest_of) == {absent: None, str(tmp_path): None}
    assert store.fingerprints.of(old_files[:1], refuse) == {old_files[0]: None}
    assert store.fingerprints.of(old_files[:1], digest_of)[old_files[0]] is not None


def test_an_interrupted_run_keeps_what_it_hashed(store, old_files, hasher):
    def interrupt_at_the_fourth(path: str) -> str:
        if path == old_files[3]:
            raise KeyboardInterrupt
        return hasher(path)

    with pytest.raises(KeyboardInterrupt):
        store.fingerprints.of(old_files, interrupt_at_the_fourth)
    rest = Hasher()
    store.fingerprints.of(old_files, rest)
    assert old_files[0] not in rest.hashed
    assert old_files[3] in rest.hashed


def test_progress_starts_at_what_was_known(store, old_files, hasher):
    store.fingerprints.of(old_files[:3], hasher)
    steps = []
    store.fingerprints.of(old_files, hasher, n_jobs=2, on_done=lambda done, total: steps.append((done, total)))
    assert steps == [(3, 5), (4, 5), (5, 5)]


def test_a_relative_path_is_the_same_file(store, old_files, hasher, monkeypatch):
    store.fingerprints.of(old_files, hasher)
    monkeypatch.chdir(Path(old_files[0]).parent)
    name = Path(old_files[0]).name
    assert store.fingerprints.of([name], hasher) == {name: digest_of(name)}
    assert len(hasher.hashed) == 5


def test_no_path_is_stored(store, old_files, hasher):
    store.fingerprints.of(old_files, hasher)
    (path,) = shard.list_shards(store.root / "fingerprints")
    assert "DOE" not in str(shard.load(path).to_pylist())


def test_a_damaged_shard_costs_a_second_hashing_only(store, old_files, hasher, caplog):
    first = store.fingerprints.of(old_files, hasher)
    (path,) = shard.list_shards(store.root / "fingerprints")
    path.write_bytes(path.read_bytes()[:-9])
    assert path.name in store.verify().problems[0]
    assert store.fingerprints.of(old_files, hasher) == first
    assert len(hasher.hashed) == 10
    assert "moved to quarantine/" in caplog.text


def test_gc_merges_fingerprints(store, old_files, hasher):
    for path in old_files:
        store.fingerprints.of([path], hasher)
    assert store.gc()["merged_shards"] == 5
    store.fingerprints.of(old_files, hasher)
    assert len(hasher.hashed) == 5


def test_a_store_that_cannot_be_used_is_told_in_one_sentence(store, old_files, hasher):
    store.root.mkdir()
    (store.root / "fingerprints").write_text("")
    with pytest.raises(StoreError, match=r"fingerprints cannot be read \(Not a directory\)"):
        store.fingerprints.of(old_files, hasher)
