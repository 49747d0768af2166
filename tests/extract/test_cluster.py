"""A Dask cluster that loses workers, and at last itself: samples are not lost, and nobody else is blamed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from radiofuse.errors import RequestError
from radiofuse.extract import extract_cohort
from radiofuse.extract.one_task import Task
from radiofuse.extract.outcomes import extract_on_worker
from radiofuse.store import Block, FeatureStore
from radiofuse.tables.cohort import read_cohort
from radiofuse.work import cluster
from radiofuse.work.cluster import WORKER_DIED, run_on_cluster
from tests.processes import LIMIT_S, first_line

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

N_SAMPLES = 6


class MeanExtractor:
    """The mean of the region; a stand-in that takes no time."""

    label = 1

    def block(self) -> Block:
        return Block.create("mean", ["mean"], {})

    def compute(self, pair) -> np.ndarray:
        voxels, roi = sitk.GetArrayFromImage(pair.image), sitk.GetArrayFromImage(pair.roi)
        return np.array([voxels[roi == 1].mean()])


class HeldExtractor(MeanExtractor):
    """Tells its process id through a pipe and waits to be killed, the first time anywhere."""

    def __init__(self, folder: Path):
        self.folder = folder

    def compute(self, pair) -> np.ndarray:
        try:
            (self.folder / "held").touch(exist_ok=False)
        except FileExistsError:
            return super().compute(pair)
        (self.folder / "pipe").write_text(str(os.getpid()))
        signal.pause()
        raise AssertionError("nobody killed this worker")


def double_or_die(shared: int, task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return shared * task


def refuse(shared: None, task: int) -> int:
    raise RequestError(f"task {task} is refused")


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers of one thread, each replaced when it dies."""
    setting = {"distributed.scheduler.allowed-failures": 1}
    kind = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with dask.config.set(setting), distributed.LocalCluster(**kind) as started:
        yield started.scheduler_address


@pytest.fixture
def cohort(tmp_path) -> pd.DataFrame:
    region = np.zeros((8, 8, 8), np.uint8)
    region[2:6, 2:6, 2:6] = 1
    sitk.WriteImage(sitk.GetImageFromArray(region), tmp_path / "mask.nii.gz")
    rows = ["sample_id,t1__image,t1__mask"]
    for n in range(N_SAMPLES):
        voxels = np.random.default_rng(n).normal(n, 1, region.shape).astype(np.float32)
        sitk.WriteImage(sitk.GetImageFromArray(voxels), tmp_path / f"{n}.nii.gz")
        rows.append(f"s{n},{n}.nii.gz,mask.nii.gz")
    (tmp_path / "cohort.csv").write_text("\n".join(rows))
    return read_cohort(tmp_path / "cohort.csv")


def test_a_poisoned_task_is_blamed_alone(address):
    results = dict(run_on_cluster(double_or_die, 2, range(12), address=address))
    assert results.pop(3) is WORKER_DIED
    assert results == {task: 2 * task for task in range(12) if task != 3}


def test_few_tasks_are_in_flight(address):
    taken = iter(range(1000))
    next(run_on_cluster(double_or_die, 1, (task for task in taken if task != 3), address=address))
    assert next(taken) <= 2 * 2 + 1  # two for each thread, and number 3 that was left out


def test_no_tasks_need_no_answer(address):
    assert list(run_on_cluster(double_or_die, 2, [], address=address)) == []


def test_an_error_of_the_function_comes_back_as_it_was(address):
    with pytest.raises(RequestError, match="task 0 is refused"):
        list(run_on_cluster(refuse, None, [0], address=address))


def test_a_worker_killed_at_work_costs_nothing(address, cohort, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    killer = Thread(target=lambda: os.kill(int((tmp_path / "pipe").read_text()), signal.SIGKILL), daemon=True)
    killer.start()
    store = FeatureStore(tmp_path / "store")
    result = extract_cohort(cohort, HeldExtractor(tmp_path), store, cluster=address)
    killer.join(LIMIT_S)
    assert not killer.is_alive()
    assert (result.n_computed, len(result.failures)) == (N_SAMPLES, 0)
    here = extract_cohort(cohort, MeanExtractor(), FeatureStore(tmp_path / "here"))
    tables = [one.read(result.block, keys=here.keys) for one in (store, FeatureStore(tmp_path / "here"))]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_a_lost_scheduler_is_one_sentence_and_what_was_finished_is_stored(cohort, tmp_path):
    (tmp_path / "script.py").write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    other = subprocess.Popen([sys.executable, tmp_path / "script.py"], **pipes, start_new_session=True, env=environment)
    address = first_line(other)

    def kill_after_two(done: int, total: int) -> None:
        if done == 2:
            os.killpg(other.pid, signal.SIGKILL)

    store = FeatureStore(tmp_path / "store")
    with pytest.raises(RequestError, match="scheduler at tcp.* was lost. What was finished is stored"):
        extract_cohort(cohort, MeanExtractor(), store, cluster=address, on_done=kill_after_two)
    other.communicate(timeout=LIMIT_S)
    assert extract_cohort(cohort, MeanExtractor(), store).n_computed == N_SAMPLES - 2


@pytest.mark.parametrize("wrong", ["tcp://127.0.0.1:1", "nonsense", "foo://x:1", "tls://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_one_sentence(wrong, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    with pytest.raises(RequestError, match=f"No Dask scheduler answers at {wrong}"):
        list(run_on_cluster(double_or_die, 2, [1], address=wrong))


def test_something_else_that_listens_is_no_scheduler_in_a_notebook_too(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)

    async def ask(address: str) -> None:  # in a loop that runs, as cells are
        with pytest.raises(RequestError, match=f"No Dask scheduler answers at {address}"):
            list(run_on_cluster(double_or_die, 2, [1], address=address))

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        asyncio.run(ask("tcp://{}:{}".format(*silent.getsockname())))


def test_without_dask_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r"pip install 'radiofuse\[dask\]'"):
        list(run_on_cluster(double_or_die, 2, [1], address="tcp://127.0.0.1:1"))


def test_a_worker_that_does_not_see_a_file_says_so(tmp_path):
    task = Task("s0", "t1", str(tmp_path / "image.nii.gz"), str(tmp_path / "mask.nii.gz"), 1)
    [outcome] = extract_on_worker((MeanExtractor(), MeanExtractor().block().name), [task])
    assert outcome.code == "file_missing"
    assert "Files are read on the cluster's workers" in outcome.message
    assert str(tmp_path) not in outcome.message


def test_a_worker_with_other_libraries_is_refused():
    other = Block.create("mean", ["mean"], {"version": 2}).name
    with pytest.raises(RequestError, match=f"where {other} was asked for"):
        extract_on_worker((MeanExtractor(), other), [Task("s0", "t1", "image.nii.gz", "mask.nii.gz", 1)])
