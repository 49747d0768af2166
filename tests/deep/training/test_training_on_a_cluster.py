"""Networks that a cluster trains: the bytes of this machine, also where a worker is killed in a training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra `deep` is not installed")
dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

from radiofuse.deep.encoder_cache import EncoderCache  # noqa: E402
from radiofuse.deep.segmentation.cross_fitting import Example, train_segmenter  # noqa: E402
from radiofuse.deep.segmentation.options import SegmenterOptions  # noqa: E402
from radiofuse.deep.training.options import Training  # noqa: E402
from radiofuse.deep.training.plan import TrainingSet, train_encoders  # noqa: E402
from radiofuse.deep.training.task import EncoderSpec  # noqa: E402
from radiofuse.errors import RequestError  # noqa: E402
from radiofuse.work import cluster as clusters  # noqa: E402
from radiofuse.work.cluster import on_cluster, require_seen  # noqa: E402
from tests.deep.tiny_crops import TINY, TRAINING, make_crops  # noqa: E402

pytestmark = pytest.mark.usefixtures("tiny_encoder")


@pytest.fixture(scope="module")
def address(tiny_encoder) -> Iterator[str]:
    """A scheduler with a worker in a thread: what it is given travels as it would to another machine."""
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with dask.config.set({"distributed.admin.tick.limit": "1h"}), distributed.LocalCluster(**kind) as started:
        yield started.scheduler_address


def bytes_in(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob(pattern) if path.is_file()}


def times_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.safetensors")}


def compare_encoders(address: str, tmp_path: Path, encoder: str, **options: str) -> None:
    """Train three encoders here and on a cluster, there two of them before all."""
    crops = make_crops(tmp_path, n=16, signal=1.0)
    spec = EncoderSpec(encoder, Training.from_options({**TRAINING, "epochs": 1}), "cpu", options)
    sets = [
        TrainingSet(tuple(rows), tuple(rows % 2), tuple(f"p{row}" for row in rows))
        for rows in (np.arange(8), np.arange(8, 16), np.arange(16))
    ]
    train_encoders(EncoderCache(tmp_path / "here"), spec, crops, sets, seed=5)
    with on_cluster(address, n_jobs=1) as n_jobs:
        train_encoders(EncoderCache(tmp_path / "there"), spec, crops, sets[:2], seed=5, n_jobs=n_jobs)
        before = times_in(tmp_path / "there")
        train_encoders(EncoderCache(tmp_path / "there"), spec, crops, sets, seed=5, n_jobs=n_jobs)
    here, there = (bytes_in(tmp_path / name, "*.safetensors") for name in ("here", "there"))
    assert here == there and len(here) == 3
    assert len(before) == 2 and before.items() <= times_in(tmp_path / "there").items()


def test_encoders_are_those_of_this_machine_and_are_found_again(address, tmp_path):
    compare_encoders(address, tmp_path, TINY)


@pytest.mark.thorough
def test_a_worker_that_is_killed_in_a_training_costs_that_training(tiny_encoder, tmp_path):
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(**kind) as started,
    ):
        compare_encoders(started.scheduler_address, tmp_path, "dying_encoder:DyingOnce", sign=str(tmp_path / "died"))
    assert (tmp_path / "died").exists()


def test_networks_that_segment_are_those_of_this_machine(address, tmp_path):
    chance, examples = np.random.default_rng(0), []
    for n in range(4):
        voxels = chance.normal(size=(1, 8, 8, 8)).astype(np.float32), chance.integers(2, size=(8, 8, 8))
        examples.append(Example(f"s{n}", f"p{n}", *voxels, (f"d{n}",), (f"x{n}",), (1.0, 1.0, 1.0)))
    options = SegmenterOptions(epochs=1, window=(8, 8, 8), widths=(4, 8))
    asked = {"n_folds": 2, "device": "cpu"}
    train_segmenter(examples, tmp_path / "here", ["t1"], None, options, **asked)
    with on_cluster(address, n_jobs=1) as n_jobs:
        train_segmenter(examples, tmp_path / "there", ["t1"], None, options, n_jobs=n_jobs, **asked)
    here, there = bytes_in(tmp_path / "here"), bytes_in(tmp_path / "there")
    assert here == there and len(here) == 5


def test_a_worker_that_does_not_see_the_store_is_named_before_a_network_is_trained(address, tmp_path, monkeypatch):
    with on_cluster(address, n_jobs=1):
        require_seen(tmp_path)
        monkeypatch.setattr(clusters.os.path, "isfile", in_another_folder)
        with pytest.raises(RequestError, match=f"Worker .*:.* does not see {tmp_path}, which networks read from"):
            require_seen(tmp_path)
    assert list(tmp_path.iterdir()) == []


def in_another_folder(path: str) -> bool:
    """Look for a file as a worker does where that folder is not mounted."""
    return Path("/not/mounted", Path(path).name).is_file()
