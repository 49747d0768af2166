"""Finished parts on disk: every bit comes back, damage counts as absence, and nothing of others is removed."""

from __future__ import annotations

import os
from collections import Counter
from threading import Event

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofuse.work import kept as kept_module
from radiofuse.work.kept import Kept, decode, digest_of, encode
from tests.processes import LIMIT_S

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner)
        | st.dictionaries(st.integers(), inner)
    ),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_values_come_back_as_what_they_were(value):
    again = decode(encode(value))
    assert again == value
    assert type(again) is type(value)


TABLE = pd.DataFrame(
    {
        "sample": ["s1", None, "ß"],
        "n": np.array([1, 2, 3], dtype=np.int32),
        "p": [0.1 + 0.2, np.nan, -0.0],
        "chosen": [True, False, True],
        "mixed": pd.Series([1, "a", None], dtype=object),
    },
    index=pd.Index([4, 0, 2], name="row"),
)


def test_every_bit_of_arrays_and_tables_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(3, 2)), rng.integers(0, 2, 9).astype(bool), np.array(["a", "bc"]), np.zeros((0, 4))]
    kept = Kept(tmp_path / "unfinished", digest_of(1))
    with kept.writing():
        kept.add("all", {"arrays": arrays, "table": TABLE, "empty": TABLE[:0], "warned": Counter({"w": 2})})
    found = Kept(tmp_path / "unfinished", digest_of(1)).results["all"]
    for array, again in zip(arrays, found["arrays"], strict=True):
        assert (again.dtype, again.shape, again.tobytes()) == (array.dtype, array.shape, array.tobytes())
    pd.testing.assert_frame_equal(found["table"], TABLE, check_exact=True)
    assert np.signbit(found["table"]["p"].iloc[2])
    pd.testing.assert_frame_equal(found["empty"], TABLE[:0])
    assert found["warned"] + Counter(w=1) == Counter(w=3)


def test_what_is_unknown_is_refused_rather_than_changed():
    with pytest.raises(TypeError, match="set cannot be kept"):
        encode({1, 2})


def test_a_digest_knows_values_types_and_names_apart():
    parts = [1, 1.0, True, "1", [1], (1,), np.array([1]), np.array([1.0]), pd.DataFrame({"a": [1]})]
    parts += [pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1]}, index=["x"]), {"a": 1}, None]
    assert len({digest_of(part) for part in parts}) == len(parts)
    assert digest_of(TABLE) == digest_of(TABLE.copy())


def test_damage_counts_as_absence_and_is_named(tmp_path, caplog):
    folder, key = tmp_path / "unfinished", digest_of(1)
    for name in ("a", "b"):
        kept = Kept(folder, key)
        with kept.writing():
            kept.add(name, 1)
    first, second = sorted((folder / key).iterdir())
    first.write_bytes(first.read_bytes().replace(b": 1", b": 2"))
    assert len(Kept(folder, key).results) == 1
    assert f"{first} is damaged. What was kept in it is computed again." in caplog.text
    second.write_bytes(second.read_bytes()[:-3])
    assert Kept(folder, key).results == {}


def test_what_nothing_follows_is_written_too(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_module, "WRITE_EVERY_S", 0.01)
    kept = Kept(tmp_path / "unfinished", digest_of(1))
    kept._written += 1000  # as if something had been written just now
    kept.add("a", 1)
    kept._later.join(60)
    assert Kept(tmp_path / "unfinished", digest_of(1)).results == {"a": 1}


def test_a_block_of_writing_ends_when_what_the_timer_took_is_on_disk(tmp_path, monkeypatch):
    begun, ended, write_aside = Event(), Event(), kept_module.write_aside

    def write_slowly(path):
        begun.set()
        ended.wait(0.2)
        return write_aside(path)

    monkeypatch.setattr(kept_module, "WRITE_EVERY_S", 0.01)
    monkeypatch.setattr(kept_module, "write_aside", write_slowly)
    kept = Kept(tmp_path / "unfinished", digest_of(1))
    kept._written += 1000
    with kept.writing():
        kept.add("a", 1)
        assert begun.wait(LIMIT_S)
    ended.set()
    assert Kept(tmp_path / "unfinished", digest_of(1)).results == {"a": 1}


def test_the_end_of_a_run_leaves_what_another_one_finished_for_a_day(tmp_path, caplog):
    folder = tmp_path / "unfinished"
    other = Kept(folder, digest_of("of another process"))
    with other.writing():
        other.add("hours", 1)
    kept_module._opened.clear()  # as in a process of its own
    ends = Kept(folder, digest_of("mine"))
    assert f"{folder} holds finished parts of a run with another recipe, other data, code" in caplog.text
    caplog.clear()
    for name in ("mine", "permutations"):
        kept = Kept(folder, digest_of(name))
        with kept.writing():
            kept.add("a", 1)
    assert not caplog.text  # a run has a key for each of its parts
    ends.remove()
    [left] = folder.iterdir()
    assert left.name == digest_of("of another process")
    os.utime(left, (0, 0))
    ends.remove()
    assert not folder.exists()


def test_what_a_killed_process_wrote_aside_is_removed_too(tmp_path):
    folder, key = tmp_path / "unfinished", digest_of(1)
    kept = Kept(folder, key)
    with kept.writing():
        kept.add("a", 1)
    (folder / key / f".{'0' * 32}.tmp").write_bytes(b"{")
    kept.remove()
    assert not folder.exists()


def test_only_files_of_ours_are_removed(tmp_path):
    folder, key = tmp_path / "unfinished", digest_of(1)
    kept = Kept(folder, key)
    with kept.writing():
        kept.add("a", 1)
    (folder / key / "mine.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    kept.remove()
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["mine.json", "notes.txt"]


def test_a_place_that_cannot_be_written_stops_no_work(tmp_path, caplog):
    (tmp_path / "unfinished").write_text("a file")
    kept = Kept(tmp_path / "unfinished", digest_of(1))
    with kept.writing():
        kept.add("a", 1)
    assert "could not be kept" in caplog.text
