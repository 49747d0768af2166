"""What the server does with what it is asked: uploads are looked through and answered, results are kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radiofuse.serve.choices import Choice
from radiofuse.serve.events import Board
from radiofuse.serve.jobs import DONE, WAITING, Job
from radiofuse.serve.limits import Limits
from radiofuse.serve.queue import Queue
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.results import UPLOADS, Results
from radiofuse.serve.tasks import Answer, Describe, Look, Models
from radiofuse.serve.uploads import Upload, Uploads, new_id
from radiofuse.serve.worker import Worker

KEPT = 1000  # jobs that have ended and are still known


class Service:
    """Uploads, queue and results of one server.

    Parameters
    ----------
    models : Models
    results : Path
        The folder of results.
    limits : Limits
    n_workers : int
        Processes that compute at a time.
    is_loud : bool
        Whether what libraries print in them is shown.

    Raises
    ------
    RadiofuseError
        If a bundle cannot be used, or the folder.
    """

    def __init__(
        self, models: Models, results: Path, limits: Limits, n_workers: int = 1, *, is_loud: bool = False
    ) -> None:
        results = results.resolve()  # what is told is rid of whole paths, and "." is none
        models = replace(models, bundles=tuple(one.resolve() for one in models.bundles))
        self.results = Results(results)
        workers = [Worker(models, is_loud) for _ in range(n_workers)]
        try:
            self.bundles: list[dict[str, Any]] = workers[0].run(Describe(), lambda *step: None)
        except BaseException:  # Ctrl-C too: else the process would be waited for
            workers[0].end()
            self.results.close()
            raise
        self.limits, self.board, self.is_loud = limits, Board(), is_loud
        self._tells_folders = models.names.tells_names
        self.uploads = Uploads(results / UPLOADS, limits)
        self._jobs: dict[str, Job] = {}
        self._wanted = tuple(sorted({name for bundle in self.bundles for name in bundle["sequences"]}))
        self._looks = Queue(
            [Worker(models, is_loud)], self._ended, self.board.changed
        )  # nobody waits long to see images
        self.queue = Queue(workers, self._ended, self.board.changed)

    def find(self, name: str) -> Job | None:
        """Return a job of this start by its id, None where it is of another."""
        return self._jobs.get(name)

    def told(self, job: Job) -> dict[str, Any]:
        """Return what a page that watches a job is told."""
        return job.told((self._looks if job.is_look else self.queue).ahead(job))

    def job(self, name: str) -> Job:
        """Return a job of this start by its id.

        Raises
        ------
        RefusedError
            If there is none.
        """
        job = self._jobs.get(name)
        if job is None:
            raise RefusedError(
                404, "There is no such work in the queue: the server was started anew, or it is long done."
            )
        return job

    def look(self, upload: Upload) -> Job:
        """Put the look through an upload into the queue."""
        upload.look = Job(Look(upload.folder, upload.files, self._wanted), upload)
        return self._add(upload.look, self._looks)

    def answer(self, upload: Upload, choice: Choice) -> Job:
        """Put the answer for an upload into the queue; it is asked for once."""
        if upload.answer is not None:
            return upload.answer
        name = new_id()
        read = choice.sample_id, choice.chosen, choice.layout, choice.root, choice.beside
        task = Answer(upload.folder, choice.bundle, *read)
        about = {"state": WAITING, "asked": _now(), "bundle": self.bundles[choice.bundle]["title"]}
        about |= {"folder": upload.dropped} if self._tells_folders else {}
        self.results.write(name, about)
        upload.answer = Job(task, upload, id=name)
        return self._add(upload.answer, self.queue)

    def answer_of(self, upload_id: str) -> Job | None:
        """Return the job that answers, or answered, for an upload; None where none of this start does."""
        jobs = (job for job in self._jobs.values() if job.upload.id == upload_id and not job.is_look)
        return next(jobs, None)

    def remove(self, upload: Upload) -> None:
        """Stop what is done with an upload, and remove its files."""
        if upload.look is not None:
            self._looks.stop(upload.look)
        if upload.answer is None or self.queue.stop(upload.answer):  # else it is just kept, and its images go then
            self.uploads.remove(upload)

    def close(self) -> None:
        """End the work and remove every upload; what was not finished is told as interrupted at the next start."""
        self.board.close()
        self._looks.close()
        self.queue.close()
        self.uploads.clear()
        self.results.close()

    def _add(self, job: Job, queue: Queue) -> Job:
        self._jobs[job.id] = job
        for name in list(self._jobs)[:-KEPT]:
            if self._jobs[name].has_ended:
                del self._jobs[name]
        queue.add(job)
        return job

    def _ended(self, job: Job, state: str, sentence: str) -> None:
        """Keep what came of a job; the files of one that is answered, or cannot be, are removed."""
        try:
            if isinstance(job.task, Answer):
                about = {"state": state, "sentence": sentence, "seconds": round(job.seconds, 2)}
                about |= summary(job.value) if state == DONE else {}
                self.results.keep(job.id, about, job.task.out if state == DONE else None)
        finally:
            if state != DONE or isinstance(job.task, Answer):
                self.uploads.remove(job.upload)


def summary(told: dict[str, Any]) -> dict[str, Any]:
    """Return of an answer what the list of results shows.

    >>> summary({"sample_id": "p1", "outcomes": {"idh": {"call": "wt", "probability": {"wt": 0.9}}}})
    {'sample_id': 'p1', 'calls': [{'outcome': 'idh', 'call': 'wt', 'probability': 0.9}], 'verdict': ''}
    """
    calls = [
        {"outcome": name, "call": one["call"], "probability": one["probability"].get(one["call"])}
        for name, one in told["outcomes"].items()
    ]
    verdict = (told.get("applicability") or {}).get("verdict") or ""
    return {"sample_id": told["sample_id"], "calls": calls, "verdict": verdict}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
