"""Fingerprints: the SHA-256 of files, remembered so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa

from radiofuse.errors import RadiofuseError, StoreError
from radiofuse.files.places import Place
from radiofuse.progress import Progress
from radiofuse.store import shard

RACY_S = 2.0  # coarsest time stamps in use (FAT); git calls files younger than that "racily clean"
REMEMBER_EVERY_S = 30.0
ROWS_PER_SHARD = 100_000
SAME_STATE = ["state"]

HashFile = Callable[[str], str]


class Fingerprints:
    """Path to SHA-256 of the file's bytes, as long as the file has not been touched.

    What is stored is no path but a digest of path, size, modification and change time and inode,
    beside the SHA-256 of the content. A touched file has another digest, so nothing goes stale.

    Parameters
    ----------
    folder : Path
        Of the fingerprints' shards: on this machine, since other machines have other files.
    quarantine : Path
        Where damaged shards go.
    """

    def __init__(self, folder: Path, quarantine: Path):
        self._folder, self._quarantine = folder, quarantine

    def of(
        self,
        paths: Iterable[str | Path],
        hash_file: HashFile,
        *,
        n_jobs: int = 1,
        on_done: Progress | None = None,
    ) -> dict[str, str | None]:
        """Return path to SHA-256 for every file, hashing only what is new or was touched.

        Parameters
        ----------
        paths : iterable of path
        hash_file : callable
            Takes a path, returns the hex SHA-256 of the file's bytes.
        n_jobs : int, default=1
            Threads that hash.
        on_done : callable, optional
            Called with (done, total).

        Returns
        -------
        dict
            One entry per path, as text; None where the file is missing or cannot be read.

        Raises
        ------
        StoreError
            If new fingerprints cannot be stored.
        """
        started = time.time()
        status = {path: _stat(path) for path in map(str, paths)}  # before any hashing: see _is_racy
        here = str(Path.cwd())
        states = {path: _state(path, stat, here) for path, stat in status.items()}
        remembered = self._load()
        digests = {path: remembered.get(state) if state else None for path, state in states.items()}
        todo = [path for path, stat in status.items() if stat and digests[path] is None]
        report = on_done or (lambda done, total: None)
        report(len(digests) - len(todo), len(digests))
        safe = {
            path: state
            for path in todo
            if (stat := status[path]) and (state := states[path]) and not _is_racy(stat, started)
        }
        with closing(self._hash(todo, safe, hash_file, n_jobs)) as hashed:
            for n_new, (path, digest) in enumerate(hashed, start=1):
                digests[path] = digest
                report(len(digests) - len(todo) + n_new, len(digests))
        return digests

    def _hash(
        self, paths: Sequence[str], states: dict[str, str], hash_file: HashFile, n_jobs: int
    ) -> Generator[tuple[str, str | None], None, None]:
        """Yield path and digest; remember what is known every half minute, and at any end."""
        new, saved = {}, time.monotonic()
        with ThreadPoolExecutor(n_jobs) as pool:
            try:
                for path, digest in zip(paths, pool.map(partial(digest_or_none, hash_file), paths), strict=True):
                    if digest and path in states:
                        new[states[path]] = digest
                    if time.monotonic() - saved >= REMEMBER_EVERY_S:
                        self._remember(new)
                        new, saved = {}, time.monotonic()
                    yield path, digest
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._remember(new)

    def _remember(self, digests: dict[str, str]) -> None:
        if not digests:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shard.write_shard(self._folder, pa.table({"state": list(digests), "sha256": list(digests.values())}))
        except OSError as error:
            raise StoreError(
                f"{len(digests)} file fingerprints could not be stored in {self._folder} ({error.strerror}). Make room "
                "or name another store, then run the same command again."
            ) from error

    def _load(self) -> dict[str, str]:
        remembered: dict[str, str] = {}
        for _, table in shard.scan(self._folder, None, self.set_aside):
            remembered.update(zip(table["state"].to_pylist(), table["sha256"].to_pylist(), strict=True))
        return remembered

    def compact(self) -> int:
        """Merge small shards; return how many."""
        return shard.compact(self._folder, rows=ROWS_PER_SHARD, same=SAME_STATE, on_damage=self.set_aside)

    def set_aside(self, path: Place, damage: shard.DamagedShardError) -> None:
        """Move a damaged shard to the quarantine; its files will be hashed again."""
        shard.put_in_quarantine(path, damage, self._quarantine)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - 80,000 of them: a Path costs more than the call
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return None


def _state(path: str, stat: os.stat_result | None, here: str) -> str | None:
    if stat is None:
        return None
    absolute = os.path.join(here, path)  # noqa: PTH118
    parts = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino} {absolute}"
    return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()


def _is_racy(stat: os.stat_result, now: float) -> bool:
    """Say whether the file may still change within the same tick of its time stamp.

    Such a change would leave the state as it was, so its digest is used now and not remembered.
    """
    return max(stat.st_mtime, stat.st_ctime) > now - RACY_S


def digest_or_none(hash_file: HashFile, path: str) -> str | None:
    """Return what ``hash_file`` says of a file, None where it cannot be read."""
    try:
        return hash_file(path)
    except (OSError, RadiofuseError):
        return None
