from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import subprocess
import sys
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofuse.errors import RequestError, StoreConflictError, StoreError
from radiofuse.store import Block, FeatureStore, Record, content_key, shard


def columns_of(block, *modalities):
    return [f"{modality}__{feature}" for modality in modalities for feature in block.feature_names]


def damage_shards(store, block, *, at=0.5):
    for path in shard.list_shards(store.root / "blocks" / block.name):
        content = bytearray(path.read_bytes())
        content[int(len(content) * at)] ^= 1
        path.write_bytes(content)


# Blocks


def test_an_empty_store_has_nothing_and_makes_no_folder(store, block):
    assert store.blocks() == []
    assert store.status_of(block) == {}
    assert store.missing(block, ["a", "b", "a"]) == ["a", "b"]
    assert store.failures().empty
    assert not store.root.exists()


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file; a feature store is a folder"):
        FeatureStore(tmp_path / "file")


def test_a_changed_setting_leaves_the_old_block_as_it_is(store, block, make_record, fill):
    fill([make_record(0)])
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    changed = Block.create("toy", block.feature_names, {**block.identity, "bin_width": 10})
    with store.writer(changed) as writer:
        writer.add(make_record(0, values=np.zeros(3)))
    assert {path: path.read_bytes() for path in before} == before
    assert store.blocks() == sorted([block, changed], key=lambda one: one.name)
    assert store.read(block).iloc[0, 1] == 2 * 1.1


def test_an_edited_block_description_is_refused(store, block):
    store.register(block)
    path = store.root / "blocks" / block.name / "block.json"
    path.write_text(path.read_text().replace("25", "26"))
    with pytest.raises(StoreError, match="is damaged or was edited"):
        store.register(block)
    assert "is damaged or was edited" in store.verify().problems[0]


def test_a_block_of_a_later_format_is_refused(store, block):
    store.register(block)
    path = store.root / "blocks" / block.name / "block.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(StoreError, match="has format 2, this radiofuse reads 1: update it"):
        store.blocks()


def test_an_unknown_block_is_a_wrong_request_that_names_the_known_ones(store, block):
    store.register(block)
    with pytest.raises(RequestError, match=f"has no block 'shi2023'; it has {block.name}"):
        store.block("shi2023")


def test_a_store_can_be_sent_to_a_worker(store):
    assert pickle.loads(pickle.dumps(store)).root == store.root


def test_importing_the_room_loads_neither_pyarrow_nor_pandas():
    script = "import sys, radiofuse.commands.store; print({'pyarrow', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# Status and failures


def test_failures_are_rows_and_not_tried_again_unless_asked(store, block, make_record, fill):
    bad = make_record(1, status="failed", error_code="empty_roi", message="The mask has no voxel.")
    fill([make_record(0), bad])
    keys = [make_record(number).key for number in (2, 1, 0)]
    assert store.missing(block, keys) == [keys[0]]
    assert store.missing(block, keys, retry_failed=True) == keys[:2]
    assert store.failures(block).to_dict("records") == [
        {
            "sample_id": "case-1",
            "modality": "t1",
            "code": "empty_roi",
            "message": "The mask has no voxel.",
            "block": block.name,
            "key": bad.key,
        }
    ]


def test_of_a_failure_and_a_vector_the_vector_wins_in_either_order(store, block, make_record, fill):
    failed = [make_record(number, status="failed", error_code="worker_died") for number in (0, 1)]
    fill([failed[0], make_record(0), make_record(1), failed[1]], batch=1)
    assert set(store.status_of(block).values()) == {"ok"}
    assert store.failures().empty
    assert not store.read(block).isna().any(axis=None)


def test_of_several_failed_attempts_the_latest_is_told(store, block, make_record, fill):
    fill([make_record(0, status="failed", error_code=code) for code in ("worker_died", "empty_roi")], batch=1)
    assert list(store.failures(block)["code"]) == ["empty_roi"]


# Reading


def test_the_wide_table_has_a_row_per_sample_and_a_column_per_modality_and_feature(store, block, make_record, fill):
    fill([make_record(number, modality) for number in (1, 0) for modality in ("t1ce", "t1")])
    table = store.read(block)
    assert list(table.index) == ["case-0", "case-1"]
    assert table.index.name == "sample_id"
    assert list(table.columns) == columns_of(block, "t1", "t1ce")
    assert table.loc["case-1"].to_list() == [1.1, 2.2, 1.1 / 3, 1.1, 4.4, 1.1 / 3]


def test_what_is_absent_or_failed_is_nan_as_a_whole(store, block, make_record, fill):
    fill([make_record(0), make_record(0, "t2", status="failed", error_code="empty_roi"), make_record(1, "t2")])
    table = store.read(block, ["case-7", "case-1", "case-0"])
    assert list(table.index) == ["case-7", "case-1", "case-0"]
    expected = [[True] * 6, [True] * 3 + [False] * 3, [False] * 3 + [True] * 3]
    assert table.isna().to_numpy().tolist() == expected


def test_keys_choose_contents_whatever_name_they_were_stored_under(store, block, make_record, fill):
    fill([make_record(0), make_record(1)])
    keys = {("new-b", "t1"): make_record(1).key, ("new-a", "t1ce"): make_record(0).key, ("new-a", "t1"): "not there"}
    table = store.read(block, keys=keys)
    assert list(table.index) == ["new-b", "new-a"]
    assert list(table.columns) == columns_of(block, "t1", "t1ce")
    assert table.loc["new-b"].tolist()[:3] == store.read(block).loc["case-1"].tolist()
    assert table.loc["new-a"].tolist()[3:] == store.read(block).loc["case-0"].tolist()
    assert table.isna().sum().sum() == 6


def test_two_samples_with_one_content_both_get_it(store, block, make_record, fill):
    fill([make_record(0)])
    key = make_record(0).key
    table = store.read(block, ["a", "b"], keys={("a", "t1"): key, ("b", "t1"): key})
    assert table.loc["a"].equals(table.loc["b"])
    assert not table.isna().any(axis=None)


def test_blocks_stand_side_by_side(store, block, make_record, fill):
    fill([make_record(0)])
    deep = Block.create("deep", ["net_0001"], {})
    with store.writer(deep) as writer:
        writer.add(Record("k", "case-0", "t2", values=np.array([7.0])))
    table = store.read([deep, block.name])
    assert list(table.columns) == ["t2__net_0001", *columns_of(block, "t1")]
    assert table.loc["case-0"].tolist() == [7.0, 0.0, 2.2, 1.1 / 3]
    by_block = {block.name: {("x", "t1"): make_record(0).key}, deep.name: {("x", "t2"): "k"}}
    assert store.read([deep, block], keys=by_block).loc["x"].tolist() == table.loc["case-0"].tolist()


def test_requests_that_cannot_be_meant_are_refused(store, block, make_record, fill):
    fill([make_record(0)])
    other = Block.create("toy", block.feature_names, {})
    with store.writer(other) as writer:
        writer.add(make_record(0))
    with pytest.raises(RequestError, match="column 't1__original_firstorder_Mean' would be in the table twice"):
        store.read([block, other])
    with pytest.raises(RequestError, match="sample id 'case-0' would be in the table twice"):
        store.read(block, ["case-0", "case-0"])
    with pytest.raises(RequestError, match="a mapping from block name"):
        store.read([block, other], keys={("case-0", "t1"): "k"})
    with pytest.raises(RequestError, match=f"no entry for block {other.name}"):
        store.read([block, other], keys={block.name: {}})


def test_two_contents_of_one_sample_need_keys(store, block, make_record, fill):
    masks = [content_key(block, "image", mask, "any") for mask in ("first mask", "corrected mask")]
    fill([make_record(0, key=masks[0]), make_record(0, key=masks[1], values=np.ones(3)), make_record(1)])
    with pytest.raises(StoreError, match=r"different contents of case-0 \(t1\).*another --store.*say which with keys="):
        store.read(block)
    assert store.read(block, ["case-1"]).shape == (1, 3)
    assert store.read(block, keys={("case-0", "t1"): masks[1]}).loc["case-0"].tolist() == [1.0, 1.0, 1.0]


def test_two_contents_of_one_sample_with_one_vector_are_no_question(store, block, make_record, fill):
    """As after a raised version of what a label means, where nothing changed for this mask."""
    fill([make_record(0, key=key) for key in ("before", "after")])
    assert store.read(block).loc["case-0"].tolist() == make_record(0).values.tolist()


def test_the_same_vector_twice_is_harmless(store, block, make_record, fill):
    fill([make_record(0), make_record(0)], batch=1)
    assert len(store.read(block)) == 1
    assert not store.verify().problems


def test_two_vectors_under_one_key_are_a_loud_error(store, block, make_record, fill):
    fill([make_record(0), make_record(0, values=np.array([0.0, 2.2, 0.4]))], batch=1)
    said = rf"Key {make_record(0).key} of case-0 \(t1\) is stored with different values in block {block.name}"
    with pytest.raises(StoreConflictError, match=said):
        store.read(block)
    (problem,) = store.verify().problems
    assert "different values" in problem
    store.gc()
    with pytest.raises(StoreConflictError):
        store.read(block)


@pytest.mark.parametrize("at", [0.02, 0.3, 0.5, 0.8, 0.999])
def test_a_damaged_shard_is_set_aside_and_only_its_vectors_are_missing(store, block, make_record, fill, caplog, at):
    records = [make_record(number) for number in range(6)]
    fill(records[:3])
    damage_shards(store, block, at=at)
    fill(records[3:])
    with caplog.at_level(logging.WARNING), pytest.raises(StoreError, match="Run the extraction with this store again"):
        store.read(block)
    assert "moved to quarantine/" in caplog.text
    missing = store.missing(block, [record.key for record in records])
    assert missing == [record.key for record in records[:3]]
    fill(records[:3])
    assert len(store.read(block)) == 6


def test_reading_a_few_samples_decodes_only_their_shards(store, block, make_record, fill, monkeypatch):
    fill([make_record(number) for number in range(9)], batch=3)
    decoded, load = [], shard.load

    def note(path, columns):
        decoded.extend([path] if "values" in columns else [])
        return load(path, columns)

    monkeypatch.setattr(shard, "load", note)
    assert store.read(block, ["case-4"]).notna().all(axis=None)
    assert len(decoded) == 1


@settings(max_examples=25, deadline=None)
@given(
    vectors=st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=6
    ),
    batch=st.integers(1, 4),
)
def test_any_finite_numbers_come_back_bit_by_bit(vectors, batch):
    block = Block.create("any", ["a", "b"], {})
    with TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        with store.writer(block, batch=batch) as writer:
            for number, vector in enumerate(vectors):
                writer.add(Record(str(number), f"é-{number}", "t1", values=np.array(vector), notes=("note",)))
        table = store.read(block, [f"é-{number}" for number in range(len(vectors))])
        assert table.to_numpy().tobytes() == np.array(vectors).tobytes()
        assert not store.verify().problems


# Upkeep


def test_verify_counts_and_changes_nothing(store, block, make_record, fill):
    fill([make_record(0), make_record(1), make_record(2, status="failed", error_code="empty_roi")], batch=2)
    steps = []
    report = store.verify(lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    assert (report.blocks, report.shards, report.ok, report.failed, report.problems) == (1, 2, 2, 1, [])
    damage_shards(store, block)
    before = sorted(store.root.rglob("*"))
    assert len(store.verify().problems) == 2
    assert sorted(store.root.rglob("*")) == before


def test_verify_notices_values_that_do_not_fit_their_own_checksum(store, block, make_record, fill):
    fill([make_record(0)])
    (path,) = shard.list_shards(store.root / "blocks" / block.name)
    table = shard.load(path)
    path.unlink()
    wrong = table.set_column(table.schema.get_field_index("values_sha256"), "values_sha256", [["0" * 64]])
    shard.write_shard(path.parent, wrong)
    shard.write_shard(path.parent, table.drop_columns(["notes"]))
    problems = sorted(store.verify().problems)
    assert any("do not match their checksum" in problem for problem in problems)
    assert any("does not have the columns of a block with 3 features" in problem for problem in problems)


def test_gc_removes_old_temporary_files_and_merges(store, block, make_record, fill, monkeypatch):
    fill([make_record(number) for number in range(4)], batch=1)
    folder = store.root / "blocks" / block.name
    (folder / f".{31 * '0'}1.tmp").write_bytes(b"half a shard")
    assert store.gc() == {"temporary_files": 0, "merged_shards": 4, "quarantined_shards": 0}
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert store.gc() == {"temporary_files": 1, "merged_shards": 0, "quarantined_shards": 0}
    assert len(store.read(block)) == 4


def test_gc_finds_what_a_crash_left_in_any_folder(store, monkeypatch):
    (store.root / "crops").mkdir(parents=True)
    (store.root / "crops" / f".{31 * '0'}1.tmp").write_bytes(b"half a crop file")
    monkeypatch.setattr("radiofuse.store.upkeep.ORPHAN_AFTER_S", -1.0)
    assert store.gc()["temporary_files"] == 1


def test_vectors_stream_those_asked_for(store, block, make_record, fill):
    records = [make_record(number) for number in range(6)]
    fill([*records, make_record(9, status="failed", error_code="empty_roi")], batch=2)
    found = dict(store.vectors(block, {record.key for record in records[1:4]}))
    assert found.keys() == {record.key for record in records[1:4]}
    assert all(np.array_equal(found[record.key], record.values) for record in records[1:4])


def test_vectors_refuse_to_leave_one_out(store, block, make_record, fill):
    fill([make_record(0), make_record(1)], batch=1)
    keys = [make_record(number).key for number in (0, 1)]
    path = shard.list_shards(store.root / "blocks" / block.name)[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="found damaged and was set aside"):
        list(store.vectors(block, keys))


def test_gc_empties_the_quarantine_on_request_only(store, block, make_record, fill):
    fill([make_record(0)])
    damage_shards(store, block)
    with pytest.raises(StoreError):
        store.read(block)
    assert store.gc()["quarantined_shards"] == 0
    assert store.gc(empty_quarantine=True)["quarantined_shards"] == 1
    assert list((store.root / "quarantine").iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_export_holds_the_same_numbers_and_nan(store, block, make_record, fill, tmp_path, suffix):
    fill([make_record(0), make_record(1, "t2", values=np.array([1e-300, -0.0, 1 / 3]))])
    path = store.export(tmp_path / f"features{suffix}", block)
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    pd.testing.assert_frame_equal(read(path).set_index("sample_id"), store.read(block), check_exact=True)


def test_no_cell_of_a_csv_is_a_formula(store, block, make_record, fill, tmp_path):
    ids = ["=cmd", "+1", "-1", "@x", "\tx", "007"]
    fill([make_record(number, sample_id=sample_id) for number, sample_id in enumerate(ids)])
    table = pd.read_csv(store.export(tmp_path / "features.csv", block), dtype={"sample_id": str})
    assert set(table["sample_id"]) == {"'=cmd", "+1", "-1", "'@x", "'\tx", "007"}
    assert table["t1__original_glcm_Idmn"].dtype == float


def test_an_export_that_fails_leaves_what_was_there(store, block, make_record, fill, tmp_path):
    fill([make_record(0)])
    with pytest.raises(RequestError, match=r"features\.xlsx should end in \.csv or \.parquet; got '\.xlsx'"):
        store.export(tmp_path / "features.xlsx", block)
    with pytest.raises(StoreError, match="could not be written"):
        store.export(tmp_path / "no folder" / "features.csv", block)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_gc_removes_what_a_crash_left_of_a_shard_or_an_encoder_once_it_is_old(store, block, make_record, fill):
    fill([make_record(0)])
    shard_file, encoder = (
        store.root / "blocks" / block.name / f".{32 * 'a'}.tmp",
        store.root / "encoders" / f".{32 * 'b'}.tmp",
    )
    fresh = store.root / "encoders" / f".{32 * 'c'}.tmp"
    for folder in (encoder, fresh):
        folder.mkdir(parents=True)
        (folder / "weights.safetensors").write_bytes(b"half")
    shard_file.write_bytes(b"half")
    for path in (shard_file, encoder):
        os.utime(path, (0, 0))
    assert store.gc()["temporary_files"] == 2
    assert not shard_file.exists() and not encoder.exists() and fresh.exists()
    assert len(store.read(block)) == 1


# Damage that was met before


@pytest.mark.parametrize("at", [0.02, 0.3, 0.5, 0.8, 0.9, 0.999])
def test_what_was_lost_stays_known_until_it_is_stored_again(store, block, make_record, fill, tmp_path, at):
    records = [make_record(number) for number in range(40)]
    fill(records, batch=10)
    path = shard.list_shards(store.root / "blocks" / block.name)[1]
    held = shard.load(path, ["key"])["key"].to_pylist()
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)
    for _ in range(3):
        with pytest.raises(StoreError, match="^10 records of the damaged shard"):
            store.export(tmp_path / "out.csv", block)
        assert not (tmp_path / "out.csv").exists()
    assert "10 records" in store.verify().problems[0]
    missing = store.missing(block, [record.key for record in records])
    assert missing == [record.key for record in records if record.key in held]
    fill([record for record in records if record.key in missing[:9]])
    assert "1 record of" in store.verify().problems[0]
    fill([record for record in records if record.key == missing[9]])
    assert store.verify().problems == []
    assert len(pd.read_csv(store.export(tmp_path / "out.csv", block))) == 40


def test_a_loss_that_cannot_be_told_is_accepted_by_emptying_the_quarantine(store, block, make_record, fill):
    fill([make_record(0)])
    (path,) = shard.list_shards(store.root / "blocks" / block.name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    fill([make_record(1)])
    for _ in range(2):
        with pytest.raises(StoreError, match="held cannot be told.*gc --empty-quarantine"):
            store.read(block)
    store.gc(empty_quarantine=True)
    assert list(store.read(block).index) == ["case-1"]


def test_a_shard_of_another_block_is_not_taken_for_one_of_this(store, block, make_record, fill, caplog):
    fill([make_record(0)])
    other = Block.create("other", block.feature_names, {"bin_width": 50})
    with store.writer(other) as writer:
        writer.add(Record("other key", "case-0", "t1", values=[7.0, 7.0, 7.0]))
    (path,) = shard.list_shards(store.root / "blocks" / other.name)
    copy = store.root / "blocks" / block.name / path.name
    copy.write_bytes(path.read_bytes())
    (problem,) = store.verify().problems
    assert problem == f"Shard {path.name} of {block.name} is not used: it was written for {other.name}."
    assert store.read(block).loc["case-0"].to_list() == make_record(0).values.tolist()
    assert f"it was written for {other.name}. It was moved to quarantine/" in caplog.text
    assert store.verify().problems == []


def test_a_shard_of_before_that_names_no_block_is_known_by_the_length_of_its_vectors(
    store, block, make_record, fill, caplog
):
    fill([make_record(0)])
    other = Block.create("other", ["a", "b"], {"bin_width": 50})
    with store.writer(other) as writer:
        writer.add(Record("other key", "case-9", "t1", values=[7.0, 7.0]))
    (path,) = shard.list_shards(store.root / "blocks" / other.name)
    buffer = pa.BufferOutputStream()
    pq.write_table(shard.load(path), buffer)
    content = buffer.getvalue().to_pybytes()
    name = f"{32 * '0'}-{hashlib.sha256(content).hexdigest()[:32]}.parquet"
    (store.root / "blocks" / block.name / name).write_bytes(content)
    (problem,) = store.verify().problems
    assert problem == f"Shard {name} of {block.name} is not used: its vectors have 2 numbers, those of the block 3."
    assert store.read(block).index.to_list() == ["case-0"]
    assert "those of the block 3. It was moved to quarantine/" in caplog.text


def test_a_pipe_in_the_place_of_a_shard_does_not_hang(store, block, make_record, fill):
    fill([make_record(0)])
    os.mkfifo(store.root / "blocks" / block.name / f"{32 * '0'}-{32 * '1'}.parquet")
    assert "no regular file" in store.verify().problems[0]
    assert len(store.read(block)) == 1
    assert store.verify().problems == []


def test_gc_leaves_the_temporary_files_of_others_alone(tmp_path):
    others = [tmp_path / name for name in (".a.tmp", "blocks/.b.tmp", "blocks/lego/.c.tmp", f"mine/.{32 * 'd'}.tmp")]
    for path in others:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    assert FeatureStore(tmp_path).gc()["temporary_files"] == 0
    assert all(path.exists() for path in others)


def test_vectors_of_any_from_before_implausible_masks_were_refused_are_not_served(store, block, fill, caplog):
    text = json.dumps([block.name, "a" * 64, "b" * 64, "any"], separators=(",", ":"))
    before = hashlib.sha256(text.encode()).hexdigest()
    digests = {"image_sha256": "a" * 64, "mask_sha256": "b" * 64}
    fill([Record(before, "case-0", "t1", values=[1.0, 1.0, 1.0], **digests)])
    now = content_key(block, *digests.values(), "any")
    assert store.missing(block, [now]) == [now]
    assert store.contents(block).empty and store.read(block).empty
    assert "1 vectors in" in caplog.text and "earlier version" in caplog.text
    fill([Record(now, "case-0", "t1", values=[2.0, 2.0, 2.0], **digests)])
    assert store.contents(block)["key"].to_list() == [now]
    assert store.read(block).loc["case-0"].to_list() == [2.0, 2.0, 2.0]
