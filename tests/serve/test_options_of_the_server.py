"""Where a server listens, whom it trusts, and with how many it computes: each option reaches what it is for."""

from __future__ import annotations

import shutil
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from radiofuse.bundle.new_rows import UNTOLD
from radiofuse.bundle.one_patient import read_patient
from radiofuse.bundle.predict import predict_rows
from radiofuse.commands.naming import Naming
from radiofuse.commands.serve import app
from radiofuse.errors import BundleError
from radiofuse.progress import silent
from radiofuse.serve.bundles import Bundles
from radiofuse.serve.queue import Queue
from radiofuse.serve.tasks import Models
from tests.processes import LIMIT_S
from tests.serve.conftest import HOST
from tests.serve.running import KEY, SIGNERS, Running
from tests.serve.test_what_goes_wrong_inside import job_of

needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's client is not installed")


def test_the_server_listens_where_host_says_alone_and_warns_that_others_reach_it(server: Running) -> None:
    link = urlsplit(server.link)
    assert link.hostname == HOST and server.client().ask("/").status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", link.port), timeout=5)
    said = " ".join((server.results.parent / "said").read_text().split())
    assert f"Warning: {HOST} is reached from other machines" in said


@needs_ssh
def test_a_bundle_that_nobody_signed_whom_one_trusts_is_refused(tiny_bundle: Path) -> None:
    models = Models((tiny_bundle,), Naming(), tiny_bundle.parent / "mallory.signers", ("joblib",))
    with pytest.raises(BundleError, match="is of nobody in"):
        Bundles(models).load(0)


@needs_ssh
@pytest.mark.thorough
def test_a_server_of_such_a_bundle_does_not_start(tiny_bundle: Path, tmp_path: Path) -> None:
    mallory, results = tiny_bundle.parent / "mallory.signers", tmp_path / "results"
    words = [tiny_bundle, "--results", results, "--port", "0", "--trust", "joblib", "--signed-by", mallory]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 2 and "is of nobody in mallory.signers" in " ".join(done.output.split()), done.output
    assert str(tiny_bundle) not in done.output and not (results / "uploads").exists()


def test_a_bundle_that_would_run_code_is_refused_unless_it_is_named(tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"its model is pickled Python.*--trust NAME"):
        Bundles(Models((tiny_bundle,), Naming())).load(0)
    assert Bundles(Models((tiny_bundle,), Naming(), None, ("joblib",))).load(0).outcomes[0].name == "idh"


@needs_ssh
def test_a_bundle_is_loaded_once_under_the_key_and_the_signers_that_were_named(
    tiny_bundle: Path, patient: Path, tmp_path: Path
) -> None:
    home = tiny_bundle.parent
    notes = {}
    for key in (home / KEY, None):
        bundles = Bundles(Models((tiny_bundle,), Naming(key), home / SIGNERS, ("joblib",)))
        loaded = bundles.load(0)
        assert bundles.load(0) is loaded
        cohort = read_patient(loaded, patient).cohort
        told, _ = predict_rows(loaded, cohort, store=home / "store", progress=silent)
        notes[key] = told["note"].iloc[0]
    assert UNTOLD in notes[None] and UNTOLD not in notes[home / KEY]


def test_as_many_patients_are_computed_at_a_time_as_there_are_workers(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=LIMIT_S)  # passed by two at once, or by none

    class Meets:
        def run(self, task, on_step, is_wanted):
            meeting.wait()
            return "done"

        def kill(self):
            """There is no process."""

        end = kill

    all_ended, jobs = threading.Event(), [job_of(tmp_path) for _ in range(4)]
    queue = Queue([Meets(), Meets()], lambda *_: None, lambda: all(job.has_ended for job in jobs) and all_ended.set())
    for job in jobs:
        queue.add(job)
    assert all_ended.wait(LIMIT_S) and {job.state for job in jobs} == {"done"}
    queue.close()
