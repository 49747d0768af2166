"""The results, each in a folder of its own that says what became of the patient; they outlive the server."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from radiofuse.errors import RequestError
from radiofuse.files.aside import write_file
from radiofuse.files.outputs import require_folder
from radiofuse.serve.jobs import DONE, ENDED, INTERRUPTED, NOT_KEPT, REFUSED
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.tasks import ANSWER
from radiofuse.serve.uploads import ID

META, MARKER = "about.json", "radiofuse_serve.json"
UPLOADS = "uploads"
OURS = {"written_by": "radiofuse serve"}
SHAPE = (("outcomes", dict), ("missing", list), ("failures", list), ("notes", list))  # of an answer
DAMAGED = "What was written of this result is damaged. Send the images again."
CUT_SHORT = "The server was ended while this patient waited or was computed, and the images are gone. Send them again."


class Results:
    """The folder of results of one server.

    Parameters
    ----------
    folder : Path
        Made where it is not there. One that holds files of others is refused, and one that another server works with.

    Raises
    ------
    RequestError
        If the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        _take(folder)
        self._held = _lock_file(folder / MARKER)
        self._about = {
            path.parent.name: _read(path) for path in folder.glob(f"*/{META}") if ID.fullmatch(path.parent.name)
        }
        for name, about in list(self._about.items()):
            if about.get("state") not in ENDED:
                _clear(self.place(name))
                self.write(name, {**about, "state": INTERRUPTED, "sentence": CUT_SHORT})

    def close(self) -> None:
        """Let another server have the folder."""
        self._held.close()

    def all(self) -> list[dict[str, Any]]:
        """Return what is said of every result, the newest first."""
        with self._lock:
            said = [{**about, "id": name} for name, about in self._about.items()]
        return sorted(said, key=lambda about: str(about.get("asked", "")), reverse=True)

    def about(self, name: str) -> dict[str, Any]:
        """Return what is said of a result.

        Raises
        ------
        RefusedError
            If there is none of that id.
        """
        with self._lock:
            if name not in self._about:
                raise RefusedError(404, "There is no such result: it was removed, or the address is not whole.")
            return {**self._about[name], "id": name}

    def place(self, name: str) -> Path:
        """Return the folder of a result."""
        return self.folder / name

    def write(self, name: str, about: Mapping[str, Any]) -> None:
        """Say what became of a result, in memory and on the disk."""
        with self._lock:
            self._about[name] = dict(about)
            write_file(self.place(name) / META, partial(_write, {**OURS, **about}))

    def keep(self, name: str, about: Mapping[str, Any], written: Path | None = None) -> None:
        """Say how a result ended, and take its files; of one that was removed meanwhile nothing is kept.

        Parameters
        ----------
        name : str
        about : mapping
            What is new.
        written : Path, optional
            The folder of the answer and its pages, which are moved.

        Raises
        ------
        OSError, RequestError
            If the disk refuses; the result then says so as long as the server runs.
        """
        with self._lock:
            if name not in self._about:
                return
            before = self._about[name]
            try:
                for path in [] if written is None else sorted(written.iterdir()):
                    path.replace(self.place(name) / path.name)
                self.write(name, before | about)
            except (OSError, RequestError):
                self._about[name] = before | {"state": REFUSED, "sentence": NOT_KEPT}
                raise

    def answer(self, name: str) -> dict[str, Any] | None:
        """Return the answer of a result, None where there is none or its file is damaged."""
        told = _json(self.place(name) / ANSWER) if self.about(name).get("state") == DONE else None
        return told if told is not None and all(isinstance(told.get(name), kind) for name, kind in SHAPE) else None

    def remove(self, name: str) -> None:
        """Remove a result and its files."""
        with self._lock:
            self.about(name)
            self._about.pop(name)
            shutil.rmtree(self.place(name), ignore_errors=True)


def _take(folder: Path) -> None:
    require_folder(folder, "--results")
    if folder.exists() and not (folder / MARKER).is_file() and any(folder.iterdir()):
        raise RequestError(
            f"--results {folder} holds files that this command did not write. Name a new folder, or an empty one."
        )
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / MARKER).exists():
        folder.chmod(0o700)
        write_file(folder / MARKER, partial(_write, OURS))


def _lock_file(path: Path) -> BinaryIO:
    """Hold a file as long as this process lives; a killed one lets go."""
    file = path.open("rb")
    with suppress(ImportError):  # Windows has none: there nobody is kept from starting a second one
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise RequestError(
                f"Another server works with --results {path.parent}. End it first, or name another folder."
            ) from None
    return file


def _read(path: Path) -> dict[str, Any]:
    """Return what is said of a result; of one that was written by a killed or another program only that it is."""
    about = _json(path)
    return about if about is not None and _is_ours(about) else {"state": INTERRUPTED, "sentence": DAMAGED}


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_ours(about: Mapping[str, Any]) -> bool:
    """Say whether what is said of a result has the shape in which this module writes it."""
    calls, seconds = about.get("calls", []), about.get("seconds", 0)
    words = [about.get(name, "") for name in ("state", "sentence", "asked", "bundle", "sample_id", "folder", "verdict")]
    return (
        all(isinstance(one, str) for one in words)
        and isinstance(seconds, int | float)
        and isinstance(calls, list)
        and all(isinstance(one, dict) and {"outcome", "call"} <= set(one) for one in calls)
    )


def _clear(place: Path) -> None:
    """Remove what lies beside the word on a result that was cut short."""
    for path in place.iterdir():
        if path.name != META:
            path.unlink(missing_ok=True)


def _write(about: Mapping[str, Any], file: BinaryIO) -> None:
    file.write(json.dumps(about, indent=2, ensure_ascii=False).encode() + b"\n")
