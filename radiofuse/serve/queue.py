"""The queue: jobs wait their turn, threads hand each to a process, and one that dies costs its own job alone."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from radiofuse.errors import RequestError, WorkerError
from radiofuse.serve.jobs import DONE, NOT_KEPT, REFUSED, STOPPED, WAITING, WORKING, Job
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.worker import UNKNOWN, Worker

log = logging.getLogger(__name__)

STOPPED_BY_USER = "It was stopped, and its files were removed."


class Queue:
    """Jobs in the order in which they came.

    Parameters
    ----------
    workers : list of Worker
        As many jobs run at a time.
    on_end : callable
        Called with a job, the state that it ended in and a sentence, before anybody is told that it has.
    on_change : callable
        Called whenever there is something to tell.
    """

    def __init__(
        self,
        workers: list[Worker],
        on_end: Callable[[Job, str, str], None],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._workers, self._on_end, self._on_change = workers, on_end, on_change
        self._jobs: list[Job] = []  # waiting and under way
        self._is_closed = False
        self._changed = threading.Condition()
        self._at: dict[str, Worker] = {}
        self._threads = [threading.Thread(target=self._serve, args=(one,), daemon=True) for one in workers]
        for thread in self._threads:
            thread.start()

    def add(self, job: Job) -> None:
        """Put a job in the queue."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        self._on_change()

    def ahead(self, job: Job) -> int:
        """Return how many jobs are done before a waiting one begins or go on beside it."""
        with self._changed:
            if job.state != WAITING or job not in self._jobs:
                return 0
            return self._jobs.index(job)

    def jobs(self) -> list[Job]:
        """Return those that wait or are under way."""
        with self._changed:
            return list(self._jobs)

    def stop(self, job: Job) -> bool:
        """Take a job out, and end the process of one that is under way; say whether it will not be done any more.

        It comes too late for one that is computed and just now kept.
        """
        with self._changed:
            if job.has_ended:
                return True
            if job not in self._jobs:
                return False
            worker = self._at.get(job.id)
            job.state, job.sentence = STOPPED, STOPPED_BY_USER
            if worker is None:
                self._jobs.remove(job)
            else:
                worker.kill()  # its thread waits for the lock: no other job has this process yet
        if worker is None:
            self._kept(job, STOPPED, STOPPED_BY_USER)
        self._on_change()
        return True

    def close(self) -> None:
        """End everything: what waits and what is under way is not done."""
        with self._changed:
            self._is_closed = True
            self._jobs = [job for job in self._jobs if job.state == WORKING]
            self._changed.notify_all()
        for worker in self._workers:
            worker.kill()
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.end()

    def _serve(self, worker: Worker) -> None:
        while (job := self._next(worker)) is not None:
            self._on_change()
            try:
                self._do(worker, job)
            except BaseException as error:
                self._replace(worker, job, type(error).__name__)
                raise

    def _do(self, worker: Worker, job: Job) -> None:
        state, sentence = self._outcome(worker, job)
        job.seconds = time.monotonic() - job.began
        self._let_go(job)
        if job.state == STOPPED:
            state, sentence = STOPPED, job.sentence
        if not self._is_closed:
            state, sentence = self._kept(job, state, sentence)
        job.state, job.sentence = state, sentence
        log.info("A %s ended after %.1f s: %s.", "look" if job.is_look else "patient", job.seconds, state)
        self._on_change()

    def _let_go(self, job: Job) -> None:
        """Take a job out; from now on it is too late to stop it."""
        with self._changed:
            self._at.pop(job.id, None)
            if job in self._jobs:
                self._jobs.remove(job)

    def _replace(self, worker: Worker, job: Job, error: str) -> None:
        """Let another thread go on for those who come after, where this one ends by an error that nobody expected."""
        worker.end()
        self._let_go(job)
        thread = threading.Thread(target=self._serve, args=(worker,), daemon=True)
        self._threads.append(thread)
        thread.start()
        sentence = UNKNOWN.format(error)
        try:
            self._kept(job, REFUSED, sentence)
        finally:
            job.state, job.sentence = REFUSED, sentence
            self._on_change()

    def _kept(self, job: Job, state: str, sentence: str) -> tuple[str, str]:
        """Let the end of a job be kept; where the disk refuses, that is how it ended, and the queue goes on."""
        try:
            self._on_end(job, state, sentence)
        except (RequestError, RefusedError, OSError):
            return REFUSED, NOT_KEPT
        return state, sentence

    def _next(self, worker: Worker) -> Job | None:
        with self._changed:
            while not self._is_closed:
                for job in self._jobs:
                    if job.state == WAITING:
                        job.state, job.began = WORKING, time.monotonic()
                        self._at[job.id] = worker
                        return job
                self._changed.wait()
        return None

    def _outcome(self, worker: Worker, job: Job) -> tuple[str, str]:
        def on_step(step: str, done: int, total: int) -> None:
            job.step, job.done, job.total = step, done, total
            self._on_change()

        try:
            job.value = worker.run(job.task, on_step, lambda: not (self._is_closed or job.has_ended))
        except (RequestError, WorkerError) as error:
            return REFUSED, str(error)
        return DONE, ""
