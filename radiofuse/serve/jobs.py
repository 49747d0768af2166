"""A piece of work in the queue: what is to be done, how far it is, and how it ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from radiofuse.serve.tasks import Look, Task
from radiofuse.serve.uploads import Upload, new_id

WAITING, WORKING, DONE, REFUSED, STOPPED = "waiting", "working", "done", "refused", "stopped"
INTERRUPTED = "interrupted"  # of a server that was killed meanwhile
NOT_KEPT = "The server's disk refuses what was computed. Tell who runs the server."
ENDED = (DONE, REFUSED, STOPPED, INTERRUPTED)


@dataclass(eq=False)
class Job:
    """A piece of work.

    Attributes
    ----------
    task : Task
        What the process is asked to do.
    upload : Upload
        Whose files it reads.
    id : str
    state : str
    step, done, total : str, int, int
        What the process is at, and how much of it is done.
    sentence : str
        Why it was refused or stopped.
    value : object
        What the process returned.
    """

    task: Task
    upload: Upload
    id: str = field(default_factory=new_id)
    state: str = WAITING
    step: str = ""
    done: int = 0
    total: int = 0
    sentence: str = ""
    value: Any = None
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def is_look(self) -> bool:
        """Whether it looks through an upload; else it answers for one."""
        return isinstance(self.task, Look)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    def told(self, ahead: int) -> dict[str, Any]:
        """Return what a page that watches is told."""
        return {
            "state": self.state,
            "ahead": ahead,
            "step": self.step,
            "done": self.done,
            "total": self.total,
            "sentence": self.sentence,
        }
