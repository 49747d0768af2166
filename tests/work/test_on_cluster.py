"""Folds on a cluster: the bytes of this machine; workers may die, the scheduler too, and nothing finished is lost."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import delayed
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from radiofuse.errors import RequestError, WorkerError
from radiofuse.evaluate import permutation_test, run_folds
from radiofuse.extract.outcomes import Outcome, refuse_unseen
from radiofuse.patients.splits import patient_splits
from radiofuse.work import cluster as clusters
from radiofuse.work import worker_versions
from radiofuse.work.cluster import Cluster, on_cluster, require_seen, run_on_cluster
from radiofuse.work.jobs import results_in_order
from radiofuse.work.kept import Kept, digest_of
from radiofuse.work.worker_versions import CODE, PROCESSOR, refuse_other_versions, versions_here
from tests.processes import LIMIT_S, first_line

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

X, y = make_classification(60, 200, random_state=0)
TABLE = pd.DataFrame(X, [f"s{n:02d}" for n in range(60)])
SPLITS = patient_splits(y, TABLE.index, n_splits=3, random_state=0)


@pytest.fixture(scope="module")
def address():
    """A scheduler with two workers of one thread, each replaced when it dies."""
    setting = {"distributed.scheduler.allowed-failures": 1}
    kind = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with dask.config.set(setting), distributed.LocalCluster(**kind) as started:
        yield started.scheduler_address


class DyingOnce(LogisticRegression):
    """A model whose first fit anywhere kills its process."""

    def __init__(self, sign: str = ""):
        super().__init__()
        self.sign = sign

    def fit(self, X, y):
        try:
            Path(self.sign).touch(exist_ok=False)
        except FileExistsError:
            return super().fit(X, y)
        os.kill(os.getpid(), signal.SIGKILL)
        return self


def folds(**options):
    results = run_folds({"lasso": LogisticRegression(C=0.1)}, TABLE, y, splits=SPLITS, **options)
    return pd.concat([one.predictions for one in results])


def test_folds_and_permutations_are_those_of_this_machine(address, tmp_path):
    asked = {"n_permutations": 3, "cv": 2, "random_state": 1}
    here = folds(), permutation_test(LogisticRegression(), TABLE, y, **asked).permuted
    kept = Kept(tmp_path / "unfinished", digest_of("data"))
    with on_cluster(address, n_jobs=1) as n_jobs:
        assert n_jobs == 2
        there = (
            folds(n_jobs=n_jobs, kept=kept),
            permutation_test(LogisticRegression(), TABLE, y, n_jobs=n_jobs, **asked),
        )
    pd.testing.assert_frame_equal(here[0], there[0], check_exact=True)
    np.testing.assert_array_equal(here[1], there[1].permuted)
    assert len(Kept(tmp_path / "unfinished", digest_of("data")).results) == len(SPLITS)


def test_a_table_travels_once(address):
    with distributed.Client(address, set_as_default=False) as client:
        cluster = Cluster(client, {})
        with cluster.parcels.packing() as pack:
            sent = [pack((TABLE, number)) for number in range(3)] + [pack((TABLE.copy(), 3))]
    assert len({*map(frozenset, (tables for _, tables, _ in sent))}) == 1
    assert all(len(task) < 1000 for task, *_ in sent)


def test_a_worker_killed_in_a_fold_costs_that_fold(address, tmp_path):
    model = DyingOnce(str(tmp_path / "sign"))
    with on_cluster(address, n_jobs=1) as n_jobs:
        there = run_folds({"model": model}, TABLE, y, splits=SPLITS, n_jobs=n_jobs)
    here = run_folds({"model": model}, TABLE, y, splits=SPLITS)
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(one.predictions, other.predictions, check_exact=True)


def echo(shared: None, task: int) -> int:
    return task


def warn_and_return(number: int) -> int:
    import warnings

    warnings.warn("of a worker", UserWarning, stacklevel=1)
    return number


def kill_this_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def read_elsewhere() -> None:
    Path("/nowhere/at/all").read_bytes()


def test_what_a_call_warns_of_is_warned_of_here(address):
    with on_cluster(address, n_jobs=1), pytest.warns(UserWarning, match="of a worker"):
        assert results_in_order([delayed(warn_and_return)(1)], ["one"], n_jobs=2) == [1]


@pytest.mark.thorough
def test_a_call_that_kills_every_worker_is_named_when_the_others_are_done(address):
    calls = [delayed(warn_and_return)(1), delayed(kill_this_worker)()]
    with (
        on_cluster(address, n_jobs=1),
        pytest.warns(UserWarning, match="of a worker"),
        pytest.raises(WorkerError, match="process of two was killed twice"),
    ):
        results_in_order(calls, ["one", "two"], n_jobs=2)


def test_a_worker_that_cannot_read_says_which_folder_to_mount(address):
    with on_cluster(address, n_jobs=1), pytest.raises(RequestError, match=r"cannot read or write .*/nowhere/at/all"):
        results_in_order([delayed(read_elsewhere)()], ["one"], n_jobs=2)


def test_an_image_that_a_worker_does_not_see_ends_a_run_and_is_listed_without_one(address, tmp_path):
    unseen = Outcome(0.0, code="file_missing", message="t1.nii.gz is not there.")
    refuse_unseen([unseen])
    with on_cluster(address, n_jobs=1):
        require_seen(tmp_path)
        assert clusters.cluster_in_use().must_see == [str(tmp_path)]
        with pytest.raises(RequestError, match=r"t1\.nii\.gz is not there"):
            refuse_unseen([unseen])
    assert list(tmp_path.iterdir()) == []


def begin_run(address):
    with on_cluster(address, n_jobs=1):
        pass


def begin_extraction(address):
    list(run_on_cluster(echo, None, [1], address=address))


@pytest.mark.parametrize("begin", [begin_run, begin_extraction])
def test_workers_with_other_versions_are_named_before_the_work(address, monkeypatch, begin):
    wanted = versions_here()
    monkeypatch.setattr(clusters, "versions_here", lambda: {**wanted, "numpy": "1.0", CODE: "other", "gone": "2"})
    pattern = rf"has numpy {wanted['numpy']} in place of 1\.0, {CODE} .* in place of other, no gone in place of 2\."
    with pytest.raises(RequestError, match=pattern):
        begin(address)


def test_a_worker_that_comes_later_asks_itself_before_its_first_task(monkeypatch):
    work = pickle.dumps((pickle.dumps((echo, None)), {}, versions_here(), ["/"]))
    assert clusters._call(work, pickle.dumps(1), {}, {}) == 1
    monkeypatch.setattr(worker_versions, "versions_here", lambda: {**versions_here(), "Python": "2.7"})
    clusters._OWN.__dict__.clear()
    with pytest.raises(RequestError, match="has Python 2.7 in place of 3.*and restart it if it began before that"):
        clusters._call(work, pickle.dumps(1), {}, {})


def test_a_worker_that_comes_later_and_does_not_see_the_store_is_refused(tmp_path):
    work = pickle.dumps((pickle.dumps((echo, None)), {}, versions_here(), [str(tmp_path / "store")]))
    with pytest.raises(RequestError, match="does not see .*store, which networks read from"):
        clusters._call(work, pickle.dumps(1), {}, {})


def test_a_worker_of_another_processor_is_told_of_and_not_refused(monkeypatch, caplog):
    refuse_other_versions(None, {**versions_here(), PROCESSOR: "Zen"})
    assert f"computes with kernels for {versions_here()[PROCESSOR]}, this process with those for Zen" in caplog.text
    caplog.clear()
    refuse_other_versions(None, versions_here())
    assert not caplog.text


def test_a_worker_tells_the_code_that_it_imported_and_not_what_was_installed_since(tmp_path):
    spec = spec_from_file_location("as_a_worker_imports_it", worker_versions.__file__)
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    fresh.PACKAGE = tmp_path
    (tmp_path / "later.py").write_text("NEW = 1\n")
    assert fresh.versions_here() == versions_here()


@pytest.mark.parametrize("begin", [begin_run, begin_extraction])
def test_a_scheduler_without_workers_is_one_sentence(monkeypatch, begin):
    monkeypatch.setattr(clusters, "WORKERS_S", 0.2)
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(RequestError, match=r"has no worker, after 0.2 seconds\. Start some, as dask worker tcp"),
    ):
        begin(empty.scheduler_address)


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_a_lost_scheduler_loses_nothing_that_was_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_S", 3)
    (tmp_path / "script.py").write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    other = subprocess.Popen([sys.executable, tmp_path / "script.py"], **pipes, start_new_session=True, env=environment)
    address = first_line(other)

    def kill_after_one(done: int, total: int) -> None:
        if done == 1:
            os.killpg(other.pid, signal.SIGKILL)
            client = clusters.cluster_in_use().client
            while client.status == "running":  # until it knows: a question before would be repeated for 30 seconds
                client.sync(asyncio.sleep, 0.01)

    kept = Kept(tmp_path / "unfinished", digest_of("data"))
    with (
        pytest.raises(RequestError, match=r"was lost\. What was finished is stored: start the cluster again"),
        on_cluster(address, n_jobs=1) as n_jobs,
    ):
        folds(n_jobs=n_jobs, kept=kept, on_done=kill_after_one)
    other.communicate(timeout=LIMIT_S)
    again = Kept(tmp_path / "unfinished", digest_of("data"))
    assert len(again.results) == 1
    told: list[int] = []
    resumed = folds(kept=again, on_done=lambda done, total: told.append(done))
    pd.testing.assert_frame_equal(resumed, folds(), check_exact=True)
    assert told == [1, 2, 3]
    assert len(Kept(tmp_path / "unfinished", digest_of("data")).results) == len(SPLITS)
