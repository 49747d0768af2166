"""Two clients in one queue; a process that dies, a server that is killed, one that is told to end: what stays."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.processes import LIMIT_S
from tests.serve.client import Client, files_of
from tests.serve.conftest import CUT_SHORT, DONE_BEFORE
from tests.serve.running import Running, running


def computing(server: Running) -> list[psutil.Process]:
    """Return the processes that look and compute for a server."""
    children = psutil.Process(server.process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def wait_for_step(client: Client, job: str) -> None:
    """Wait until a process is at work for a job."""
    assert any(told["state"] == "working" and told["step"] for told in client.events(job))


def test_a_second_client_sees_its_place_and_all_finish_in_order(server, client, patient):
    files, other = files_of(patient), server.client()
    uploads, not_wanted = [client.looked(files) for _ in range(2)], other.looked(files)
    last = other.looked(files)
    jobs = [client.post(f"{upload}/answer").json["page"] for upload in uploads]
    mine, stopped = (other.post(f"{upload}/answer").json["page"] for upload in (last, not_wanted))
    assert other.post(f"{stopped}/stop").status == 201
    told = list(other.events(mine))
    places = [one["ahead"] for one in told if one["state"] == "waiting"]
    assert places[0] in (1, 2) and places == sorted(places, reverse=True)
    assert told[0]["said"] == f"Waiting: {places[0]} other{'s' * (places[0] > 1)} before this one."
    assert told[-1]["state"] == "done"
    assert all(client.ended(job)["state"] == "done" for job in jobs)
    assert server.uploads() == []
    assert client.post(f"{last}/answer").status == 404  # answered once
    page = client.ask(stopped)  # of a result that ended without an answer: it can be removed all the same
    assert "It was stopped" in page.text and page.address.endswith(stopped.replace("jobs", "results"))
    assert f'action="{stopped.replace("jobs", "results")}/remove"' in page.text
    assert not (server.results / stopped.rpartition("/")[2] / "answer.json").exists()
    result = mine.replace("jobs", "results")
    assert (server.results / result.rpartition("/")[2] / "answer.json").exists()
    assert client.post(f"{result}/remove").status == 201
    assert not (server.results / result.rpartition("/")[2]).exists() and client.ask(result).status == 404


def test_a_restart_keeps_what_is_done_and_tells_what_was_cut_short(server, client):
    done, cut_short = (client.ask(f"/jobs/{name}") for name in (DONE_BEFORE, CUT_SHORT))
    assert done.address.endswith(f"/results/{DONE_BEFORE}") and "P77" in done.text
    assert "damaged" not in done.text and client.ask(f"/results/{DONE_BEFORE}/answer.json").json["sample_id"] == "P77"
    assert "images are gone" in cut_short.text
    assert [path.name for path in (server.results / CUT_SHORT).iterdir()] == ["about.json"]
    assert "killed" not in server.uploads()


@pytest.mark.thorough
def test_what_dies_costs_itself_alone_and_a_restart_loses_no_result(tiny_bundle, patient, tmp_path):
    files = files_of(patient)
    with running(tiny_bundle, tmp_path / "results") as first:
        client = first.client()
        dies, done = client.started(files), client.started(files)
        wait_for_step(client, dies)
        for process in computing(first):
            process.kill()
        ended = client.ended(dies)
        assert ended["state"] == "refused" and "was ended, most often because memory ran out" in ended["sentence"]
        assert "memory ran out" in client.ask(dies.replace("jobs", "results")).text
        assert client.ended(done)["state"] == "done" and first.uploads() == []
        page = client.ask(done.replace("jobs", "results")).text
        cut_short, waiting = client.started(files), client.started(files)
        wait_for_step(client, cut_short)
        children = computing(first)
        first.process.kill()
        first.process.wait(LIMIT_S)
        assert len(children) == 2 and not psutil.wait_procs(children, LIMIT_S)[1]  # nobody is left behind
        assert len(first.uploads()) == 2
    before = naming(tmp_path / "results", "P01")
    assert before == ["about.json", "answer.json", "doctor.html", "patient.html"]
    with running(tiny_bundle, tmp_path / "results", "--pseudonymize", str(tmp_path / "key")) as second:
        assert second.uploads() == []
        client = second.client()
        again = client.ask(done)
        assert again.address.endswith(done.replace("jobs", "results")) and body_of(again.text) == body_of(page)
        for one in (cut_short, waiting):
            assert "images are gone" in client.ask(one).text
        told = client.answered(files)
        assert re.fullmatch("p[0-9a-f]{16,}", told["sample_id"]) and "P01" not in json.dumps(told)
        assert naming(tmp_path / "results", "P01") == before
        under_way, stopped, _ = client.started(files), client.started(files), client.looked(files)
        assert client.post(f"{stopped}/stop").status == 201 and len(second.uploads()) == 2
        wait_for_step(client, under_way)
        assert client.post(f"{under_way.replace('jobs', 'results')}/remove").status == 201
        assert client.ended(under_way)["state"] == client.ended(stopped)["state"] == "stopped"
        assert len(second.uploads()) == 1
        goes_on = client.started(files)
        assert any(told["state"] == "working" for told in client.events(goes_on))
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(LIMIT_S) == 0
        assert not (tmp_path / "results" / "uploads").exists()
    assert "Ended. Every upload is removed." in (tmp_path / "said").read_text()


@pytest.mark.thorough
def test_two_workers_are_two_processes(tiny_bundle, patient, tmp_path):
    with running(tiny_bundle, tmp_path / "results", "--workers", "2") as server:
        client = server.client()
        jobs = [client.started(files_of(patient)) for _ in range(2)]
        assert [client.ended(job)["state"] for job in jobs] == ["done", "done"]
        assert len(computing(server)) == 3  # and one that looks at images


def naming(results: Path, name: str) -> list[str]:
    """Return the files of finished results that hold a name."""
    return sorted(path.name for path in results.glob("*/*") if path.is_file() and name in path.read_text())


def body_of(page: str) -> str:
    """Return a page without its token, which is that of a browser."""
    return page.partition("<main>")[2].partition("<form")[0]
