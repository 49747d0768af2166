"""The feature store in an object store: the same promises against a real server that speaks S3."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
import s3fs
from typer.testing import CliRunner

from radiofuse.commands.extract import app as extract
from radiofuse.commands.predict import app as predict
from radiofuse.commands.run import app as run
from radiofuse.commands.select import app as select
from radiofuse.commands.store import app
from radiofuse.datasets import make_phantom_cohort
from radiofuse.errors import RequestError, StoreError
from radiofuse.files import copies, objects
from radiofuse.files.copies import copy_of, drop_copies
from radiofuse.files.objects import ObjectPath
from radiofuse.files.places import on_this_machine, place_of
from radiofuse.store import Block, FeatureStore, Record
from radiofuse.store.arrays import ArrayBlock, ArrayStore
from tests.processes import LIMIT_S
from tests.s3 import reaching, served

BLOCK = Block.create("toy", ["mean", "energy"], {"bin_width": 25})
BUCKET, NUMBERS = "patients", count()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket that every process started here reaches."""
    with served() as (access, _), reaching(access | {"RADIOFUSE_CACHE": str(tmp_path_factory.mktemp("cache"))}):
        fsspec.filesystem("s3").mkdir(BUCKET)
        yield BUCKET


@pytest.fixture
def url(bucket: str) -> str:
    return f"s3://{bucket}/a study/{next(NUMBERS)}"  # names with blanks are names


def filled(url: str, rows: range) -> FeatureStore:
    store = FeatureStore(url)
    with store.writer(BLOCK, batch=2) as writer:
        for n in rows:
            writer.add(Record(f"{n:064x}", f"case-{n}", "t1", values=[n / 3, n * 1.1]))
    return store


def keys(rows: range) -> list[str]:
    return [f"{n:064x}" for n in rows]


def shards(url: str) -> list[ObjectPath]:
    return list((ObjectPath(url) / "blocks" / BLOCK.name).glob("*.parquet"))


def flip(path: ObjectPath) -> None:
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(bytes(content))


def test_a_bucket_holds_what_a_folder_holds(url, tmp_path):
    here, there = filled(str(tmp_path / "store"), range(7)), filled(url, range(7))
    pd.testing.assert_frame_equal(there.read(BLOCK), here.read(BLOCK), check_exact=True)
    assert there.blocks() == [BLOCK] == here.blocks()
    assert there.missing(BLOCK, keys(range(9))) == keys(range(7, 9))
    filled(url, range(5, 9))
    assert len(shards(url)) == 2 and there.gc()["merged_shards"] == 2 and len(shards(url)) == 1
    assert (there.verify().ok, there.verify().problems) == (9, [])
    files = fsspec.filesystem("s3").find(url)
    assert len(files) == 2, "block.json and a shard: nothing is left of a write"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the requests of this process by their kind."""
    requests, call = Counter(), s3fs.S3FileSystem._call_s3

    async def counting(self, method, *more, **options):
        requests[method] += 1
        return await call(self, method, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_call_s3", counting)
        yield requests


def test_a_shard_is_fetched_once_and_its_copy_is_never_believed_against_its_name(url):
    store = filled(url, range(3))
    (shard,) = shards(url)
    copy = copy_of(shard)
    before = store.read(BLOCK)
    with counted() as requests:
        assert store.read(BLOCK).equals(before) and store.missing(BLOCK, keys(range(4))) == keys(range(3, 4))
    assert "get_object" not in requests
    whole = copy.read_bytes()
    for spoiled in (b"", whole[:-9], b"x" + whole[1:]):
        copy.write_bytes(spoiled)
        assert store.read(BLOCK).equals(before), "the copy is thrown away, and not the shard"
        assert copy.read_bytes() == whole == shard.read_bytes()
    flip(shard)
    assert len(store.verify().problems) == 1, "what lies in the bucket is looked at"


def test_copies_are_private_told_once_and_go_with_what_they_are_of(url, caplog, monkeypatch):
    store = filled(url, range(2))
    store.read(BLOCK)
    here = on_this_machine(store.root)
    assert stat.S_IMODE(here.stat().st_mode) == 0o700
    assert [str(here) in told for told in caplog.messages if "only this account may read" in told] == [True]
    here.chmod(0o755)  # as earlier versions made it
    store.read(BLOCK)
    assert stat.S_IMODE(here.stat().st_mode) == 0o700
    assert {stat.S_IMODE(copy.stat().st_mode) for copy in here.rglob("*.parquet") if "copies" in copy.parts} == {0o600}
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: here.stat().st_uid + 1)
        with pytest.raises(RequestError, match="belongs to another account"):
            store.read(BLOCK)
    old = copy_of(shards(url)[0])
    filled(url, range(2, 4))
    assert store.gc()["merged_shards"] == 2 and len(store.read(BLOCK)) == 4
    assert not old.exists() and copy_of(shards(url)[0]).is_file()
    assert store.gc()["idle_copies"] == 0, "somebody may read them at this moment"
    os.utime(copy_of(shards(url)[0]), (0, 0))
    assert store.gc()["idle_copies"] == 1 and len(store.read(BLOCK)) == 4
    (here.parent / "file").touch()
    monkeypatch.setenv("RADIOFUSE_CACHE", str(here.parent / "file"))
    with pytest.raises(RequestError, match="cannot be made .*Name another folder with the variable RADIOFUSE_CACHE"):
        store.read(BLOCK)


def test_shards_are_fetched_several_at_a_time_and_read_without_room_for_copies(url, monkeypatch):
    for n in range(9):
        filled(url, range(n, n + 1))
    together, calls = objects.read_together, []
    monkeypatch.setattr(copies, "read_together", lambda paths: calls.append(len(paths)) or together(paths))
    expected = FeatureStore(url).read(BLOCK)
    assert calls == [8, 1, 0, 0], "of vectors after their names were read nothing is fetched again"
    drop_copies(FeatureStore(url)._folder(BLOCK))
    with monkeypatch.context() as patch:
        patch.setattr(copies, "write_aside", no_room)
        assert FeatureStore(url).read(BLOCK).equals(expected)


def no_room(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_table_or_recipe_at_a_url_is_told_what_may_lie_there(tmp_path):
    said = answered(extract, "s3://patients/cohort.csv", "--store", tmp_path / "store", code=3).stderr
    assert "s3://patients/cohort.csv is a URL, and only a store may lie at one. Copy the table" in said


def test_a_flipped_byte_is_named_and_only_what_it_held_is_missing(url, tmp_path):
    store = filled(url, range(4))
    filled(url, range(4, 6))
    damaged = next(path for path in shards(url) if keys(range(4, 6))[0].encode() in path.read_bytes())
    flip(damaged)
    answer = CliRunner().invoke(app, ["verify", "--store", url])
    assert answer.exit_code == 3 and f"Shard {damaged.name} of {BLOCK.name} is damaged" in answer.stderr
    assert store.missing(BLOCK, keys(range(6))) == keys(range(4, 6))
    assert not damaged.exists()
    assert (ObjectPath(url) / "quarantine" / f"{BLOCK.name}.{damaged.name}").is_file()
    with pytest.raises(StoreError, match=f"2 records of the damaged shard {damaged.name}"):
        store.read(BLOCK)
    filled(url, range(4, 6))
    out = tmp_path / "all.csv"
    done = CliRunner().invoke(app, ["export", str(out), "--store", url])
    assert done.exit_code == 0 and len(pd.read_csv(out)) == 6
    assert store.gc(empty_quarantine=True)["quarantined_shards"] == 1


# Each pair of writers is forked with all imported; one of the two kills itself before or after a chosen request.
WRITERS = """
    import os, signal, sys
    import s3fs
    from radiofuse.store import Block, FeatureStore, Record

    url, said = sys.argv[1:]
    block = Block.create("race", ["f"], {})
    call = s3fs.S3FileSystem._call_s3

    def dying(request, left, after):
        async def call_s3(self, method, *more, **options):
            nonlocal left
            left -= method == request
            if left == 0 and method == request and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = await call(self, method, *more, **options)
            if left == 0 and method == request:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer
        return call_s3

    def write(numbers):
        with open(said, "a") as file, FeatureStore(url).writer(block, batch=4) as writer:
            for n, number in enumerate(numbers, start=1):
                writer.add(Record(f"{number:064x}", f"case-{number}", "t1", values=[number / 7]))
                if n % 4 == 0:
                    print(*numbers[n - 4 : n], file=file, flush=True)

    for place, (request, left, after) in enumerate(
        [("put_object", 3, False), ("put_object", 4, True), ("delete_object", 1, False), ("delete_object", 2, True)]
    ):
        children = []
        for one in range(2):
            child = os.fork()
            if not child:
                if one:
                    s3fs.S3FileSystem._call_s3 = dying(request, left, after)
                write(range(place * 8, place * 8 + 24))  # both write the same, in part what was written before
                os._exit(0)
            children.append(child)
        print(*(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_writers_killed_at_chosen_requests_lose_nothing_that_was_written(url, tmp_path):
    said = tmp_path / "said"
    command = [sys.executable, "-c", textwrap.dedent(WRITERS), url, str(said)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert done.stdout.split("\n")[:4] == ["0 -9"] * 4, done.stderr
    safe = {f"{int(number):064x}" for number in said.read_text().split()}
    store, block = FeatureStore(url), Block.create("race", ["f"], {})
    assert len(safe) == 48 and set(store.status_of(block)) == safe
    assert not store.verify().problems
    found = store.read(block)["t1__f"]
    assert found.to_dict() == {f"case-{n}": n / 7 for n in range(48)}
    store.gc()
    assert len(list((ObjectPath(url) / "blocks" / block.name).glob("*.parquet"))) == 1
    assert len(store.read(block)) == 48


def copies_of_arrays(url: str) -> list[Path]:
    return sorted((on_this_machine(place_of(url)) / "copies" / "arrays").rglob("*.npy"))


@pytest.mark.parametrize("spoil", [lambda whole: whole[:140], lambda whole: whole[:-1] + b"\1", lambda whole: b""])
def test_a_copy_of_an_array_that_was_spoiled_is_fetched_again(url, spoil):
    store, block = ArrayStore(url), ArrayBlock("stacks", {"size": 2})
    store.write(block, "k", {"image": np.arange(12.0)})
    store.read(block, "k")
    (copy,) = copies_of_arrays(url)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with counted() as requests:
        store.read(block, "k")
    assert requests["get_object"] == 2, "what is noted of the array, for the list and for its copy; not the array"
    whole = copy.read_bytes()
    copy.write_bytes(spoil(whole))
    assert (store.read(block, "k")["image"] == np.arange(12.0)).all()
    assert copy.read_bytes() == whole and copies_of_arrays(url) == [copy]


def test_an_array_that_was_changed_on_its_way_up_is_named_and_made_again(url, monkeypatch):
    store, block = ArrayStore(url), ArrayBlock("stacks", {"size": 2})
    upload = ObjectPath.write_bytes
    with monkeypatch.context() as patch, counted() as requests:
        patch.setattr(ObjectPath, "write_bytes", lambda path, sent: upload(path, sent.replace(b"NUMPY", b"NuMPY")))
        store.write(block, "k", {"image": np.ones(4)})
    assert requests == {"put_object": 2}, "nothing that was sent is fetched to be hashed"
    array = ObjectPath(url) / "arrays" / block.name / "k.image.npy"
    assert store.verify() == [f"{array} is damaged. Delete k.json, and run again."]
    with pytest.raises(StoreError, match=r"k\.image\.npy is damaged: .* Delete it, and run again"):
        store.read(block, "k")
    array.unlink()
    assert store.missing(block, ["k"]) == ["k"]
    store.write(block, "k", {"image": np.ones(4)})
    assert store.verify() == [] and store.read(block, "k")["image"].sum() == 4


def test_arrays_lie_in_a_bucket_and_are_mapped_from_a_copy(url):
    store, block = ArrayStore(url), ArrayBlock("stacks", {"size": 2})
    pixels = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    store.write(block, "k", {"image": pixels})
    assert store.missing(block, ["k", "absent"]) == ["absent"] and store.verify() == []
    first = store.read(block, "k")["image"]
    assert isinstance(first, np.memmap) and (first == pixels).all()
    store.write(block, "k", {"image": pixels + 1})
    assert (store.read(block, "k")["image"] == pixels + 1).all(), "a file that was written anew is fetched anew"
    assert len(copies_of_arrays(url)) == 2 and FeatureStore(url).gc()["idle_copies"] == 0
    for copy in copies_of_arrays(url):
        os.utime(copy, (0, 0))
    assert FeatureStore(url).gc()["idle_copies"] == 2 and copies_of_arrays(url) == []
    flip(ObjectPath(url) / "arrays" / block.name / "k.image.npy")
    assert [problem.partition("k.image.npy")[2] for problem in store.verify()] == [
        " is damaged. Delete k.json, and run again."
    ]


RECIPE = """[cohort]
table = "cohort.csv"
label = "idh"
modalities = ["t1"]
mask_label = 1
[radiomics]
settings = "default"
[select]
method = "mann_whitney"
[fusion]
combine = ["mean"]
inner_folds = 2
[evaluation]
folds = 2
repeats = 1
resamples = 100
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    make_phantom_cohort(folder, n_patients=16, seed=0)
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


def answered(command, *arguments: object, code: int = 0):
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    assert done.exit_code == code, done.output
    return done


def test_extract_run_predict_and_select_give_the_same_bytes_as_from_a_folder(url, study, tmp_path):
    local = tmp_path / "store"
    recipe, told = study / "recipe.toml", {}
    for name, store in (("here", local), ("there", url)):
        out = tmp_path / name
        extracted = answered(extract, "--recipe", recipe, "--store", store)
        (line,) = [line for line in extracted.output.splitlines() if line.startswith("As a table")]
        assert str(store) in line
        block = line.split()[-1]
        answered(run, recipe, "--out", out, "--store", store, "--no-report")
        answers = out.with_suffix(".csv")
        answered(predict, out / "bundle", study / "cohort.csv", "--store", store, "--out", answers, code=3)  # one fails
        picked = ["--cohort", study / "cohort.csv", "--label", "idh", "--block", block, "--folds", 2, "--inner", 2]
        selected = answered(select, store, *picked, "--steps", "correlation", "--no-nested", "--format", "csv").stdout
        told[name] = {path.name: path.read_bytes() for path in (out / "bundle").glob("*.csv")}
        del told[name]["run_times.csv"]
        told[name] |= {"answers": answers.read_bytes(), "selected": selected}
    assert told["here"].keys() == told["there"].keys() and len(told["here"]) > 5
    assert [name for name in told["here"] if told["here"][name] != told["there"][name]] == []
    stored = json.loads(answered(app, "ls", "--store", url, "--json").stdout)
    assert [block["ok"] for block in stored] == [17, 17]  # features and spectra


def test_a_wrong_address_is_one_sentence_before_the_work(study, monkeypatch):
    def said(url: str) -> str:
        done = CliRunner().invoke(run, [str(study / "recipe.toml"), "--store", url, "--no-report"])
        assert done.exit_code == 2 and "Traceback" not in done.output
        return done.stderr

    assert "s4://bucket/store begins with s4://; a folder, s3://… or gs://… was expected" in said("s4://bucket/store")
    assert "was expected to name a bucket" in said("s3://")
    assert "'s3://my bucket/store' names a bucket with a space in it" in said("s3://my bucket/store")
    for slip in ("s3:/bucket/store", " s3://bucket/store"):
        assert f"{slip!r} is neither a folder nor a URL, as s3://bucket/store" in said(slip)
    with pytest.raises(RequestError, match="which drops a slash. Hand it over as text"):
        place_of(Path("s3://bucket/store"))
    monkeypatch.setattr("radiofuse.files.objects.find_spec", lambda name: None)  # as where it is not installed
    assert "needs fsspec and s3fs; install with: pip install 'radiofuse[cloud]'" in said("s3://bucket/store")


def test_an_absent_bucket_and_absent_credentials_are_one_sentence_each(bucket, monkeypatch, tmp_path):
    with pytest.raises(StoreError, match=r"cannot be written \(there is no bucket nowhere\)\. Check its address"):
        FeatureStore("s3://nowhere/store").check_writable()
    absent = CliRunner().invoke(app, ["ls", "--store", "s3://nowhere/store"])
    assert absent.exit_code == 2 and "no feature store at s3://nowhere/store. There is no such bucket" in absent.stderr
    with (
        reaching({"AWS_ENDPOINT_URL": "s3.hospital.org"}),
        pytest.raises(StoreError, match=r"cannot be written \(Invalid endpoint: s3.hospital.org\)\. Check its address"),
    ):
        FeatureStore(f"s3://{bucket}/store").check_writable()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    none = str(tmp_path / "none")
    with (
        reaching({"AWS_SHARED_CREDENTIALS_FILE": none, "AWS_CONFIG_FILE": none}),
        pytest.raises(StoreError, match=r"(?i)cannot be written \(unable to locate credentials\)\. Check its address"),
    ):
        FeatureStore(f"s3://{bucket}/store").check_writable()


def test_a_network_that_is_gone_in_the_middle_loses_nothing_that_was_stored(tmp_path):
    with served() as (access, server), reaching(access | {"RADIOFUSE_CACHE": str(tmp_path)}):
        fsspec.filesystem("s3").mkdir("gone")
        store = filled("s3://gone/store", range(2))
        with pytest.raises(StoreError) as told, store.writer(BLOCK, batch=1) as writer:
            server.kill()
            server.wait(LIMIT_S)
            writer.add(Record("f" * 64, "case-9", "t1", values=[1.0, 2.0]))
        assert "1 finished vector of toy" in str(told.value) and "What was stored before is kept" in str(told.value)
        for reading in (store.blocks, store.verify, lambda: store.read(BLOCK), lambda: ArrayStore(store.root).verify()):
            with pytest.raises(StoreError, match=r"(?i)check its address, the credentials and the network"):
                reading()


def test_a_quarantine_that_another_process_empties_at_this_moment_is_an_empty_one(monkeypatch):
    store = filled("memory://emptied/store", range(3))
    flip(shards("memory://emptied/store")[0])
    store.missing(BLOCK, [])
    (damaged,) = ObjectPath("memory://emptied/store/quarantine").iterdir()
    read = ObjectPath.open
    monkeypatch.setattr(ObjectPath, "open", lambda path, mode: path == damaged and path.unlink() or read(path, mode))
    assert store.verify().problems == [] and not damaged.exists()


def test_memory_is_a_store_of_this_process():
    store = filled("memory://trial/store", range(3))
    assert len(store.read(BLOCK)) == 3
    for path in ("memory://trial/store/blocks", "memory://trial/store"):
        assert ObjectPath(path).is_dir()
