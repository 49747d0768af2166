"""The uploads on the disk: each in a folder of its own that is removed with everything in it."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from radiofuse.serve.limits import Limits
from radiofuse.serve.refusal import RefusedError

if TYPE_CHECKING:
    from radiofuse.serve.jobs import Job

ID = re.compile(r"[0-9a-f]{32}")
LEFT_S = 3600.0  # after so long an upload that nobody started is removed
SWEEP_S = 60.0  # between two looks for such ones
FILES = "files"  # what the client sent; beside it what is made of it


def new_id() -> str:
    """Return a name that nobody guesses."""
    return secrets.token_hex(16)


@dataclass
class Upload:
    """What a client sent.

    Attributes
    ----------
    id : str
    folder : Path
    files : dict of str to str
        By our path, what the client called the file.
    look, answer : Job or None
        The work that looks through the files, and the one that answers.
    came : float
        When, by the clock that only counts.
    """

    id: str
    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    look: Job | None = None
    answer: Job | None = None
    came: float = field(default_factory=time.monotonic)

    @property
    def dropped(self) -> str:
        """What the client calls the folder that was dropped; "" where single files came, or several folders.

        >>> Upload("x", Path(), {"P_01/f.nii": "P 01/f.nii", "P_01/t.nii": "P 01/t.nii"}).dropped
        'P 01'
        """
        tops = {
            given.replace("\\", "/").partition("/")[0] for given in self.files.values() if re.search(r"[/\\]", given)
        }
        return next(iter(tops)) if len(tops) == 1 else ""

    @property
    def is_looked_at(self) -> bool:
        """Whether its owner may start it, and has not."""
        return self.answer is None and self.look is not None and self.look.has_ended


class Uploads:
    """All uploads of a running server.

    Parameters
    ----------
    folder : Path
        Of the server alone: it is emptied at the start and at the end.
    limits : Limits
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self._held: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self.clear()
        folder.mkdir(mode=0o700)

    def new(self) -> Upload:
        """Return a new upload, whose folder is there and empty.

        Raises
        ------
        RefusedError
            If too many are there.
        """
        with self._lock:
            if len(self._held) >= self.limits.uploads:
                raise RefusedError(
                    503,
                    f"{self.limits.uploads} uploads are waiting, and no more are taken. Try again when some are done, "
                    "or remove one that is not needed.",
                )
            upload = Upload(new_id(), self.folder)
            upload.folder = self.folder / upload.id
            self._held[upload.id] = upload
        (upload.folder / FILES).mkdir(parents=True, mode=0o700)
        return upload

    def get(self, name: str) -> Upload:
        """Return an upload by its id.

        Raises
        ------
        RefusedError
            If there is none.
        """
        upload = self._held.get(name)
        if upload is None:
            raise RefusedError(
                404, "This upload is not here: it was removed, or the server was started anew. Send the files again."
            )
        return upload

    def all(self) -> list[Upload]:
        """Return those that are there, the oldest first."""
        return list(self._held.values())

    def remove(self, upload: Upload) -> None:
        """Remove an upload and its files; one that is gone stays so."""
        self._held.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    async def sweep(self, every_s: float = SWEEP_S) -> None:
        """Remove uploads that nobody started, now and again, without an end."""
        while True:
            for left in [one for one in self.all() if one.is_looked_at and time.monotonic() - one.came > LEFT_S]:
                self.remove(left)
            await asyncio.sleep(every_s)

    def clear(self) -> None:
        """Remove all of them, those of a server that was killed too."""
        self._held.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
