"""What goes wrong inside the server costs its own patient alone, and no path of the server is told."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from radiofuse.errors import RequestError, WorkerError
from radiofuse.progress import silent
from radiofuse.serve import child
from radiofuse.serve.app import _Door
from radiofuse.serve.choices import choice_of
from radiofuse.serve.jobs import NOT_KEPT, Job
from radiofuse.serve.limits import Limits
from radiofuse.serve.look import look_through
from radiofuse.serve.pages import results_page
from radiofuse.serve.queue import Queue
from radiofuse.serve.quiet import without_messages
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.results import Results
from radiofuse.serve.tasks import Answer, Look, Models
from radiofuse.serve.uploads import LEFT_S, Upload, Uploads
from radiofuse.serve.worker import UNKNOWN, Worker
from tests.processes import LIMIT_S

NAME = "a" * 32
ends_a_thread = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
MODELS = Models((), names=None)


def job_of(place: Path) -> Job:
    return Job(Look(place, {}, ()), Upload("x", place))


# ---------------------------------------------------------------- the queue


class Odd:
    """A worker that does what a task's ``files`` say: nothing, or raise."""

    def run(self, task, on_step, is_wanted):
        if task.files:
            raise KeyError("/srv/secret")
        return "done"

    def kill(self):
        """There is no process."""

    end = kill


def states(jobs, on_end) -> list[tuple[str, str]]:
    """Return how jobs end in a queue of one worker."""
    all_ended, changed = threading.Event(), []

    def on_change():
        changed.append(1)
        if all(job.has_ended for job in jobs):
            all_ended.set()

    queue = Queue([Odd()], on_end, on_change)
    for job in jobs:
        queue.add(job)
    assert all_ended.wait(LIMIT_S)
    queue.close()
    return [(job.state, job.sentence) for job in jobs]


@ends_a_thread
def test_an_error_that_nobody_expects_ends_its_own_job_and_not_the_queue(tmp_path):
    first, second = job_of(tmp_path), job_of(tmp_path)
    first.task.files["x"] = "x"
    (state, sentence), after = states([first, second], lambda *_: None)
    assert state == "refused" and "(KeyError)" in sentence and "/srv" not in sentence and "memory" not in sentence
    assert after == ("done", "")


def test_an_error_in_a_thread_or_a_handler_is_logged_by_its_name_and_place_alone(tmp_path, caplog, capsys):
    def on_end(job, state, sentence):
        raise KeyError("/srv/secret/P01")

    with without_messages():
        assert states([job_of(tmp_path)], on_end)[0][0] == "refused"
        try:
            on_end(None, "", "")
        except KeyError:
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application of %s", "P01")
    assert (
        caplog.text.count("KeyError (test_what_goes_wrong_inside.py:") == 1
    )  # of a handler the last place is the first
    assert caplog.text.count("KeyError") == 2 and "on_end" in caplog.text
    assert not re.search(r"secret|P01|Traceback", caplog.text + "".join(capsys.readouterr()))
    assert threading.excepthook is not None and not logging.getLogger("uvicorn.error").filters


@ends_a_thread
@pytest.mark.parametrize("error", [RefusedError(404, "gone"), OSError("full"), KeyError("x")], ids=repr)
def test_an_end_that_cannot_be_kept_is_told_and_does_not_end_the_queue(tmp_path, error):
    first, second = job_of(tmp_path), job_of(tmp_path)

    def on_end(job, state, sentence):
        if job is first:
            raise error

    sentence = UNKNOWN.format("KeyError") if isinstance(error, KeyError) else NOT_KEPT
    assert states([first, second], on_end) == [("refused", sentence), ("done", "")]


def test_a_stop_before_the_process_is_there_is_heeded_and_the_next_task_gets_a_fresh_one(tmp_path):
    worker = Worker(MODELS)
    with pytest.raises(WorkerError):
        worker.run(job_of(tmp_path).task, print, lambda: False)
    worker.kill()  # as of a stop that comes now: the next task must not meet the process that dies
    with pytest.raises(RequestError, match="No task is called 'SimpleNamespace'"):  # which loads no library
        worker.run(SimpleNamespace(folder=tmp_path), lambda *_: None)
    assert worker.end() == -9


# ---------------------------------------------------------------- the process


def sent_for(error: Exception, folder: Path) -> tuple[str, str]:
    """Return what the process sends for an answer that ends in an error."""
    sent = []

    def do(task):
        raise error

    bench = SimpleNamespace(do=do, given=(Path("/srv/models/codel"),))
    with nullcontext() if isinstance(error, RequestError) else pytest.raises(type(error)):
        child.answer(SimpleNamespace(send=sent.append), bench, Answer(folder, 0, "P03", (), "plain", "files/P03"))
    return sent[0]


def test_an_error_of_our_own_is_told_by_its_name_and_not_as_want_of_memory():
    assert sent_for(ZeroDivisionError("/srv/secret"), Path("/srv/u")) == ("failed", "ZeroDivisionError")


def test_a_refusal_names_no_folder_of_the_server():
    said = "There is no folder at /srv/u/x y/files/P03, /srv/models/codel/fold_1 or /tmp/abc/cohort.csv, 1/2 of it."
    told = "There is no folder at P03, codel/fold_1 or cohort.csv, 1/2 of it."
    assert sent_for(RequestError(said), Path("/srv/u/x y")) == ("refused", told)


# ---------------------------------------------------------------- results


def test_a_result_that_was_removed_meanwhile_is_not_kept_and_one_that_is_there_whole(tmp_path):
    results = Results(tmp_path / "results")
    (tmp_path / "written").mkdir()
    (tmp_path / "written" / "answer.json").write_text("{}")
    results.keep(NAME, {"state": "done"}, tmp_path / "written")
    assert results.all() == [] and not results.place(NAME).exists()
    results.write(NAME, {"state": "working"})
    results.keep(NAME, {"state": "done"}, tmp_path / "written")
    assert {path.name for path in results.place(NAME).iterdir()} == {"about.json", "answer.json"}
    assert results.answer(NAME) is None  # without outcomes it is none of ours
    results.write("b" * 32, {"state": "working"})
    with pytest.raises(OSError):
        results.keep("b" * 32, {"state": "done"}, tmp_path / "gone")
    assert results.about("b" * 32)["sentence"] == NOT_KEPT
    results.close()


@pytest.mark.parametrize(
    "written",
    [
        "[]",
        "{",
        "[" * 100_000,
        '{"calls": 3}',
        '{"calls": [1]}',
        '{"calls": [{"outcome": "idh"}]}',
        '{"state": ["done"]}',
        '{"state": "done", "seconds": "x"}',
        '{"asked": 5}',
        '{"sample_id": {"a": 1}}',
    ],
    ids=lambda text: text[:30],
)
def test_a_damaged_word_on_a_result_breaks_no_list(tmp_path, written):
    Results(tmp_path).close()
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "about.json").write_text(written)
    results = Results(tmp_path)
    assert "damaged" in results.about(NAME)["sentence"] and "interrupted" in results_page(results.all())
    results.close()


# ---------------------------------------------------------------- uploads and choices


def test_an_upload_that_nobody_starts_goes_though_no_other_comes(tmp_path):
    uploads = Uploads(tmp_path / "uploads", Limits())
    left, fresh = uploads.new(), uploads.new()
    for upload in (left, fresh):
        upload.look = job_of(upload.folder)
        upload.look.state = "done"
    left.came = time.monotonic() - LEFT_S - 1

    async def swept():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(uploads.sweep(), 0.05)

    asyncio.run(swept())
    assert uploads.all() == [fresh] and not left.folder.exists() and fresh.folder.exists()


def test_an_upload_that_the_end_of_the_server_cuts_off_leaves_its_place(tmp_path):
    uploads = Uploads(tmp_path / "uploads", Limits())
    door = _Door(SimpleNamespace(uploads=uploads, limits=Limits()), None)

    async def receive():
        raise asyncio.CancelledError

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(door.receive(request))
    assert uploads.all() == [] and list(uploads.folder.iterdir()) == []


def test_two_files_of_a_sequence_that_the_bundle_does_not_read_are_left_out():
    items = [{"sample": "P01", "what": what, "path": f"files/{at}"} for at, what in enumerate(["flair", "adc", "adc"])]
    bundle = {"sequences": ["flair"], "needs_mask": False, "beside": []}
    choice = choice_of({"layout": "", "root": "files", "items": items}, [bundle], {})
    assert [one.what for one in choice.chosen] == ["flair"]
    with pytest.raises(RefusedError, match="Two files were chosen as adc"):
        choice_of({"layout": "", "items": items}, [bundle | {"sequences": ["adc"]}], {})


@pytest.mark.parametrize(
    ("folder", "named", "sample"),
    [
        ("sub-07/ses-1/anat", {"flair": "flair", "seg": "seg"}, "sub-07"),
        ("sub-07/ses-1/anat", {"flair": "se03"}, "sub-07"),
        ("sub-07/ses-1/anat", {"flair": "sub-07_ses-1_FLAIR"}, "sub-07_ses-1"),
        ("P01", {"flair": "flair"}, "P01"),
        ("", {"flair": "flair"}, "patient-upload"),
    ],
)
def test_a_patient_is_called_as_the_folder_that_was_sent(tmp_path, patient, folder, named, sample):
    files = tmp_path / "upload" / "files" / folder
    files.mkdir(parents=True)
    for own, name in named.items():
        shutil.copy(patient / f"{own}.nii.gz", files / f"{name}.nii.gz")
    look = look_through(Look(tmp_path / "upload", {}, ("flair", "t1ce")), None, silent)
    assert {one["sample"] for one in look["items"]} == {sample}
    assert len(look["items"]) == len(named) and str(tmp_path) not in json.dumps(look)
