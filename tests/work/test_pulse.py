"""Nobody waits for a cluster in silence: workers that are gone are waited for aloud, a cut network ends the work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event

import pytest

from radiofuse.errors import RequestError
from radiofuse.work import cluster as clusters
from radiofuse.work import pulse
from radiofuse.work.cluster import on_cluster, run_on_cluster
from tests.processes import LIMIT_S
from tests.wire import Wire

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

ONE_THREAD = {"threads_per_worker": 1, "processes": False, "protocol": "tcp", "dashboard_address": None}
CUT = Event()


@pytest.fixture
def cluster() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(n_workers=1, **ONE_THREAD) as started:
        yield started


@pytest.fixture
def wire(cluster) -> Iterator[Wire]:
    made = Wire(cluster.scheduler_address)
    yield made
    made.close()


class Doing(logging.Handler):
    """Does something when a word is told; keeps what was told."""

    def __init__(self, word: str, do) -> None:
        super().__init__(logging.INFO)
        self.word, self.do, self.told = word, do, []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
        if self.word in self.told[-1]:
            self.do()


def double(shared: None, task: int) -> int:
    return 2 * task


def test_workers_that_are_gone_are_waited_for_aloud(cluster, monkeypatch, caplog):
    monkeypatch.setattr(clusters, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(pulse, "TELL_AFTER_S", 0.1)
    asked = Doing("Waiting for workers", lambda: cluster.scale(1))
    caplog.set_level(logging.INFO, pulse.log.name)
    monkeypatch.setattr(pulse.log, "handlers", [asked])

    def tasks() -> Iterator[int]:
        yield 1
        cluster.scale(0)
        cluster.sync(cluster._correct_state)
        yield 2

    assert dict(run_on_cluster(double, None, tasks(), address=cluster.scheduler_address)) == {1: 2, 2: 4}
    waiting, again = asked.told
    assert f"at {cluster.scheduler_address}: none has been there for 0 s. Start one, as dask worker tcp" in waiting
    assert "Workers are there again at tcp" in again


def test_a_network_that_is_cut_ends_the_work_in_one_sentence(wire, monkeypatch):
    for name, seconds in (("ASK_EVERY_S", 0.05), ("SILENT_S", 0.5), ("CLOSE_S", 0.2)):
        monkeypatch.setattr(clusters, name, seconds)
    monkeypatch.setattr(pulse, "SILENT_S", 0.5)
    found = {}
    with pytest.raises(RequestError, match=r"at tcp.* was lost: it has not answered for 0 seconds\. What was finished"):
        for task, result in run_on_cluster(double, None, range(100), address=wire.address):
            found[task] = result
            wire.cut()
    assert 1 <= len(found) < 100


def test_a_network_that_is_cut_before_the_work_is_no_endless_question(wire, monkeypatch):
    monkeypatch.setattr(pulse, "SILENT_S", 0.5)
    monkeypatch.setattr(clusters, "CLOSE_S", 0.2)
    first = clusters.refuse_other_versions

    def cut_and_ask(*arguments: object) -> None:
        wire.cut()
        first(*arguments)

    monkeypatch.setattr(clusters, "refuse_other_versions", cut_and_ask)
    with pytest.raises(RequestError, match="or one of its workers, has not answered"), on_cluster(wire.address, 1):
        pass


def cut_off(shared: None, task: int) -> int:
    """Do the first of the tasks, and cut the network before its result is told."""
    worker = distributed.get_worker()
    if not CUT.is_set() and isinstance(worker, BehindWire):
        worker.wire.cut()
        CUT.set()
    return 2 * task


class BehindWire(distributed.Worker):
    """A worker that reaches its scheduler over a wire."""

    def __init__(self, scheduler: str, **options) -> None:
        self.wire = Wire(scheduler)
        super().__init__(self.wire.address, **options)


def test_a_worker_behind_a_cut_network_costs_its_task():
    CUT.clear()
    setting = {"distributed.scheduler.worker-ttl": "1s", "distributed.comm.timeouts.connect": "1s"}
    options = {"nthreads": 1, "dashboard_address": None}
    workers = {0: {"cls": BehindWire, "options": options}}
    scheduler = {"cls": distributed.Scheduler, "options": {"port": 0, "dashboard_address": None, "dashboard": False}}
    with dask.config.set(setting), distributed.SpecCluster(workers, scheduler=scheduler) as cluster:
        cluster.wait_for_workers(1)
        behind = cluster.workers[0]

        def tasks() -> Iterator[int]:
            yield 0
            assert CUT.wait(LIMIT_S)
            cluster.worker_spec[1] = {"cls": distributed.Worker, "options": options}
            cluster.sync(cluster._correct_state)
            yield 1

        assert dict(run_on_cluster(cut_off, None, tasks(), address=cluster.scheduler_address)) == {0: 0, 1: 2}
        behind.wire.close()
