from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radiofuse.commands.store import app
from radiofuse.store import Block, shard
from radiofuse.store.arrays import ArrayBlock, ArrayStore


@pytest.fixture
def command(store):
    """Return a function that runs a command on the store."""

    def run(name, *arguments):
        return CliRunner().invoke(app, [name, *map(str, arguments), "--store", str(store.root)])

    return run


@pytest.fixture
def filled(store, make_record, fill):
    fill([make_record(0), make_record(1), make_record(2, status="failed", error_code="empty_roi")])
    return store


def test_ls_counts_what_each_block_holds(filled, block, command):
    assert command("ls").stdout.splitlines()[1].split() == [block.name, "3", "2", "1"]
    (line,) = json.loads(command("ls", "--json").stdout)
    assert line == {"block": block.name, "features": 3, "ok": 2, "failed": 1, "identity": block.identity}


def test_verify_answers_with_0_for_a_good_store_and_3_for_a_damaged_one(filled, block, command):
    good = command("verify")
    assert (good.exit_code, good.stdout) == (0, "1 shards of 1 blocks: 2 vectors, 1 failures good\n")
    (path,) = shard.list_shards(filled.root / "blocks" / block.name)
    path.write_bytes(path.read_bytes()[:-1])
    bad = command("verify")
    assert bad.exit_code == 3
    assert f"Shard {path.name} of {block.name} is damaged" in bad.stderr
    assert len(json.loads(command("verify", "--json").stdout)["problems"]) == 1
    ArrayStore(filled.root).write(ArrayBlock("stack", {}), "k", {"image": np.zeros(3)})
    next(filled.root.rglob("k.image.npy")).unlink()
    _, of_arrays = json.loads(command("verify", "--json").stdout)["problems"]
    assert of_arrays.endswith("k.image.npy is gone. Run again.")


def test_gc_says_what_it_did(filled, command, fill, make_record):
    fill([make_record(5)])
    assert command("gc").stdout == "temporary files: 0, merged shards: 2, quarantined shards: 0\n"
    assert json.loads(command("gc", "--json", "--empty-quarantine").stdout)["merged_shards"] == 0


def test_export_takes_the_only_block_and_else_asks(filled, block, command, tmp_path):
    done = command("export", tmp_path / "all.csv")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'all.csv'}\n")
    assert len(pd.read_csv(tmp_path / "all.csv")) == 3
    filled.register(Block.create("other", ["a"], {}))
    asked = command("export", tmp_path / "all.csv")
    assert asked.exit_code == 2
    assert "has 2 blocks; choose with --block" in asked.stderr
    assert command("export", tmp_path / "all.parquet", "--block", block.name).exit_code == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_replaces_an_export_and_nothing_else_unless_asked(filled, command, tmp_path, suffix):
    out = tmp_path / f"all.{suffix}"
    assert [command("export", out).exit_code for _ in range(2)] == [0, 0]
    exported = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    for foreign in (exported.assign(label=1), exported.rename(columns={"sample_id": "id"}), None):
        if foreign is None:
            out.write_text("mine")
        else:
            foreign.to_csv(out, index=False) if suffix == "csv" else foreign.to_parquet(out, index=False)
        before = out.read_bytes()
        refused = command("export", out)
        assert (refused.exit_code, out.read_bytes()) == (2, before)
        assert "--overwrite" in refused.stderr
    assert command("export", out, "--overwrite").exit_code == 0


def test_an_export_lies_not_among_the_shards_and_a_dash_prints_it(filled, block, command, tmp_path):
    refused = command("export", filled.root / "blocks" / block.name / "all.parquet", "--overwrite")
    assert (refused.exit_code, "among the files" in refused.stderr) == (2, True)
    command("export", tmp_path / "all.csv")
    assert command("export", "-").stdout == (tmp_path / "all.csv").read_text()


@pytest.mark.parametrize("name", ["ls", "verify", "gc"])
def test_a_store_that_is_not_there_is_a_wrong_request(command, store, name):
    answer = command(name)
    assert answer.exit_code == 2
    assert answer.stderr == f"Error: There is no feature store at {store.root}. Name one with --store.\n"
    assert not store.root.exists()


@pytest.mark.parametrize("name", ["ls", "verify", "gc"])
def test_a_folder_of_other_things_is_no_store(command, store, name):
    store.root.mkdir()
    (store.root / ".mine.tmp").touch()
    answer = command(name)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "but no feature store" in answer.stderr
    assert (store.root / ".mine.tmp").exists()
